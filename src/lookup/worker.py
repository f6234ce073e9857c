"""The worker: gathers what a connection wants, asks its CRM, and hands the answers to the intake."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from aws.chunks import chunks
from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from cards.key import pace_key
from cards.write import Write
from connections import Connection, api_key_of, connection_of
from delivery.policy import GIVE_UP_MS, LONGEST_HIDE_MS, MAX_RECEIVES
from errors import OperatorError, SenderError, Unavailable
from event import Event, answered, wanted_again
from lookup.answer import Read
from lookup.asking import Asking
from lookup.fetch import DEADLINE_SECONDS, Fetcher
from lookup.pace import (
    FIRST_BACKOFF_MS,
    LEASE_GRACE_MS,
    REST_MS,
    Pace,
    after,
    begun,
    ended,
    kept,
    lease,
    next_at,
    opens_at,
)
from lookup.rows import Row, cleared, postponed
from lookup.tokens import Tokens
from lookup.wakeups import Wakeup
from mapping.language import loader
from mapping.language.model import Api, Lookup
from mapping.outcome import Outcome
from telemetry import count, failed, logger
from wire import Answer

STOP_MARGIN_MS = 5_000  # what merging an answer needs after the last request
MOST_ROWS = 1_000  # that a round reads at once
AGAIN_MS = 60_000  # a record may be created before its phone is
LONGEST_BACKOFF_MS = 3_600_000
WHOLE_TRIES = 2  # failures of a record before it shares a request with fewer
NEARLY_ALL = 0.9  # of a request's records that are missing: rather the key's rights than deletions
FEW = 5
DIRECTIONS = ("phones.", "emails.")

Ids = Sequence[str]
Ingest = Callable[[Event, Connection, Ids], Sequence[Outcome]]
REASONS = {
    "lookup-refused": "the CRM refuses to be asked for this record",
    "lookup-expired": "the record could not be read for 14 days",
    "lookup-unknown": "the mapping of this connection has no such look-up any more",
}


class Worker(NamedTuple):
    """What look-ups need from outside. `clock` gives ms since 1970, `jitter` 0…1, `new_id` a fresh lease id."""

    cards: Cards
    connections: Secret
    api_keys: Secret
    fetcher: Fetcher
    tokens: Tokens
    wakeups: Queue
    ingest: Ingest  # merges an answer; what is rejected of it is kept by the ids that were asked for
    reject: Callable[[Event, str, str], None]  # keeps an event with a code and a reason
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    new_id: Callable[[], str]
    loopback: bool


class Run:
    """One invocation: the wake-ups of a batch, until `ends_at` (ms since 1970)."""

    def __init__(self, worker: Worker, ends_at: int) -> None:
        self._worker = worker
        self._ends_at = ends_at

    def look_up(self, wakeups: Sequence[Wakeup]) -> dict[str, Any]:
        """Read what the connections want, and return Lambda's answer: the wake-ups to be handed out again.

        Of the wake-ups of a connection one comes back: it stands for all.
        """
        again: dict[str, int] = {}
        for wakeup in {wakeup.connection: wakeup for wakeup in wakeups if wakeup.connection}.values():
            at = self._of(wakeup.connection)
            if at is not None and wakeup.received <= MAX_RECEIVES and at - self._worker.clock() <= LONGEST_HIDE_MS:
                again[wakeup.message_id] = at
                self._hide(wakeup, at)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _hide(self, wakeup: Wakeup, at: int) -> None:
        seconds = max(0, math.ceil((at - self._worker.clock()) / 1000))
        try:
            self._worker.wakeups.hide({wakeup.receipt: seconds})
        except Unavailable as error:
            failed("a wake-up comes back later than it should", error)

    def _of(self, name: str) -> int | None:
        """Do a round for a connection; return when its wake-up is to come back, if it is."""
        try:
            connection = connection_of(self._worker.connections.read(), name)
            return self._leased(connection) if connection else None
        except Exception as error:  # noqa: BLE001 - one connection's trouble must not stop the others
            failed("look-ups left to the next run", error, connection=name)
            return self._worker.clock() + REST_MS

    def _leased(self, connection: Connection) -> int | None:
        worker, now = self._worker, self._worker.clock()
        until = self._ends_at + LEASE_GRACE_MS
        is_ours = worker.cards.write(lease(connection.name, worker.new_id(), until, now)).done
        pace = Pace.of(worker.cards.row(pace_key(connection.name)))
        if not is_ours:
            return self._later(connection, pace, now)
        a_round = Round(worker, connection, pace, self._ends_at)
        try:
            a_round.read_all()
        finally:
            a_round.end()
        return opens_at(a_round.pace) if a_round.is_owed else None

    def _later(self, connection: Connection, pace: Pace, now: int) -> int | None:
        """Return when a wake-up that came too early is to come back; None where another one will."""
        if (pace.again_at or 0) > now:
            return None
        at = max(pace.not_before or 0, now + REST_MS if pace.lease_until else 0)
        self._worker.cards.write(Write(pace_key(connection.name), {"again_at": at}))
        return at


class Round:
    """What a connection wants is read, as far as pace and time allow; the lease is ours."""

    def __init__(self, worker: Worker, connection: Connection, pace: Pace, ends_at: int) -> None:
        self.pace = pace
        self.is_owed = False  # something stays due
        self._worker = worker
        self._connection = connection
        self._ends_at = ends_at
        self._kept = pace
        self._wants = False  # an answer wanted further records
        self._request_id = pace.lease_id or ""

    def read_all(self) -> None:
        """Read what is due, then what the answers wanted."""
        mapping = loader.answers_of(loader.load(self._connection.mapping))
        if mapping.api is None:
            self._give_up(self._due(), "lookup-unknown")
            return
        while rows := self._due():
            self._wants = False
            for name, group in self._requests(rows, mapping.calls):
                if not self._may_ask(mapping.api):
                    self.is_owed = True
                    return
                self._read(mapping.api, mapping.calls[name], group)
            if not self._wants and len(rows) < MOST_ROWS:
                return

    def end(self) -> None:
        """Give the lease back."""
        self.pace = ended(self.pace, self._worker.clock(), is_owed=self.is_owed)
        self._keep()

    def _keep(self) -> bool:
        done = self._worker.cards.write(kept(self._connection.name, self._kept, self.pace)).done
        self._kept = self.pace
        return done

    def _due(self) -> list[Row]:
        name, now = self._connection.name, self._worker.clock()
        rows = self._worker.cards.rows(self._worker.cards.wanted(name, now, MOST_ROWS)).values()
        return [Row.of(name, row) for row in rows if row.get("due_at", now + 1) <= now]

    def _requests(self, rows: Sequence[Row], calls: Mapping[str, Lookup]) -> Iterator[tuple[str, Sequence[Row]]]:
        """Yield the rows of each request: ids of one look-up, of one depth, fewer where some have failed."""

        def kind(row: Row) -> tuple[str, int, int]:
            return row.lookup, row.depth, max(0, row.tries - WHOLE_TRIES + 1)

        for (name, _, halvings), group in groupby(sorted(rows, key=kind), kind):
            if name not in calls:
                self._give_up(list(group), "lookup-unknown")
                continue
            for chunk in chunks(list(group), max(1, calls[name].most >> halvings)):
                yield name, chunk

    def _may_ask(self, api: Api) -> bool:
        """Wait for the CRM's rate; return whether there is time for a request, and no reason against it."""
        start = max(self._worker.clock(), next_at(self.pace, api))
        if (self.pace.not_before or 0) > start or not self._has_time(start):
            return False
        self._worker.sleep(max(0, start - self._worker.clock()) / 1000)
        return True

    def _has_time(self, start: int) -> bool:
        return start + DEADLINE_SECONDS * 1000 + STOP_MARGIN_MS < self._ends_at

    def _begin(self, api: Api) -> bool:
        """Count a request and note its time, as long as the lease is ours; return whether it may be sent."""
        self.pace = begun(self.pace, api, self._worker.clock())
        if not self._keep():
            raise Unavailable("The lease is another worker's.")
        return (self.pace.not_before or 0) <= self._worker.clock()

    def _read(self, api: Api, lookup: Lookup, rows: Sequence[Row]) -> None:
        """Ask for records; halve what the CRM refuses until the one that it refuses is alone."""
        if not self._begin(api):
            self.is_owed = True
            return
        answer, read = self._asked(api, lookup, [row.id for row in rows])
        self.pace = after(self.pace, read, self._worker.clock())
        outcomes: Sequence[Outcome] = ()
        if read.found:
            try:
                outcomes = self._worker.ingest(
                    self._event(lookup, rows, answer), self._connection, [row.id for row in rows]
                )
            except SenderError as error:
                read = Read("bad", error.code)
        match read.kind:
            case "ok" | "gone":
                self._clear(lookup, rows, read, outcomes)
            case "bad" if len(rows) > 1:
                middle = len(rows) // 2
                for half in (rows[:middle], rows[middle:]):
                    if not self._may_ask(api):
                        self.is_owed = True
                        return
                    self._read(api, lookup, half)
            case "bad":
                self._give_up(rows, "lookup-refused")
            case "retry":
                self._postpone(rows, read)
            case _:
                self.is_owed = True
                self._give_up([row for row in rows if self._is_old(row)], "lookup-expired")

    def _asked(self, api: Api, lookup: Lookup, ids: Sequence[str]) -> tuple[Answer, Read]:
        """Ask once, and once more with a key got afresh if the CRM refuses the key."""
        worker, name = self._worker, self._connection.name
        secret = api_key_of(worker.api_keys.read(), name)
        answer, read = self._once(api, lookup, ids, secret)
        if read.kind != "key":
            return answer, read
        fresh = api_key_of(worker.api_keys.refresh(), name)
        if (worker.tokens.forget(name) or fresh != secret) and self._has_time(worker.clock()):
            return self._once(api, lookup, ids, fresh)
        return answer, read

    def _once(self, api: Api, lookup: Lookup, ids: Sequence[str], secret: Mapping[str, str]) -> tuple[Answer, Read]:
        worker, connection = self._worker, self._connection
        began = worker.clock()
        asking = Asking(worker.fetcher, worker.tokens, worker.clock, worker.loopback)
        try:
            answer, read = asking.ask(connection, api, lookup.call, secret, lookup=lookup, ids=ids)
        except OperatorError as error:
            read = Read("key", error.code)
            return Answer(None, sent=False, error="key"), self._logged(lookup, ids, read, began, why=str(error))
        return answer, self._logged(lookup, ids, read, began)

    def _logged(self, lookup: Lookup, ids: Sequence[str], read: Read, began: int, why: str = "") -> Read:
        """Log one line for a request, and return what its answer means."""
        logger.info(
            "looked up",
            connection=self._connection.name,
            lookup=lookup.name,
            number=len(ids),
            status=read.status,
            answer=read.kind,
            code=read.code,
            found=len(read.found),
            missing=len(read.missing),
            milliseconds=self._worker.clock() - began,
            why=why,
        )
        return read

    def _clear(self, lookup: Lookup, rows: Sequence[Row], read: Read, outcomes: Sequence[Outcome]) -> None:
        """Want no more what was read. The answer is merged by now: a worker that dies before this reads again."""
        self._wants |= any(outcome.wants for outcome in outcomes)
        self._count_missing(lookup, rows, read)
        bare = {outcome.card for outcome in outcomes if outcome.result == "change" and not _directions(outcome)}
        now = self._worker.clock()
        self._worker.cards.write_all(
            [
                postponed(row, now + AGAIN_MS, again=1)
                if lookup.kind in ("contact", "lead") and f"{lookup.kind}:{row.id}" in bare and not row.again
                else cleared(row, now)
                for row in rows
            ]
        )

    def _event(self, lookup: Lookup, rows: Sequence[Row], answer: Answer) -> Event:
        return answered(
            self._connection.name,
            answer.body,
            answer.headers,
            asked_at=self.pace.asked_at or 0,
            lookup=lookup.name,
            depth=rows[0].depth,
            request_id=self._request_id,
        )

    def _count_missing(self, lookup: Lookup, rows: Sequence[Row], read: Read) -> None:
        if not read.missing:
            return
        count("RecordsSkipped", len(read.missing))
        suspicious = len(rows) >= FEW and len(read.missing) >= NEARLY_ALL * len(rows)
        (logger.warning if suspicious else logger.info)(
            "not found or not visible",
            connection=self._connection.name,
            lookup=lookup.name,
            code="deleted-in-crm",
            number=len(read.missing),
            of=len(rows),
        )

    def _postpone(self, rows: Sequence[Row], read: Read) -> None:
        """Read rows later, each by its own failures; give up those that have been wanted for 14 days."""
        now = self._worker.clock()
        self._give_up([row for row in rows if self._is_old(row)], "lookup-expired")
        self._worker.cards.write_all(
            [
                postponed(row, now + max(read.seconds * 1000, self._backoff(row.tries)), tries=row.tries + 1)
                for row in rows
                if not self._is_old(row)
            ]
        )

    def _backoff(self, tries: int) -> int:
        longest = min(FIRST_BACKOFF_MS << min(tries, 12), LONGEST_BACKOFF_MS)
        return int(longest * (1 + self._worker.jitter()) / 2)

    def _is_old(self, row: Row) -> bool:
        return self._worker.clock() - row.since > GIVE_UP_MS

    def _give_up(self, rows: Sequence[Row], code: str) -> None:
        """Want these records no more; each is counted, named, and kept to be wanted again once its cause is fixed."""
        now = self._worker.clock()
        for row in rows:
            logger.warning("given up", connection=self._connection.name, lookup=row.lookup, record=row.id, code=code)
            event = wanted_again(self._connection.name, row.lookup, [row.id], now=now, request_id=self._request_id)
            self._worker.reject(event, code, REASONS[code])
        self._worker.cards.write_all([cleared(row, now) for row in rows])
        count("RecordsRejected", len(rows))


def _directions(outcome: Outcome) -> bool:
    return any(value for name, value in outcome.fields.items() if name.startswith(DIRECTIONS))
