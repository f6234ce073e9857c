"""The contact book and the call log. A client's data appears in a call only if the card came before the call."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

KEPT_CALLS = 10_000
KEPT_STATES = 100  # per card

Card = Mapping[str, Any]


class Key(NamedTuple):
    """What makes two posted records the same card."""

    project: int
    origin: str
    kind: str  # contacts | organizations
    id_name: str  # externalId | leadId
    id: str


class State(NamedTuple):
    """What a card became at a time (seconds since 1970), and by which request."""

    time: float
    request: int
    card: Card


def key_of(kind: str, card: Card) -> Key:
    """Return the identity of a posted record: project, origin and externalId, or leadId where there is none."""
    id_name = "leadId" if card["externalId"] is None else "externalId"
    return Key(card["projectId"], card["origin"], kind, id_name, card[id_name])


class Book:
    """All cards, newest change last, with their history. Not safe between threads."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: OrderedDict[Key, deque[State]] = OrderedDict()
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)

    def sync(self, kind: str, cards: Sequence[Card], request: int) -> None:
        """Insert or replace each card: the last one that lands wins, as nothing in a request says how old it is."""
        for card in cards:
            key = key_of(kind, card)
            self._states.setdefault(key, deque(maxlen=KEPT_STATES)).append(State(self._clock(), request, card))
            self._states.move_to_end(key)

    def cards(self, kind: str) -> list[Card]:
        """Return the cards as they were posted last, the last changed one at the end."""
        return [states[-1].card for key, states in self._states.items() if key.kind == kind]

    def history(self, kind: str) -> list[dict[str, Any]]:
        """Return each card's identity and its states, oldest first."""
        return [
            {**key._asdict(), "states": [state._asdict() for state in states]}
            for key, states in self._states.items()
            if key.kind == kind
        ]

    def call(self, phone: str) -> dict[str, Any]:
        """Log a call of a number, with the data of the client whom the book knows by now."""
        known = self._client(_digits(phone))
        call = {
            "time": self._clock(),
            "phone": phone,
            "fullName": known and known["fullName"],
            "origin": known and known["origin"],
            "responsible": known and known["responsible"],
            "contactLink": known and known["contactLink"],
            "leadLink": known and known["leadLink"],
            "dealLink": known and known["dealLink"],
        }
        self._calls.append(call)
        return call

    def calls(self) -> list[dict[str, Any]]:
        """Return the call log, oldest first."""
        return list(self._calls)

    def _client(self, digits: str) -> Card | None:
        """Return the contact with this number that changed last; Ringostat's call log has digits without a plus."""
        for key in reversed(self._states):
            card = self._states[key][-1].card
            if key.kind == "contacts" and any(
                direction["type"] == "phone" and _digits(direction["value"]) == digits
                for direction in card["contactDirections"]
            ):
                return card
        return None


def _digits(phone: str) -> str:
    return re.sub(r"\D", "", phone)
