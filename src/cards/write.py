"""Writes of a row: what is set, under which condition; and the write of a merged card. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.card import Card, may_be_shown
from cards.endpoints import compose, shown
from cards.key import RENAMED, left_behind_part, project_of, renaming_key

RENAMED_AFTER_MS = 120_000  # no contact is still being written with the old name by then
SCHEMA = 1  # of a row
ABSENT = "attribute_not_exists(#rev)"
UNSHOWN = (  # the same as `may_be_shown` says, of the row as it is when it is written
    " AND attribute_not_exists(#lease_id) AND attribute_not_exists(#confirmed_hash)"
    " AND attribute_not_exists(#ambiguous)"
)


class Write(NamedTuple):
    """Attributes of one row to set (None removes them), the condition for it, and the condition's values."""

    key: str
    changes: Mapping[str, Any]
    condition: str = ""
    values: Mapping[str, Any] = {}
    members: frozenset[str] = frozenset()  # keys to add to the row's `members`
    leave: bool = False  # take them off instead
    once: Mapping[str, Any] = {}  # attributes to set where the row has none


def listed(number: str, cards: frozenset[str], now: int) -> Write:
    """Return the write that adds cards to the row of a number, given by its key."""
    return Write(number, {"at": now, "expires_at": None}, members=cards)


def renaming(organization: str, now: int) -> Write:
    """Return the write by which an organization's name will be given to all its contacts, those being written too."""
    changes = {"due": RENAMED, "due_at": now + RENAMED_AFTER_MS, "page": 0}
    return Write(renaming_key(organization), changes)


def spread(organization: str, at: int, page: int | None) -> Write:
    """Return the write that goes on with the spreading of a name at a page, or ends it, unless it was renamed again."""
    changes = {"page": page} if page is not None else {"due": None, "due_at": None, "page": None}
    return Write(renaming_key(organization), changes, "#due_at = :at", {"at": at})


def merged(before: Card, after: Card, *, due_at: int | None, expires_at: int | None, since: int | None = None) -> Write:
    """Return the write of a card's new content; it happens only if the row is still the one that was read.

    `before` is a card of revision 0 where there was no row. `due_at` None leaves it as it is; `since` is when the
    news came, `due_at` if it is due at once. A card that loses its content is no longer due, but left behind if
    Ringostat may show it. Lease, quiet period and assertion are delivery state, not content, and are never touched; nor
    is a refusal of the same content, which may be younger than what was read.
    """
    changes: dict[str, Any] = {
        "schema": SCHEMA,
        "connection": after.connection,
        "mapping": after.mapping or None,
        "fields": after.fields,
        "rev": after.rev,
        "hash": after.hash,
        "waiting": after.waiting,
        "expires_at": expires_at,
        **({} if after.hash == before.hash else {"refused": None}),
        **_due(before, after, due_at, due_at if since is None else since),
    }
    if before.rev == 0:
        return Write(after.key, changes, ABSENT)
    unshown = UNSHOWN if _loses_content(before, after) and not may_be_shown(before) else ""
    return Write(after.key, changes, "#rev = :rev AND attribute_not_exists(#erased)" + unshown, {"rev": before.rev})


def _loses_content(before: Card, after: Card) -> bool:
    return after.hash is None and before.hash is not None


def _due(before: Card, after: Card, at: int | None, since: int | None) -> dict[str, Any]:
    if after.hash is None:
        return _left(before, since) if _loses_content(before, after) else {}
    return {} if at is None else {**due(after.key, at), "due_since": since, "shown": None}


def _left(before: Card, at: int | None) -> dict[str, Any]:
    """Return the changes of a card that loses its content."""
    if not may_be_shown(before):
        return due(before.key, None)
    payload = compose(before.key, before.fields).payload or {}
    return {"due": left_behind_part(project_of(before.key)), "due_at": at, "shown": shown(payload)}


def due(key: str, at: int | None) -> dict[str, Any]:
    """Return the changes that put a card into its project's part of the index of due cards, or (None) take it out."""
    return {"due": None if at is None else str(project_of(key)), "due_at": at}
