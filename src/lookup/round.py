"""A round of one connection: what it wants is read from its CRM, and handed to the intake."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from aws.chunks import chunks
from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from cards.write import Write
from connections import Connection
from delivery.policy import GIVE_UP_MS
from errors import SenderError, Unavailable
from event import Event, answered, wanted_again
from lookup import night, paging
from lookup.answer import Read
from lookup.asking import Asker, Question
from lookup.fetch import DEADLINE_SECONDS
from lookup.pace import FIRST_BACKOFF_MS, Pace, after, begun, ended, kept, next_at
from lookup.rows import Row, cleared, postponed
from mapping.language import loader
from mapping.language.model import Api, Lookup
from mapping.outcome import Outcome
from mappings import Mappings
from telemetry import count, logger
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
Ingest = Callable[[Event, Connection, Ids], tuple[Sequence[Outcome], int]]
REASONS = {
    "lookup-refused": "the CRM refuses to be asked for this record",
    "lookup-expired": "the record could not be read for 14 days",
    "lookup-unknown": "the mapping of this connection has no such look-up any more",
}


class Worker(NamedTuple):
    """What look-ups need from outside. `clock` gives ms since 1970, `jitter` 0…1, `new_id` a fresh lease id."""

    cards: Cards
    mappings: Mappings
    connections: Secret
    asker: Asker
    wakeups: Queue
    ingest: (
        Ingest  # merges an answer, of which what is rejected is kept by its ids; its outcomes, how many brought news
    )
    reject: Callable[[Event, str, str], None]  # keeps an event with a code and a reason
    clock: Callable[[], int]
    sleep: Callable[[float], None]
    jitter: Callable[[], float]
    new_id: Callable[[], str]


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
        self._nights: dict[str, night.Night] = {}
        self._request_id = pace.lease_id or ""

    def read_all(self) -> None:
        """Read what is due, then what the answers wanted."""
        mapping = loader.answers_of(self._worker.mappings.of(self._connection))
        if mapping.api is None:
            self._give_up(self._due(), "lookup-unknown")
            return
        takes_all = True  # what events name while a round lasts waits for the next one, so that it shares a request
        while rows := self._due():
            self._wants = False
            nightly = [row for row in rows if row.lookup == night.NIGHTLY]
            records = [row for row in rows if row.lookup != night.NIGHTLY and (takes_all or row.depth)]
            if not records and not nightly:
                self.is_owed = True
                return
            for name, group in self._requests(records, mapping.calls):
                if not self._may_ask(mapping.api):
                    self.is_owed = True
                    return
                self._read(mapping.api, mapping.calls[name], group)
            if nightly and not self._turned(mapping.api, mapping.calls.get(nightly[0].id), nightly[0]):
                self.is_owed = True
                return
            takes_all = bool(nightly) or len(rows) == MOST_ROWS
            if not self._wants and not takes_all:
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
        ids = [row.id for row in rows]
        answer, read = self._asked(api, Question(lookup.call, lookup, ids))
        self.pace = after(self.pace, read, self._worker.clock())
        read, outcomes, _ = self._ingested(lookup, answer, read, ids, rows[0].depth)
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

    def _ingested(
        self, lookup: Lookup, answer: Answer, read: Read, ids: Ids, depth: int
    ) -> tuple[Read, Sequence[Outcome], int]:
        """Merge what an answer holds; return what it means after all, its outcomes, and how many brought news."""
        if not read.found:
            return read, (), 0
        event = answered(
            self._connection.name,
            answer.body,
            answer.headers,
            asked_at=self.pace.asked_at or 0,
            lookup=lookup.name,
            depth=depth,
            request_id=self._request_id,
        )
        try:
            return (read, *self._worker.ingest(event, self._connection, ids))
        except SenderError as error:
            return Read("bad", error.code), (), 0

    def _turned(self, api: Api, lookup: Lookup | None, row: Row) -> bool:
        """Read the next page of a night; return whether the round goes on."""
        so_far = self._nights.get(row.id) or night.Night.of(row)
        if lookup is None or lookup.sync is None:
            self._night_failed(row, so_far, "lookup-unknown", REASONS["lookup-unknown"])
            return True
        if not self._may_ask(api) or not self._begin(api):
            return False
        answer, read = self._asked(api, Question(lookup.sync.call, lookup, known=so_far.variables()))
        self.pace = after(self.pace, read, self._worker.clock())
        match read.kind:
            case "wait" | "key":
                return False
            case "retry":
                self._worker.cards.write_all([self._later(row, read)])
            case "ok":
                self._take_page(lookup, row, so_far, answer, read)
            case _:
                self._night_failed(row, so_far, read.code, "the CRM refuses to be asked for what changed")
        return True

    def _take_page(self, lookup: Lookup, row: Row, so_far: night.Night, answer: Answer, read: Read) -> None:
        try:
            pages, more = paging.after(so_far.pages, lookup, answer, since=so_far.since)
        except paging.BadPage as error:
            self._night_failed(row, so_far, error.code, str(error))
            return
        read, _, news = self._ingested(lookup, answer, read, read.found, 0)
        if read.kind != "ok":
            self._night_failed(row, so_far, read.code, "a page cannot be mapped")
            return
        reached = so_far._replace(pages=pages, healed=so_far.healed + news)
        self._nights[row.id] = reached
        if more:
            self._worker.cards.write_all([night.went_on(row, reached, self._worker.clock())])
        else:
            self._night_over(row, reached)

    def _night_over(self, row: Row, done: night.Night) -> None:
        self._worker.cards.write_all([night.ended(row, done.started - night.OVERLAP_MS)])
        count("RecordsHealed", done.healed)
        logger.info(
            "healed",
            connection=self._connection.name,
            lookup=row.id,
            healed=done.healed,
            read=done.pages.records,
            since=done.since,
        )

    def _night_failed(self, row: Row, so_far: night.Night, code: str, why: str) -> None:
        """End a night that leads nowhere; the next one begins from where this one did."""
        self._worker.cards.write_all([night.ended(row, so_far.since)])
        logger.error("not healed", connection=self._connection.name, lookup=row.id, code=code, why=why)

    def _asked(self, api: Api, question: Question) -> tuple[Answer, Read]:
        return self._worker.asker.ask(self._connection, api, question, lambda: self._has_time(self._worker.clock()))

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
                else cleared(row, now, is_missing=row.id in read.missing)
                for row in rows
            ]
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
        self._give_up([row for row in rows if self._is_old(row)], "lookup-expired")
        self._worker.cards.write_all([self._later(row, read) for row in rows if not self._is_old(row)])

    def _later(self, row: Row, read: Read) -> Write:
        rest = max(read.seconds * 1000, self._backoff(row.tries))
        return postponed(row, self._worker.clock() + rest, tries=row.tries + 1)

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
