"""Figures on a machine that does other things too: CPU time, alternating rounds, medians with quartiles."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple


class Spread(NamedTuple):
    """The middle and the quartiles of repeated measurements."""

    median: float
    low: float
    high: float

    def times(self, factor: float) -> "Spread":
        """Return the spread in another unit."""
        return Spread(self.median * factor, self.low * factor, self.high * factor)


class Figure(NamedTuple):
    """One line of a table: a measurement, what it is compared with, and what it should reach."""

    name: str
    value: float
    unit: str
    spread: Spread | None = None
    baseline: str = ""
    ratio: Spread | None = None
    most: float | None = None  # what is aimed at
    least: float | None = None
    aims_at: Literal["value", "ratio"] = "value"

    @property
    def compared(self) -> float:
        """Return what the target is about."""
        return self.ratio.median if self.ratio and self.aims_at == "ratio" else self.value

    @property
    def is_met(self) -> bool | None:
        """Return whether the target is reached; None without one."""
        if self.most is None and self.least is None:
            return None
        return (self.most is None or self.compared <= self.most) and (self.least is None or self.compared >= self.least)


class Table(NamedTuple):
    """The figures of one subject, and what a reader must know of them."""

    title: str
    figures: Sequence[Figure]
    notes: Sequence[str] = ()


def spread(values: Sequence[float]) -> Spread:
    """Return median and quartiles."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratios(values: Sequence[float], baselines: Sequence[float]) -> Spread:
    """Return the spread of the ratios of each round."""
    return spread([value / baseline for value, baseline in zip(values, baselines, strict=True)])


def alternating(rounds: int, works: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Let each work measure itself once a round; the order turns round, so that drift hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            gc.collect()
            gc.freeze()  # what lives already is not the work's to look through
            taken[name].append(works[name]())
    return taken


def cpu_each(work: Callable[[], Any], times: int) -> Callable[[], float]:
    """Return a measurement: CPU seconds of one call, over so many."""

    def measured() -> float:
        started = time.process_time()
        for _ in range(times):
            work()
        return (time.process_time() - started) / times

    return measured
