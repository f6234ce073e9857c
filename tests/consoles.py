"""A console that runs, and a table of a million cards that are made when they are read."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

from cli.console.server import Console
from ops.stack import Stack

NOW = 1_772_359_200_000


@contextmanager
def running(stack, **options):
    """Serve a console."""
    console = Console(stack, **options)
    try:
        yield console
    finally:
        console.stop()


def key(number):
    return f"106#Pipedrive#contact:{number}"


def item(number, name=None):
    """A delivered contact; one in a thousand is refused."""
    fields = {
        "fullName": [name or f"Олена {number}", 1, 1],
        "phones.0": [[{"value": f"+380670{number:06}", "name": None, "primary": False}], 1, 1],
    }
    row = {
        "key": {"S": key(number)},
        "connection": {"S": "acme"},
        "fields": {"S": json.dumps(fields, ensure_ascii=False)},
        "rev": {"N": "1"},
        "hash": {"S": "h"},
        "confirmed_hash": {"S": "h"},
        "confirmed_at": {"N": "1"},
    }
    refused = {"refused": {"S": json.dumps(["h", "400", "fullName", 1])}}
    return row | (refused if number % 1000 == 7 else {})


class Million:
    """The services of a stack with a million cards, all of them due.

    `calls` are all calls made, `names` those of some cards.
    """

    def __init__(self, cards=1_000_000):
        self.cards = cards
        self.calls = []
        self.names = {}
        self.meta = SimpleNamespace(partition="aws", endpoint_url="http://127.0.0.1:9", region_name="eu-central-1")

    def stack(self):
        names = ("CardsTable", "InboxQueue", "RejectedQueue", "DeliveryQueue", "DeadDeliveryQueue")
        ids = {name: name for name in (*names, "ConnectionsSecret", "AuthKeysSecret")}
        return Stack(lambda _: self, ids, "http://127.0.0.1:9/crm/", clock=lambda: NOW)

    def _page(self, name, limit, start):
        self.calls.append((name, limit))
        begin = int(start["key"]["S"].rpartition(":")[2]) + 1 if start else 0
        end = min(begin + limit, self.cards)
        more = {"LastEvaluatedKey": {"key": {"S": key(end - 1)}}} if end < self.cards else {}
        return {"Items": [item(number, self.names.get(number)) for number in range(begin, end)], **more}

    def scan(self, *, Limit, ExclusiveStartKey=None, **_):  # noqa: N803 - names of AWS
        return self._page("scan", Limit, ExclusiveStartKey)

    def query(self, *, Limit, ExclusiveStartKey=None, ExpressionAttributeValues, **_):  # noqa: N803 - as above
        if ExpressionAttributeValues[":due"]["S"] != "106":
            self.calls.append(("query", Limit))
            return {"Items": []}
        return self._page("query", Limit, ExclusiveStartKey)

    def get_item(self, *, Key, **_):  # noqa: N803 - as above
        self.calls.append(("get_item", 1))
        if Key["key"]["S"] == "#projects":
            return {"Item": {"projects": {"SS": ["106"]}}}
        number = Key["key"]["S"].rpartition(":")[2]
        return (
            {"Item": item(int(number), self.names.get(int(number)))}
            if number.isdecimal() and int(number) < self.cards
            else {}
        )

    def batch_get_item(self, *, RequestItems):  # noqa: N803 - as above
        ((table, wanted),) = RequestItems.items()
        self.calls.append(("batch_get_item", len(wanted["Keys"])))
        numbers = [one["key"]["S"].rpartition("contact:")[2] for one in wanted["Keys"]]
        return {"Responses": {table: [item(int(one), self.names.get(int(one))) for one in numbers if one.isdecimal()]}}

    def get_secret_value(self, **_):
        self.calls.append(("get_secret_value", 1))
        return {"SecretString": json.dumps({"acme": {"mapping": "pipedrive", "project": 106}})}

    def get_queue_attributes(self, *, AttributeNames, **_):  # noqa: N803 - as above
        return {"Attributes": dict.fromkeys(AttributeNames, "0")}
