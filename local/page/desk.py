"""The requests of the page that only the world can answer, and its news."""

import base64
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError

from cards.endpoints import ENDPOINTS
from cards.key import IsPersonal, key_of
from connections import Connection, connection_of
from errors import BridgeError
from event import Event, wrapped
from local.emulator import Emulator
from local.emulator.server import PART
from local.front import Passage
from local.logs import Logs
from local.page import explained, samples
from local.page.arrivals import Arrival, Arrivals, row
from local.page.delivery import Delivery
from local.page.samples import Try
from mapping.identity import personal_ids
from ops import inbox, sending
from ops.offline import Offline
from ops.samples import Sample, delivered
from ops.stack import Stack
from ops.stored import staffed
from ops.views import whole
from ops.web.reply import Reply, said

SHOWN_EVENTS = 100
EVENTS_OF_A_CARD = 20
WATCHED_CARDS = 90
LOOK_SECONDS = 1
FRESH_MS = 5_000  # that connections are known before they are read again


class Desk:
    """The part of the page that knows the bridge.

    `entries` are the connections that the world begins with, `messages` what comes to the inbox queue.
    """

    def __init__(self, emulator: Emulator, stack: Stack, entries: Mapping[str, Any], messages: Logs) -> None:
        self._emulator = emulator
        self._messages = messages
        self._stack = stack
        self._entries, self._read_at = entries, stack.clock()
        self.arrivals = Arrivals(self._find)
        self.delivery = Delivery(stack, {entry["project"] for entry in entries.values()}, self._recent)

    def _find(self, name: str) -> Offline | None:
        """Return a connection as it is now: people connect, and connect anew, while the page is open."""
        connection = self._connection(name)
        with suppress(BridgeError):
            return Offline.of(connection, self._stack.mappings) if connection else None
        return None

    def _connection(self, name: str) -> Connection | None:
        now = self._stack.clock()
        if name not in self._entries or now > self._read_at + FRESH_MS:
            with suppress(BotoCoreError, ClientError, click.ClickException):
                self._entries, self._read_at = self._stack.secret("ConnectionsSecret"), now
        with suppress(BridgeError):
            return connection_of(self._entries, name)
        return None

    def start(self) -> Callable[[], None]:
        """Join the page; return what ends that."""
        self._emulator.attach(self)
        stopped = threading.Event()

        def run() -> None:
            while not stopped.wait(LOOK_SECONDS):
                self._look()

        thread = threading.Thread(target=run)
        thread.start()

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop

    def _look(self) -> None:
        """Take note of what came by the queue, and of deliveries while the page is open."""
        changes = self._emulator.changes
        for line in deque(self._messages.fresh(), SHOWN_EVENTS):  # of a large import the newest
            self.arrivals.take(json.loads(line.text), changes.mark)
        if changes.readers > 0:
            with suppress(BotoCoreError, ClientError, BridgeError):
                self.delivery.watch(changes.mark)

    def seen(self, passage: Passage) -> None:
        """Take note of a request to the bridge."""
        self.arrivals.add(passage, self._emulator.changes.mark)

    def _recent(self) -> list[str]:
        """Return the keys of the cards that came last."""
        events = self.arrivals.since(-1, SHOWN_EVENTS)
        keys = dict.fromkeys(key for event in events for key in event.keys)
        return list(keys)[:WATCHED_CARDS]

    def news(self, since: int) -> dict[str, Any]:
        """Return events newly come, and the state of deliveries if that changed."""
        events = self.arrivals.since(since, SHOWN_EVENTS)
        return {
            "events": [row(event) for event in events],
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
            ("POST", "again"): lambda: self._again(int(json.loads(body)["number"])),
        }
        route = routes.get((method, parts.path.removeprefix(PART)))
        if route is None:
            return said(HTTPStatus.NOT_FOUND, {"error": "There is no such page."})
        try:
            return said(HTTPStatus.OK, route())
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            return said(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except click.ClickException as error:
            return said(HTTPStatus.BAD_REQUEST, {"error": error.message})

    def _personal_ids(self, project: int, origin: str) -> IsPersonal:
        """Return which ids are hashes in keys, by the connection that a contact came by."""
        for one in filter(None, map(self._find, self._entries)):
            if (one.project, one.origin) == (project, origin):
                return personal_ids(one.settings) if one.mapping.free_ids else None
        return None

    def _card(self, project: int, origin: str, endpoint: str, id_name: str, number: str) -> dict[str, Any]:
        kind = "lead" if id_name == "leadId" else ENDPOINTS[endpoint].kinds[0]
        key = key_of(project, origin, f"{kind}:{number}", self._personal_ids(project, origin))
        known = self._stack.cards.read([key])
        events = self.arrivals.of_card(key, EVENTS_OF_A_CARD)
        return {
            **whole(known.get(key), key, self._stack.clock()),
            "events": [self._told(event, known, only=key) for event in events],
        }

    def _event(self, number: int) -> dict[str, Any]:
        event = self._numbered(number)
        return self._told(event, self._stack.cards.read(list(dict.fromkeys(event.keys))[:100]))

    def _numbered(self, number: int) -> Arrival:
        event = self.arrivals.numbered(number)
        if event is None:
            raise ValueError("This event is forgotten.")
        return event

    def _told(self, event: Arrival, cards: Mapping[str, Any], *, only: str = "") -> dict[str, Any]:
        known, received_at = event.known, int(event.time * 1000)
        outcomes = (
            explained.outcomes(staffed(self._stack, known), event.sample, cards, only=only, received_at=received_at)
            if known and not event.refusal
            else []
        )
        return {**explained.request(event), "outcomes": outcomes}

    def _explain(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return what would become of an event, without sending it."""
        connection = self._find(_name(wanted))
        if connection is None:
            raise ValueError("This connection is gone.")
        connection = staffed(self._stack, connection)
        event = _tried(wanted)
        sample = Sample(delivered(event.body, event.content_type), _headers(event), event.query)
        found = explained.outcomes(connection, sample, {})
        return {"mapping": connection.mapping.source.name, "outcomes": found}

    def _sent(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Send an event as its CRM would, through the front, and return what it was answered."""
        event = _tried(wanted)
        return self._through(_name(wanted), Sample(event.body, _headers(event), event.query))

    def _again(self, number: int) -> dict[str, Any]:
        """Send an event once more the way that it came, by the front with a proof of its connection."""
        event = self._numbered(number)
        if not event.status:
            return self._queued(event.connection, event.sample)
        return self._through(event.connection, event.sample, event.method)

    def _queued(self, name: str, sample: Sample) -> dict[str, Any]:
        now = self._stack.clock()
        message = wrapped(Event(name, sample.body, sample.headers, sample.query, now, "page", sample.lookup))
        inbox.put(self._stack, [message])
        return {"status": 0, "answer": ""}

    def _through(self, name: str, sample: Sample, method: str = "") -> dict[str, Any]:
        entry = self._connection(name)
        if entry is None:
            raise ValueError(f"There is no connection {name}.")
        if found := sending.problem(entry):
            raise ValueError(found)
        by_get = not method and self._stack.mappings.of(entry).get and not sample.body
        answer = sending.sent(self._stack, entry, sample, "GET" if by_get else method or "POST")
        return {"status": answer.status, "answer": answer.body.decode("utf-8", "replace")}


def _name(wanted: Mapping[str, Any]) -> str:
    """Return the connection that the page means: that of an event, or the one that a preset has here."""
    return str(wanted.get("connection") or f"demo-{wanted['preset']}")


def _headers(event: Try) -> dict[str, str]:
    return {name.lower(): text for name, text in event.all_headers.items()}


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
