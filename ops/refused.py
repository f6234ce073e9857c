"""Cards that Ringostat refused, posted once more."""

from collections.abc import Sequence

from cards.card import Card
from delivery import state
from delivery.wakeups import wake
from ops.stack import Stack


def retried(stack: Stack, cards: Sequence[Card]) -> int:
    """Make at most a hundred refused cards due and wake delivery; return how many had not changed meanwhile."""
    now = stack.clock()
    lost = stack.cards.write_all([state.retry(card, now) for card in cards])
    keys = [card.key for card in cards if card.key not in lost]
    wake(stack.queue("DeliveryQueue"), dict.fromkeys(keys, 0))
    return len(keys)
