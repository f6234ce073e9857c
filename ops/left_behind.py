"""Cards that a person has removed at Ringostat by hand."""

from collections.abc import Sequence

from cards.card import is_left_behind
from delivery import state
from ops.stack import Stack


def taken_off(stack: Stack, keys: Sequence[str]) -> set[str]:
    """Take cards off the list of those left behind; return the keys of those that were on it."""
    cards = stack.cards.read(keys)
    writes = [state.removed(card) for card in cards.values() if is_left_behind(card)]
    lost = stack.cards.write_all(writes) if writes else {}
    return {write.key for write in writes} - lost.keys()
