"""Wake-ups: messages that say which cards may be due.

They hold keys only, no personal data, and losing one loses nothing.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aws.queues import Message, Queue
from cards.key import project_of
from delivery.policy import KEYS_PER_WAKEUP
from errors import NewerSchema
from telemetry import failed

SCHEMA = 1
CARD = re.compile(r"[0-9]+#[^#]+#")  # of a card's key


class Wakeup(NamedTuple):
    """A received wake-up; `keys` is empty when the message is none, for a wake-up is not data.

    One of a newer schema is left in the queue to a function that knows it.
    """

    message_id: str
    receipt: str
    received: int  # how often SQS has handed it out
    keys: Sequence[str]
    is_newer: bool = False


def wake(queue: Queue, rests: Mapping[str, int]) -> None:
    """Say that these cards may be due, each in so many seconds: a message per project, rest and hundred keys.

    The group is the project's number, so that SQS serves a quiet project beside a noisy one.
    """
    batches: dict[tuple[int, int], list[str]] = {}
    for key, rest in rests.items():
        batches.setdefault((project_of(key), rest), []).append(key)
    messages = [
        Message(_message(keys[start : start + KEYS_PER_WAKEUP]), group=str(project), delay=rest)
        for (project, rest), keys in batches.items()
        for start in range(0, len(keys), KEYS_PER_WAKEUP)
    ]
    if messages:
        queue.send_all(messages)


def _message(keys: Sequence[str]) -> str:
    # In ASCII, which holds no character that SQS refuses.
    return json.dumps({"schema": SCHEMA, "keys": keys}, separators=(",", ":"))


def wakeups_of(event: dict[str, Any]) -> list[Wakeup]:
    """Return the wake-ups of a Lambda event from the delivery queue."""
    return [
        Wakeup(
            record["messageId"],
            record["receiptHandle"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
            *_said(record["body"]),
        )
        for record in event["Records"]
    ]


def _said(body: str) -> tuple[list[str], bool]:
    """Return the keys of a message, and whether it is of a newer schema."""
    try:
        message = json.loads(body)
        if message.get("schema", SCHEMA) > SCHEMA:
            failed("a wake-up is left in the queue", NewerSchema())
            return [], True
        return [key for key in message["keys"] if isinstance(key, str) and CARD.match(key)], False
    except (AttributeError, ValueError, TypeError, KeyError, RecursionError):
        return [], False
