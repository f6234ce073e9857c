"""What came for a connection, by the front or by the inbox queue, within bounds, and what the mapping makes of it."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from itertools import islice, takewhile
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from access.scrub import SECRETS
from cards.endpoints import endpoint_for
from errors import NotFound, SenderError
from event import address_of
from local.front import Passage
from mapping.outcome import Outcome
from ops import dry_run
from ops.dry_run import tried
from ops.offline import Offline
from ops.samples import Sample, delivered, event_of

KEPT_EVENTS = 1_000
KEPT_BYTES = 32 * 1024 * 1024
RECORD_BYTES = 500  # about what is kept of a record
SHOWN_RECORDS = 20  # of an event in a list
REFUSALS = {  # before a mapping is asked
    401: "its proof is not the connection's, or the functions do not know the connection's newest secret yet",
    413: "it is larger than the bridge takes",
    429: "the throttle of the HTTP API refused it",
    503: "no copy of the function was free, or no store took it",
}
BY_QUEUE = "inbox queue"
HIDDEN = SECRETS | {"host", "connection", "content-length", "accept-encoding"}


class Arrival(NamedTuple):
    """One event: how it came, what was answered, and its outcomes without their traces.

    `refusal` says why no mapping was asked; `status` is 0 of what came by the queue, where nothing is answered.
    """

    number: int
    mark: int
    time: float  # seconds since 1970
    connection: str
    known: Offline | None  # the connection as it was then
    method: str
    sample: Sample
    status: int
    answer: bytes
    outcomes: list[Outcome]
    refusal: str

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return len(self.sample.body) + RECORD_BYTES * len(self.outcomes)

    @property
    def keys(self) -> list[str]:
        """The keys of the cards that it may change, in the order of its records."""
        known = self.known
        return [key for outcome in self.outcomes if known and (key := card_key(known, outcome))]


class Arrivals:
    """The last events, safe between threads. `find` gives a connection as it is now, None if there is none."""

    def __init__(self, find: Callable[[str], Offline | None]) -> None:
        self._find = find
        self._lock = threading.Lock()
        self._events: deque[Arrival] = deque()
        self._weight = 0
        self._count = 0

    def add(self, passage: Passage, mark: Callable[[], int]) -> None:
        """Remember a request, if its address is that of a connection; `mark` gives the number of the change."""
        found = _event(passage)
        if found is None:
            return
        name, sample = found
        known, status = self._find(name), passage.status
        refusal = _unknown(name) if known is None and status == HTTPStatus.UNAUTHORIZED else REFUSALS.get(status, "")
        came = Arrival(0, 0, passage.time, name, known, passage.method, sample, status, passage.answer, [], refusal)
        self._keep(came, mark)

    def take(self, note: Mapping[str, Any], mark: Callable[[], int]) -> None:
        """Remember a message of the inbox queue, as `local.runtime` notes it."""
        event, problem = event_of(note["record"])
        name, known = event.connection, self._find(event.connection)
        refusal = "" if known else _unknown(name)
        if problem and not (known and isinstance(problem, SenderError)):
            refusal = f"the message holds no event: {problem}"
        way = f"{BY_QUEUE}, where it stays to be taken again" if note["is_left"] else BY_QUEUE
        sample = Sample.of(event, problem=problem)
        self._keep(Arrival(0, 0, note["time"], name, known, way, sample, 0, b"", [], refusal), mark)

    def _keep(self, came: Arrival, mark: Callable[[], int]) -> None:
        outcomes = tried(came.known, came.sample).outcomes if came.known and not came.refusal else []
        with self._lock:
            self._count += 1
            arrival = came._replace(number=self._count, mark=mark(), outcomes=list(outcomes))
            self._events.append(arrival)
            self._weight += arrival.weight
            while len(self._events) > KEPT_EVENTS or (self._weight > KEPT_BYTES and len(self._events) > 1):
                self._weight -= self._events.popleft().weight

    def since(self, mark: int, most: int) -> list[Arrival]:
        """Return at most so many events of later changes, newest first."""
        with self._lock:
            events = list(self._events)
        return list(islice(takewhile(lambda event: event.mark > mark, reversed(events)), most))

    def of_card(self, key: str, most: int) -> list[Arrival]:
        """Return the newest events that say something about a card."""
        return list(islice((event for event in self.since(-1, KEPT_EVENTS) if key in event.keys), most))

    def numbered(self, number: int) -> Arrival | None:
        """Return an event by its number, None if it is forgotten."""
        return next((event for event in self.since(-1, KEPT_EVENTS) if event.number == number), None)


def _unknown(name: str) -> str:
    return f"there is no connection {name}"


def card_key(connection: Offline, outcome: Outcome) -> str:
    """Return the key of the card that an outcome changes, empty for a skip or reject."""
    return dry_run.card_key(connection, outcome) if outcome.result == "change" else ""


def row_id(connection: Offline, outcome: Outcome) -> str:
    """Return the `id` that the card of a change has in the emulator's book."""
    return book_id(connection.project, connection.origin, outcome.card)


def book_id(project: int, origin: str, card: str) -> str:
    """Return the `id` of a row of the book for `contact:42`, `lead:7` or `organization:9`."""
    kind, _, number = card.partition(":")
    id_name = "leadId" if kind == "lead" else "externalId"
    return json.dumps([project, origin, endpoint_for(kind).name, id_name, number], ensure_ascii=False)


def row(event: Arrival) -> dict[str, Any]:
    """Return an event as the page lists it."""
    return {
        "number": event.number,
        "mark": event.mark,
        "time": event.time,
        "connection": event.connection,
        "origin": event.known.origin if event.known else "",
        "method": event.method,
        "bytes": len(event.sample.body),
        "contentType": event.sample.content_type,
        "status": event.status,
        "refusal": event.refusal,
        "records": list(islice(_records(event, event.known), SHOWN_RECORDS)) if event.known else [],
        "total": len(event.outcomes),
    }


def _records(event: Arrival, connection: Offline) -> Iterator[dict[str, Any]]:
    for outcome in event.outcomes:
        yield {
            "result": outcome.result,
            "record": outcome.record,
            "key": card_key(connection, outcome),
            "id": row_id(connection, outcome) if outcome.result == "change" else "",
            "name": outcome.fields.get("fullName") or outcome.fields.get("name") or "",
            "card": outcome.card,
            "code": outcome.code,
            "field": outcome.field,
            "reason": outcome.reason,
        }


def _event(passage: Passage) -> tuple[str, Sample] | None:
    """Return the connection and the event that a request to the bridge is, None if it is none."""
    parts = urlsplit(passage.target)
    try:
        connection, _ = address_of(unquote(parts.path))
    except NotFound:
        return None
    if passage.method == "GET" and not parts.query:
        return None
    headers = {name.lower(): text for name, text in passage.headers.items() if name.lower() not in HIDDEN}
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return connection, Sample(delivered(passage.body, headers.get("content-type", "")), headers, query)
