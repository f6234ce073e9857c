"""How far deliveries are: due cards, circuits, queues. Looked up once a second while the page is open."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cards.card import Card
from cards.key import CardKey
from delivery.policy import EVER_MS
from errors import BridgeError
from local.page.arrivals import book_id
from ops.blockers import throttle_of
from ops.card_text import state
from ops.stack import Stack
from ops.views import circuits, row

LOOK_SECONDS = 1
LISTED = 50
QUEUES = {"inbox": "InboxQueue", "rejected": "RejectedQueue", "dead": "DeadDeliveryQueue"}


class Delivery:
    """The state of deliveries of one project as it was when last looked up; `changed` is called when it has changed."""

    def __init__(self, stack: Stack, project: int, recent: Callable[[], Sequence[str]]) -> None:
        self._stack = stack
        self._project = project
        self._recent = recent
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._mark = 0
        self._seen: dict[str, Any] = {}

    def watch(self, watched: Callable[[], bool], changed: Callable[[], int]) -> Callable[[], None]:
        """Look again and again in a separate thread while `watched`; return what ends that."""

        def run() -> None:
            while not self._stopped.wait(LOOK_SECONDS):
                if watched():
                    with suppress(BotoCoreError, ClientError, BridgeError):
                        self._look(changed)

        thread = threading.Thread(target=run)
        thread.start()

        def stop() -> None:
            self._stopped.set()
            thread.join()

        return stop

    def _look(self, changed: Callable[[], int]) -> None:
        seen = self.look()
        if seen != self._seen:
            with self._lock:
                self._seen, self._mark = seen, changed()

    def since(self, mark: int) -> dict[str, Any] | None:
        """Return what was last seen, None if it has not changed since."""
        with self._lock:
            return self._seen if self._mark > mark or mark == 0 else None

    def look(self) -> dict[str, Any]:
        """Return due cards, circuits, the depth of queues, and the state of each card that came lately."""
        cards = self._stack.cards
        due = cards.due(self._project, EVER_MS, LISTED + 1, newest=True)
        recent = self._recent()
        throttle = throttle_of(cards, self._project)
        known = cards.read(list(dict.fromkeys([*due[:LISTED], *recent])))
        return {
            "due": [_due(known[key]) for key in due[:LISTED] if key in known],
            "more": len(due) > LISTED,
            "circuits": circuits(throttle),
            "pause": throttle.not_before or 0,
            "depths": {name: self._stack.depth(queue) for name, queue in QUEUES.items()},
            "states": {key: state(known[key]) for key in recent if key in known},
        }


def _due(card: Card) -> dict[str, Any]:
    key = CardKey.parse(card.key)
    identity = _identity(card, key)
    return {**row(card), "id": book_id(key.project, key.origin, f"{key.kind}:{identity}")}


def _identity(card: Card, key: CardKey) -> str:
    """Return the card's id as the CRM writes it: where it is a phone or an e-mail, its key holds a hash."""
    field = card.fields.get("leadId" if key.kind == "lead" else "externalId")
    return str(field.value) if field and field.value else key.identity
