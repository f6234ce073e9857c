"""The sweep: wakes cards that are due and that no message woke, at a pace that Ringostat can take."""

from collections.abc import Sequence
from typing import NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from aws.queues import Queue
from aws.table import Cards
from cards.card import is_confirmed, refusals
from delivery.policy import EVER_MS, LEFT_COUNTED, LOOKED_AT, OLDEST_SHARE, PROBE_CARDS, SILENT_NAMED, Policy
from delivery.throttle import Throttle, allowed, closed, gate, swept
from delivery.throttles import UNMOVED, Throttles
from delivery.wakeups import wake
from telemetry import failed, logger, measure


class Swept(NamedTuple):
    """What a sweep found in one project."""

    woken: Sequence[str]
    is_open: bool  # its circuit
    left_behind: int
    oldest_ms: int


UNREAD = Swept((), is_open=True, left_behind=0, oldest_ms=0)  # it waits, and the alarm of circuits says so


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
        swept = [self._tried(project, now) for project in self.cards.projects()]
        measure("CircuitsOpen", circuits + sum(one.is_open for one in swept))
        measure("OldestDueSeconds", max([0, *(one.oldest_ms for one in swept)]) / 1000, MetricUnit.Seconds)
        if left := sum(one.left_behind for one in swept):
            logger.info("left behind", cards=left)
        keys = [key for one in swept for key in one.woken]
        wake(self.wakeups, dict.fromkeys(keys, 0))
        if keys:
            logger.info("swept", cards=len(keys))
        self._tell_silent(now)
        return len(keys)

    def _tell_silent(self, now: int) -> None:
        """Measure and name silent connections. Where there are none nothing is measured: CloudWatch bills by the hour.

        https://aws.amazon.com/cloudwatch/pricing/ (custom metrics are prorated by the hour)
        """
        if silent := self.cards.silent(now, SILENT_NAMED):
            measure("SilentConnections", len(silent))
            logger.warning("silent", connections=silent)

    def _tried(self, project: int, now: int) -> Swept:
        try:
            return self._swept(project, now)
        except Exception as error:  # noqa: BLE001 - one project's trouble must not stop the others
            failed("project left to the next sweep", error, project=project)
            return UNREAD

    def _swept(self, project: int, now: int) -> Swept:
        due = self.cards.due(project, EVER_MS, LOOKED_AT)
        throttle = self._throttle(project, now, has_due=bool(due))
        return Swept(
            woken=self._woken(project, throttle, now),
            is_open=throttle.circuit is not None,
            left_behind=len(self.cards.left_behind(project, EVER_MS, LEFT_COUNTED)),
            oldest_ms=self._oldest(due, now),
        )

    def _throttle(self, project: int, now: int, *, has_due: bool) -> Throttle:
        """Return a project's throttle. A circuit that has rested and has no card to try it with is closed."""
        throttle = self.throttles.read(project, now)
        if not has_due and gate(throttle, now) == "probe":
            self.throttles.move(project, throttle, closed(throttle), UNMOVED)
        return self.throttles.read(project, now)

    def _oldest(self, due: Sequence[str], now: int) -> int:
        """Return the age of the oldest content that Ringostat has not confirmed, in ms; 0 if there is none.

        A card that is due only to be asserted once more is not old, nor is one that was refused and is tried again.
        """
        cards = self.cards.readable(due)[0].values() if due else ()
        owed = (card for card in cards if not is_confirmed(card) and not refusals(card))
        return max([0, *(now - card.due_since for card in owed if card.due_since)])

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
