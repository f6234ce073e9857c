"""A round of one connection: what it wants is read from its CRM, and handed to the intake."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from aws.chunks import chunks
from delivery.policy import GIVE_UP_MS
from event import wanted_again
from lookup.answer import TOO_LARGE, Read
from lookup.asking import Question
from lookup.leased import Leased
from lookup.night import NIGHTLY, Nights
from lookup.rows import Row, cleared, postponed
from mapping.language import loader
from mapping.language.model import Api, Lookup
from mapping.language.model import Mapping as Loaded
from mapping.outcome import Outcome
from telemetry import count, logger

MOST_ROWS = 1_000  # that a round reads at once
AGAIN_MS = 60_000  # a record may be created before its phone is
WHOLE_TRIES = 2  # failures of a record before it shares a request with fewer
NEARLY_ALL = 0.9  # of a request's records that are missing: rather the key's rights than deletions
FEW = 5
DIRECTIONS = ("phones.", "emails.")

REASONS = {
    "lookup-refused": "the CRM refuses to be asked for this record",
    TOO_LARGE: "what the CRM answers for this record is larger than 2 MiB",
    "lookup-expired": "the record could not be read for 14 days",
    "lookup-unknown": "the mapping of this connection has no such look-up any more",
}


class Round:
    """What a connection wants is read, as far as pace and time allow."""

    def __init__(self, leased: Leased) -> None:
        self.is_owed = False  # something stays due
        self._leased = leased
        self._nights = Nights(leased)
        self._wants = False  # an answer wanted further records

    def read_all(self) -> None:
        """Read what is due, then what the answers wanted."""
        mapping = loader.answers_of(self._leased.worker.mappings.of(self._leased.connection))
        takes_all = True  # what events name while a round lasts waits for the next one, so that it shares a request
        while rows := self._due():
            self._wants = False
            nightly = [row for row in rows if row.lookup == NIGHTLY]
            records = [row for row in rows if row.lookup != NIGHTLY and (takes_all or row.depth)]
            if (
                not (records or nightly)
                or not self._read_records(mapping, records)
                or (nightly and not self._nights.turn(mapping, nightly[0]))
            ):
                self.is_owed = True
                return
            takes_all = bool(nightly) or len(rows) == MOST_ROWS
            if not self._wants and not takes_all:
                return

    def _due(self) -> list[Row]:
        name, now, cards = self._leased.connection.name, self._leased.now(), self._leased.worker.cards
        rows = cards.rows(cards.wanted(name, now, MOST_ROWS)).values()
        return [Row.of(name, row) for row in rows if row.get("due_at", now + 1) <= now]

    def _read_records(self, mapping: Loaded, rows: Sequence[Row]) -> bool:
        """Read rows, request by request; return whether the round goes on."""
        if mapping.api is None:
            self._give_up(rows, "lookup-unknown")
            return True
        requests = self._requests(rows, mapping.calls)
        return all(self._read(mapping.api, mapping.calls[name], group) for name, group in requests)

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

    def _read(self, api: Api, lookup: Lookup, rows: Sequence[Row]) -> bool:
        """Ask for records, halving what the CRM refuses until the one that it refuses is alone; return if it may be."""
        ids = [row.id for row in rows]
        asked = self._leased.ask(api, Question(lookup.call, lookup, ids))
        if asked is None:
            return False
        taken = self._leased.take(lookup, *asked, ids, rows[0].depth)
        match taken.read.kind:
            case "ok" | "gone":
                self._clear(lookup, rows, taken.read, taken.outcomes)
            case "bad" if len(rows) > 1:
                middle = len(rows) // 2
                return all(self._read(api, lookup, half) for half in (rows[:middle], rows[middle:]))
            case "bad":
                self._give_up(rows, TOO_LARGE if taken.read.code == TOO_LARGE else "lookup-refused")
            case "retry":
                self._postpone(rows, taken.read)
            case _:
                self.is_owed = True
                self._give_up_old(rows)
        return True

    def _clear(self, lookup: Lookup, rows: Sequence[Row], read: Read, outcomes: Sequence[Outcome]) -> None:
        """Want no more what was read. The answer is merged by now: a worker that dies before this reads again."""
        self._wants |= any(outcome.wants for outcome in outcomes)
        self._count_missing(lookup, rows, read)
        bare = {outcome.card for outcome in outcomes if outcome.result == "change" and not _directions(outcome)}
        now = self._leased.now()
        self._leased.write(
            *(
                postponed(row, now + AGAIN_MS, again=1)
                if lookup.kind in ("contact", "lead") and f"{lookup.kind}:{row.id}" in bare and not row.again
                else cleared(row, now, is_missing=row.id in read.missing)
                for row in rows
            )
        )

    def _count_missing(self, lookup: Lookup, rows: Sequence[Row], read: Read) -> None:
        if not read.missing:
            return
        count("RecordsSkipped", len(read.missing))
        suspicious = len(rows) >= FEW and len(read.missing) >= NEARLY_ALL * len(rows)
        (logger.warning if suspicious else logger.info)(
            "not found or not visible",
            connection=self._leased.connection.name,
            lookup=lookup.name,
            code="deleted-in-crm",
            number=len(read.missing),
            of=len(rows),
        )

    def _postpone(self, rows: Sequence[Row], read: Read) -> None:
        """Read rows later, each by its own failures; give up those that have been wanted for 14 days."""
        old = self._give_up_old(rows)
        self._leased.write(*(self._leased.later(row, read) for row in rows if row not in old))

    def _give_up_old(self, rows: Sequence[Row]) -> list[Row]:
        old = [row for row in rows if self._leased.now() - row.since > GIVE_UP_MS]
        self._give_up(old, "lookup-expired")
        return old

    def _give_up(self, rows: Sequence[Row], code: str) -> None:
        """Want these records no more; each is counted, named, and kept to be wanted again once its cause is fixed."""
        now, connection = self._leased.now(), self._leased.connection.name
        for row in rows:
            logger.warning("given up", connection=connection, lookup=row.lookup, record=row.id, code=code)
            event = wanted_again(connection, row.lookup, [row.id], now=now, request_id=self._leased.request_id)
            self._leased.worker.reject(event, code, REASONS[code])
        self._leased.write(*(cleared(row, now) for row in rows))
        count("RecordsRejected", len(rows))


def _directions(outcome: Outcome) -> bool:
    return any(value for name, value in outcome.fields.items() if name.startswith(DIRECTIONS))
