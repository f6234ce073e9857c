"""AWS in memory: the calls that the bridge makes, timed and counted, so that a measurement can leave them out.

`tests/test_bench.py` compares it with moto, call by call. It exists because moto takes milliseconds a call and keeps
every row as objects: a million cards would not fit, and its work would drown ours.
"""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import cache, wraps
from itertools import count
from typing import Any, NoReturn, TypeVar, cast

from botocore.exceptions import ClientError

Item = dict[str, Any]
Method = TypeVar("Method", bound=Callable[..., Any])


def call(method: Method) -> Method:
    """Count a call, and its CPU time."""

    @wraps(method)
    def metered(self: "Aws", **arguments: Any) -> Any:
        started = time.process_time()
        self.calls[method.__name__] += 1
        try:
            return method(self, **arguments)
        finally:
            self.seconds += time.process_time() - started

    return cast("Method", metered)


class Aws:
    """One table, any queues and secrets. It is the client of all three services at once."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0  # CPU time spent in here
        self.rows: dict[str, str] = {}  # as JSON, which a million of do not burden the garbage collector with
        self.queues: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.secrets: dict[str, str] = {}
        self._due: dict[str, dict[str, int]] = defaultdict(dict)
        self.hidden: dict[str, int] = {}  # seconds, by receipt
        self._numbers = count(1)

    @call
    def get_item(self, *, Key: Item, **_: Any) -> dict[str, Any]:  # noqa: N803 - AWS's own names
        """Read one row."""
        item = self.row(Key["key"]["S"])
        return {"Item": item} if item else {}

    @call
    def batch_get_item(self, *, RequestItems: Item) -> dict[str, Any]:  # noqa: N803
        """Read many rows."""
        ((table, wanted),) = RequestItems.items()
        rows = [self.row(key["key"]["S"]) for key in wanted["Keys"]]
        return {"Responses": {table: [row for row in rows if row]}, "UnprocessedKeys": {}}

    @call
    def put_item(self, *, Item: Item, **update: Any) -> dict[str, Any]:  # noqa: N803
        """Replace a row, if its condition holds."""
        key = Item["key"]["S"]
        if not holds(update, self.row(key)):
            refuse("ConditionalCheckFailedException", "PutItem")
        self.keep(key, Item)
        return {}

    @call
    def update_item(self, *, Key: Item, **update: Any) -> dict[str, Any]:  # noqa: N803
        """Change a row, if its condition holds."""
        key = Key["key"]["S"]
        row = self.row(key)
        if not holds(update, row):
            refuse("ConditionalCheckFailedException", "UpdateItem", Item=row)
        after = changed(update, row or dict(Key))
        self.keep(key, after)
        return {"Attributes": after}

    @call
    def transact_write_items(self, *, TransactItems: list[Item]) -> dict[str, Any]:  # noqa: N803
        """Change many rows, or none."""
        updates = [item["Update"] for item in TransactItems]
        rows = [self.row(update["Key"]["key"]["S"]) for update in updates]
        if not all(holds(update, row) for update, row in zip(updates, rows, strict=True)):
            refuse("TransactionCanceledException", "TransactWriteItems")
        for update, row in zip(updates, rows, strict=True):
            self.keep(update["Key"]["key"]["S"], changed(update, row or dict(update["Key"])))
        return {}

    @call
    def query(
        self,
        *,
        ExpressionAttributeValues: Item,  # noqa: N803
        Limit: int,  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        """Read the index of due cards."""
        due = self._due[ExpressionAttributeValues[":due"]["S"]]
        now = int(ExpressionAttributeValues[":now"]["N"])
        keys = sorted((key for key in due if due[key] <= now), key=due.__getitem__, reverse=not ScanIndexForward)
        return {"Items": [{"key": {"S": key}} for key in keys[:Limit]]}

    @call
    def send_message(self, *, QueueUrl: str, **message: Any) -> dict[str, Any]:  # noqa: N803
        """Put one message on a queue."""
        self._send(QueueUrl, message)
        return {}

    @call
    def send_message_batch(self, *, QueueUrl: str, Entries: list[Item]) -> dict[str, Any]:  # noqa: N803
        """Put many messages on a queue."""
        for entry in Entries:
            self._send(QueueUrl, entry)
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    @call
    def change_message_visibility_batch(self, *, Entries: list[Item], **_: Any) -> dict[str, Any]:  # noqa: N803
        """Hide messages: remembered for whoever plays the poller."""
        for entry in Entries:
            self.hidden[entry["ReceiptHandle"]] = entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    @call
    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        """Read a secret."""
        return {"SecretString": self.secrets[SecretId]}

    def row(self, key: str) -> Item | None:
        """Return a row's item, a fresh one each time."""
        text = self.rows.get(key)
        return json.loads(text) if text else None

    def keep(self, key: str, item: Item) -> None:
        """Store a row and its place in the index."""
        self.rows[key] = json.dumps(item, ensure_ascii=False)
        project = key.partition("#")[0]
        if "due" in item and "due_at" in item:
            self._due[project][key] = int(item["due_at"]["N"])
        else:
            self._due[project].pop(key, None)

    def _send(self, url: str, message: dict[str, Any]) -> None:
        number = str(next(self._numbers))
        attributes = {
            name: {"dataType": "String", "stringValue": value["StringValue"]}
            for name, value in message.get("MessageAttributes", {}).items()
        }
        record = {"messageId": number, "receiptHandle": number, "body": message["MessageBody"]}
        self.queues[url].append({**record, "messageAttributes": attributes, "attributes": {}, "eventSource": "aws:sqs"})


