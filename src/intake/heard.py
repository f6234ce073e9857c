"""When a connection was heard last: a row each, in the index under the time from which on it is silent. Pure."""

from typing import Literal

from cards.key import HEARD, heard_key
from cards.write import Write
from connections import Connection

Kind = Literal["read_at", "unread_at"]

HOUR_MS = 3_600_000
UNREAD = frozenset(("no-record", "no-data"))  # codes of what the mapping does not know: a wrong preset brings no other
FORGOTTEN_AFTER_MS = 30 * 24 * HOUR_MS  # of silence: a connection that was taken away does not alarm for ever


def noted(connection: Connection, kind: Kind, at: int, usual_hours: int) -> Write:
    """Return the write of an event. Silence begins an hour later, for what comes within the hour is not noted."""
    hours = usual_hours if connection.silent_hours is None else connection.silent_hours
    silent_at = at + (hours + 1) * HOUR_MS
    watched = {"due": HEARD, "due_at": silent_at} if hours else {"due": None, "due_at": None}
    changes = {kind: at, "expires_at": (silent_at + FORGOTTEN_AFTER_MS) // 1000}
    return Write(
        heard_key(connection.name),
        {**changes, **(watched if kind == "read_at" else {})},
        f"attribute_not_exists(#{kind}) OR #{kind} < :stale",
        {"stale": at - HOUR_MS},
    )


def forgotten(connection: str) -> Write:
    """Return the write by which a connection that was taken away is silent no more."""
    return Write(heard_key(connection), {"due": None, "due_at": None})
