"""Records that are wanted from a CRM: a row for each, written where an event names it, cleared where it was read.

A row is a debt and no event: ten events of one record are one row. It is cleared on the condition that no event named
the record again since the row was read, which was before the CRM was asked.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from aws.queues import Message, Queue, dumps
from aws.table import Cards
from cards.card import Card, is_deleted
from cards.key import pace_key, wanted_key, wanted_part
from cards.write import Write
from connections import Connection
from delivery.policy import EVER_MS, LOOKED_AT
from errors import Unavailable
from event import Event
from lookup.pace import Pace, opens_at
from mapping.outcome import Outcome, Want
from telemetry import logger, measure

SCHEMA = 1  # of a wake-up
SETTLE_SECONDS = 3  # so that the events of one save share a request
DEEPEST = 2  # deal → contact → company
MOST_WANTED = 10_000  # rows of a connection
KEPT_SECONDS = 86_400  # of a cleared row, so that its times only grow
NAMES = ("fullName", "halfName", "name")
UNCHANGED = "#wanted_at = :wanted_at"


REFUSALS = {
    "no-api-key": "the event only names a record; `bridge connect` tells how to let the bridge read it",
    "lookup-full": f"{MOST_WANTED:,} records of this connection wait already; `bridge due` tells why",
}


class Debt(NamedTuple):
    """How a record is wanted: at which depth, and the key of its card if it is wanted only while that is unknown."""

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
    tries: int = 0  # that failed
    depth: int = 0  # how many look-ups led to it
    again: int = 0  # 1 if it was read and had neither phone nor e-mail

    @classmethod
    def of(cls, connection: str, row: Mapping[str, Any]) -> "Row":
        """Return what a row of a connection says."""
        name, _, identity = row["key"].removeprefix(wanted_part(connection) + "#").partition(":")
        own = {field: row[field] for field in cls._fields if field in row}
        return cls(**{**own, "lookup": name, "id": identity})


def wanted(connection: str, want: Want, depth: int, now: int) -> Write:
    """Return the write by which a record is wanted, or wanted anew."""
    changes = {"due": wanted_part(connection), "due_at": now, "wanted_at": now, "again": None, "expires_at": None}
    return Write(wanted_key(connection, want.lookup, want.id), changes, once={"since": now, "depth": depth})


def cleared(row: Row, now: int) -> Write:
    """Return the write by which a record is wanted no more."""
    gone = dict.fromkeys(("due", "due_at", "since", "tries", "depth", "again"))
    return _if_unchanged(row, {**gone, "expires_at": now // 1000 + KEPT_SECONDS})


def postponed(row: Row, at: int, **changes: int) -> Write:
    """Return the write by which a record is read later."""
    return _if_unchanged(row, {"due_at": at, **changes})


def _if_unchanged(row: Row, changes: Mapping[str, Any]) -> Write:
    return Write(row.key, changes, UNCHANGED, {"wanted_at": row.wanted_at})


def is_unknown(card: Card | None) -> bool:
    """Return whether a card says too little: nothing that can be posted, or no name."""
    if card is None:
        return True
    if card.erased or is_deleted(card.fields):
        return False
    return card.hash is None or not any(name in card.fields and card.fields[name].value for name in NAMES)


def wake(wakeups: Queue, connections: Iterable[str], delay: int = 0) -> None:
    """Say that these connections want records; a wake-up that is lost loses nothing, for the sweep sends another."""
    messages = [
        Message(dumps({"schema": SCHEMA, "connection": name}), group=name if name.isascii() else "", delay=delay)
        for name in connections
    ]
    try:
        if messages:
            wakeups.send_all(messages)
    except Unavailable:
        logger.warning("not woken: the sweep will", connections=len(messages))


class Wanting(NamedTuple):
    """What a connection may want; `refusal` is a code if it may want nothing now."""

    cards: Cards
    wakeups: Queue | None
    connection: str
    refusal: str

    @classmethod
    def of(cls, cards: Cards, wakeups: Queue | None, connection: Connection) -> "Wanting":
        """Return what a connection may want; `wakeups` is None where look-ups are switched off."""
        if wakeups is None or not connection.lookups:
            return cls(cards, None, connection.name, "no-api-key")
        full = Pace.of(cards.row(pace_key(connection.name))).full
        return cls(cards, wakeups, connection.name, "lookup-full" if full else "")

    def admitted(self, event: Event, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes of an event without what may not be wanted."""
        return [self._admitted(event, outcome) if outcome.wants else outcome for outcome in outcomes]

    def _admitted(self, event: Event, outcome: Outcome) -> Outcome:
        if self.refusal:
            outcome = outcome._replace(wants=())
            refused = outcome._replace(result="reject", code=self.refusal, reason=REFUSALS[self.refusal])
            return refused if outcome.result == "lookup" else outcome
        wants = tuple(want for want in outcome.wants if event.depth < DEEPEST and want.lookup != event.lookup)
        outcome = outcome._replace(wants=wants)
        too_deep = outcome._replace(result="skip", code="lookup-depth", reason="it is too far from the event")
        return outcome if wants or outcome.result != "lookup" else too_deep

    def want(self, debts: Mapping[Want, Debt], now: int, in_time: Callable[[], bool]) -> None:
        """Write rows for records that are wanted, those that are wanted only if unknown if they are, and wake up."""
        asked = [debt.card for debt in debts.values() if debt.card]
        known = self.cards.read(asked) if asked and in_time() else {}
        writes = [
            wanted(self.connection, want, debt.depth, now)
            for want, debt in debts.items()
            if not debt.card or is_unknown(known.get(debt.card))
        ]
        if writes and self.wakeups:
            self.cards.enrol(self.connection, "wanting")
            self.cards.note(writes, in_time)
            wake(self.wakeups, [self.connection], SETTLE_SECONDS)