def refuse(code: str, operation: str, **more: Any) -> NoReturn:
    """Raise what boto3 raises."""
    raise ClientError({"Error": {"Code": code, "Message": code}, **more}, operation)


def holds(update: Mapping[str, Any], item: Item | None) -> bool:
    """Evaluate a ConditionExpression."""
    condition = update.get("ConditionExpression")
    return not condition or bool(eval(_compiled(condition), {"has": _has, "test": _test, "_": (update, item or {})}))  # noqa: S307 - our own text


@cache
def _compiled(condition: str) -> Any:
    source = re.sub(r"([#:]\w+) *(<>|<=|>=|=|<|>) *([#:]\w+)", r"test(_, '\1', '\2', '\3')", condition)
    source = re.sub(r"attribute_(not_)?exists *\((#\w+)\)", r"has(_, '\2', '\1')", source)
    return compile(source.replace(" AND ", " and ").replace(" OR ", " or "), "condition", "eval")


def _has(context: tuple[Any, Item], name: str, no: str) -> bool:
    update, item = context
    return (update["ExpressionAttributeNames"][name] in item) is not bool(no)


def _test(context: tuple[Any, Item], left: str, sign: str, right: str) -> bool:
    a, b = _operand(context, left), _operand(context, right)
    if a is None or b is None:
        return False
    return {"=": a == b, "<>": a != b, "<=": a <= b, ">=": a >= b, "<": a < b, ">": a > b}[sign]


def _operand(context: tuple[Any, Item], name: str) -> Any:
    update, item = context
    value = (
        item.get(update["ExpressionAttributeNames"][name])
        if name[0] == "#"
        else update["ExpressionAttributeValues"][name]
    )
    if value is None:
        return None
    ((kind, plain),) = value.items()
    return int(plain) if kind == "N" else plain


def changed(update: Mapping[str, Any], item: Item) -> Item:
    """Evaluate an UpdateExpression of SET, REMOVE and ADD (to sets of texts)."""
    names, values = update["ExpressionAttributeNames"], update.get("ExpressionAttributeValues", {})
    after = dict(item)
    for verb, rest in re.findall(r"(SET|REMOVE|ADD) (.*?)(?= (?:SET|REMOVE|ADD) |$)", update["UpdateExpression"]):
        for clause in rest.split(", "):
            name, *operand = re.findall(r"[#:]\w+", clause)
            if verb == "SET":
                after[names[name]] = values[operand[0]]
            elif verb == "REMOVE":
                after.pop(names[name], None)
            else:
                members = {*after.get(names[name], {"SS": []})["SS"], *values[operand[0]]["SS"]}
                after[names[name]] = {"SS": sorted(members)}
    return after
