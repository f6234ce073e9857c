"""The sweep: rings for cards that are due and that nobody rang for, at a pace that Ringostat can bear."""

from typing import NamedTuple

from cards.store import Cards
from delivery.circuits import Circuits
from delivery.pace import Paces
from delivery.rings import ring
from queues import Queue
from telemetry import count, logger

OLDEST_SHARE = 5  # one card in so many: fresh callers show their names at once, and the backlog drains all the same


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
        keys = [key for project in self.cards.projects() for key in self._due(project, now)]
        ring(self.rings, keys)
        if keys:
            count("CardsSwept", len(keys))
            logger.info("swept", cards=len(keys))
        return len(keys)

    def _due(self, project: int, now: int) -> list[str]:
        pace = self.paces.read(project, now)
        if pace.not_before > now:
            return []
        gate = self.circuits.gate(project, now)
        if gate != "closed":
            self.paces.write(project, pace.recovering(self.first), now)
            return self.cards.due(project, now, 1) if gate == "probe" else []
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
