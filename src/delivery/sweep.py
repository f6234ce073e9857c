"""The sweep: rings for cards that are due and that nobody rang for, at a pace that Ringostat can bear."""

from collections.abc import Iterable
from typing import NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from aws.queues import Queue
from aws.table import Cards
from cards.card import Card
from delivery.circuits import PROBE, Circuits, Gate
from delivery.pace import Paces
from delivery.wakeups import ring
from telemetry import logger, measure

OLDEST_SHARE = 5  # one card in so many: fresh callers show their names at once, and the backlog drains all the same
LOOKED_AT = 100  # due cards of a project whose age is read; more of them are a backlog, and the first are its oldest
EVER = 2**53  # ms since 1970: due now or later


class Sweeper(NamedTuple):
    """What a sweep needs. `most` cards of a project are rung at most, `first` on the way back from an outage."""

    cards: Cards
    rings: Queue
    circuits: Circuits
    paces: Paces
    most: int
    first: int

    def sweep(self, now: int) -> int:
        """Ring due cards of every project; return how many. `now` is ms since 1970."""
        gates = {project: self.circuits.gate(project, now) for project in self.cards.projects()}
        keys = [key for project, gate in gates.items() for key in self._due(project, gate, now)]
        ring(self.rings, dict.fromkeys(keys, 0))
        if keys:
            logger.info("swept", cards=len(keys))
        measure("CircuitsOpen", sum(gate != "closed" for gate in gates.values()))
        measure("OldestDueSeconds", self._oldest(gates, now) / 1000, MetricUnit.Seconds)
        return len(keys)

    def _oldest(self, projects: Iterable[int], now: int) -> int:
        """Return the age of the oldest content that Ringostat has not confirmed, in ms; 0 if there is none."""
        keys = [key for project in projects for key in self.cards.due(project, EVER, LOOKED_AT)]
        cards = self.cards.read(keys).values() if keys else ()
        ages = (now - card.due_since for card in cards if card.due_since and _is_unconfirmed(card))
        return max([0, *ages])

    def _due(self, project: int, gate: Gate, now: int) -> list[str]:
        pace = self.paces.read(project, now)
        if pace.not_before > now:
            return []
        if gate != "closed":
            self.paces.write(project, pace.recovering(self.first), now)
            return self.cards.due(project, now, PROBE) if gate == "probe" else []
        keys = self._newest_and_oldest(project, now, pace.allowance)
        if pace.allowance < self.most:
            self.paces.write(project, pace.swept(self.most), now)
        return keys

    def _newest_and_oldest(self, project: int, now: int, limit: int) -> list[str]:
        oldest = self.cards.due(project, now, limit)
        if len(oldest) < limit:
            return oldest
        share = -(-limit // OLDEST_SHARE)
        newest = self.cards.due(project, now, limit - share, newest=True)
        return list(dict.fromkeys([*newest, *oldest[:share]]))


def _is_unconfirmed(card: Card) -> bool:
    """Tell such a card from one that is due only to be asserted once more."""
    return card.hash != card.confirmed_hash or card.ambiguous
