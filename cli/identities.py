"""The cards that an operator means by an id of the CRM."""

import re

from cards.card import Card
from cards.key import key_of
from connections import Connection
from mapping.identity import personal_ids
from mapping.language.model import Mapping
from ops.stack import Stack

KINDS = ("contact", "lead", "organization")
KEY = re.compile(rf"[0-9]+#[^#]+#({'|'.join(KINDS)}):.+")


def keys_of(connection: Connection, mapping: Mapping, identity: str) -> dict[str, str]:
    """Return the keys that an id may have, by kind: `42` is of every kind, `lead:42` and a whole key are of one."""
    if whole := KEY.fullmatch(identity):  # of any project: a connection may have had another one
        return {whole[1]: identity}
    kind, mark, rest = identity.partition(":")
    cards = {kind: identity} if mark and kind in KINDS and rest else {kind: f"{kind}:{identity}" for kind in KINDS}
    is_personal = personal_ids(connection.settings) if mapping.free_ids else None
    origin = connection.origin or mapping.crm
    return {kind: key_of(connection.project, origin, card, is_personal) for kind, card in cards.items()}


def found(stack: Stack, connection: Connection, identity: str) -> dict[str, Card]:
    """Return the cards that there are of an id, by kind."""
    keys = keys_of(connection, stack.mappings.of(connection), identity)
    cards = stack.cards.read(list(keys.values()))
    return {kind: cards[key] for kind, key in keys.items() if key in cards}
