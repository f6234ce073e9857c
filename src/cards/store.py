"""The cards table in DynamoDB: the truth.

Every write is an update expression under a condition: attributes that this version does not know are kept, and nobody
overwrites what they have not read. `fields` is one JSON text, because it is always read and written whole and
DynamoDB's own maps cost more to decode than the merge itself.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError

from cards.card import Card, Refusal, Stamped
from errors import Unavailable

SCHEMA = 1
BATCH = 100  # items of one BatchGetItem or TransactWriteItems
ABSENT = "attribute_not_exists(#rev)"

Item = dict[str, Any]
T = TypeVar("T")


class Write(NamedTuple):
    """Attributes of one row to set (None removes them), the condition for it, and the condition's values."""

    key: str
    changes: Mapping[str, Any]
    condition: str
    values: Mapping[str, Any] = {}


class Written(NamedTuple):
    """The row after a write that happened, or as it is when the condition did not hold (None: no row)."""

    done: bool
    card: Card | None


class Cards:
    """The table, read and written by key. Every method may raise botocore's errors when DynamoDB fails."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, keys: Sequence[str]) -> dict[str, Card]:
        """Return the cards that exist, read consistently: one call, or one per hundred keys."""
        if len(keys) == 1:
            item = self._client.get_item(TableName=self._table, Key=_key(keys[0]), ConsistentRead=True).get("Item")
            return {keys[0]: card_of(item)} if item else {}
        return {card.key: card for chunk in chunks(keys) for card in self._read_many(chunk)}

    def _read_many(self, keys: Sequence[str]) -> Iterator[Card]:
        wanted: Any = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        for _ in range(5):
            answer = self._client.batch_get_item(RequestItems=wanted)
            yield from (card_of(item) for item in answer["Responses"].get(self._table, ()))
            wanted = answer.get("UnprocessedKeys")
            if not wanted:
                return
        raise Unavailable("DynamoDB left keys of a batch unread five times.")

    def write(self, write: Write) -> Written:
        """Do one write with one call, which is also the read of the row."""
        try:
            answer = self._client.update_item(
                **self._update(write), ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD"
            )
        except ClientError as error:
            if _code(error) != "ConditionalCheckFailedException":
                raise
            item: Any = error.response.get("Item")
            return Written(done=False, card=card_of(item) if item else None)
        return Written(done=True, card=card_of(answer["Attributes"]))

    def want(self, organization: str, contact: str) -> Card:
        """Note on an organization's row that a contact wants its name; return the row, of revision 0 if it is new."""
        answer = self._client.update_item(
            TableName=self._table,
            Key=_key(organization),
            UpdateExpression="ADD #wanted_by :contact",
            ExpressionAttributeNames={"#wanted_by": "wanted_by"},
            ExpressionAttributeValues={":contact": {"SS": [contact]}},
            ReturnValues="ALL_NEW",
        )
        return card_of(answer["Attributes"])

    def write_all(self, writes: Sequence[Write]) -> dict[str, Card | None]:
        """Do writes of different rows; return the rows, as they are, of those that did not happen (None: no row).

        One write is one call, many are one call per hundred. A transaction is all or nothing, so the writes of one that
        was cancelled are done again one by one.
        """
        if len(writes) == 1:
            return self._write_each(writes)
        conflicts: dict[str, Card | None] = {}
        for chunk in chunks(writes):
            if not self._transact(chunk):
                conflicts |= self._write_each(chunk)
        return conflicts

    def _write_each(self, writes: Sequence[Write]) -> dict[str, Card | None]:
        results = {write.key: self.write(write) for write in writes}
        return {key: result.card for key, result in results.items() if not result.done}

    def _transact(self, writes: Sequence[Write]) -> bool:
        try:
            self._client.transact_write_items(TransactItems=[{"Update": self._update(write)} for write in writes])
        except ClientError as error:
            if _code(error) != "TransactionCanceledException":
                raise
            return False
        return True

    def _update(self, write: Write) -> dict[str, Any]:
        sets = {name: value for name, value in write.changes.items() if value is not None}
        removes = [f"#{name}" for name, value in write.changes.items() if value is None]
        expression = "SET " + ", ".join(f"#{name} = :set_{name}" for name in sets) if sets else ""
        expression += (" REMOVE " + ", ".join(removes)) if removes else ""
        values = {f":set_{name}": _typed(name, value) for name, value in sets.items()}
        values |= {f":{name}": _typed(name, value) for name, value in write.values.items()}
        names = set(re.findall(r"#(\w+)", f"{expression} {write.condition}"))
        return {
            "TableName": self._table,
            "Key": _key(write.key),
            "UpdateExpression": expression,
            "ConditionExpression": write.condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in names},
            **({"ExpressionAttributeValues": values} if values else {}),
        }

    def due(self, now: int, limit: int) -> list[str]:
        """Return the keys of at most `limit` cards that are due at `now`, the longest due first."""
        keys: list[str] = []
        more: dict[str, Any] = {}
        while len(keys) < limit:
            answer = self._client.query(
                TableName=self._table,
                IndexName="due",
                KeyConditionExpression="#due = :due AND #due_at <= :now",
                ExpressionAttributeNames={"#due": "due", "#due_at": "due_at"},
                ExpressionAttributeValues={":due": {"S": "due"}, ":now": {"N": str(now)}},
                Limit=limit - len(keys),
                **more,
            )
            keys += [item["key"]["S"] for item in answer["Items"]]
            if "LastEvaluatedKey" not in answer:
                break
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return keys