class Wakeup(NamedTuple):
    """A received wake-up; `connection` is empty when the message is none."""

    message_id: str
    receipt: str
    received: int  # how often SQS has handed it out
    connection: str


def wakeups_of(event: Mapping[str, Any]) -> list[Wakeup]:
    """Return the wake-ups of a Lambda event from the lookup queue."""
    return [
        Wakeup(
            record["messageId"],
            record["receiptHandle"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
            _connection(record["body"]),
        )
        for record in event["Records"]
    ]


def _connection(body: str) -> str:
    try:
        return str(json.loads(body)["connection"])
    except (ValueError, TypeError, KeyError):
        return ""


class Waker(NamedTuple):
    """Wakes the worker for records that are wanted and that no message told it of."""

    cards: Cards
    wakeups: Queue

    def sweep(self, now: int) -> int:
        """Wake what is due of every connection; return how many connections' keys are refused."""
        found = {name: self._rows(name) for name in self.cards.wanting()}
        paces = {name: self._pace(name, number) for name, (number, _) in found.items() if number}
        due = [
            name
            for name, pace in paces.items()
            if opens_at(pace) <= now and any(row.due_at <= now for row in found[name][1])
        ]
        wake(self.wakeups, due)
        ages = [now - row.since for _, rows in found.values() for row in rows]
        measure("OldestWantedSeconds", max([0, *ages]) / 1000, MetricUnit.Seconds)
        return sum(pace.circuit is not None for pace in paces.values())

    def _rows(self, connection: str) -> tuple[int, Sequence[Row]]:
        """Return how many records are wanted, and those that were to be read first."""
        keys = self.cards.wanted(connection, EVER_MS, MOST_WANTED + 1)
        rows = self.cards.rows(keys[:LOOKED_AT]).values()
        return len(keys), [Row.of(connection, row) for row in rows if "due" in row]

    def _pace(self, connection: str, number: int) -> Pace:
        """Return what holds a connection back, and note whether it may want more."""
        pace = Pace.of(self.cards.row(pace_key(connection)))
        full = True if number > MOST_WANTED else None
        if full != pace.full:
            self.cards.write(Write(pace_key(connection), {"full": full}))
            logger.warning("wanted records", connection=connection, full=bool(full), number=number)
        return pace
