"""Rows of records that are wanted: written where an event names one, cleared where it was read. Pure.

A row is a debt and no event: ten events of one record are one row. It is cleared on the condition that no event named
the record again since the row was read, which was before the CRM was asked.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.key import wanted_key, wanted_part
from cards.write import Write

KEPT_SECONDS = 86_400  # of a cleared row
UNCHANGED = "#wanted_at = :wanted_at"


class Row(NamedTuple):
    """A record that is wanted; times are ms since 1970."""

    key: str
    lookup: str
    id: str
    wanted_at: int  # the newest time at which an event named it
    since: int  # the first
    due_at: int
    tries: int = 0  # that failed
    depth: int = 0  # how many look-ups led to it
    again: int = 0  # 1 if it was read and had neither phone nor e-mail
    night: str = ""  # of a nightly sync: how far it has come

    @classmethod
    def of(cls, connection: str, row: Mapping[str, Any]) -> "Row":
        """Return what a row of a connection says."""
        name, _, identity = row["key"].removeprefix(wanted_part(connection) + "#").partition(":")
        own = {field: row[field] for field in cls._fields if field in row}
        return cls(**{**own, "lookup": name, "id": identity})


def wanted(connection: str, lookup: str, identity: str, depth: int, now: int) -> Write:
    """Return the write by which a record is wanted, or wanted anew."""
    changes = {"due": wanted_part(connection), "due_at": now, "wanted_at": now, "again": None, "expires_at": None}
    return Write(wanted_key(connection, lookup, identity), changes, once={"since": now, "depth": depth})


def cleared(row: Row, now: int) -> Write:
    """Return the write by which a record is wanted no more."""
    gone = dict.fromkeys(("due", "due_at", "since", "tries", "depth", "again"))
    return _if_unchanged(row, {**gone, "expires_at": now // 1000 + KEPT_SECONDS})


def postponed(row: Row, at: int, **changes: int) -> Write:
    """Return the write by which a record is read later."""
    return _if_unchanged(row, {"due_at": at, **changes})


def _if_unchanged(row: Row, changes: Mapping[str, Any]) -> Write:
    return Write(row.key, changes, UNCHANGED, {"wanted_at": row.wanted_at})
