"""How fast a project's due cards may go to Ringostat: its requests to slow down, and the way back after an outage."""

from typing import NamedTuple

from aws.table import Cards
from cards.write import Write

CACHE_MS = 10_000
SLOWER = 70  # per cent, after a request to slow down
SLOWLY = 110  # per cent a minute, after that
QUICKLY = 200  # per cent a minute, after an outage


class Pace(NamedTuple):
    """Of one project: no POST before a time (ms since 1970), and how many cards a sweep rings at most."""

    not_before: int
    allowance: int
    growth: int  # per cent a sweep

    def slowed(self, until: int) -> "Pace":
        """Return the pace after Ringostat asked to wait until then."""
        return Pace(max(until, self.not_before), max(1, self.allowance * SLOWER // 100), SLOWLY)

    def recovering(self, first: int) -> "Pace":
        """Return the pace with which a project comes back from an outage: no faster than Ringostat asked before."""
        return self._replace(allowance=min(first, self.allowance))

    def swept(self, most: int) -> "Pace":
        """Return the pace of the next sweep."""
        return self._replace(allowance=min(most, max(self.allowance + 1, self.allowance * self.growth // 100)))


class Paces:
    """The paces of all projects, a row each; `most` is the allowance of a project that nothing slows down.

    Two workers that write one at the same time do no harm.
    """

    def __init__(self, cards: Cards, most: int) -> None:
        self._cards = cards
        self._most = most
        self._read: dict[int, tuple[int, Pace]] = {}

    def read(self, project: int, now: int) -> Pace:
        """Return a project's pace as it was at most ten seconds before `now` (ms)."""
        read_at, pace = self._read.get(project, (now - CACHE_MS, None))
        if pace is None or now - read_at >= CACHE_MS:
            row = self._cards.row(_key(project))
            pace = Pace(
                row.get("not_before", 0), min(self._most, row.get("allowance", self._most)), row.get("growth", QUICKLY)
            )
            self._read[project] = now, pace
        return pace

    def write(self, project: int, pace: Pace, now: int) -> None:
        """Keep a project's pace."""
        self._cards.write(Write(_key(project), pace._asdict()))
        self._read[project] = now, pace


def _key(project: int) -> str:
    return f"{project}#pace"
