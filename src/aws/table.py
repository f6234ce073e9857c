"""The cards table in DynamoDB: the truth.

Every write is an update expression under a condition: attributes that this version does not know are kept, and nothing
unread is overwritten. A row of a greater schema is neither read nor written. `fields` is one JSON text, because it is
always read and written whole and DynamoDB's own maps cost more to decode than the merge itself.
"""

import json
import math
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aws.chunks import chunks
from aws.client import PASSING_CODES, Failure, ServiceClient
from aws.pauses import LONGEST_SECONDS, pause
from cards.card import Card, LastFailure, Refusal
from cards.endpoints import Stamped, numbers
from cards.key import (
    HEARD,
    NUMBERS,
    PROJECTS,
    RENAMED,
    heard,
    is_organization,
    left_behind_part,
    members_pages,
    number_key,
    project_of,
    renamed,
    wanted_part,
)
from cards.write import SCHEMA, Write, renaming
from errors import NewerSchema, Unavailable

BATCH = 100  # items of one BatchGetItem or TransactWriteItems
READABLE = "(attribute_not_exists(#schema) OR #schema <= :known)"  # what a newer version wrote is not written over
TOMBSTONE = frozenset(("key", "connection", "schema", "rev", "erased", "due", "due_at"))
ERASURES = 5  # of one card, while others write to it
PAUSES = (0.02, 0.06, 0.2)  # s at most: a transaction that holds a row is over in milliseconds

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
THROTTLED = {"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}

_KNOWN = frozenset(Card._fields)
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Item = dict[str, Any]


class Written(NamedTuple):
    """The row after a write that happened, or as it is when the condition did not hold (None: no row)."""

    done: bool
    card: Card | None


class Cards:
    """The table, read and written by key. Every method raises Unavailable when DynamoDB fails.

    Every method that reads a row or writes one raises NewerSchema for a row of a newer version.
    """

    def __init__(self, client: ServiceClient, table: str) -> None:
        self._client = client
        self._table = table
        self._enrolled: set[tuple[str, str]] = set()
        self._hash_key = ""

    def forget(self) -> None:
        """Forget who is enrolled, and the secret of numbers, as a new process has."""
        self._enrolled.clear()
        self._hash_key = ""

    def read(self, keys: Sequence[str]) -> dict[str, Card]:
        """Return the cards that exist, read consistently: one call, or one per hundred keys."""
        items = [self._item(keys[0])] if len(keys) == 1 else self._items(keys)
        return {card.key: card for card in map(card_of, filter(None, items))}

    def readable(self, keys: Sequence[str]) -> tuple[dict[str, Card], list[str]]:
        """Return the cards that exist, and the keys of those of a newer version."""
        items = list(self._items(keys))
        newer = [item["key"]["S"] for item in items if _is_newer(item)]
        return {card.key: card for card in (card_of(item) for item in items if not _is_newer(item))}, newer

    def _items(self, keys: Sequence[str]) -> Iterator[Item]:
        for start in range(0, len(keys), BATCH):
            yield from self._read_many(keys[start : start + BATCH])

    def row(self, key: str) -> dict[str, Any]:
        """Return the plain attributes of a row that is no card, empty if there is none."""
        return row_of(self._item(key))

    def rows(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return the plain attributes of rows that are no cards, of those that exist: one call per hundred."""
        items = self._items(keys) if keys else ()
        return {item["key"]["S"]: row_of(item) for item in items}

    def _item(self, key: str) -> Item:
        answer = self._client.call("GetItem", TableName=self._table, Key=_key(key), ConsistentRead=True)
        item: Item = answer.get("Item", {})
        return item

    def projects(self) -> list[int]:
        """Return the projects that ever had a card: each has its own partition in the index of due cards."""
        return [int(project) for project in self.row(PROJECTS).get("projects", ())]

    def wanting(self) -> list[str]:
        """Return the connections that ever wanted a record of their CRM."""
        return list(self.row(PROJECTS).get("wanting", ()))

    def enrol(self, one: int | str, among: str = "projects") -> None:
        """Note once in the life of this process that a project has cards, or that a connection is `wanting` records."""
        if (among, str(one)) not in self._enrolled:
            self._client.call(
                "UpdateItem",
                TableName=self._table,
                Key=_key(PROJECTS),
                UpdateExpression=f"ADD #{among} :one",
                ExpressionAttributeNames={f"#{among}": among},
                ExpressionAttributeValues={":one": {"SS": [str(one)]}},
            )
            self._enrolled.add((among, str(one)))

    def number_key(self, project: int, number: str) -> str:
        """Return the key of the row of a phone number; its secret is read once in the life of this process.

        It is made once in the life of the table.
        """
        if not self._hash_key:
            row = self._updated(Write(NUMBERS, {}, once={"secret": secrets.token_hex(32)}))["Attributes"]
            self._hash_key = row["secret"]["S"]
        return number_key(project, number, self._hash_key)

    def unlist(self, number: str, cards: frozenset[str], now: int, rest_ms: int | None = None) -> bool:
        """Take cards off the row of a number, given by its key; with `rest_ms`, if none was added to it for so long.

        An empty row expires. Return whether they are off.
        """
        rested = {} if rest_ms is None else {"until": now - rest_ms}
        condition = "attribute_exists(#members)" + (" AND #at < :until" if rested else "")
        done, row = self._tried(Write(number, {}, condition, rested, members=cards, leave=True))
        if done and row is not None and "members" not in row:
            self._tried(Write(number, {"expires_at": now // 1000}, "attribute_not_exists(#members)"))
        return done

    def _read_many(self, keys: Sequence[str]) -> Iterator[Item]:
        wanted: Any = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        for longest in LONGEST_SECONDS:
            answer = self._client.call("BatchGetItem", RequestItems=wanted)
            yield from answer["Responses"].get(self._table, ())
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
            pause(longest)
        raise Unavailable("DynamoDB left keys of a batch unread five times.")

    def write(self, write: Write) -> Written:
        """Do one write with one call, which is also the read of the row."""
        done, item = self._tried(write)
        return Written(done, card_of(item) if item else None)

    def _tried(self, write: Write) -> tuple[bool, Item | None]:
        try:
            return True, self._updated(write)["Attributes"]
        except Failure as error:
            if error.aws_code != "ConditionalCheckFailedException":
                raise
            return False, error.answer.get("Item")

    def _updated(self, write: Write) -> Any:
        returned = {"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
        update = {**self._update(write), **returned}
        for longest in PAUSES:
            try:
                return self._client.call("UpdateItem", **update)
            except Failure as error:
                if error.aws_code != "TransactionConflictException":
                    raise
                pause(longest)
        return self._client.call("UpdateItem", **update)

    def members(self, organization: str) -> list[tuple[str, ...]]:
        """Return the contacts that name an organization by its id, or once did, by pages."""
        pages = members_pages(organization)
        members = {item["key"]["S"]: _plain(item["members"]) for item in self._items(pages)}
        return [members.get(page, ()) for page in pages]

    def renamed(self, now: int, limit: int) -> list[str]:
        """Return at most `limit` organizations whose names must be given to their contacts by `now`."""
        return [renamed(key) for key in self._part(RENAMED, now, limit)]

    def erase(self, key: str, now: int) -> bool:
        """Leave a tombstone without personal data, which no later change brings back to life; return False if it was.

        It stays left behind if Ringostat may show the card. Events that come at the same moment leave nothing beside
        it, and the contacts of an organization lose its name; raise Unavailable if others keep writing.
        """
        row = self.row(key)
        if "erased" in row and row.keys() <= TOMBSTONE:
            return False
        if is_organization(key):
            self.write(renaming(key, now))
        known: set[str] = set()
        for _ in range(ERASURES):
            known |= _numbers(row)
            self.write(_tombstone(key, row, now))
            row = self.row(key)
            if row.keys() <= TOMBSTONE:
                for number in known:
                    self.unlist(self.number_key(project_of(key), number), frozenset([key]), now)
                return True
        raise Unavailable("Other requests kept writing to a card that is to be erased.")

    def write_all(
        self, writes: Sequence[Write], until: float = math.inf, *, first: Sequence[Write] = ()
    ) -> dict[str, Card | None]:
        """Do writes of different rows; return the rows, as they are, of those that did not happen (None: no row).

        One write is one call, many are one call per hundred. A transaction is all or nothing: the writes for which one
        was cancelled are done by themselves, the others by another transaction, before an error is raised. Raise
        Unavailable when it is `until` (of time.monotonic), or while the table is throttled. No write happens before
        those that must come `first`, which are without a condition: where all fit into one transaction, that is it.
        """
        if first and len(first) + len(writes) <= BATCH and not self._transact([*first, *writes], until):
            return {}
        if first:
            self.write_all(first, until)
        if len(writes) == 1:
            return self._write_each(writes, until)
        ones: list[Write] = []
        for chunk in chunks(writes, BATCH):
            ones += self._cancelled(chunk, until)
        return self._write_each(ones, until)

    def _cancelled(self, writes: Sequence[Write], until: float) -> list[Write]:
        """Do writes by one transaction, and by another without those that it was cancelled for; return these."""
        ones: list[Write] = []
        while writes and (named := self._transact(writes, until)):
            ones += named
            writes = [write for write in writes if write not in named]
        return ones

    def _write_each(self, writes: Sequence[Write], until: float) -> dict[str, Card | None]:
        conflicts: dict[str, Card | None] = {}
        failure: Failure | NewerSchema | None = None
        for write in writes:
            if time.monotonic() >= until:
                raise Unavailable("DynamoDB takes too long.")
            try:
                done, item = self._tried(write)
                if not done:
                    conflicts[write.key] = card_of(item) if item else None
            except NewerSchema as error:
                failure = error
            except Failure as error:
                if error.aws_code in PASSING_CODES:
                    raise  # the next write would be throttled, too
                if not (write.members and error.aws_code == "ValidationException"):  # full: 400 KiB
                    failure = error
        if failure:
            raise failure
        return conflicts

    def _transact(self, writes: Sequence[Write], until: float) -> Sequence[Write]:
        """Do all writes, or return those for which it was cancelled; wait while DynamoDB throttles.

        It is all of them where together they are larger than the 4 MB of one transaction.
        """
        items = [{"Update": self._update(write)} for write in writes]
        for longest in LONGEST_SECONDS:
            if time.monotonic() >= until:
                raise Unavailable("DynamoDB takes too long.")
            try:
                self._client.call("TransactWriteItems", TransactItems=items)
            except Failure as error:
                if error.aws_code not in ("TransactionCanceledException", "ValidationException"):
                    raise
                reasons = [reason.get("Code", "None") for reason in error.answer.get("CancellationReasons", ())]
                if THROTTLED.isdisjoint(reasons):
                    return [write for write, code in zip(writes, reasons, strict=False) if code != "None"] or writes
                pause(longest)
            else:
                return ()
        raise Unavailable("DynamoDB throttles a transaction again and again.")

    def _update(self, write: Write) -> dict[str, Any]:
        sets = {name: value for name, value in write.changes.items() if value is not None}
        removes = tuple(name for name, value in write.changes.items() if value is None)
        condition = f"({write.condition}) AND {READABLE}" if write.condition else READABLE
        members = ("DELETE" if write.leave else "ADD") if write.members else ""
        expression, names = _expression(tuple(sets), removes, condition, tuple(write.once), members)
        values = {f":set_{name}": _typed(value) for name, value in {**sets, **write.once}.items()}
        values |= {f":{name}": _typed(value) for name, value in {**write.values, "known": SCHEMA}.items()}
        if write.members:
            values[":members"] = {"SS": sorted(write.members)}
        return {
            "TableName": self._table,
            "Key": _key(write.key),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": dict(names),
            "ExpressionAttributeValues": values,
        }

    def due(self, project: int, now: int, limit: int, *, newest: bool = False) -> list[str]:
        """Return the keys of at most `limit` cards of a project due at `now`, the longest due first or last."""
        return self._part(str(project), now, limit, newest=newest)

    def left_behind(self, project: int, now: int, limit: int) -> list[str]:
        """Return the keys of at most `limit` cards of a project that were left behind by `now`, the oldest first."""
        return self._part(left_behind_part(project), now, limit)

    def wanted(self, connection: str, now: int, limit: int) -> list[str]:
        """Return the keys of records that a connection wants from its CRM by `now`, the first due first."""
        return self._part(wanted_part(connection), now, limit)

    def silent(self, now: int, limit: int) -> list[str]:
        """Return at most `limit` connections that are silent by `now`, the longest silent first."""
        return [heard(key) for key in self._part(HEARD, now, limit)]

    def _part(self, part: str, until: int, limit: int, *, newest: bool = False) -> list[str]:
        keys, more = self.part(part, until, limit, newest=newest) if limit > 0 else ([], None)
        while more and len(keys) < limit:
            found, more = self.part(part, until, limit - len(keys), newest=newest, after=more)
            keys += found
        return keys

    def part(
        self, part: str, until: int, limit: int, *, newest: bool = False, after: Item | None = None
    ) -> tuple[list[str], Item | None]:
        """Return what one call gives of a part of the index of due cards, and behind which row the next one begins."""
        answer = self._client.call(
            "Query",
            TableName=self._table,
            IndexName="due",
            KeyConditionExpression="#due = :due AND #due_at <= :now",
            ExpressionAttributeNames={"#due": "due", "#due_at": "due_at"},
            ExpressionAttributeValues={":due": {"S": part}, ":now": {"N": str(until)}},
            Limit=limit,
            ScanIndexForward=not newest,
            **({"ExclusiveStartKey": after} if after else {}),
        )
        return [item["key"]["S"] for item in answer["Items"]], answer.get("LastEvaluatedKey")

    def scan(self, limit: int, after: Item | None = None) -> tuple[list[Item], Item | None]:
        """Return at most `limit` rows of any kind, in no order, and behind which row the next call begins."""
        more = {"ExclusiveStartKey": after} if after else {}
        answer = self._client.call("Scan", TableName=self._table, Limit=limit, **more)
        return answer["Items"], answer.get("LastEvaluatedKey")


def _numbers(row: Mapping[str, Any]) -> set[str]:
    """Return the phone numbers that the row of a card holds, those that Ringostat has too."""
    return numbers(_fields(row.get("fields"))).union(json.loads(row.get("numbers") or "{}"))


def _tombstone(key: str, row: Mapping[str, Any], now: int) -> Write:
    gone: dict[str, Any] = dict.fromkeys(row.keys() - {"key", "connection"})
    part = left_behind_part(project_of(key))
    if row.get("due") == part or row.keys() & {"confirmed_hash", "ambiguous", "lease_id"}:
        gone |= {"due": part, "due_at": row["due_at"] if row.get("due") == part else now}
    return Write(key, {**gone, "schema": SCHEMA, "rev": row.get("rev", 0) + 1, "erased": now})


def _is_newer(item: Item) -> bool:
    return int(item.get("schema", {}).get("N", SCHEMA)) > SCHEMA


def card_of(item: Item) -> Card:
    """Return the card that a row holds; raise NewerSchema where a newer version wrote it."""
    if _is_newer(item):
        raise NewerSchema
    known = {name: _plain(value) for name, value in item.items() if name in _KNOWN}
    refused = Refusal(*json.loads(known["refused"])[: len(Refusal._fields)]) if known.get("refused") else None
    failure = LastFailure(*json.loads(known["failure"])[: len(LastFailure._fields)]) if known.get("failure") else None
    shown = json.loads(known["shown"]) if known.get("shown") else None
    parsed = {"fields": _fields(known.get("fields")), "refused": refused, "failure": failure, "shown": shown}
    since = json.loads(known["numbers"]) if known.get("numbers") else None
    return Card(**{**known, **parsed, "numbers": since})


def _fields(text: str | None) -> dict[str, Stamped]:
    """Return the fields of a row, with what a newer version put behind their stamps."""
    return {name: tuple.__new__(Stamped, stamp) for name, stamp in json.loads(text or "{}").items()}


@lru_cache
def _expression(
    sets: Sequence[str], removes: Sequence[str], condition: str, once: Sequence[str] = (), members: str = ""
) -> tuple[str, Mapping[str, str]]:
    """Return the update expression that sets and removes attributes, and the names in it and in the condition."""
    values = [f"#{name} = :set_{name}" for name in sets]
    values += [f"#{name} = if_not_exists(#{name}, :set_{name})" for name in once]
    expression = "SET " + ", ".join(values) if values else ""
    expression += " REMOVE " + ", ".join(f"#{name}" for name in removes) if removes else ""
    expression += f" {members} #members :members" if members else ""
    return expression, {f"#{name}": name for name in re.findall(r"#(\w+)", f"{expression} {condition}")}


def _key(key: str) -> Item:
    return {"key": {"S": key}}


def _typed(value: Any) -> Item:
    """Return a value as DynamoDB wants it; fields, a refusal and a failure are one text each."""
    kind = type(value)
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    return {"BOOL": value} if kind is bool else {"S": _COMPACT.encode(value)}


def row_of(item: Item) -> dict[str, Any]:
    """Return the plain attributes of a row that is no card; raise NewerSchema where a newer version wrote it."""
    if _is_newer(item):
        raise NewerSchema
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Item) -> Any:
    ((kind, plain),) = value.items()
    if kind == "SS":
        return tuple(sorted(plain))
    if kind == "N":
        return int(plain) if plain.lstrip("-").isdecimal() else float(plain)
    return plain
