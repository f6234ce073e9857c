"""The first event of a new connection: waited for until it has changed a card, or was rejected."""

import json
from typing import Any

from cli import exits
from cli.terminal import Cell, say
from ops.stack import Stack

AGAIN_SECONDS = 5
TRIES = 180  # a quarter of an hour
PAGES = 5  # of the table, a megabyte each, that are read each time


def first_event(stack: Stack, name: str) -> int:
    """Wait for the first event and say what became of it; return an exit code."""
    before, rejected = _newest(stack)[0].get(name), stack.depth("RejectedQueue")
    say("Waiting for the first event: save a contact in the CRM (Ctrl-C ends the waiting, not the connection).")
    for _ in range(TRIES):
        changed, whole = _newest(stack)
        if changed.get(name) != before:
            say(Cell("The first event came", "green"), " and changed a card.")
            return exits.FINE
        if stack.depth("RejectedQueue") > rejected:
            say(Cell("An event was rejected: ", "yellow"), f"bridge rejected list --connection {name} says why.")
            return exits.REJECTED
        if not whole:
            say("The table is too large to be watched: bridge status shows one card by its id.")
            return exits.FINE
        stack.sleep(AGAIN_SECONDS)
    say(Cell("No event came in 15 minutes: ", "yellow"), "bridge doctor looks for the reason.")
    return exits.WRONG


def _newest(stack: Stack) -> tuple[dict[str, int], bool]:
    """Return the newest arrival by connection, and whether the whole table was read."""
    latest: dict[str, int] = {}
    more: dict[str, Any] = {}
    for _ in range(PAGES):
        answer = stack.client("dynamodb").scan(
            TableName=stack.ids["CardsTable"],
            ProjectionExpression="#connection, #fields",
            ExpressionAttributeNames={"#connection": "connection", "#fields": "fields"},
            FilterExpression="attribute_exists(#fields)",
            **more,
        )
        for item in answer["Items"]:
            arrived = max((stamp[2] for stamp in json.loads(item["fields"]["S"]).values()), default=0)
            if name := item.get("connection", {}).get("S"):
                latest[name] = max(arrived, latest.get(name, 0))
        if "LastEvaluatedKey" not in answer:
            return latest, True
        more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    return latest, False
