"""What keeps all cards of a project from Ringostat: open circuits, and Ringostat's own wish for quiet."""

from collections.abc import Iterator
from typing import NamedTuple

from aws.table import Cards
from cards.key import throttle_key
from delivery.throttle import Throttle
from ops.times import shown

CIRCUITS = {
    "transport": (
        "Ringostat, or the way to it, fails",
        "nothing to do: it is tried again by itself; see Ringostat's status if it lasts",
    ),
    "contract": (
        "Ringostat answers as if the address or the format were wrong",
        "check RingostatUrl of the stack; read `posted` in the log of DeliverFunction",
    ),
    "auth": (
        "there is no auth key that Ringostat takes",
        "copy it again (Settings > Integration > Ringostat API) with `bridge project add`",
    ),
}


class Trouble(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        """Return both as sentences."""
        return f"{self.what}. {self.remedy[0].upper()}{self.remedy[1:]}."


def throttle_of(cards: Cards, project: int) -> Throttle:
    """Return what holds a project back, as its row says now."""
    return Throttle.of(cards.row(throttle_key(project)))


def troubles(cards: Cards, project: int, now: int) -> Iterator[Trouble]:
    """Yield what holds a project's cards back at `now` (ms since 1970)."""
    throttle = throttle_of(cards, project)
    if throttle.circuit:
        what, remedy = CIRCUITS[throttle.circuit]
        since = f" since {shown(throttle.failing_since, now)}" if throttle.failing_since else ""
        yield Trouble(f"project {project}: {what}{since}; its cards wait", remedy)
    until = throttle.not_before or 0
    if until > now:
        yield Trouble(f"project {project}: Ringostat asked to wait until {shown(until, now)}", "nothing to do")
