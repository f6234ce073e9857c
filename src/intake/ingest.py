"""An event becomes cards: decode, map, merge, wake; a verdict for every record. `api` and `inbox` come through here."""

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, assert_never

from aws.client import Patience
from aws.clients import dynamodb, sqs
from aws.queues import Message, Queue
from aws.table import Cards
from cards.card import CLOCK_TOLERANCE_MS, Absorbed, stamped
from cards.endpoints import Fields
from cards.key import IsPersonal, key_of
from connections import Connection
from delivery.wakeups import wake
from errors import AllRejected, NewerSchema, Unavailable
from event import WANTED, Event, Record, plain, wanted_again, wrapped
from intake.employees import StaffLists
from intake.flood import Flood
from intake.heard import HOUR_MS, UNREAD, Kind, noted
from intake.merging import Merging
from mapping.identity import personal_ids
from mapping.language import loader
from mapping.language.model import ID_FIELDS
from mapping.language.model import Mapping as Loaded
from mapping.language.rule import NOT_IN_STAFF, NOT_IN_TABLE, STAFF
from mapping.meaning import meaning
from mapping.outcome import Outcome, Want
from mappings import Mappings
from settings import Settings
from telemetry import failed, logger, report

if TYPE_CHECKING:
    from lookup.rows import Debt
    from lookup.wanted import Wanting

MERGED = ("change", "delete")  # outcomes whose fields go into a card
MOST_LOGGED = 1000  # keys of cards in one line
MOST_IDS = 20  # of events in one line
# Ids of events that are logged: random ones, and texts with a digit but without digits that may be a phone number.
EVENT_ID = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|"
    r"(?=.*[0-9])(?!(.*[^A-Za-z0-9])?[0-9][0-9._:/=-]{5,}[0-9]([^A-Za-z0-9]|$))[A-Za-z0-9._:/=-]{1,64}"
)
Result = Literal["accepted", "unchanged", "stale", "lookup", "skipped", "rejected"]
COUNTED: Mapping[Result, str] = {  # the log keeps stale apart; a look-up is counted by its answer
    "accepted": "RecordsAccepted",
    "unchanged": "RecordsUnchanged",
    "stale": "RecordsUnchanged",
    "skipped": "RecordsSkipped",
    "rejected": "RecordsRejected",
}


class Verdict(NamedTuple):
    """How one record ended; skipped and rejected have a code and a reason."""

    result: Result
    position: int  # in the list of the event that held the record
    key: str = ""
    code: str = ""
    field: str = ""
    reason: str = ""
    warnings: Sequence[str] = ()

    def answered(self, *names: str) -> dict[str, Any]:
        """Return what the sender is answered: `index` and the attributes named."""
        return {"index": self.position, **{name: getattr(self, name) for name in names}}


class Stores(NamedTuple):
    """Where events go."""

    cards: Cards
    delivery: Queue
    rejected: Queue
    mappings: Mappings
    retention_days: int = 0  # 0 keeps cards until they are erased
    lookup: Queue | None = None  # None where look-ups are switched off
    seconds: float = 2.0  # for the cards of one event; what takes longer comes again by the inbox queue
    flood: Flood = Flood()  # of this process
    heard: dict[tuple[str, Kind], int] = {}  # when this process noted last that it heard a connection, and how
    silent_hours: int = 72  # of a connection that names none of its own
    staff: StaffLists | None = None  # None where no mapping needs it

    @classmethod
    def of(cls, settings: Settings, patience: Patience, seconds: float) -> "Stores":
        """Return the stores of the stack, with time-outs that fit who waits."""
        cards = Cards(dynamodb(patience), settings.cards_table)
        return cls(
            cards,
            Queue(sqs(patience), settings.delivery_queue_url),
            Queue(sqs(patience), settings.rejected_queue_url),
            Mappings(cards),
            settings.card_retention_days,
            Queue(sqs(patience), settings.lookup_queue_url) if settings.lookup_queue_url else None,
            seconds,
            silent_hours=settings.silent_hours,
            staff=StaffLists(cards),
        )


