"""The rejected queue as something to read: SQS has no peek, so messages are received, held, and given back."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from botocore.exceptions import BotoCoreError, ClientError

from aws.chunks import chunks
from aws.queues import BATCH
from connections import Connection, connection_of
from errors import BridgeError, Unavailable
from event import wrapped
from lookup.wanted import refused
from mapping.outcome import Outcome, compact
from mappings import Mappings
from ops.dry_run import Trial, tried
from ops.offline import Offline
from ops.samples import Sample, event_of
from ops.stack import Stack

SHORTEST_HOLD, LONGEST_HOLD = 120, 43_200  # seconds; SQS ends at 12 hours
A_SECOND = 50  # messages that are surely read in a second
EMPTY = 2  # answers without anything new that end a reading: one alone may miss some of SQS's servers
LARGEST_BATCH = 230_000  # bytes of the messages in one call, below SQS's smallest limit, 256 KiB
GAVE_UP = "gave-up"
GAVE_UP_REASON = "the bridge failed ten times on it; the log of InboxFunction says where"


class Rejection(NamedTuple):
    """One message of the queue. `body` is what the inbox queue takes: the event, with its first time of arrival."""

    identity: str
    receipt: str
    connection: str
    code: str
    reason: str
    received_at: int  # ms since 1970, UTC
    request_id: str
    body: str
    sample: Sample  # the event as a mapping gets it

    @property
    def event(self) -> tuple[str, str, int]:
        """What identifies an event, however often it was rejected."""
        return self.connection, self.request_id, self.received_at


class Held:
    """A reading of the queue: what it received is given back when it ends, but for what was deleted.

    Nothing is lost if it is cut off: then SQS gives the messages back after at most `seconds`.
    """

    def __init__(self, stack: Stack, *, a_second: float = A_SECOND) -> None:
        self._client = stack.client("sqs")
        self._queue = stack.queue("RejectedQueue")
        self._url = stack.queue_url("RejectedQueue")
        self._poll_seconds = stack.poll_seconds
        needed = int(stack.depth("RejectedQueue") / min(a_second, A_SECOND))
        self.seconds = min(SHORTEST_HOLD + needed, LONGEST_HOLD)
        self._receipts: dict[str, str] = {}
        self._deleted: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        kept = [receipt for identity, receipt in self._receipts.items() if identity not in self._deleted]
        for chunk in chunks(kept, BATCH):
            # What is not given back, because it is gone or SQS fails, comes back by itself.
            with contextlib.suppress(BotoCoreError, ClientError, Unavailable):
                self._queue.hide(dict.fromkeys(chunk, 0))

    def batches(self) -> Iterator[list[Rejection]]:
        """Yield what was not seen before, at most ten at once, until the queue gives nothing new."""
        empty = 0
        while empty < EMPTY:
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self.seconds,
                WaitTimeSeconds=self._poll_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            rejections = [rejection_of(message) for message in answer.get("Messages", ())]
            new = [one for one in rejections if one.identity not in self._receipts]
            self._receipts |= {one.identity: one.receipt for one in rejections}
            empty = 0 if new else empty + 1
            if new:
                yield new

    def all(self) -> list[Rejection]:
        """Return everything that the queue gives."""
        return [one for batch in self.batches() for one in batch]

    def delete(self, rejections: Sequence[Rejection]) -> int:
        """Delete messages; return how many SQS did not delete, which come back."""
        failed = 0
        for chunk in chunks(rejections, BATCH):
            entries = [
                {"Id": str(index), "ReceiptHandle": self._receipts[one.identity]} for index, one in enumerate(chunk)
            ]
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            done = {chunk[int(entry["Id"])].identity for entry in answer.get("Successful", ())}
            self._deleted |= done
            failed += len(chunk) - len(done)
        return failed


def rejection_of(message: dict[str, Any]) -> Rejection:
    """Return what a received message holds: a rejected event, or one that wraps no event and is there as it came."""
    attributes = {name: entry.get("StringValue", "") for name, entry in message.get("MessageAttributes", {}).items()}
    event, problem = event_of(message)
    return Rejection(
        message["MessageId"],
        message["ReceiptHandle"],
        event.connection,
        attributes.get("code") or GAVE_UP,
        attributes.get("reason") or GAVE_UP_REASON,
        event.received_at,
        event.request_id,
        message["Body"] if problem else wrapped(event),
        Sample.of(event, problem=problem),
    )


def sendable(rejections: Sequence[Rejection]) -> Iterator[list[Rejection]]:
    """Yield the rejections in pieces that one SendMessageBatch takes."""
    piece: list[Rejection] = []
    for one in rejections:
        if piece and (len(piece) == BATCH or sum(len(each.body) for each in [*piece, one]) > LARGEST_BATCH):
            yield piece
            piece = []
        piece.append(one)
    if piece:
        yield piece


def mapped(one: Rejection, entries: dict[str, Any], mappings: Mappings) -> Trial:
    """Return what the connection's mapping makes of an event now; raise BridgeError, LookupError without one."""
    return tried(Offline.of(_connection(one, entries), mappings), one.sample)


def replayed(one: Rejection, entries: dict[str, Any], mappings: Mappings) -> list[Outcome]:
    """Return what would come of an event if it were replayed now; raise as `mapped` does."""
    outcomes = mapped(one, entries, mappings).outcomes
    may_ask = _connection(one, entries).lookups
    return [outcome if may_ask else refused(outcome, "no-api-key") for outcome in outcomes]


def told(one: Rejection, entries: dict[str, Any], mappings: Mappings) -> list[str]:
    """Return in words what would come of each record of an event if it were replayed now."""
    try:
        outcomes = [compact(outcome) for outcome in replayed(one, entries, mappings)]
    except (BridgeError, LookupError) as error:
        outcomes = [{"reason": str(error)}]
    return [" ".join(_words(outcome)) for outcome in outcomes]


def _words(outcome: dict[str, Any]) -> list[str]:
    words = [str(outcome[name]) for name in ("result", "card", "code", "field", "reason") if outcome.get(name)]
    wants = outcome["wants"] if outcome.get("result") == "lookup" else ()
    return words + [f"{want['lookup']} {want['id']}" for want in wants]


def readable(body: bytes) -> str:
    """Return a body for people: JSON indented, anything else as it came."""
    text = body.decode(errors="backslashreplace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _connection(one: Rejection, entries: dict[str, Any]) -> Connection:
    connection = connection_of(entries, one.connection)
    if connection is None:
        raise LookupError("no connection has this name")
    return connection
