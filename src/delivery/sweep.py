"""The sweep: wakes cards that are due and that no message woke, at a pace that Ringostat can take."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from aws.queues import Queue
from aws.table import Cards
from cards.card import is_confirmed
from delivery.policy import EVER_MS, LEFT_COUNTED, LOOKED_AT, OLDEST_SHARE, PROBE_CARDS, Policy
from delivery.throttle import Throttle, allowed, closed, gate, swept
from delivery.throttles import UNMOVED, Throttles
from delivery.wakeups import wake
from telemetry import logger, measure


class Sweeper(NamedTuple):
    """What a sweep needs from outside."""

    cards: Cards
    wakeups: Queue
    throttles: Throttles
    policy: Policy

    def sweep(self, now: int, circuits: int = 0) -> int:
        """Wake due cards of every project; return how many.

        `now` is ms since 1970, `circuits` how many are open elsewhere.
        """
        due = {project: self.cards.due(project, EVER_MS, LOOKED_AT) for project in self.cards.projects()}
        throttles = {project: self._throttle(project, now, has_due=bool(keys)) for project, keys in due.items()}
        keys = [key for project, throttle in throttles.items() for key in self._woken(project, throttle, now)]
        wake(self.wakeups, dict.fromkeys(keys, 0))
        if keys:
            logger.info("swept", cards=len(keys))
        measure("CircuitsOpen", circuits + sum(throttle.circuit is not None for throttle in throttles.values()))
        if left := sum(len(self.cards.left_behind(project, EVER_MS, LEFT_COUNTED)) for project in due):
            logger.info("left behind", cards=left)
        measure("OldestDueSeconds", self._oldest(due, now) / 1000, MetricUnit.Seconds)
        return len(keys)

    def _throttle(self, project: int, now: int, *, has_due: bool) -> Throttle:
        """Return a project's throttle. A circuit that has rested and has no card to try it with is closed."""
        throttle = self.throttles.read(project, now)
        if not has_due and gate(throttle, now) == "probe":
            self.throttles.move(project, throttle, closed(throttle), UNMOVED)
        return self.throttles.read(project, now)

    def _oldest(self, due: Mapping[int, Sequence[str]], now: int) -> int:
        """Return the age of the oldest content that Ringostat has not confirmed, in ms; 0 if there is none.

        A card that is due only to be asserted once more is not old.
        """
        keys = list(chain.from_iterable(due.values()))
        cards = self.cards.readable(keys)[0].values() if keys else ()
        return max([0, *(now - card.due_since for card in cards if card.due_since and not is_confirmed(card))])

    def _woken(self, project: int, throttle: Throttle, now: int) -> list[str]:
        if throttle.not_before is not None and throttle.not_before > now:
            return []
        match gate(throttle, now):
            case "open":
                return []
            case "probe":
                return self.cards.due(project, now, PROBE_CARDS)
            case "closed":
                self.throttles.move(project, throttle, swept(throttle, self.policy))
                return self._newest_and_oldest(project, now, allowed(throttle, self.policy))

    def _newest_and_oldest(self, project: int, now: int, limit: int) -> list[str]:
        oldest = self.cards.due(project, now, limit)
        if len(oldest) < limit:
            return oldest
        share = -(-limit // OLDEST_SHARE)
        newest = self.cards.due(project, now, limit - share, newest=True)
        return list(dict.fromkeys([*newest, *oldest[:share]]))