class Mapped(NamedTuple):
    """An event and what its mapping made of it; `keys` are those of the outcomes' cards, empty where there is none."""

    event: Event
    connection: Connection
    mapping: Loaded  # that read it: the connection's own, or the one of its CRM's answers
    outcomes: Sequence[Outcome]
    keys: Sequence[str]
    is_personal: IsPersonal

    @property
    def contract(self) -> str:
        """`direct` if the sender is a programmer, who may be answered 422; empty for any other."""
        return self.mapping.contract


def ingest(event: Event, connection: Connection, mapping: Loaded, stores: Stores, now: int) -> list[Verdict]:
    """Merge an event into the cards and return a verdict for each of its records, at least one.

    Raise SenderError for a body that cannot be decoded, and whatever a store raises: then nothing is acknowledged, and
    the same event may come again. When it returns, everything accepted is in the table, and an event with a rejected
    record is whole in the rejected queue, except in a flood (`intake.flood`). Only a `direct` connection gets warnings,
    and AllRejected (answered 422) if no record was accepted.
    """
    one = mapped(event, connection, mapping, stores)
    (verdicts,) = merge([one], stores, now)
    conclude(one, verdicts, stores, now)
    return verdicts if one.contract else [verdict._replace(warnings=()) for verdict in verdicts]


def mapped(event: Event, connection: Connection, mapping: Loaded, stores: Stores) -> Mapped:
    """Decode an event and map it with its connection's mapping.

    Raise SenderError for a body that cannot be decoded, and what the cards table raises.
    """
    reader, outcomes = meaning(
        mapping,
        event.body,
        connection.settings,
        event.headers,
        event.query,
        lookup=event.lookup,
        is_again=event.headers.get("content-type") == WANTED,
        staff=_staff(loader.answers_of(mapping) if event.lookup else mapping, connection, stores),
    )
    is_personal = personal_ids(connection.settings) if reader.free_ids else None
    origin = connection.origin or reader.crm
    keys = [
        key_of(connection.project, origin, outcome.card, is_personal) if outcome.card else "" for outcome in outcomes
    ]
    return Mapped(event, connection, reader, outcomes, keys, is_personal)


def _staff(reader: Loaded, connection: Connection, stores: Stores) -> Mapping[str, str]:
    """Return Ringostat's employees, if the mapping that reads an event asks for them."""
    return stores.staff.of(connection.project) if stores.staff and STAFF in reader.lookups else {}


def take_answer(
    stores: Stores, clock: Callable[[], int], event: Event, connection: Connection, ids: Sequence[str]
) -> tuple[Sequence[Outcome], int]:
    """Merge an answer of a CRM's API, as `ingest` does an event; return what it means, and how much of it is news.

    Of one with a rejected record the ids that were asked for are kept: nothing of it is, that was not mapped.
    """
    one = mapped(event, connection, stores.mappings.of(connection), stores)
    (verdicts,) = merge([one], stores, clock())
    rejected = [verdict for verdict in verdicts if verdict.result == "rejected"]
    if rejected:
        again = wanted_again(event.connection, event.lookup, ids, now=event.received_at, request_id=event.request_id)
        reject(again, stores.rejected, rejected[0].code, rejected[0].reason)
    return one.outcomes, sum(verdict.result == "accepted" for verdict in verdicts)


def merge(events: Sequence[Mapped], stores: Stores, now: int) -> list[list[Verdict]]:
    """Merge events of one connection into the cards at once, wake and report; return a verdict for each record of each.

    Raise whatever a store raises: then some of them may be in the table, and all may come again.
    """
    until = time.monotonic() + stores.seconds
    if wanting := _wanting(events, stores):
        events = [one._replace(outcomes=wanting.admitted(one.event, one.outcomes)) for one in events]
    merging = Merging(
        stores.cards,
        connection=events[0].connection.name,
        mapping=_named(events),
        now=now,
        retention_days=stores.retention_days,
        until=until,
        is_personal=events[0].is_personal,
    )
    erased = _erased(events, stores.cards, now)
    merged = merging.merge(_news(events))
    _wake(merged.due, stores.delivery)
    if wanting:
        wanting.want(_debts(events), now, until)
    found = {key: iter(verdicts) for key, verdicts in merged.verdicts.items()}  # in the order of the changes
    verdicts = [
        [_verdict(outcome, key, found, erased) for outcome, key in zip(one.outcomes, one.keys, strict=True)]
        for one in events
    ]
    _report(events, list(chain.from_iterable(verdicts)))
    if time.monotonic() < until:
        _hear(events, verdicts, stores)
    return verdicts


