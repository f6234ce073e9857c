"""Erasing a card: the tombstone, and what the rejected queue holds of it."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from errors import BridgeError
from mappings import Mappings
from ops.dry_run import card_keys
from ops.rejected_queue import Held, Rejection, mapped
from ops.stack import Stack

AT_RINGOSTAT = (
    "Ringostat's own copy stays: remove the contact by hand in its contact book (its API has no deletion). "
    "bridge left-behind lists such cards."
)


class Traces(NamedTuple):
    """What the rejected queue holds of a card: events of it, and events that no mapping can assign."""

    of_it: list[Rejection]
    unknown: list[Rejection]


def erased(stack: Stack, key: str, *, dry_run: bool = False) -> Traces:
    """Erase a card and its rejected events, or only say what would be erased."""
    if not dry_run:
        stack.cards.erase(key, stack.clock())
    with Held(stack) as held:
        traces = sought(held.all(), stack.secret("ConnectionsSecret"), stack.mappings, key)
        if not dry_run:
            held.delete(traces.of_it)
    return traces


def sought(rejections: Iterable[Rejection], entries: dict[str, Any], mappings: Mappings, key: str) -> Traces:
    """Return the rejected events that the production mapping assigns to a card, and those that it assigns to none."""
    traces = Traces([], [])
    for one in rejections:
        keys = _keys(one, entries, mappings)
        if key in keys:
            traces.of_it.append(one)
        elif not keys or "" in keys:
            traces.unknown.append(one)
    return traces


def _keys(one: Rejection, entries: dict[str, Any], mappings: Mappings) -> set[str]:
    """Return the keys of an event's records, empty ones for records that name no card."""
    try:
        trial = mapped(one, entries, mappings)
    except (BridgeError, LookupError):
        return set()
    return {key for outcome in trial.outcomes for key in card_keys(trial.connection, outcome) or {""}}
