"""A connection whose lease is ours: its CRM is asked one thing at a time, at its pace, and the answers are merged."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from cards.write import Write
from connections import Connection
from errors import SenderError, Unavailable
from event import Event, answered
from lookup.answer import Read
from lookup.asking import Asker, Question
from lookup.fetch import DEADLINE_SECONDS
from lookup.pace import FIRST_BACKOFF_MS, Pace, after, begun, ended, kept, next_at
from lookup.rows import Row, postponed
from mapping.language.model import Api, Lookup
from mapping.outcome import Outcome
from mappings import Mappings
from wire import Answer

STOP_MARGIN_MS = 5_000  # what merging an answer needs after the last request
LONGEST_BACKOFF_MS = 3_600_000

Ids = Sequence[str]
Ingest = Callable[[Event, Connection, Ids], tuple[Sequence[Outcome], int]]


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


class Taken(NamedTuple):
    """What an answer means after all, its outcomes, and how many of them brought news."""

    read: Read
    outcomes: Sequence[Outcome] = ()
    news: int = 0


class Leased:
    """What is asked under the lease, until `ends_at` (ms since 1970)."""

    def __init__(self, worker: Worker, connection: Connection, pace: Pace, ends_at: int) -> None:
        self.worker = worker
        self.connection = connection
        self.pace = pace
        self.request_id = pace.lease_id or ""
        self._ends_at = ends_at
        self._kept = pace

    def ask(self, api: Api, question: Question) -> tuple[Answer, Read] | None:
        """Ask once at the CRM's rate; return None where there is no time for it, or a reason against it."""
        if not self._may_ask(api) or not self._begin(api):
            return None
        answer, read = self.worker.asker.ask(self.connection, api, question, lambda: self._has_time(self.now()))
        self.pace = after(self.pace, read, self.now())
        return answer, read

    def take(self, lookup: Lookup, answer: Answer, read: Read, ids: Ids, depth: int = 0) -> Taken:
        """Merge what an answer holds."""
        if not read.found:
            return Taken(read)
        event = answered(
            self.connection.name,
            answer.body,
            answer.headers,
            asked_at=self.pace.asked_at or 0,
            lookup=lookup.name,
            depth=depth,
            request_id=self.request_id,
        )
        try:
            return Taken(read, *self.worker.ingest(event, self.connection, ids))
        except SenderError as error:
            return Taken(Read("bad", error.code))

    def later(self, row: Row, read: Read) -> Write:
        """Return the write by which a row is read later, the more so the more often it failed."""
        longest = min(FIRST_BACKOFF_MS << min(row.tries, 12), LONGEST_BACKOFF_MS)
        backoff = int(longest * (1 + self.worker.jitter()) / 2)
        return postponed(row, self.now() + max(read.seconds * 1000, backoff), tries=row.tries + 1)

    def write(self, *writes: Write) -> None:
        """Write rows."""
        self.worker.cards.write_all(list(writes))

    def now(self) -> int:
        """Return ms since 1970."""
        return self.worker.clock()

    def end(self, *, is_owed: bool) -> None:
        """Give the lease back; `is_owed` if something stays due."""
        self.pace = ended(self.pace, self.now(), is_owed=is_owed)
        self._keep()

    def _may_ask(self, api: Api) -> bool:
        """Wait for the CRM's rate; return whether there is time for a request, and no reason against it."""
        start = max(self.now(), next_at(self.pace, api))
        if (self.pace.not_before or 0) > start or not self._has_time(start):
            return False
        self.worker.sleep(max(0, start - self.now()) / 1000)
        return True

    def _has_time(self, start: int) -> bool:
        return start + DEADLINE_SECONDS * 1000 + STOP_MARGIN_MS < self._ends_at

    def _begin(self, api: Api) -> bool:
        """Count a request and note its time, as long as the lease is ours; return whether it may be sent."""
        self.pace = begun(self.pace, api, self.now())
        if not self._keep():
            raise Unavailable("The lease is another worker's.")
        return (self.pace.not_before or 0) <= self.now()

    def _keep(self) -> bool:
        done = self.worker.cards.write(kept(self.connection.name, self._kept, self.pace)).done
        self._kept = self.pace
        return done
