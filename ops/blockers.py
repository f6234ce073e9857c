"""What keeps all cards of a project from Ringostat: open circuits, and Ringostat's own wish for quiet."""

from collections.abc import Iterator
from typing import NamedTuple

from aws.table import Cards
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
        "Ringostat does not take the project's auth key",
        "copy the key again (Settings > Integration > Ringostat API) with `bridge project add`",
    ),
}


class Trouble(NamedTuple):
    """What is wrong, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        """Return both as sentences."""
        return f"{self.what}. {self.remedy[0].upper()}{self.remedy[1:]}."


def troubles(cards: Cards, project: int, now: int) -> Iterator[Trouble]:
    """Yield what holds a project's cards back at `now` (ms since 1970)."""
    for name, (what, remedy) in CIRCUITS.items():
        row = cards.row(f"{project}#circuit#{name}")
        if row.get("state", "closed").lower() != "closed":
            since = f" since {shown(row['opened_at'] * 1000, now)}" if row.get("opened_at") else ""
            yield Trouble(f"project {project}: {what}{since}; its cards wait", remedy)
    until = cards.row(f"{project}#pace").get("not_before", 0)
    if until > now:
        yield Trouble(f"project {project}: Ringostat asked to wait until {shown(until, now)}", "nothing to do")
