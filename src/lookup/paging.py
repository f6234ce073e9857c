"""All records of a look-up, one page after the other: from a state to the variables of a request, and on. Pure."""

from typing import Any, NamedTuple

from errors import BridgeError
from mapping.language.model import Lookup
from wire import Answer


class BadPage(BridgeError):
    """The CRM's pages do not lead to an end, or the first is empty: reading on would be wrong."""

    code = "bad-page"


class State(NamedTuple):
    """Where a sync stands. `known` are the ids that were read, of this process; `checkpoint` keeps those of a page."""

    page: int = 1
    next: str = ""
    last: str = ""
    pages: int = 0
    records: int = 0
    latest: tuple[str, ...] = ()  # the ids of the page before
    known: frozenset[str] = frozenset()

    def variables(self) -> dict[str, Any]:
        """Return what `request.build` needs beside `since` and `now`: those of `page`, `next` and `last` that are set."""

    def checkpoint(self) -> dict[str, Any]:
        """Return the state as JSON."""


def resumed(checkpoint: dict[str, Any]) -> State:
    """Return the state of a checkpoint."""


def after(state: State, lookup: Lookup, answer: Answer, *, since: int | None = None) -> tuple[State, bool]:
    """Return the state after a good page, and whether there is a further one.

    Raises BadPage where all records of a page are known already, where a cursor comes again, where there are too many
    pages, and where the first page of a full sync is empty: then the key may see no records.
    """


def total(lookup: Lookup, answer: Answer) -> int | None:
    """Return how many records there are, if the answer to a page tells it."""
