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
from lookup.answer import TOO_LARGE, Read
from lookup.asking import Question
from lookup.leased import Leased
from lookup.pace import DAY_MS
from lookup.rows import Row, unless_named
from mapping.language import loader
from mapping.language.model import Lookup, Sync
from mapping.language.model import Mapping as Loaded
from mappings import Mappings
from telemetry import count, failed, logger
from wire import Answer

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

    def variables(self, sync: Sync) -> dict[str, Any]:
        """Return what `request.build` is to know of the next page."""
        return {**self.pages.variables(sync), "since": self.since}

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
    return unless_named(row, {"night": night.kept(), "since": now})


def ended(row: Row, since: int) -> Write:
    """Return the write by which a night ends; the next one reads what changed from `since` on."""
    gone = dict.fromkeys(("due", "due_at", "since", "tries"))
    night = json.dumps({"since": since, "started": 0})
    return unless_named(row, {**gone, "night": night})


class Nights:
    """The nights of one connection in one round."""

    def __init__(self, leased: Leased) -> None:
        self._leased = leased
        self._reached: dict[str, Night] = {}

    def turn(self, mapping: Loaded, row: Row) -> bool:
        """Read the next page of a night; return whether the round goes on."""
        so_far = self._reached.get(row.id) or Night.of(row)
        lookup = mapping.calls.get(row.id)
        if mapping.api is None or lookup is None or lookup.sync is None:
            self._failed(row, so_far, "lookup-unknown", "the mapping of this connection reads no such records any more")
            return True
        asked = self._leased.ask(mapping.api, Question(lookup.sync.call, lookup, known=so_far.variables(lookup.sync)))
        if asked is None:
            return False
        answer, read = asked
        match read.kind:
            case "wait" | "key":
                return False
            case "retry":
                self._leased.write(self._leased.later(row, read))
            case "ok":
                self._take_page(lookup, row, so_far, answer, read)
            case "bad" if read.code == TOO_LARGE:
                self._halve(lookup.sync, row, so_far)
            case _:
                self._failed(row, so_far, read.code, "the CRM refuses to be asked for what changed")
        return True

    def _halve(self, sync: Sync, row: Row, so_far: Night) -> None:
        try:
            self._go_on(row, so_far._replace(pages=paging.smaller(so_far.pages, sync)))
        except paging.BadPage as error:
            self._failed(row, so_far, error.code, str(error))

    def _take_page(self, lookup: Lookup, row: Row, so_far: Night, answer: Answer, read: Read) -> None:
        try:
            pages, more = paging.after(so_far.pages, lookup, answer, since=so_far.since)
        except paging.BadPage as error:
            self._failed(row, so_far, error.code, str(error))
            return
        taken = self._leased.take(lookup, answer, read, read.found)
        if taken.read.kind != "ok":
            self._failed(row, so_far, taken.read.code, "a page cannot be mapped")
            return
        reached = so_far._replace(pages=pages, healed=so_far.healed + taken.news)
        if more:
            self._go_on(row, reached)
        else:
            self._over(row, reached)

    def _go_on(self, row: Row, reached: Night) -> None:
        self._reached[row.id] = reached
        self._leased.write(went_on(row, reached, self._leased.now()))

    def _over(self, row: Row, done: Night) -> None:
        self._leased.write(ended(row, done.started - OVERLAP_MS))
        count("RecordsHealed", done.healed)
        logger.info(
            "healed",
            connection=self._leased.connection.name,
            lookup=row.id,
            healed=done.healed,
            read=done.pages.records,
            since=done.since,
        )

    def _failed(self, row: Row, so_far: Night, code: str, why: str) -> None:
        """End a night that leads nowhere; the next one begins from where this one did."""
        self._leased.write(ended(row, so_far.since))
        logger.error("not healed", connection=self._leased.connection.name, lookup=row.id, code=code, why=why)
