"""What holds a connection's look-ups back: one row. A lease, rests, the CRM's own wishes, a refused key. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from cards.key import pace_key
from cards.write import Write

if TYPE_CHECKING:
    from lookup.answer import Read
    from mapping.language.model import Api

REST_MS = 15_000  # between two rounds: what is edited meanwhile shares the next requests
LEASE_GRACE_MS = 5_000  # clocks of workers differ
LONGEST_WAIT_MS = 3_600_000
KEY_REST_MS = 5 * 60_000  # until a refused key is tried again: a person must act
REDIRECTS = range(300, 400)
ELSEWHERE = (*REDIRECTS, 404, 405, 406, 410, 415)  # statuses of an address at which no such API is
FAILURES_IN_A_ROW = 3  # then the CRM is left alone for a while
FIRST_BACKOFF_MS = 30_000
DAY_MS = 86_400_000

FREE = (
    "(attribute_not_exists(#lease_until) OR #lease_until < :now)"
    " AND (attribute_not_exists(#not_before) OR #not_before <= :now)"
)
OURS = "#lease_id = :lease_id"


class Pace(NamedTuple):
    """Of one connection; times are ms since 1970. As it is made here, nothing holds it back."""

    lease_id: str | None = None  # of the one worker that may ask
    lease_until: int | None = None
    not_before: int | None = None  # no request earlier
    why: str | None = None  # rest, wait, crm-key, crm-address, unreachable or day-budget
    circuit: str | None = None  # crm-key or crm-address until a person has repaired it
    failures: int = 0  # in a row
    asked_at: int | None = None  # when the last request was begun: no two have the same time
    day: int = 0  # since 1970, in UTC
    calls: int = 0  # of that day
    again_at: int | None = None  # when a hidden wake-up comes back
    full: bool | None = None  # too many records are wanted: the sweep has counted them

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Pace":
        """Return what a row says."""
        return cls(**{name: row[name] for name in cls._fields if name in row})


def lease(connection: str, lease_id: str, until: int, now: int) -> Write:
    """Return the write by which a worker becomes the one that asks: two reads of a record never run at once."""
    return Write(pace_key(connection), {"lease_id": lease_id, "lease_until": until}, FREE, {"now": now})


def opens_at(pace: Pace) -> int:
    """Return from when on a worker may ask."""
    return max(pace.lease_until or 0, pace.not_before or 0)


def begun(pace: Pace, api: "Api", now: int) -> Pace:
    """Return the pace with one request more, begun now, or stopped until tomorrow if it were one too many."""
    day = now // DAY_MS
    calls = pace.calls if pace.day == day else 0
    if api.per_day and calls >= api.per_day:
        return pace._replace(not_before=(day + 1) * DAY_MS, why="day-budget")
    return pace._replace(day=day, calls=calls + 1, asked_at=max(now, (pace.asked_at or 0) + 1))


def next_at(pace: Pace, api: "Api") -> int:
    """Return when the next request may be begun at the CRM's rate."""
    return (pace.asked_at or 0) + -(-api.rate.seconds * 1000 // api.rate.calls)


def after(pace: Pace, read: "Read", now: int) -> Pace:
    """Return the pace after an answer."""
    match read.kind:
        case "wait":
            until = now + min(max(read.seconds, 1) * 1000, LONGEST_WAIT_MS)
            return pace._replace(not_before=until, why="wait", circuit=None)
        case "key" if read.status in REDIRECTS and not pace.failures:  # a proxy, perhaps: the next one decides
            return pace._replace(failures=1, not_before=now + FIRST_BACKOFF_MS, why="unreachable")
        case "key":
            why = "crm-address" if is_elsewhere(read) else "crm-key"
            return pace._replace(not_before=now + KEY_REST_MS, why=why, circuit=why)
        case "retry" if pace.failures + 1 >= FAILURES_IN_A_ROW:
            failures = pace.failures + 1
            rest = min(FIRST_BACKOFF_MS << min(failures - FAILURES_IN_A_ROW, 10), LONGEST_WAIT_MS)
            return pace._replace(failures=failures, not_before=now + rest, why="unreachable")
        case "retry":
            return pace._replace(failures=pace.failures + 1)
    return pace._replace(failures=0, circuit=None)


def is_elsewhere(read: "Read") -> bool:
    """Return whether it is the address that an answer is about, and not the key."""
    return read.code == "address" or read.status in ELSEWHERE


def ended(pace: Pace, now: int, *, is_owed: bool) -> Pace:
    """Return the pace after a round; where something stays due, the wake-up comes back when the rest is over."""
    pace = pace._replace(lease_id=None, lease_until=None)
    if (pace.not_before or 0) < now + REST_MS:
        pace = pace._replace(not_before=now + REST_MS, why="rest")
    return pace._replace(again_at=pace.not_before) if is_owed else pace._replace(full=None)


def kept(connection: str, before: Pace, new: Pace) -> Write:
    """Return the write of what changed, while the lease is ours."""
    was = before._asdict()
    changes = {name: value for name, value in new._asdict().items() if value != was[name]}
    return Write(pace_key(connection), changes, OURS, {"lease_id": before.lease_id})
