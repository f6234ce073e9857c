"""Ringostat's employees by e-mail address: the row that keeps them, and how mappings get them that need them."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from aws.kept import Kept
from aws.table import Cards
from cards.key import staff_key
from cards.write import Write
from errors import OperatorError

MOST_BYTES = 350_000  # of a list: a row of DynamoDB ends at 400 KB


def stored(project: int, ids: Mapping[str, str], now: int) -> Write:
    """Return the write that keeps a project's list; raise OperatorError."""
    if len(json.dumps(ids, ensure_ascii=False).encode()) > MOST_BYTES:
        raise OperatorError("This list of employees is larger than 350 KB, which is all that a row keeps.")
    return Write(staff_key(project), {"staff": ids, "read_at": now})


def forgotten(project: int) -> Write:
    """Return the write that takes a project's list away."""
    return Write(staff_key(project), {"staff": None, "read_at": None})


def ids_of(row: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the ids by e-mail address that a row keeps, empty if it keeps none."""
    ids: Mapping[str, str] = json.loads(row.get("staff") or "{}")
    return ids


class StaffLists:
    """The lists of all projects, each read when it is needed and kept as long as a secret.

    `clock` gives seconds and never goes back.
    """

    def __init__(self, cards: Cards, clock: Callable[[], float] = time.monotonic) -> None:
        self._cards = cards
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Forget everything, as a new process has."""
        self._lists: dict[int, Kept[Mapping[str, str]]] = {}

    def of(self, project: int) -> Mapping[str, str]:
        """Return the ids of a project's employees, empty without a list; raise Unavailable."""
        if project not in self._lists:
            self._lists[project] = Kept("DynamoDB", partial(self._read, project), self._clock)
        return self._lists[project].read()

    def _read(self, project: int) -> Mapping[str, str]:
        return ids_of(self._cards.row(staff_key(project)))
