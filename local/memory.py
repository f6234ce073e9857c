"""DynamoDB and SQS in a few dictionaries: what the bridge uses of them, quick enough for 400,000 events.

`test_memory.py` holds them against moto, call by call.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from itertools import count
from typing import Any, NamedTuple

from botocore import xform_name

from aws.client import Failure
from local.expressions import clauses, holds


class Memory:
    """One account: operations by their names in boto3, each taking its parameters.

    `clock` gives ms since 1970; after so many `receives` a message becomes a dead letter.
    """

    def __init__(self, clock, receives=10):
        self.rows: dict[str, dict[str, Any]] = {}
        self.queues: dict[str, Queue] = {}
        self._due: dict[str, list[tuple[int, str]]] = {}
        self._clock = clock
        self._receives = receives

    def client(self):
        """Return what the bridge takes for a client."""
        return Client(self)

    def get_item(self, params):
        row = self.rows.get(params["Key"]["key"]["S"])
        return {"Item": dict(row)} if row else {}

    def batch_get_item(self, params):
        found = {
            table: [dict(row) for key in request["Keys"] if (row := self.rows.get(key["key"]["S"]))]
            for table, request in params["RequestItems"].items()
        }
        return {"Responses": found, "UnprocessedKeys": {}}

    def update_item(self, params):
        key = params["Key"]["key"]["S"]
        self._check("UpdateItem", key, params)
        row = self._updated(key, params)
        return {"Attributes": dict(row)} if params.get("ReturnValues") == "ALL_NEW" else {}

    def transact_write_items(self, params):
        updates = [(item["Update"]["Key"]["key"]["S"], item["Update"]) for item in params["TransactItems"]]
        if not all(self._holds(key, update) for key, update in updates):
            raise Failure("TransactWriteItems", "TransactionCanceledException")
        for key, update in updates:
            self._updated(key, update)
        return {}

    def query(self, params):
        """Return a page of the index of due cards, which here holds everything asked for."""
        values = params["ExpressionAttributeValues"]
        partition = self._due.get(values[":due"]["S"], [])
        end = bisect_right(partition, (int(values[":now"]["N"]), "\U0010ffff"))
        most = params["Limit"]
        entries = partition[: min(most, end)]
        if not params.get("ScanIndexForward", True):
            entries = partition[max(0, end - most) : end][::-1]
        return {"Items": [{"key": {"S": key}} for _, key in entries]}

    def _holds(self, key, params):
        names = params.get("ExpressionAttributeNames", {})
        values = params.get("ExpressionAttributeValues", {})
        row = self.rows.get(key, {})

        def operand(name):
            return _plain(values[name] if name[0] == ":" else row.get(names[name]))

        return holds(params.get("ConditionExpression", ""), operand)

    def _check(self, operation, key, params):
        if not self._holds(key, params):
            shown = params.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and key in self.rows
            answer = {"Item": dict(self.rows[key])} if shown else {}
            raise Failure(operation, "ConditionalCheckFailedException", answer)

    def _updated(self, key, params):
        names, values = params["ExpressionAttributeNames"], params.get("ExpressionAttributeValues", {})
        sets, removes, adds, leaves = clauses(params["UpdateExpression"])
        row = {"key": {"S": key}, **self.rows.get(key, {})}
        row |= {names[name]: values[value] for name, once, value in sets if names.get(once) not in row}
        for name in removes:
            row.pop(names[name], None)
        for name, value in adds:
            known = row.get(names[name], {"SS": []})["SS"]
            row[names[name]] = {"SS": sorted({*known, *values[value]["SS"]})}
        for name, value in leaves:
            known = row.pop(names[name], {"SS": []})["SS"]
            if left := sorted({*known} - {*values[value]["SS"]}):
                row[names[name]] = {"SS": left}
        self._put(key, row)
        return row

    def _put(self, key, row):
        before, after = _place(key, self.rows.get(key, {})), _place(key, row)
        if before != after:
            if before:
                entries = self._due[before[0]]
                del entries[bisect_left(entries, before[1])]
            if after:
                insort(self._due.setdefault(after[0], []), after[1])
        self.rows[key] = row

    def send_message(self, params):
        attributes = params.get("MessageAttributes", {})
        delay = params.get("DelaySeconds", 0) * 1000
        return {"MessageId": self._queue(params).send(params["MessageBody"], attributes, self._clock(), delay)}

    def send_message_batch(self, params):
        for entry in params["Entries"]:
            self.send_message({"QueueUrl": params["QueueUrl"], **entry})
        return {"Successful": params["Entries"]}

    def receive_message(self, params):
        now = self._clock()
        most, hidden_until = params["MaxNumberOfMessages"], now + params["VisibilityTimeout"] * 1000
        return {"Messages": self._queue(params).receive(most, now, hidden_until)}

    def delete_message(self, params):
        self._queue(params).messages.pop(params["ReceiptHandle"], None)
        return {}

    def change_message_visibility_batch(self, params):
        for entry in params["Entries"]:
            self._queue(params).hide(entry["ReceiptHandle"], self._clock() + entry["VisibilityTimeout"] * 1000)
        return {"Successful": params["Entries"]}

    def purge_queue(self, params):
        self._queue(params).messages.clear()
        return {}

    def _queue(self, params):
        return self.queues.setdefault(params["QueueUrl"], Queue(self._receives))


class Client:
    """A client of this account, as aws.client has one."""

    def __init__(self, memory):
        self._memory = memory

    def call(self, operation, **params):
        return getattr(self._memory, xform_name(operation))(params)


class Entry(NamedTuple):
    """A message; its MessageId serves as receipt handle."""

    body: str
    attributes: dict[str, Any]
    sent_at: int
    received: int
    visible_at: int


class Queue:
    """A standard queue with its dead letters."""

    def __init__(self, receives):
        self.messages: dict[str, Entry] = {}
        self.dead = 0
        self._receives = receives
        self._ids = count(1)
        self._order: list[tuple[int, int]] = []

    def send(self, body, attributes, now, delay):
        number = next(self._ids)
        self.messages[str(number)] = Entry(body, attributes, now, 0, now + delay)
        heapq.heappush(self._order, (now + delay, number))
        return str(number)

    def receive(self, most, now, hidden_until):
        messages = []
        while self._order and self._order[0][0] <= now and len(messages) < most:
            visible_at, number = heapq.heappop(self._order)
            entry = self.messages.get(str(number))
            if entry is None or entry.visible_at != visible_at:
                continue
            if entry.received == self._receives:
                self.dead += 1
                del self.messages[str(number)]
                continue
            entry = entry._replace(received=entry.received + 1)
            self.messages[str(number)] = entry
            self.hide(str(number), hidden_until)
            messages.append(_received(str(number), entry))
        return messages

    def hide(self, handle, until):
        if handle in self.messages:
            self.messages[handle] = self.messages[handle]._replace(visible_at=until)
            heapq.heappush(self._order, (until, int(handle)))


def _received(handle, entry):
    return {
        "MessageId": handle,
        "ReceiptHandle": handle,
        "Body": entry.body,
        "Attributes": {"ApproximateReceiveCount": str(entry.received), "SentTimestamp": str(entry.sent_at)},
        "MessageAttributes": entry.attributes,
    }


def _place(key, row):
    """Return a row's place in the index of due cards, None without one."""
    if "due" not in row or "due_at" not in row:
        return None
    return row["due"]["S"], (int(row["due_at"]["N"]), key)


def _plain(value):
    if value is None:
        return None
    ((kind, plain),) = value.items()
    return int(plain) if kind == "N" else plain
