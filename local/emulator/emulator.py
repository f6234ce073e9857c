"""The emulator: what Ringostat documents, done with what it was posted, and the control of it."""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from local.emulator import shown, staff
from local.emulator.book import Book, Key
from local.emulator.contract import ITEMS, problems
from local.emulator.faults import NONE, Fault, Faults, fault_of, instead
from local.emulator.live import Changes
from local.emulator.server import CONTROL, PART, serve
from local.emulator.traffic import KEPT_REQUESTS, Request, Traffic
from ops.web.assets import SHARED
from ops.web.reply import Reply, absent, said

SYNC = {f"/minicrm/{name}/sync": name for name in ITEMS}
ONLINE = "/sipstatus/online"  # changes nothing, so `bridge doctor` tries an auth key with it
FOLDERS = (Path(__file__).with_name("page"), SHARED)
SHOWN = 200  # calls and requests that a page that was just opened lists
CARDS_A_PIECE = 500


class Part(Protocol):
    """What the bridge's page adds, under `/_bridge/`."""

    def news(self, since: int) -> dict[str, Any]:
        """Return what is new since a count of `Emulator.changes`; as from 0 for a page that knows nothing."""

    def control(self, method: str, target: str, body: bytes) -> Reply:
        """Answer a request."""


class Emulator:
    """Ringostat at 127.0.0.1:`port` (0: any free one) from its making until `stop`; OSError if the port is taken.

    `keys` are the auth keys by project id. `clock` gives seconds since 1970.
    """

    def __init__(self, port: int = 0, *, keys: Mapping[int, str], clock: Callable[[], float] = time.time) -> None:
        self._keys = dict(keys)
        self._clock = clock
        self._lock = threading.Lock()
        self._faults = Faults()
        self._stopped = threading.Event()
        self._part: Part | None = None
        self.employees = staff.EMPLOYEES  # by staffId
        self.changes = Changes()
        self.clear()
        self._listen(port)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}"

    def _listen(self, port: int) -> None:
        self._server = serve(port, self.route, self.control, FOLDERS)

    def stop(self) -> None:
        """End the server and every connection, late requests included."""
        self._stopped.set()
        self.changes.end()
        self.go_down()

    def come_back(self) -> None:
        """Answer again at the same address, with all that was known."""
        self._listen(self.port)

    def go_down(self) -> None:
        """Refuse and end every connection, until `come_back`."""
        self._server.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def clear(self) -> None:
        """Forget all cards, calls and requests; faults stay."""
        with self._lock:
            self._book = Book(self._clock)
            self._traffic = Traffic()
            self._cleared = self.changes.mark()

    def attach(self, part: Part) -> None:
        """Let the page show more."""
        self._part = part
        self.changes.mark()

    def state(self) -> dict[str, Any]:
        """Return the cards as posted last, the calls, and the number of requests to the API."""
        with self._lock:
            return {
                **{name: self._book.cards(name) for name in ITEMS},
                "calls": self._book.calls(),
                "requests": self._traffic.count,
            }

    def history(self, kind: str = "contacts") -> list[dict[str, Any]]:
        """Return each card's states in the order in which they landed: time, number of the request, the record."""
        with self._lock:
            return self._book.history(kind)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The last requests to the API, oldest first: time, path, headers without the key, body, status, answer."""
        return self.last_requests(KEPT_REQUESTS)

    def last_requests(self, count: int) -> list[dict[str, Any]]:
        """Return the last requests to the API, oldest first."""
        with self._lock:
            requests = self._traffic.last(count)
        return [request.as_json() for request in requests]

    def request(self, number: int) -> dict[str, Any]:
        """Return one request with its answer; raise ValueError if it is forgotten."""
        with self._lock:
            found = self._traffic.numbered(number)
        if found is None:
            raise ValueError("This request is forgotten.")
        return found.as_json()

    def card(self, identity: str) -> dict[str, Any]:
        """Return a card as posted last and when each of its states landed, by the `id` of its row on the page."""
        with self._lock:
            states = self._book.states(Key(*json.loads(identity)))
        landed = [{"time": state.time, "request": state.request} for state in states]
        return {"card": states[-1].card if states else None, "landed": landed}

    def news(self, since: int) -> tuple[int, Iterator[dict[str, Any]]]:
        """Return the count of changes, and what the page is to show newly since an earlier count, in pieces."""
        with self._lock:
            count, restarted = self.changes.count, since < self._cleared
            since = 0 if restarted else since
            cards = self._book.since(since)
            calls, requests = self._book.calls_since(since, SHOWN), self._traffic.since(since, SHOWN)
            total = self._traffic.count
        piece = {
            "restarted": restarted,
            "projects": list(self._keys),
            "faults": self.coming_faults(),
            "calls": calls,
            "requests": [shown.request(one) for one in requests],
            "total": total,
            "bridge": self._part.news(since) if self._part else None,
        }
        return count, _pieces(piece, [shown.card(*card) for card in cards])

    def call(self, phone: str) -> dict[str, Any]:
        """Let this number call, and return what the call log shows of it."""
        with self._lock:
            return self._book.call(phone, self.changes.mark())

    def faults(self, *descriptions: Mapping[str, Any]) -> None:
        """Let requests fail as described (see `Fault`), one after the other; without any, no more faults."""
        self._faults.put([fault_of(description) for description in descriptions])
        self.changes.mark()

    def coming_faults(self) -> list[dict[str, Any]]:
        """Return the faults not used up yet."""
        return [fault._asdict() for fault in self._faults.coming()]

    def route(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[Fault, Reply | None]:
        """Handle one request to the API or to a path that there is not."""
        path = urlsplit(target).path
        if method == "POST" and path in SYNC:
            return self.receive(path, headers, body)
        if (method, path) == ("POST", staff.PATH):
            return self.list_staff(headers, body)
        return NONE, self.online(headers) if (method, path) == ("GET", ONLINE) else absent()

    def receive(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Fault, Reply | None]:
        """Handle one request to the API (header names in lower case).

        Return the fault to show while answering, and the answer; None closes the connection without one.
        """
        kind = SYNC[path]
        value = _parsed(body)
        fault = self._faults.take(_records(value, kind))
        with self._lock:
            number = self._traffic.next_number()
        arrived = self._clock()
        started = time.monotonic()
        if fault.delay:
            self._stopped.wait(fault.delay)
        reply = self._reply(kind, headers, value, fault, number)
        kept = {name: text for name, text in headers.items() if name != "auth-key"}
        status, answer = (reply.status, reply.body) if reply else (None, b"")
        took = time.monotonic() - started
        request = Request(number, arrived, path, kept, body, status, answer, len(_records(value, kind)), took)
        with self._lock:
            self._traffic.add(request, self.changes.mark())
        return fault, reply

    def list_staff(self, headers: Mapping[str, str], body: bytes) -> tuple[Fault, Reply | None]:
        """Answer who the employees are, or as the next fault says."""
        fault = self._faults.take(())
        self._stopped.wait(fault.delay)
        if fault.drop or self._stopped.is_set():
            return fault, None
        projects = [project for project, key in self._keys.items() if key == headers.get("auth-key")]
        reply = staff.answered(_parsed(body), projects, self.employees)
        return fault, instead(fault) or reply

    def online(self, headers: Mapping[str, str]) -> Reply:
        """Answer that no employee is online, to any request with the key of a project."""
        if headers.get("auth-key", "") not in self._keys.values():
            return said(HTTPStatus.UNAUTHORIZED, {"error": "The auth-key is wrong."})
        return said(HTTPStatus.OK, [])

    def _reply(self, kind: str, headers: Mapping[str, str], value: Any, fault: Fault, number: int) -> Reply | None:
        if fault.drop == "before" or self._stopped.is_set():
            return None
        stands_in = _instead(fault, value, kind)
        if stands_in and not fault.apply:
            return stands_in
        reply = self._handled(kind, headers, value, number)
        return None if fault.drop == "after" else stands_in or reply

    def _handled(self, kind: str, headers: Mapping[str, str], value: Any, number: int) -> Reply:
        """Do what Ringostat documents: all records of a request are taken, or none."""
        key, project = headers.get("auth-key", ""), headers.get("x-project-id", "")
        if key not in self._keys.values():
            return said(HTTPStatus.UNAUTHORIZED, {"error": "The auth-key is wrong."})
        if not project:
            return _refusal([("x-project-id", "is missing")])
        if not project.isdecimal() or self._keys.get(int(project)) != key:
            return said(HTTPStatus.FORBIDDEN, {"error": "The auth-key is not of this project."})
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return said(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, {"error": "The Content-Type must be application/json."})
        if wrong := problems(kind, value, int(project)):
            return _refusal(wrong)
        with self._lock:
            self._book.sync(kind, value[kind], number, self.changes.mark())
        return said(HTTPStatus.OK, {"success": True})

    def control(self, method: str, target: str, body: bytes) -> Reply:
        """Handle a request to the emulator itself."""
        if target.startswith(PART):
            return self._part.control(method, target, body) if self._part else absent()
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        routes: Mapping[tuple[str, str], Callable[[], Any]] = {
            ("GET", "state"): self.state,
            ("DELETE", "state"): self.clear,
            ("GET", "requests"): lambda: self.last_requests(int(query.get("last", [str(KEPT_REQUESTS)])[0])),
            ("GET", "history"): lambda: self.history(query.get("kind", ["contacts"])[0]),
            ("GET", "faults"): self.coming_faults,
            ("PUT", "faults"): lambda: self.faults(*json.loads(body)),
            ("POST", "calls"): lambda: self.call(str(json.loads(body)["phone"])),
            ("GET", "card"): lambda: self.card(query["id"][0]),
            ("GET", "request"): lambda: self.request(int(query["number"][0])),
        }
        if (method, parts.path) == ("GET", f"{CONTROL}live"):
            stream = self.changes.stream(query.get("since", [""])[0], self.news)
            return Reply(HTTPStatus.OK, b"", {"Cache-Control": "no-store"}, "text/event-stream", stream)
        route = routes.get((method, parts.path.removeprefix(CONTROL)))
        if route is None:
            return absent()
        try:
            return said(HTTPStatus.OK, route())
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return said(HTTPStatus.BAD_REQUEST, {"error": str(error)})


def _pieces(first: dict[str, Any], cards: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield {**first, "cards": cards[:CARDS_A_PIECE]}
    for start in range(CARDS_A_PIECE, len(cards), CARDS_A_PIECE):
        yield {"cards": cards[start : start + CARDS_A_PIECE]}


def _instead(fault: Fault, value: Any, kind: str) -> Reply | None:
    """Return the reply that a fault puts in place of Ringostat's."""
    if fault.refuse and fault.status is None:
        places = [index for index, card in enumerate(_records(value, kind)) if fault.means(card)]
        field = next(iter(fault.refuse))
        return _refusal([(f"{kind}[{index}].{field}", "is refused on demand") for index in places])
    return instead(fault)


def _refusal(fields: Iterable[tuple[str, str]]) -> Reply:
    named = [{"field": field, "reason": reason} for field, reason in fields]
    return said(HTTPStatus.BAD_REQUEST, {"error": "The body is wrong.", "fields": named})


def _records(value: Any, kind: str) -> list[Any]:
    records = value.get(kind) if isinstance(value, dict) else None
    return records if isinstance(records, list) else []


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
