"""How far deliveries are: due cards, circuits, queues. Looked up once a second while somebody watches."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from cards.card import Card
from errors import BridgeError
from local.page.arrivals import book_id
from ops.blockers import CIRCUITS
from ops.card_text import next_try, state
from ops.stack import Stack

LOOK_SECONDS = 1
LISTED = 50
FAR = 2**53  # ms since 1970: cards that are due now or later
QUEUES = {"inbox": "InboxQueue", "rejected": "RejectedQueue", "dead": "DeadDeliveryQueue"}


class Delivery:
    """The state of deliveries of one project as it was when last looked up; `told` is called when it has changed."""

    def __init__(self, stack: Stack, project: int, recent: Callable[[], Sequence[str]]) -> None:
        self._stack = stack
        self._project = project
        self._recent = recent
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._mark = 0
        self._seen: dict[str, Any] = {}

    def watch(self, watched: Callable[[], bool], told: Callable[[], int]) -> Callable[[], None]:
        """Look again and again in a thread of its own while `watched`; return what ends that."""

        def run() -> None:
            while not self._stopped.wait(LOOK_SECONDS):
                if watched():
                    with suppress(BotoCoreError, ClientError, BridgeError):
                        self._look(told)

        thread = threading.Thread(target=run)
        thread.start()

        def stop() -> None:
            self._stopped.set()
            thread.join()

        return stop

    def _look(self, told: Callable[[], int]) -> None:
        seen = self.look()
        if seen != self._seen:
            with self._lock:
                self._seen, self._mark = seen, told()

    def since(self, mark: int) -> dict[str, Any] | None:
        """Return what was last seen, None if it has not changed since."""
        with self._lock:
            return self._seen if self._mark > mark or mark == 0 else None

    def look(self) -> dict[str, Any]:
        """Return due cards, circuits, the depth of queues, and the state of each card that came lately."""
        cards = self._stack.cards
        due = cards.due(self._project, FAR, LISTED + 1, newest=True)
        recent = self._recent()
        known = cards.read(list(dict.fromkeys([*due[:LISTED], *recent])))
        return {
            "due": [_due(known[key]) for key in due[:LISTED] if key in known],
            "more": len(due) > LISTED,
            "circuits": [_circuit(name, cards.row(f"{self._project}#circuit#{name}")) for name in CIRCUITS],
            "pause": cards.row(f"{self._project}#pace").get("not_before", 0),
            "depths": {name: self._stack.depth(queue) for name, queue in QUEUES.items()},
            "states": {key: state(known[key]) for key in recent if key in known},
        }


def _due(card: Card) -> dict[str, Any]:
    values = {name: card.fields[name].value for name in ("fullName", "name") if name in card.fields}
    project, origin, rest = card.key.split("#", 2)
    return {
        "key": card.key,
        "id": book_id(int(project), origin, f"{rest.partition(':')[0]}:{_identity(card, rest)}"),
        "name": values.get("fullName") or values.get("name") or rest,
        "state": state(card),
        "since": card.due_since,
        "next": next_try(card),
    }


def _identity(card: Card, rest: str) -> str:
    """Return the card's id as the CRM writes it: where it is a phone or an e-mail, its key holds a hash."""
    field = card.fields.get("leadId" if rest.startswith("lead:") else "externalId")
    return str(field.value) if field and field.value else rest.partition(":")[2]


def _circuit(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    what, remedy = CIRCUITS[name]
    return {
        "name": name,
        "state": str(row.get("state", "closed")).lower(),
        "since": row.get("opened_at"),
        "what": what,
        "remedy": remedy,
    }
