"""Cards that are left behind: what Ringostat may still show of them, and that a person has removed it there."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from cards.card import Card, is_left_behind
from delivery import state
from ops.card_text import why_left
from ops.stack import Stack


class Left(NamedTuple):
    """One card: since when (ms since 1970) and why it is left behind, and what Ringostat shows."""

    since: int
    key: str
    why: str
    name: str | None
    numbers: Sequence[str]
    link: str | None


def left(card: Card) -> Left:
    """Return what is to be removed."""
    shown: Any = card.shown or {}
    numbers = shown.get("numbers", [])
    return Left(card.due_at or 0, card.key, why_left(card), shown.get("name"), numbers, shown.get("link"))


def taken_off(stack: Stack, keys: Sequence[str]) -> set[str]:
    """Take cards off the list of those left behind; return the keys of those that were on it."""
    cards = stack.cards.read(keys)
    writes = [state.removed(card) for card in cards.values() if is_left_behind(card)]
    lost = stack.cards.write_all(writes) if writes else {}
    return {write.key for write in writes} - lost.keys()