def merged(before: Card, after: Card, *, due_at: int | None, expires_at: int | None) -> Write:
    """Return the write of a card's new content; it happens only if the row is still the one that was read.

    `before` is a card of revision 0 where there was no row. `due_at` None leaves it as it is, unless the card has
    nothing to post. Lease, quiet period and assertion belong to the wire, not to the content, and are never touched.
    """
    changes: dict[str, Any] = {
        "schema": SCHEMA,
        "connection": after.connection,
        "fields": after.fields,
        "rev": after.rev,
        "hash": after.hash,
        "waiting": after.waiting,
        "refused": after.refused,
        **({} if expires_at is None else {"expires_at": expires_at}),
        **due(None if after.hash is None else due_at, keep=after.hash is not None),
    }
    if before.rev == 0:
        return Write(after.key, changes, ABSENT)
    return Write(after.key, changes, "#rev = :rev AND attribute_not_exists(#erased)", {"rev": before.rev})


def due(at: int | None, *, keep: bool = False) -> dict[str, Any]:
    """Return the changes that put a card into the index of due cards, or take it out (`keep`: leave it as it is)."""
    if at is None:
        return {} if keep else {"due": None, "due_at": None}
    return {"due": "due", "due_at": at}


def card_of(item: Item) -> Card:
    """Return the card that a row holds."""
    known = {name: _plain(value) for name, value in item.items() if name in Card._fields}
    fields = {name: Stamped(*stamp) for name, stamp in json.loads(known.get("fields") or "{}").items()}
    refused = Refusal(*json.loads(known["refused"])) if known.get("refused") else None
    return Card(**{**known, "fields": fields, "refused": refused})


def chunks(things: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    """Return the things in pieces of at most `size`."""
    return (things[start : start + size] for start in range(0, len(things), size))


def _key(key: str) -> Item:
    return {"key": {"S": key}}


def _typed(name: str, value: Any) -> Item:
    if name in ("fields", "refused"):
        return {"S": json.dumps(value, ensure_ascii=False, separators=(",", ":"))}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _plain(value: Item) -> Any:
    ((kind, plain),) = value.items()
    if kind == "SS":
        return tuple(sorted(plain))
    return int(plain) if kind == "N" else plain


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
