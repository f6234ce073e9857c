"""How a project's POSTs are held back: a circuit breaker, Ringostat's wishes for quiet, and the way back. Pure.

After five failures in a row the circuit opens: no card is claimed until it has rested. Then one POST, the probe, tries
again; one success closes it, because the sweep brings the backlog back gradually. Many different cards that are refused
alone with the same answer, one after another, are such a failure too, and none of the cards; unless a success showed
that the answer was about the cards.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from cards.card import Card, refusals
from delivery.bisect import SPLITTING
from delivery.classify import Judgement
from delivery.policy import (
    FAILURES_IN_A_ROW,
    PATIENCE,
    QUICK_GROWTH_PERCENT,
    SLOW_GROWTH_PERCENT,
    SLOWER_PERCENT,
    Policy,
)

Gate = Literal["closed", "probe", "open"]


class Alike(NamedTuple):
    """Cards that were refused alone for the first time, with the same answer, one after another."""

    answer: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    excused: tuple[str, ...] = ()  # an answer that proved to be about the cards

    def is_many(self) -> bool:
        """Return whether so many cards cannot all be wrong by themselves."""
        return len(self.keys) >= FAILURES_IN_A_ROW and self.answer != self.excused


class Throttle(NamedTuple):
    """Of one project; times are ms since 1970. As it is made here, nothing holds the project back."""

    circuit: str | None = None  # transport, contract or auth while the circuit is open, by its last failure
    failing_since: int | None = None  # the first failure since the last success
    rests_until: int | None = None  # of an open circuit: no probe earlier
    not_before: int | None = None  # no POST earlier: Ringostat asked for it
    allowance: int | None = None  # cards that a sweep wakes at most; None: as many as any
    growth: int | None = None  # of the allowance, in per cent a sweep
    failures: int = 0  # in a row; only the process that saw them knows these and the next
    alike: Alike = Alike()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Throttle":
        """Return what a row says."""
        return cls(**{name: row[name] for name in cls._fields if name in row})

    def refreshed(self, row: Mapping[str, Any]) -> "Throttle":
        """Return what a row says now, with the failures that this process has seen since its last success."""
        now = self.of(row)
        now = now._replace(alike=self.alike)
        if self.circuit or now.circuit:
            return now
        return now._replace(failures=self.failures, failing_since=self.failing_since)

    def row(self) -> dict[str, Any]:
        """Return what a row says of it: a healthy project needs none."""
        values = self._asdict()
        del values["failures"], values["alike"]
        return values if self.circuit else {**values, "failing_since": None}


def gate(throttle: Throttle, now: int) -> Gate:
    """Return which cards may be claimed and posted now: all (`closed`), those of one probe, or none (`open`)."""
    if throttle.circuit is None:
        return "closed"
    return "open" if now < (throttle.rests_until or 0) else "probe"


def compared(throttle: Throttle, judgement: Judgement, alone: Card | None) -> Throttle:
    """Return the throttle that remembers which cards were refused alike, each alone and for the first time."""
    alike, answer = throttle.alike, judgement[:3]
    if judgement.answer_class not in SPLITTING:
        was_of_cards = judgement.answer_class == "confirmed" and alike.is_many()
        return throttle._replace(alike=Alike(excused=alike.answer if was_of_cards else alike.excused))
    if alone is None or refusals(alone):
        return throttle
    keys = alike.keys if alike.answer == answer else frozenset()
    return throttle._replace(alike=alike._replace(answer=answer, keys=keys | {alone.key}))


def counted(throttle: Throttle, judgement: Judgement) -> Judgement:
    """Return a refusal of a card alone as what it is while many are refused alike: a fault of Ringostat's."""
    if judgement.answer_class not in SPLITTING or judgement[:3] == throttle.alike.excused:
        return judgement
    if throttle.circuit == "contract" or throttle.alike.is_many():
        return judgement._replace(answer_class="configuration", circuit="contract")
    return judgement


def after(throttle: Throttle, judgement: Judgement, now: int, policy: Policy) -> Throttle:
    """Return the throttle after the answer to a POST."""
    if not judgement.circuit:
        return closed(throttle)
    failures = max(throttle.failures + 1, len(throttle.alike.keys))
    throttle = throttle._replace(failures=failures, failing_since=throttle.failing_since or now)
    if judgement.answer_class == "slow-down":
        throttle = _slowed(throttle, now + int(judgement.wait_seconds * 1000), policy)
    if throttle.circuit is None and failures < FAILURES_IN_A_ROW:
        return throttle
    first = min(policy.batch_size, allowed(throttle, policy))
    return probing(throttle._replace(circuit=judgement.circuit, allowance=first), now, policy)


def closed(throttle: Throttle) -> Throttle:
    """Return the throttle with a closed circuit; the pace stays."""
    return throttle._replace(circuit=None, failing_since=None, rests_until=None, failures=0)


def probing(throttle: Throttle, now: int, policy: Policy) -> Throttle:
    """Return the throttle of an open circuit that rests again: so a probe that dies holds up no other for longer."""
    rest = policy.circuit_rest_ms * PATIENCE.get(throttle.circuit or "", PATIENCE["transport"])
    return throttle._replace(rests_until=now + rest)


def allowed(throttle: Throttle, policy: Policy) -> int:
    """Return how many cards a sweep may wake."""
    return min(policy.sweep_most, throttle.allowance or policy.sweep_most)


def swept(throttle: Throttle, policy: Policy) -> Throttle:
    """Return the throttle of the next sweep, which may wake more."""
    if throttle.allowance is None:
        return throttle
    grown = throttle.allowance * (throttle.growth or QUICK_GROWTH_PERCENT) // 100
    allowance = max(throttle.allowance + 1, grown)
    if allowance >= policy.sweep_most:
        return throttle._replace(allowance=None, growth=None)
    return throttle._replace(allowance=allowance)


def _slowed(throttle: Throttle, until: int, policy: Policy) -> Throttle:
    return throttle._replace(
        not_before=max(until, throttle.not_before or 0),
        allowance=max(1, allowed(throttle, policy) * SLOWER_PERCENT // 100),
        growth=SLOW_GROWTH_PERCENT,
    )
