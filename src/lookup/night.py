"""The night that heals: what changed in the CRMs since the last one is read page by page, between look-ups.

A row beside those of wanted records says how far it has come, and from when on the next night begins.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from aws.table import Cards
from cards.key import wanted_key, wanted_part
from cards.write import Write
from connections import Connection, connection_of
from errors import BridgeError
from lookup import paging
from lookup.pace import DAY_MS
from lookup.rows import UNCHANGED, Row
from mapping.language import loader
from mappings import Mappings
from telemetry import failed

NIGHTLY = "#sync"  # where other rows have the name of their look-up; its own is the id
OVERLAP_MS = 10 * 60_000  # what a CRM shows late is read twice


class Night(NamedTuple):
    """One look-up's night: what changed `since` is read; all times are ms since 1970."""

    since: int
    started: int
    healed: int = 0  # records that brought news: events had missed them
    pages: paging.State = paging.State()

    @classmethod
    def of(cls, row: Row) -> "Night":
        """Return what a row says."""
        kept = json.loads(row.night)
        return cls(**{**kept, "pages": paging.resumed(kept["pages"]) if "pages" in kept else paging.State()})

    def variables(self) -> dict[str, Any]:
        """Return what `request.build` is to know of the next page."""
        return {**self.pages.variables(), "since": self.since}

    def kept(self) -> str:
        """Return it as a row holds it."""
        return json.dumps({**self._asdict(), "pages": self.pages.checkpoint()}, separators=(",", ":"))


def begin(cards: Cards, mappings: Mappings, entries: Mapping[str, Any], now: int) -> None:
    """Begin the night of every connection that looks records up; one that is not over goes on instead."""
    for name in entries:
        try:
            _begin(cards, mappings, connection_of(entries, name), now)
        except BridgeError as error:
            failed("a night cannot begin", error, connection=name)


def _begin(cards: Cards, mappings: Mappings, connection: Connection | None, now: int) -> None:
    if connection is None or not connection.lookups:
        return
    calls = loader.answers_of(mappings.of(connection)).calls.values()
    keys = [wanted_key(connection.name, NIGHTLY, one.name) for one in calls if one.sync]
    rows = cards.rows(keys)
    cards.enrol(connection.name, "wanting")
    writes = [begun(connection.name, key, rows.get(key), now) for key in keys if "due" not in rows.get(key, {})]
    if writes:
        cards.write_all(writes)


def begun(connection: str, key: str, row: Mapping[str, Any] | None, now: int) -> Write:
    """Return the write by which a night begins.

    The first one reads what changed in the day before: everything is what `bridge sync` reads, by hand.
    """
    since = json.loads(row["night"])["since"] if row else now - DAY_MS
    night = Night(since, now).kept()
    return Write(key, {"due": wanted_part(connection), "due_at": now, "wanted_at": now, "since": now, "night": night})


def went_on(row: Row, night: Night, now: int) -> Write:
    """Return the write of how far a night has come; its row is as old as its last page."""
    return Write(row.key, {"night": night.kept(), "since": now}, UNCHANGED, {"wanted_at": row.wanted_at})


def ended(row: Row, since: int) -> Write:
    """Return the write by which a night ends; the next one reads what changed from `since` on."""
    gone = dict.fromkeys(("due", "due_at", "since", "tries"))
    night = json.dumps({"since": since, "started": 0})
    return Write(row.key, {**gone, "night": night}, UNCHANGED, {"wanted_at": row.wanted_at})
