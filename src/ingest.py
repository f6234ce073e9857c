"""An event becomes cards: decode, map, merge, ring; a verdict for every record. `api` and `inbox` come through here."""

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from cards import store
from cards.card import Card, Fields, absorb, key_of, stamped
from cards.store import Cards
from connections import Connection
from delivery.rings import ring
from errors import Unavailable
from mapping import engine, load
from mapping.decode import decode
from mapping.outcome import Outcome
from queues import Message, Queue, dumps
from telemetry import count, logger

RING_FIRST_MS = 60_000  # the ring normally comes first; the sweep looks after it
TRIES = 5  # merges of one card that other requests change at the same time
DAY_SECONDS = 86_400


class Event(NamedTuple):
    """One thing a CRM or another system sent us.

    Header names are in lower case; `received_at` is the first time of arrival, in ms since 1970, UTC.
    """

    connection: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: int
    request_id: str


class Verdict(NamedTuple):
    """How one record ended: accepted, unchanged, stale, skipped or rejected; the last two with a code and a reason."""

    result: str
    position: int  # in the list of the event that held the record
    key: str = ""
    code: str = ""
    field: str = ""
    reason: str = ""
    warnings: Sequence[str] = ()


class Stores(NamedTuple):
    """Where events go."""

    cards: Cards
    delivery: Queue
    rejected: Queue
    retention_days: int = 0  # 0 keeps cards until they are erased


def ingest(event: Event, connection: Connection, stores: Stores, now: int) -> list[Verdict]:
    """Merge an event into the cards and return a verdict for each of its records, at least one.

    Raise SenderError for a body that cannot be decoded, and whatever a store raises: then nothing is acknowledged, and
    the same event may come again. When it returns, everything accepted is in the table, and an event with a rejected
    record lies whole in the rejected queue; not if its sender is a programmer who is told so (422).
    """
    mapping = load.load(connection.mapping)
    body = decode(event.body, event.headers.get("content-type", ""))
    outcomes = engine.run(mapping, body, connection.settings, event.headers, event.query)
    keys = [key_of(connection.project, mapping.crm, outcome.card) if outcome.card else "" for outcome in outcomes]
    merged = _write(_news(outcomes, keys, event.received_at), event, stores, now)
    verdicts = [_verdict(outcome, key, merged) for outcome, key in zip(outcomes, keys, strict=True)]
    rejected = [verdict for verdict in verdicts if verdict.result == "rejected"]
    if rejected and not (mapping.contract and len(rejected) == len(verdicts)):
        reject(event, stores.rejected, rejected[0].code, rejected[0].reason)
    _report(event, verdicts)
    return verdicts


def _news(outcomes: Sequence[Outcome], keys: Sequence[str], received_at: int) -> dict[str, list[Fields]]:
    """Return what the changes say about each card, in their order."""
    news: dict[str, list[Fields]] = {}
    for outcome, key in zip(outcomes, keys, strict=True):
        if outcome.result == "change":
            fields = stamped(outcome.fields, changed_at=outcome.changed_at, received_at=received_at)
            news.setdefault(key, []).append(fields)
    return news


def _verdict(outcome: Outcome, key: str, merged: Mapping[str, list[str]]) -> Verdict:
    """Return the verdict of a record; `merged` holds those of each card's changes, and loses the ones returned."""
    verdict = Verdict("", outcome.index, key, outcome.code, outcome.field, outcome.reason, outcome.warnings)
    if outcome.result != "change":
        return verdict._replace(result="skipped" if outcome.result == "skip" else "rejected")
    match merged[key].pop(0):
        case "erased":
            return verdict._replace(result="skipped", code="erased", reason="this card was erased on request")
        case "too-large":
            return verdict._replace(result="rejected", code="too-large", reason="the card would be larger than 350 KB")
        case result:
            return verdict._replace(result=result)


def _write(news: Mapping[str, list[Fields]], event: Event, stores: Stores, now: int) -> dict[str, list[str]]:
    """Merge news into their cards and ring those that are due; return the verdicts by key."""
    verdicts: dict[str, list[str]] = {}
    due: set[str] = set()
    todo = list(news)
    known: Mapping[str, Card | None] = stores.cards.read(todo) if todo else {}
    for _ in range(TRIES):
        writes = []
        for key in todo:
            card = known.get(key) or Card(key, connection=event.connection)
            after, verdicts[key] = absorb(card, news[key])
            if _must_ring(card, after):
                due.add(key)
            if after is not card:
                writes.append(
                    store.merged(card, after, due_at=_due_at(card, after, now), expires_at=_expiry(stores, now))
                )
        known = stores.cards.write_all(writes) if writes else {}
        todo = list(known)
        if not todo:
            _ring(due, stores.delivery)
            return verdicts
    raise Unavailable("Other requests kept changing the same cards.")


def _must_ring(before: Card, after: Card) -> bool:
    """Ring for new content, and for old content whose ring may have been lost."""
    unconfirmed = after.hash is not None and after.hash != after.confirmed_hash
    return unconfirmed and (after.hash != before.hash or before.due_at is not None)


def _due_at(before: Card, after: Card, now: int) -> int | None:
    if after.hash == before.hash:
        return None
    return max(now + RING_FIRST_MS, after.not_before or 0)


def _expiry(stores: Stores, now: int) -> int | None:
    return now // 1000 + stores.retention_days * DAY_SECONDS if stores.retention_days else None


def _ring(keys: set[str], delivery: Queue) -> None:
    """Ring; a ring that cannot be sent loses nothing, because the cards are due and the sweep rings them."""
    try:
        ring(delivery, keys)
    except (BotoCoreError, ClientError, Unavailable):
        logger.warning("not rung: the sweep will", cards=len(keys))
        count("RingsLost", len(keys))


def _report(event: Event, verdicts: Sequence[Verdict]) -> None:
    """Log one line for the event and count every record."""
    results = Counter(verdict.result for verdict in verdicts)
    for result, number in results.items():
        count(f"Records{result.capitalize()}", number)
    logger.info(
        "ingested",
        request_id=event.request_id,
        connection=event.connection,
        bytes=len(event.body),
        records=results,
        cards=[verdict.key for verdict in verdicts if verdict.key][:100],
        codes=Counter(verdict.code for verdict in verdicts if verdict.code),
        warnings=[warning for verdict in verdicts for warning in verdict.warnings][:20],
    )


def keep(event: Event, inbox: Queue) -> None:
    """Put an event whole into the inbox queue, with its first time of arrival."""
    inbox.send(Message(_wrapped(event)))


def reject(event: Event, rejected: Queue, code: str, reason: str) -> None:
    """Put an event whole into the rejected queue, where it can be read, and replayed once its cause is mended."""
    rejected.send(Message(_wrapped(event), {"connection": event.connection, "code": code, "reason": reason[:1000]}))


def _wrapped(event: Event) -> str:
    return dumps(
        {
            "connection": event.connection,
            "body": base64.b64encode(event.body).decode(),
            "isBase64Encoded": True,
            "headers": dict(event.headers),
            "query": dict(event.query),
            "receivedAt": event.received_at,
            "requestId": event.request_id,
        }
    )
