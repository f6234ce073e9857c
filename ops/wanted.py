"""The records that connections want from their CRMs, and why they wait."""

from collections.abc import Iterator
from typing import NamedTuple

from aws.table import Cards
from cards.key import pace_key, wanted_key
from connections import Connection
from delivery.policy import EVER_MS, LOOKED_AT
from lookup.night import NIGHTLY
from lookup.pace import Pace
from lookup.rows import Row
from lookup.wakeups import MOST_WANTED
from mapping.language import loader
from mappings import Mappings
from ops.blockers import Trouble
from ops.times import away, counted, shown

OVERDUE_MS = 5 * 60_000  # the sweep runs every minute
WHY = {
    "wait": ("the CRM asked to wait", "nothing to do: they are read afterwards"),
    "crm-key": (
        "the CRM refuses the API key",
        "make a new key in the CRM and give it with `bridge connect … --api-only`; nothing is lost meanwhile",
    ),
    "crm-address": (
        "the address of the CRM's API leads elsewhere, or may not be asked",
        "give the right one with `bridge connect … --api-only`; nothing is lost meanwhile",
    ),
    "unreachable": ("the CRM does not answer", "nothing to do: it is tried again by itself"),
    "day-budget": ("the CRM's calls of this day are used up", "nothing to do: they are read from midnight UTC on"),
}


class Wanted(NamedTuple):
    """What a connection wants: how many records (at most one more than may be), and the rows that are read first."""

    number: int
    rows: list[Row]

    def words(self, now: int) -> str:
        """Return it as the rest of a sentence that begins with the connection."""
        many = f"more than {MOST_WANTED:,} records" if self.number > MOST_WANTED else counted(self.number, "record")
        oldest = min(row.since for row in self.rows)
        nightly = ", its nightly sync among them" if any(row.lookup == NIGHTLY for row in self.rows) else ""
        return f"wants {many} from its CRM{nightly}, the oldest since {shown(oldest, now)}"


def wanted(cards: Cards, connection: str) -> Wanted | None:
    """Return what a connection wants, None if that is nothing."""
    keys = cards.wanted(connection, EVER_MS, MOST_WANTED + 1)
    rows = [Row.of(connection, row) for row in cards.rows(keys[:LOOKED_AT]).values() if "due" in row]
    return Wanted(len(keys), rows) if rows else None


class OfId(NamedTuple):
    """What is known of an id, of whatever look-up: the rows by which it is wanted, and where the CRM did not show it.

    The latter is known for a day: look-up and id (`contact 42`), and when the CRM was asked (ms since 1970).
    """

    wanted: list[Row]
    missing: dict[str, int]


def of_id(cards: Cards, mappings: Mappings, connection: Connection, identity: str) -> OfId:
    """Return what is known of an id, as the CRM writes it."""
    mapping = loader.answers_of(mappings.of(connection))
    bare = identity.rpartition(":")[2]
    keys = {wanted_key(connection.name, name, bare): name for name in mapping.calls}
    rows = cards.rows(list(keys))
    return OfId(
        [Row.of(connection.name, row) for row in rows.values() if "due" in row],
        {f"{keys[key]} {bare}": row["missing_at"] for key, row in rows.items() if "missing_at" in row},
    )


def troubles(cards: Cards, connection: str, now: int) -> Iterator[Trouble]:
    """Yield what holds a connection's look-ups back at `now` (ms since 1970), but for the rest between two rounds."""
    pace = Pace.of(cards.row(pace_key(connection)))
    why = pace.circuit or pace.why or ""
    if why in WHY and (pace.circuit or (pace.not_before or 0) > now):
        what, remedy = WHY[why]
        until = f" until {shown(pace.not_before, now)}" if pace.not_before and pace.not_before > now else ""
        yield Trouble(f"{connection}: {what}{until}", remedy)
    if pace.full:
        what = (
            f"{connection}: more than {MOST_WANTED:,} records are wanted, so further events are rejected (lookup-full)"
        )
        yield Trouble(what, "bridge sync reads them page by page; then bridge rejected replay --code lookup-full")


def overdue(found: Wanted, now: int) -> bool:
    """Return whether a record should have been read, and was not."""
    return any(row.due_at < now - OVERDUE_MS for row in found.rows)


def since(row: Row, now: int, *, is_held: bool) -> str:
    """Return since when a record is wanted, and when it is read."""
    coming = "when it is held up no more" if is_held else "now" if row.due_at <= now else away(row.due_at, now)
    tries = f", {counted(row.tries, 'try', 'tries')} failed" if row.tries else ""
    again = ", once more because it had neither phone nor e-mail" if row.again else ""
    return f" since {shown(row.since, now)}, read {coming}{tries}{again}"


def missed(asked_at: int, now: int) -> str:
    """Return when the CRM was asked for a record that it did not show."""
    return f"the CRM was asked at {shown(asked_at, now)}: not found there, or not visible to the API key"
