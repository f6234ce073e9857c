"""Wake-ups of the look-up worker: messages that say which connections may want records. Losing one loses nothing."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aws_lambda_powertools.metrics import MetricUnit

from aws.queues import Message, Queue
from aws.table import Cards
from cards.key import pace_key
from cards.write import Write
from delivery.policy import EVER_MS, LOOKED_AT
from errors import NewerSchema, Unavailable
from lookup.pace import Pace, opens_at
from lookup.rows import Row
from telemetry import failed, logger, measure

SCHEMA = 1
MOST_WANTED = 10_000  # rows of a connection


def wake(wakeups: Queue, connections: Iterable[str], delay: int = 0) -> None:
    """Say that these connections want records; a wake-up that is lost loses nothing, for the sweep sends another."""
    messages = [
        Message(json.dumps({"schema": SCHEMA, "connection": name}), group=name if name.isascii() else "", delay=delay)
        for name in connections
    ]
    try:
        if messages:
            wakeups.send_all(messages)
    except Unavailable:
        logger.warning("not woken: the sweep will", connections=len(messages))


class Wakeup(NamedTuple):
    """A received wake-up; `connection` is empty when the message is none.

    One of a newer schema is left in the queue to a function that knows it.
    """

    message_id: str
    receipt: str
    received: int  # how often SQS has handed it out
    connection: str
    is_newer: bool = False


def wakeups_of(event: Mapping[str, Any]) -> list[Wakeup]:
    """Return the wake-ups of a Lambda event from the lookup queue."""
    return [
        Wakeup(
            record["messageId"],
            record["receiptHandle"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
            *_said(record["body"]),
        )
        for record in event["Records"]
    ]


def _said(body: str) -> tuple[str, bool]:
    """Return the connection of a message, and whether it is of a newer schema."""
    try:
        message = json.loads(body)
        if message.get("schema", SCHEMA) > SCHEMA:
            failed("a wake-up is left in the queue", NewerSchema())
            return "", True
        return str(message["connection"]), False
    except (AttributeError, ValueError, TypeError, KeyError, RecursionError):
        return "", False


class Swept(NamedTuple):
    """What a sweep found of one connection."""

    is_due: bool  # and may be read now
    is_open: bool  # its circuit
    oldest_ms: int


NOTHING = Swept(is_due=False, is_open=False, oldest_ms=0)
UNREAD = NOTHING._replace(is_open=True)  # it waits, and the alarm of circuits says so


class Waker(NamedTuple):
    """Wakes the worker for records that are wanted and that no message reached it for."""

    cards: Cards
    wakeups: Queue

    def sweep(self, now: int) -> int:
        """Wake what is due of every connection; return how many connections' keys are refused."""
        swept = {name: self._tried(name, now) for name in self.cards.wanting()}
        wake(self.wakeups, [name for name, one in swept.items() if one.is_due])
        measure("OldestWantedSeconds", max([0, *(one.oldest_ms for one in swept.values())]) / 1000, MetricUnit.Seconds)
        return sum(one.is_open for one in swept.values())

    def _tried(self, connection: str, now: int) -> Swept:
        try:
            return self._swept(connection, now)
        except Exception as error:  # noqa: BLE001 - one connection's trouble must not stop the others
            failed("look-ups left to the next sweep", error, connection=connection)
            return UNREAD

    def _swept(self, connection: str, now: int) -> Swept:
        number, rows = self._rows(connection)
        if not number:
            return NOTHING
        pace = self._pace(connection, number)
        return Swept(
            is_due=opens_at(pace) <= now and any(row.due_at <= now for row in rows),
            is_open=pace.circuit is not None,
            oldest_ms=max([0, *(now - row.since for row in rows)]),
        )

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
