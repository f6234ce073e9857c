"""The emulator of the CRMs: one server, records of each CRM, and the control of it all."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

from local.crm.dialect import Asked, Change, Crm, Event
from local.crm.dialects import CRMS
from local.crm.faults import faults_of
from local.crm.records import KINDS, Record, Records
from local.emulator.faults import NONE, Fault, Faults, fault_of, instead
from local.emulator.live import Changes
from local.emulator.server import CONTROL, serve
from local.emulator.traffic import Request, Traffic
from ops.web.assets import SHARED
from ops.web.reply import Reply, absent, said

KEY = "local-key"  # opens all of them; at Bitrix24 it is the webhook's code
FOLDERS = (Path(__file__).with_name("page"), SHARED)
SECRETS = {"authorization", "x-pw-accesstoken", "x-api-token"}
SHOWN, ROWS = 30, 50
KEPT_ANSWER = 10_000  # bytes: a first fill gets a thousand large pages

Send = Callable[[str, Event], tuple[int | None, str]]  # name of the CRM, event; status and body that it was answered


class SentEvent(NamedTuple):
    """An event that a CRM sent, or would have."""

    number: int
    time: float
    crm: str
    what: str
    event: Event | None  # None: this CRM sends none of such a change
    status: int | None
    answer: str

    def as_json(self) -> dict[str, Any]:
        """Return it for the page."""
        return {**self._asdict(), "event": self.event.body.decode() if self.event else None}


class Place:
    """What one CRM has: its records, its pace and its faults."""

    def __init__(self, crm: Crm, clock: Callable[[], float], contacts: int) -> None:
        self.crm = crm
        self.records = Records(clock, contacts)
        self.limit = crm.limit()
        self.limited = True
        self.faults = Faults()
        self.known = faults_of(crm)

    def over(self, now: float) -> tuple[Reply | None, Mapping[str, str]]:
        """Count a request; return the refusal if it is one too many, and the headers about the pace."""
        wait = self.limit.take(now) if self.limited else 0.0
        headers = self.crm.headers(self.limit, wait)
        if not wait:
            return None, headers
        after = {"Retry-After": str(int(wait) + 1)} if self.crm.retry_after else {}
        return instead(fault_of({**self.known["limit"], "headers": {**headers, **after}})), headers


class Crms:
    """All CRMs at 127.0.0.1:`port` (0: any free one) from its making until `stop`; OSError if the port is taken.

    `send` posts an event to the bridge; without it events are only kept. `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        send: Send | None = None,
        clock: Callable[[], float] = time.time,
        contacts: int = 200,
        crms: Mapping[str, Crm] = CRMS,
    ) -> None:
        self.send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._changes = Changes()
        self._traffic = Traffic()
        self._sent: deque[SentEvent] = deque(maxlen=1_000)
        self._places = {name: Place(crm, clock, contacts) for name, crm in crms.items()}
        self._server = serve(port, self._receive, self._control, FOLDERS)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End the server and every connection, slow answers included."""
        self._stopped.set()
        self._changes.end()
        self._server.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def _place(self, name: str) -> Place:
        if name not in self._places:
            raise ValueError(f"There is no CRM {name!r}; there are {', '.join(self._places)}.")
        return self._places[name]

    def fill(self, crm: str, contacts: int) -> None:
        """Replace all records of a CRM by so many contacts and what belongs to them; there is no event of it."""
        records = Records(self._clock, contacts)
        with self._lock:
            self._place(crm).records = records
        self._changes.mark()

    def limited(self, crm: str, *, on: bool) -> None:
        """Switch the pace that a CRM permits on, as it is from the start, or off."""
        with self._lock:
            self._place(crm).limited = on
        self._changes.mark()

    def faults(self, crm: str, *descriptions: Mapping[str, Any] | str) -> None:
        """Let requests to a CRM fail as described, by name or as a `Fault`, one after the other; without any, no more.

        A fault that is named lasts until it is taken away.
        """
        place = self._place(crm)
        place.faults.put([_fault(place, one) for one in descriptions])
        self._changes.mark()

    def secret(self, crm: str) -> dict[str, str]:
        """Return what a connection must know to ask this CRM here."""
        url = self.url + self._place(crm).crm.base.format(key=KEY)
        return {"url": url, "token": KEY, "email": "crm@example.com"}

    def counts(self, crm: str) -> dict[str, int]:
        """Return how many records a CRM has of each kind."""
        with self._lock:
            return self._place(crm).records.counts()

    def record(self, crm: str, kind: str, number: int) -> Record | None:
        """Return a record as it is now, None if the key sees none."""
        with self._lock:
            return self._place(crm).records.get(_kind(kind), number)

    def edit(self, crm: str, kind: str, number: int | None, *, send_event: bool = True, **changes: Any) -> Record:
        """Change a record, or make one, and send the event; ValueError for what makes no sense."""
        with self._lock:
            record, fields = self._place(crm).records.put(_kind(kind), number, changes)
        self._changes.mark()
        if send_event:
            self._send(crm, Change(record, "update" if number else "add", frozenset(fields), self._clock()))
        return record

    def drop(self, crm: str, kind: str, number: int, *, send_event: bool = True, into: int = 0) -> None:
        """Delete a record, or merge a contact into another, and send the event."""
        with self._lock:
            record = self._place(crm).records.drop(_kind(kind), number, into)
        self._changes.mark()
        if send_event:
            self._send(crm, Change(record, "merge" if into else "delete", frozenset(), self._clock(), into))

    def resend(self, crm: str, kind: str, number: int) -> None:
        """Send the event of a changed record once more."""
        with self._lock:
            record = self._place(crm).records.get(_kind(kind), number)
        if record is None:
            raise ValueError(f"There is no {kind} {number}.")
        self._send(crm, Change(record, "update", frozenset(), self._clock()))

    def _send(self, name: str, change: Change) -> None:
        event = self._place(name).crm.event(change)
        status, answer = self.send(name, event) if event and self.send else (None, "")
        what = f"{change.record.kind} {change.record.id}: {change.action}"
        with self._lock:
            number = self._sent[-1].number + 1 if self._sent else 1
            self._sent.append(SentEvent(number, self._clock(), name, what, event, status, answer))
        self._changes.mark()

    def events(self) -> list[SentEvent]:
        """Return the last events, oldest first."""
        with self._lock:
            return list(self._sent)

    def requests(self) -> list[Request]:
        """Return the last requests to the APIs, oldest first; none shows the key."""
        with self._lock:
            return self._traffic.last()

    def _receive(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Fault, Reply | None]:
        """Handle one request to an API."""
        url = urlsplit(target)
        place = next((one for one in self._places.values() if one.crm.paths.match(url.path)), None)
        if place is None:
            return NONE, absent()
        now = self._clock()
        fault = place.faults.take([])
        if fault.delay:
            self._stopped.wait(fault.delay)
        query = parse_qs(url.query, keep_blank_values=True)
        asked = Asked(method, url.path, query, headers, _value(headers, body), KEY, now)
        reply = None if fault.drop or self._stopped.is_set() else instead(fault) or self._answer(place, asked)
        kept = {name: text for name, text in headers.items() if name not in SECRETS}
        path = target.replace(KEY, "…")
        with self._lock:
            number = self._traffic.next_number()
            shown = reply or Reply(0, b"")
            status, took = reply.status if reply else None, self._clock() - now
            answer = shown.body[:KEPT_ANSWER]
            request = Request(number, now, f"{method} {path}", kept, body, status, answer, 0, took)
            self._traffic.add(request)
        self._changes.mark()
        return fault, reply

    def _answer(self, place: Place, asked: Asked) -> Reply:
        """Answer as documented; what this emulator cannot read is refused, not guessed."""
        with self._lock:
            refusal, headers = place.over(asked.now)
            if refusal:
                return refusal
            try:
                reply = place.crm.answer(asked, place.records)
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                reply = said(HTTPStatus.BAD_REQUEST, {"error": f"The emulator cannot read this request: {error!r}"})
        return reply._replace(headers={**headers, **reply.headers})

    def _control(self, method: str, target: str, body: bytes) -> Reply:
        """Handle a request to the emulator itself."""
        url = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if (method, url.path) == ("GET", f"{CONTROL}live"):
            stream = self._changes.stream(query.get("since", ""), self._news)
            return Reply(HTTPStatus.OK, b"", {"Cache-Control": "no-store"}, "text/event-stream", stream)
        routes: Mapping[tuple[str, str], Callable[..., Any]] = {
            ("GET", "state"): self._state,
            ("GET", "records"): lambda: self._rows(query),
            ("PUT", "record"): lambda changes, **where: self.edit(**where, **changes)._asdict(),
            ("DELETE", "record"): self.drop,
            ("POST", "resend"): self.resend,
            ("PUT", "faults"): lambda crm, faults: self.faults(crm, *faults),
            ("PUT", "fill"): self.fill,
            ("PUT", "limited"): self.limited,
        }
        route = routes.get((method, url.path.removeprefix(CONTROL)))
        if route is None:
            return absent()
        try:
            return said(HTTPStatus.OK, route(**(json.loads(body) if body else {})))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return said(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _state(self) -> dict[str, Any]:
        """Return what the page shows besides records."""
        with self._lock:
            requests, events = self._traffic.last(SHOWN), list(self._sent)[-SHOWN:]
            crms = [_about(place) for place in self._places.values()]
        return {
            "crms": crms,
            "events": [one.as_json() for one in reversed(events)],
            "requests": [_row(one) for one in reversed(requests)],
        }

    def _news(self, _since: int) -> tuple[int, Iterator[dict[str, Any]]]:
        return self._changes.count, iter([self._state()])

    def _rows(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return the records whose number, name or phone holds the words looked for, hidden ones too."""
        kind, words = _kind(query.get("kind", "contact")), query.get("q", "").casefold()
        with self._lock:
            found = self._place(query["crm"]).records.everything(kind)
        matching = [one for one in found if not words or words == str(one.id) or words in _text(one)]
        return {"total": len(matching), "records": [one._asdict() for one in matching[:ROWS]]}


def _text(record: Record) -> str:
    return " ".join([record.full_name, *record.phones]).casefold()


def _kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"There is no kind {kind!r}; there are {', '.join(KINDS)}.")
    return kind


def _fault(place: Place, description: Mapping[str, Any] | str) -> Fault:
    if not isinstance(description, str):
        return fault_of(description)
    if description not in place.known:
        raise ValueError(f"{place.crm.title} has no fault {description!r}; it has {', '.join(place.known)}.")
    return fault_of({"times": None, **place.known[description]})


def _about(place: Place) -> dict[str, Any]:
    coming = place.faults.coming()
    return {
        "name": place.crm.name,
        "title": place.crm.title,
        "limited": place.limited,
        "counts": place.records.counts(),
        "known": list(place.known),
        "faults": [name for name in place.known if any(_fault(place, name) == one for one in coming)],
        "coming": len(coming),
    }


def _row(request: Request) -> dict[str, Any]:
    status = None if request.status is None else int(request.status)
    answer = request.answer[:2_000].decode("utf-8", "replace")
    about = {"number": request.number, "time": request.time, "path": request.path, "status": status}
    return {**about, "bytes": len(request.answer), "body": request.body.decode("utf-8", "replace"), "answer": answer}


def _value(headers: Mapping[str, str], body: bytes) -> Any:
    if headers.get("content-type") == "application/x-www-form-urlencoded":
        return dict(parse_qsl(body.decode(errors="replace")))
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
