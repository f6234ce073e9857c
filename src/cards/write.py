"""Writes of a row: what is set, under which condition; and the write of a merged card. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.card import Card
from cards.key import project_of

SCHEMA = 1  # of a row
ABSENT = "attribute_not_exists(#rev)"


class Write(NamedTuple):
    """Attributes of one row to set (None removes them), the condition for it, and the condition's values."""

    key: str
    changes: Mapping[str, Any]
    condition: str = ""
    values: Mapping[str, Any] = {}


def merged(before: Card, after: Card, *, due_at: int | None, expires_at: int | None) -> Write:
    """Return the write of a card's new content; it happens only if the row is still the one that was read.

    `before` is a card of revision 0 where there was no row. `due_at` None leaves it as it is, unless the card has
    nothing to post. Lease, quiet period and assertion are delivery state, not content, and are never touched; nor is a
    refusal of the same content, which may be newer than what was read.
    """
    changes: dict[str, Any] = {
        "schema": SCHEMA,
        "connection": after.connection,
        "fields": after.fields,
        "rev": after.rev,
        "hash": after.hash,
        "waiting": after.waiting,
        "expires_at": expires_at,
        **({} if after.hash == before.hash else {"refused": None}),
        **_due(after, due_at),
    }
    if before.rev == 0:
        return Write(after.key, changes, ABSENT)
    return Write(after.key, changes, "#rev = :rev AND attribute_not_exists(#erased)", {"rev": before.rev})


def _due(card: Card, at: int | None) -> dict[str, Any]:
    if card.hash is None:
        return due(card.key, None)
    return {} if at is None else {**due(card.key, at), "due_since": at}


def due(key: str, at: int | None) -> dict[str, Any]:
    """Return the changes that put a card into its project's part of the index of due cards, or (None) take it out."""
    return {"due": None if at is None else str(project_of(key)), "due_at": at}
