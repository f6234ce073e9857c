"""What pages show of a card: the local one and the console."""

from typing import Any

from cards.card import Card
from cards.endpoints import Composed, compose
from cards.key import CardKey
from delivery.throttle import Throttle
from ops.blockers import CIRCUITS
from ops.card_text import next_try, state, story


def row(card: Card) -> dict[str, Any]:
    """Return a card as a list shows it; times are ms since 1970."""
    key = CardKey.parse(card.key)
    values = {name: card.fields[name].value for name in ("fullName", "name") if name in card.fields}
    return {
        "key": card.key,
        "name": values.get("fullName") or values.get("name") or f"{key.kind}:{key.identity}",
        "kind": key.kind,
        "connection": card.connection,
        "state": state(card),
        "since": card.due_since,
        "next": next_try(card),
        "confirmed": card.confirmed_at,
    }


def whole(known: Card | None, key: str, now: int) -> dict[str, Any]:
    """Return how far the delivery of a card is, and what Ringostat is to know of it."""
    if known is None:
        return {"key": key, "state": "", "story": [], "posted": None, "revision": 0}
    body = Composed("", None) if known.erased else compose(known.key, known.fields)
    return {
        "key": key,
        "state": state(known),
        "story": list(story(known, now)),
        "posted": {body.endpoint: [body.payload]} if body.payload else None,
        "revision": known.rev,
    }


def circuits(throttle: Throttle) -> list[dict[str, Any]]:
    """Return each circuit of a project, and since when (seconds since 1970) requests fail if it is open."""
    return [_circuit(name, throttle) for name in CIRCUITS]


def _circuit(name: str, throttle: Throttle) -> dict[str, Any]:
    what, remedy = CIRCUITS[name]
    is_open = throttle.circuit == name
    return {
        "name": name,
        "state": "open" if is_open else "closed",
        "since": throttle.failing_since / 1000 if is_open and throttle.failing_since else None,
        "what": what,
        "remedy": remedy,
    }