def conclude(one: Mapped, verdicts: Sequence[Verdict], stores: Stores, now: int | None = None) -> None:
    """Keep an event whole if a record was rejected; with `now`, one of a flood may be counted only.

    For `direct` connections raise AllRejected instead if every one was (answered 422).
    """
    rejected = [verdict for verdict in verdicts if verdict.result == "rejected"]
    if one.contract and len(rejected) == len(verdicts):
        raise AllRejected([verdict.answered("code", "field", "reason") for verdict in rejected])
    if rejected and (now is None or stores.flood.keeps(one.connection.name, rejected[0].code, now)):
        reject(one.event, stores.rejected, rejected[0].code, rejected[0].reason)


def _erased(events: Sequence[Mapped], cards: Cards, now: int) -> set[str]:
    """Erase the cards of people who are to be forgotten; return the keys of those that were not erased before."""
    asked = (
        key
        for one in events
        for outcome, key in zip(one.outcomes, one.keys, strict=True)
        if outcome.result == "erase" and key
    )
    return {key for key in dict.fromkeys(asked) if cards.erase(key, now)}


def _wanting(events: Sequence[Mapped], stores: Stores) -> "Wanting | None":
    """Return what the connection may want from its CRM, None where no event wants anything that is its to say."""
    may = stores.lookup is not None and events[0].connection.lookups
    if not any(outcome.wants and (may or outcome.result == "lookup") for one in events for outcome in one.outcomes):
        return None
    from lookup.wanted import Wanting  # noqa: PLC0415 - a function does not load it before such an event comes

    return Wanting.of(stores.cards, stores.lookup, events[0].connection)


def _debts(events: Sequence[Mapped]) -> "dict[Want, Debt]":
    """Return what is wanted, and how."""
    from lookup.rows import Debt  # noqa: PLC0415 - the same

    return {
        want: Debt(
            one.event.request_id,
            one.event.depth + 1 if one.event.lookup else 0,
            _card_of(one, want.card) if want.card else "",
        )
        for one in events
        for outcome in one.outcomes
        for want in outcome.wants
    }


def _card_of(one: Mapped, card: str) -> str:
    origin = one.connection.origin or one.mapping.crm
    return key_of(one.connection.project, origin, card, one.is_personal)


def _news(events: Sequence[Mapped]) -> dict[str, list[Fields]]:
    """Return what the changes say about each card, in their order."""
    news: dict[str, list[Fields]] = {}
    for one in events:
        for outcome, key in zip(one.outcomes, one.keys, strict=True):
            if outcome.result in MERGED:
                news.setdefault(key, []).append(_stamped(outcome, one.event))
    return news


def _stamped(outcome: Outcome, event: Event) -> Fields:
    """Return the fields of a change; the id of a record that was read bears the time of the read: it was there then."""
    fields = stamped(outcome.fields, changed_at=outcome.changed_at, received_at=event.received_at)
    kind, id_field = outcome.kind, ID_FIELDS.get(outcome.kind, "")
    if event.lookup and outcome.result == "change" and outcome.card.startswith(f"{kind}:") and id_field in fields:
        identity = {id_field: fields[id_field].value}
        return fields | stamped(identity, changed_at=None, received_at=event.received_at)
    return fields


def _ahead(outcomes: Sequence[Outcome], received_at: int) -> int:
    """Return how many changes have a time so far in the future that their arrival counts instead."""
    times = [outcome.changed_at for outcome in outcomes if outcome.result == "change"]
    return sum(time is not None and time > received_at + CLOCK_TOLERANCE_MS for time in times)


