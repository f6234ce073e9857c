"""The throttles of all projects, a row each in the cards table.

Reading and writing fail open: a breaker must not become the outage that it is to prevent. What this process sees
counts for it at once; what others see, after ten seconds. A healthy project costs no write.
"""

from aws.table import Cards
from cards.card import Card
from cards.key import throttle_key
from cards.write import Write
from delivery.classify import Judgement
from delivery.policy import CACHE_MS, Policy
from delivery.throttle import Throttle, after, compared, counted, gate, probing
from errors import Unavailable
from telemetry import failed, logger

UNMOVED = "#rests_until = :rests_until"


class Throttles:
    """The throttles, read and moved by project; `now` is ms since 1970."""

    def __init__(self, cards: Cards, policy: Policy) -> None:
        self._cards = cards
        self._policy = policy
        self._known: dict[int, tuple[int, Throttle]] = {}  # and when each was read

    def read(self, project: int, now: int) -> Throttle:
        """Return a project's throttle as it was at most ten seconds ago."""
        read_at, known = self._known.get(project, (now - CACHE_MS, Throttle()))
        if now - read_at >= CACHE_MS:
            try:
                known = known.refreshed(self._cards.row(throttle_key(project)))
            except Unavailable as error:
                failed("throttle not read", error, project=project)
            self._known[project] = now, known
        return known

    def admits(self, project: int, now: int) -> bool:
        """Return whether a POST may start. On an open circuit that has rested only one may: the probe."""
        throttle = self.read(project, now)
        if throttle.circuit is None:
            return True
        if gate(throttle, now) == "probe" and self.move(
            project, throttle, probing(throttle, now, self._policy), UNMOVED
        ):
            return True
        return self.read(project, now).circuit is None  # another worker's probe has just closed it

    def observe(self, project: int, judgement: Judgement, now: int, alone: Card | None = None) -> Judgement:
        """Take in the answer to a POST; return it as it counts for the cards of that: `alone` if it was of one."""
        before = self.read(project, now)
        if judgement.answer_class == "confirmed" and not (before.circuit or before.failures or before.alike.keys):
            return judgement
        throttle = compared(before, judgement, alone)
        if alone:
            judgement = counted(throttle, judgement)
        self.move(project, before, after(throttle, judgement, now, self._policy))
        return judgement

    def move(self, project: int, before: Throttle, new: Throttle, condition: str = "") -> bool:
        """Keep a throttle that was read before; return False if the condition does not hold any more."""
        if new == before:
            return True
        self._known[project] = self._known[project][0], new
        was, row = before.row(), new.row()
        changes = {name: value for name, value in row.items() if value != was[name]}
        values = {"rests_until": before.rests_until} if condition else {}
        try:
            if changes and not self._cards.write(Write(throttle_key(project), changes, condition, values)).done:
                del self._known[project]
                return False
        except Unavailable as error:
            failed("throttle not written", error, project=project)
        if before.circuit != new.circuit or condition:
            state = "closed" if new.circuit is None else "probe" if condition else "open"
            logger.warning("circuit", project=project, circuit=new.circuit or before.circuit, state=state)
        return True
