"""Ringostat under observation: which of our contents landed when, and late requests that land when told to."""

import threading
import time

from cards.card import digest
from cards.key import key_of
from local.emulator import Emulator
from local.emulator.book import Book
from local.in_process import AUTH_KEYS

KINDS = {"contacts": "contact", "organizations": "organization"}


class Gate(threading.Event):
    """Where the emulator lets late requests wait: here not for seconds, but until they are let through."""

    def __init__(self):
        super().__init__()
        self.held = 0
        self._turn = threading.Condition()

    def wait(self, timeout=None):  # noqa: ARG002 - of Event
        with self._turn:
            self.held += 1
            self._turn.wait()
        return self.is_set()

    def let_through(self):
        with self._turn:
            self.held = 0
            self._turn.notify_all()


class Remote(Emulator):
    """The emulator; `versions` are the contents of each card in the order in which the bridge composed them."""

    def __init__(self, versions):
        self._versions = versions
        self._counting = threading.Lock()
        self.arrived = self.finished = 0
        self.records = 0  # posted, in all requests
        self.stale = 0
        self.unknown = 0
        self.statuses: list[int | None] = []
        self.held: dict[str, tuple[int, str]] = {}
        self.seen: set[tuple[str, int]] = set()
        super().__init__(keys={int(project): entry["auth_key"] for project, entry in AUTH_KEYS.items()})
        self._stopped = Gate()

    def clear(self):
        super().clear()
        self._book = Landings(self._clock, self._landed)

    def stop(self):
        self._stopped.let_through()
        super().stop()

    def receive(self, path, headers, body):
        with self._counting:
            self.arrived += 1
        try:
            fault, reply = super().receive(path, headers, body)
            self.statuses.append(reply.status if reply else None)
            return fault, reply
        finally:
            with self._counting:
                self.finished += 1

    def calm(self):
        """Wait until nothing is under way but what waits at the gate."""
        while self.arrived - self.finished != self._stopped.held:
            time.sleep(0.0005)

    def late(self):
        return self._stopped.held

    def land(self):
        """Let the late requests land."""
        self.calm()
        self._stopped.let_through()
        self.calm()

    def _landed(self, kind, record):
        key, content = _key(kind, record), digest(record)
        revisions = [revision for revision, known in self._versions[key] if known == content]
        self.records += 1
        self.unknown += not revisions
        revision = max(revisions, default=0)
        held, held_content = self.held.get(key, (0, content))
        self.stale += revision < held and content != held_content
        self.held[key] = revision, content
        self.seen.add((key, revision))


class Landings(Book):
    """The contact book, which tells of every record that lands."""

    def __init__(self, clock, landed):
        super().__init__(clock)
        self._landed = landed

    def sync(self, kind, cards, *request):
        for card in cards:
            self._landed(kind, card)
        super().sync(kind, cards, *request)


def _key(kind, record):
    identity = record["externalId"] if record["externalId"] is not None else record["leadId"]
    word = KINDS[kind] if record["externalId"] is not None else "lead"
    return key_of(record["projectId"], record["origin"], f"{word}:{identity}")
