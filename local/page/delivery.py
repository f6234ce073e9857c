"""How far deliveries are: due cards, circuits, queues. Looked up again and again while the page is open."""

import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any

from cards.card import Card
from cards.key import CardKey
from delivery.policy import EVER_MS
from delivery.throttle import Throttle
from local.page.arrivals import book_id
from ops.blockers import throttle_of
from ops.card_text import state
from ops.stack import Stack
from ops.views import circuits, row

LISTED = 50
QUEUES = {"inbox": "InboxQueue", "rejected": "RejectedQueue", "dead": "DeadDeliveryQueue"}


class Delivery:
    """The state of deliveries as it was when last looked up.

    Its projects are `known` ones and all others that ever had a card.
    """

    def __init__(self, stack: Stack, known: Collection[int], recent: Callable[[], Sequence[str]]) -> None:
        self._stack = stack
        self._known = known
        self._recent = recent
        self._lock = threading.Lock()
        self._mark = 0
        self._seen: dict[str, Any] = {}

    def watch(self, changed: Callable[[], int]) -> None:
        """Look, and call `changed` if that differs from what was seen last."""
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
        projects = sorted({*self._known, *cards.projects()})
        found = [cards.due(project, EVER_MS, LISTED + 1, newest=True) for project in projects]
        due = [key for keys in found for key in keys[:LISTED]]
        recent = self._recent()
        known = cards.read(list(dict.fromkeys([*due, *recent])))
        return {
            "due": [_due(known[key]) for key in due if key in known],
            "more": any(len(keys) > LISTED for keys in found),
            "projects": [_project(project, throttle_of(cards, project)) for project in projects],
            "depths": {name: self._stack.depth(queue) for name, queue in QUEUES.items()},
            "states": {key: state(known[key]) for key in recent if key in known},
        }


def _project(project: int, throttle: Throttle) -> dict[str, Any]:
    return {"project": project, "circuits": circuits(throttle), "pause": throttle.not_before or 0}


def _due(card: Card) -> dict[str, Any]:
    key = CardKey.parse(card.key)
    identity = _identity(card, key)
    return {**row(card), "id": book_id(key.project, key.origin, f"{key.kind}:{identity}")}


def _identity(card: Card, key: CardKey) -> str:
    """Return the card's id as the CRM writes it: where it is a phone or an e-mail, its key holds a hash."""
    field = card.fields.get("leadId" if key.kind == "lead" else "externalId")
    return str(field.value) if field and field.value else key.identity