def _verdict(outcome: Outcome, key: str, merged: Mapping[str, Iterator[Absorbed]], erased: Collection[str]) -> Verdict:
    """Return the verdict of a record; `merged` gives those of each card's changes, `erased` the cards newly erased."""
    verdict = Verdict("rejected", outcome.position, key, outcome.code, outcome.field, outcome.reason, outcome.warnings)
    if outcome.result == "erase":
        return verdict._replace(result="accepted" if key in erased else "unchanged")
    if outcome.result == "lookup":
        return verdict._replace(result="lookup")
    if outcome.result not in MERGED:
        return verdict if outcome.result == "reject" else verdict._replace(result="skipped")
    match next(merged[key]):
        case "erased":
            return verdict._replace(result="skipped", code="erased", reason="this card was erased on request")
        case "too-large":
            return verdict._replace(code="too-large", reason="the card would be larger than 350 KB")
        case "accepted" | "unchanged" | "stale" as result:
            return verdict._replace(result=result)
        case never:
            assert_never(never)


def _wake(keys: Mapping[str, int], delivery: Queue) -> None:
    """Wake workers; a wake-up that cannot be sent loses nothing: the cards are due, and the sweep wakes them."""
    try:
        wake(delivery, keys)
    except Unavailable:
        logger.warning("not woken: the sweep will", cards=len(keys))


def _hear(events: Sequence[Mapped], verdicts: Sequence[Sequence[Verdict]], stores: Stores) -> None:
    """Note, once an hour and process, that a connection was heard. No event fails by it.

    What the bridge itself has asked for is no sign that the CRM's webhook is on.
    """
    sent = [(one.event, found) for one, found in zip(events, verdicts, strict=True) if not one.event.lookup]
    connection, at = events[0].connection, max((event.received_at for event, _ in sent), default=0)
    codes = {verdict.code for _, found in sent for verdict in found}
    kind: Kind = "unread_at" if codes <= UNREAD else "read_at"
    if at < stores.heard.get((connection.name, kind), 0) + HOUR_MS:
        return
    stores.heard[connection.name, kind] = at
    try:
        stores.cards.write(noted(connection, kind, at, stores.silent_hours))
    except (Unavailable, NewerSchema) as error:
        failed("not noted that a connection was heard", error, connection=connection.name)


def _report(events: Sequence[Mapped], verdicts: Sequence[Verdict]) -> None:
    """Log one line for events that were merged together, and count every record."""
    report(
        "ingested",
        Counter(COUNTED[verdict.result] for verdict in verdicts if verdict.result in COUNTED),
        request_id=" ".join(one.event.request_id for one in events),
        connection=events[0].connection.name,
        mapping=_named(events),
        events=len(events),
        bytes=sum(len(one.event.body) for one in events),
        records=Counter(verdict.result for verdict in verdicts),
        cards=[verdict.key for verdict in verdicts if verdict.key][:MOST_LOGGED],
        **{name: found for name, found in _odd(events, verdicts).items() if found},
    )


def _named(events: Sequence[Mapped]) -> str:
    """Return which mapping read the events, a stored one with its version: `my v3`."""
    return ", ".join(dict.fromkeys(one.mapping.name for one in events))


def _odd(events: Sequence[Mapped], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return what is logged only if there is any."""
    return {
        "codes": Counter(verdict.code for verdict in verdicts if verdict.code),
        "ahead": sum(_ahead(one.outcomes, one.event.received_at) for one in events),
        "not_in_table": sum(NOT_IN_TABLE in warning for verdict in verdicts for warning in verdict.warnings),
        "not_in_staff": sum(NOT_IN_STAFF in warning for verdict in verdicts for warning in verdict.warnings),
        "warnings": [warning for verdict in verdicts for warning in verdict.warnings][:20],
        "event_ids": _ids(events),
    }


def _ids(events: Sequence[Mapped]) -> list[str]:
    """Return the CRM's own ids of events, which its support asks for; a text that may be personal is left out."""
    found = (outcome.event_id for one in events for outcome in one.outcomes)
    return list(dict.fromkeys(text for text in found if text and EVENT_ID.fullmatch(text)))[:MOST_IDS]


def reject(event: Event, rejected: Queue, code: str, reason: str) -> None:
    """Put an event whole into the rejected queue, where it can be read, and replayed once its cause is fixed."""
    rejected.send(Message(wrapped(event), {"connection": event.connection, "code": code, "reason": reason[:1000]}))


def reject_unread(record: Record, rejected: Queue, code: str, reason: str) -> None:
    """Put a message that wraps no event into the rejected queue as it came."""
    connection = plain(record).connection
    rejected.send(Message(record["body"], {"connection": connection, "code": code, "reason": reason[:1000]}))
