"""The requests of the page that only the world can answer, and its news."""

import base64
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qs, urlencode, urlsplit

from cards.endpoints import ENDPOINTS
from cards.key import IsPersonal, key_of, staff_key
from connections import connection_of
from intake.employees import ids_of
from local.emulator import Emulator
from local.emulator.reply import Reply, said
from local.emulator.server import PART
from local.front import Passage
from local.page import explained, samples
from local.page.arrivals import Arrival, Arrivals, row
from local.page.delivery import Delivery
from local.page.samples import Try
from mapping.identity import personal_ids
from mapping.language import loader
from mapping.language.rule import STAFF
from ops.offline import Offline
from ops.samples import Sample, delivered
from ops.stack import Stack

SHOWN_EVENTS = 100
EVENTS_OF_A_CARD = 20
WATCHED_CARDS = 90


class Sent(Protocol):
    """What an event was answered."""

    @property
    def status(self) -> int:
        """The status of the answer."""

    @property
    def body(self) -> bytes:
        """The body of the answer."""


Send = Callable[[str, str, str, Try], Sent]  # method, connection, query with its mark, event


class Desk:
    """The part of the page that knows the bridge. `entries` are the world's connections, `send` is the way to it."""

    def __init__(self, emulator: Emulator, stack: Stack, entries: Mapping[str, Any], send: Send) -> None:
        self._emulator = emulator
        self._stack = stack
        self._send = send
        self.arrivals = Arrivals({name: _connection(stack, entries, name) for name in entries})
        projects = {connection.project for connection in self.arrivals.connections.values()}
        self.delivery = Delivery(stack, projects.pop(), self._recent)

    def start(self) -> Callable[[], None]:
        """Join the page; return what ends that."""
        self._emulator.attach(self)
        changes = self._emulator.changes
        return self.delivery.watch(lambda: changes.readers > 0, changes.mark)

    def seen(self, passage: Passage) -> None:
        """Take note of a request to the bridge."""
        self.arrivals.add(passage, self._emulator.changes.mark)

    def _recent(self) -> list[str]:
        """Return the keys of the cards that came last."""
        events = self.arrivals.since(-1, SHOWN_EVENTS)
        keys = dict.fromkeys(key for event in events for key in self.arrivals.keys(event))
        return list(keys)[:WATCHED_CARDS]

    def news(self, since: int) -> dict[str, Any]:
        """Return events newly come, and the state of deliveries if that changed."""
        events = self.arrivals.since(since, SHOWN_EVENTS)
        return {
            "events": [row(event, self.arrivals.connections[event.connection]) for event in events],
            "delivery": self.delivery.since(since),
        }

    def control(self, method: str, target: str, body: bytes) -> Reply:
        """Answer a request of the page."""
        parts = urlsplit(target)
        query = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
        routes: Mapping[tuple[str, str], Callable[[], Any]] = {
            ("GET", "presets"): samples.presets,
            ("GET", "sample"): lambda: _shown(samples.sample(query["preset"], query["event"])),
            ("GET", "card"): lambda: self._card(*json.loads(query["id"])),
            ("GET", "event"): lambda: self._event(int(query["number"])),
            ("POST", "explain"): lambda: self._explain(json.loads(body)),
            ("POST", "send"): lambda: self._sent(json.loads(body)),
        }
        route = routes.get((method, parts.path.removeprefix(PART)))
        if route is None:
            return said(HTTPStatus.NOT_FOUND, {"error": "There is no such page."})
        try:
            return said(HTTPStatus.OK, route())
        except (ValueError, TypeError, KeyError) as error:
            return said(HTTPStatus.BAD_REQUEST, {"error": str(error)})

    def _personal_ids(self, project: int, origin: str) -> IsPersonal:
        """Return which ids are hashes in keys, by the connection that a contact came by."""
        for one in self.arrivals.connections.values():
            if (one.project, one.origin) == (project, origin):
                return personal_ids(one.settings) if one.mapping.free_ids else None
        return None

    def _card(self, project: int, origin: str, endpoint: str, id_name: str, number: str) -> dict[str, Any]:
        kind = "lead" if id_name == "leadId" else ENDPOINTS[endpoint].kinds[0]
        key = key_of(project, origin, f"{kind}:{number}", self._personal_ids(project, origin))
        known = self._stack.cards.read([key])
        events = self.arrivals.of_card(key, EVENTS_OF_A_CARD)
        return {
            **explained.card(known.get(key), key, self._stack.clock()),
            "events": [self._told(event, known, only=key) for event in events],
        }

    def _event(self, number: int) -> dict[str, Any]:
        event = self.arrivals.numbered(number)
        if event is None:
            raise ValueError("This event is forgotten.")
        return self._told(event, self._stack.cards.read(list(dict.fromkeys(self.arrivals.keys(event)))[:100]))

    def _told(self, event: Arrival, cards: Mapping[str, Any], *, only: str = "") -> dict[str, Any]:
        connection = self._staffed(self.arrivals.connections[event.connection])
        found = explained.outcomes(connection, event.sample, cards, only=only, received_at=int(event.time * 1000))
        return {**explained.request(event, connection), "outcomes": found}

    def _staffed(self, connection: Offline) -> Offline:
        """Return a connection with Ringostat's employees, if its mapping asks for them."""
        if STAFF not in connection.mapping.lookups:
            return connection
        return connection._replace(staff=ids_of(self._stack.cards.row(staff_key(connection.project))))

    def _explain(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what would become of an event, without sending it."""
        connection, event = self._staffed(self.arrivals.connections[f"demo-{wanted['preset']}"]), _tried(wanted)
        headers = {name.lower(): text for name, text in event.all_headers.items()}
        sample = Sample(delivered(event.body, event.content_type), headers, event.query)
        found = explained.outcomes(connection, sample, {})
        return {"mapping": connection.mapping.source.name, "outcomes": found}

    def _sent(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Send an event as its CRM would, through the front, and return what it was answered."""
        preset, event = str(wanted["preset"]), _tried(wanted)
        query = f"?{urlencode(event.query)}" if event.query else ""
        method = "GET" if loader.load(preset).get and not event.body else "POST"
        answer = self._send(method, f"demo-{preset}", query, event)
        return {"status": answer.status, "answer": answer.body.decode("utf-8", "replace")}


def _connection(stack: Stack, entries: Mapping[str, Any], name: str) -> Offline:
    found = connection_of(entries, name)
    if found is None:
        raise KeyError(name)
    return Offline.of(found, stack.mappings)


def _shown(event: Try) -> dict[str, Any]:
    return {
        "body": event.body.decode("utf-8", "replace"),
        "encoded": base64.b64encode(event.body).decode(),
        "contentType": event.content_type,
        "query": urlencode(event.query),
        "headers": event.headers,
    }


def _tried(wanted: Mapping[str, Any]) -> Try:
    """Return the event that the page describes; `encoded` is an unedited body, byte for byte."""
    body = base64.b64decode(wanted["encoded"]) if wanted.get("encoded") else str(wanted["body"]).encode()
    query = {name: texts[-1] for name, texts in parse_qs(str(wanted.get("query", "")), keep_blank_values=True).items()}
    headers = {str(name): str(text) for name, text in (wanted.get("headers") or {}).items()}
    return Try(body, str(wanted.get("contentType", "application/json")), query, headers)
