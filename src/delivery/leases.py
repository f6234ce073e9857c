"""Taking the leases of cards: `state` decides what each needs, here it is written."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aws.table import Cards
from cards.card import Card, free_at
from delivery import state
from delivery.state import Lease
from errors import NewerSchema, Unavailable
from telemetry import failed, logger


class Leases(NamedTuple):
    """The leases of one worker, all under one id. `now` and `quiet_ms` are in ms."""

    cards: Cards
    lease: Lease
    now: int
    quiet_ms: int
    waiting: dict[str, int]  # takes in the cards that must wait, and until when

    def claim(self, keys: Sequence[str]) -> list[Card]:
        """Take the leases of the cards that may be delivered now; return those cards as they are under the lease.

        One call for one card; two for a hundred, and one more for each that another worker changed in between.
        """
        if len(keys) <= 1:
            return self._each(keys)
        found, newer = self.cards.readable(keys)
        cards = found.values()
        ready = [card for card in cards if self._step(card) == "claim"]
        lost = self.cards.write_all([state.claim_read(card, self.lease, self.now) for card in ready])
        identity, until = self.lease
        claimed = [card._replace(lease_id=identity, lease_until=until) for card in ready if card.key not in lost]
        others = [self._instead(card) for card in cards if self._step(card) != "claim"]
        return claimed + [card for card in others if card] + self._each([*lost, *newer])

    def _each(self, keys: Iterable[str]) -> list[Card]:
        cards = [self._one(key) for key in keys]
        return [card for card in cards if card]

    def _one(self, key: str) -> Card | None:
        try:
            row = self.cards.write(state.claim(key, self.lease, self.now)).card
        except (NewerSchema, Unavailable) as error:  # the cards claimed so far must not wait for this one
            failed("not claimed", error, card=key)
            self.waiting[key] = self.now + self.quiet_ms
            return None
        return row if self._is_ours(row) else self._instead(row)

    def _is_ours(self, row: Card | None) -> bool:
        """Return whether a row holds our lease, even if the claim failed: the SDK may have sent it twice."""
        return row is not None and row.lease_id == self.lease.id

    def _step(self, card: Card | None) -> state.Step:
        return state.step(card, self.now, self.quiet_ms)

    def _instead(self, card: Card | None) -> Card | None:
        """Do what a card that cannot simply be claimed needs; return it if that is a delivery."""
        if card is None:
            return None
        match self._step(card):
            case "reclaim":
                logger.warning("a worker died in mid-delivery", card=card.key)
                result = self.cards.write(state.reclaim(card, self.lease))
                return result.card if self._is_ours(result.card) else None
            case "settle":
                self.cards.write(state.settle(card))
            case "wait":
                self.waiting[card.key] = free_at(card)
                if card.due_at is not None and card.due_at < free_at(card):
                    self.cards.write(state.later(card))
        return None
