"""Rows of records that are wanted: written where an event names one, cleared where it was read. Pure.

A row is a debt and no event: ten events of one record are one row. It is cleared on the condition that no event named
the record again since the row was read, which was before the CRM was asked.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cards.key import wanted_key, wanted_part
from cards.write import Write
from mapping.outcome import Want

KEPT_SECONDS = 86_400  # of a cleared row
# A time alone would not tell two events of one ms apart.
UNCHANGED = "#wanted_at = :wanted_at AND (attribute_not_exists(#named_by) OR #named_by = :named_by)"


class Debt(NamedTuple):
    """How a record is wanted: by which request, at which depth, and the key of its card if only while it is unknown."""

    request_id: str
    depth: int
    card: str


class Row(NamedTuple):
    """A record that is wanted; times are ms since 1970."""

    key: str
    lookup: str
    id: str
    wanted_at: int  # the newest time at which an event named it
    since: int  # the first
    due_at: int
    named_by: str = ""  # the id of that event's request
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


def wanted(connection: str, want: Want, debt: Debt, now: int) -> Write:
    """Return the write by which a record is wanted, or wanted anew."""
    settled = dict.fromkeys(("again", "missing_at", "expires_at"))
    changes = {"due": wanted_part(connection), "due_at": now, "wanted_at": now, "named_by": debt.request_id, **settled}
    return Write(wanted_key(connection, want.lookup, want.id), changes, once={"since": now, "depth": debt.depth})


def cleared(row: Row, now: int, *, is_missing: bool = False) -> Write:
    """Return the write by which a record is wanted no more; `is_missing` if the CRM did not show it."""
    gone = dict.fromkeys(("due", "due_at", "since", "tries", "depth", "again"))
    found = {"missing_at": now if is_missing else None}
    return unless_named(row, {**gone, **found, "expires_at": now // 1000 + KEPT_SECONDS})


def postponed(row: Row, at: int, **changes: int) -> Write:
    """Return the write by which a record is read later."""
    return unless_named(row, {"due_at": at, **changes})


def unless_named(row: Row, changes: Mapping[str, Any]) -> Write:
    """Return the write of a row that happens unless an event has named the record since the row was read."""
    return Write(row.key, changes, UNCHANGED, {"wanted_at": row.wanted_at, "named_by": row.named_by})
