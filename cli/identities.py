"""The cards that an operator means by an id of the CRM."""

from cards.card import Card
from cards.key import key_of
from connections import Connection
from ops.stack import Stack, origin_of

KINDS = ("contact", "lead", "organization")


def keys_of(connection: Connection, identity: str) -> dict[str, str]:
    """Return the keys that an id may have, by kind: `42` is of every kind, `lead:42` and a whole key are of one."""
    origin = origin_of(connection)
    identity = identity.removeprefix(f"{connection.project}#{origin}#")
    kind, mark, rest = identity.partition(":")
    if mark and kind in KINDS:
        return {kind: key_of(connection.project, origin, f"{kind}:{rest}")}
    return {kind: key_of(connection.project, origin, f"{kind}:{identity}") for kind in KINDS}


def found(stack: Stack, connection: Connection, identity: str) -> dict[str, Card]:
    """Return the cards that there are of an id, by kind."""
    keys = keys_of(connection, identity)
    cards = stack.cards.read(list(keys.values()))
    return {kind: cards[key] for kind, key in keys.items() if key in cards}
