"""What pages and verbs show of cards, circuits and connections."""

from collections.abc import Mapping
from typing import Any

from cards.card import Card
from cards.endpoints import ENDPOINTS, Composed, compose
from cards.key import CardKey
from connections import connection_of
from delivery.throttle import Throttle
from errors import BadConnection
from ops.blockers import CIRCUITS
from ops.card_text import next_try, state, story

KINDS = frozenset(kind for endpoint in ENDPOINTS.values() for kind in endpoint.kinds)


def described(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what there is to say of a connection, without its secrets; null where its entry is broken."""
    try:
        connection = connection_of(entries, name)
    except BadConnection:
        connection = None
    settings = connection.settings if connection else {}
    return {
        "name": name,
        "mapping": connection and connection.mapping,
        "project": connection and connection.project,
        "country": settings.get("country"),
        "time_zone": settings.get("time_zone"),
        "scheme": connection and connection.verify.get("scheme"),
        "crm_url": settings.get("crm_url"),
    }


def is_card(key: str) -> bool:
    """Tell the key of a card from that of another row of the table."""
    try:
        return CardKey.parse(key).kind in KINDS
    except ValueError:
        return False


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
