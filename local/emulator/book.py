"""The contact book and the call log. A client's data appears in a call only if the card came before the call."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, takewhile
from typing import Any, NamedTuple

KEPT_CALLS = 10_000
KEPT_STATES = 100  # per card
KEPT_HISTORY = 20_000  # states of all cards together that are not the newest

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
        self._marks: dict[Key, int] = {}
        self._history = 0
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_CALLS)
        self._call_marks: deque[int] = deque(maxlen=KEPT_CALLS)

    def sync(self, kind: str, cards: Sequence[Card], request: int, mark: int = 0) -> None:
        """Insert or replace each card: the last one that lands wins, as nothing in a request says how old it is.

        `mark` is the number of the change, for `since`.
        """
        for card in cards:
            key = key_of(kind, card)
            states = self._states.setdefault(key, deque(maxlen=KEPT_STATES))
            self._history += bool(states) and len(states) < KEPT_STATES
            states.append(State(self._clock(), request, card))
            self._states.move_to_end(key)
            self._marks[key] = mark
        if self._history > KEPT_HISTORY:
            self._forget()

    def _forget(self) -> None:
        """Forget the older half of every card's history."""
        for states in self._states.values():
            for _ in range(len(states) // 2):
                states.popleft()
        self._history = sum(len(states) - 1 for states in self._states.values())

    def since(self, mark: int) -> list[tuple[Key, State, int]]:
        """Return the cards that changed later, newest first: key, newest state, number of the change."""
        late = takewhile(lambda key: self._marks[key] > mark, reversed(self._states))
        return [(key, self._states[key][-1], self._marks[key]) for key in late]

    def states(self, key: Key) -> list[State]:
        """Return a card's states, oldest first; none for one that never came."""
        return list(self._states.get(key, ()))

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

    def call(self, phone: str, mark: int = 0) -> dict[str, Any]:
        """Log a call of a number, with the data of the client as the book knows it by now."""
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
        self._call_marks.append(mark)
        return call

    def calls_since(self, mark: int, most: int) -> list[dict[str, Any]]:
        """Return at most so many calls of later changes, newest first."""
        late = takewhile(
            lambda pair: pair[0] > mark, zip(reversed(self._call_marks), reversed(self._calls), strict=True)
        )
        return [{"mark": number, **call} for number, call in islice(late, most)]

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
