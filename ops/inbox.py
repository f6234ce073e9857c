"""The inbox queue, as a command fills it: many messages, and what SQS does not take at once is sent again."""

from collections.abc import Iterator, Sequence

from aws.queues import BATCH
from errors import Unavailable
from ops.stack import Stack

TRIES = 5
LARGEST_CALL = 200_000  # bytes of the messages in one call: below SQS's smallest limit, 256 KiB


def put(stack: Stack, messages: Sequence[str]) -> None:
    """Send at most ten messages, with one call if SQS takes them; raise Unavailable if it does not."""
    client, left = stack.client("sqs"), list(messages)
    for _ in range(TRIES):
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(left)]
        answer = client.send_message_batch(QueueUrl=stack.queue_url("InboxQueue"), Entries=entries)
        left = [left[int(entry["Id"])] for entry in answer.get("Failed", ())]
        if not left:
            return
        stack.sleep(1)
    raise Unavailable(f"SQS did not take {len(left)} of {len(messages)} messages.")


def put_all(stack: Stack, messages: Sequence[str]) -> None:
    """Send any number of messages, with as few calls as their sizes allow."""
    for call in _calls(messages):
        put(stack, call)


def _calls(messages: Sequence[str]) -> Iterator[list[str]]:
    call: list[str] = []
    for message in messages:
        if call and (len(call) == BATCH or sum(map(len, call)) + len(message) > LARGEST_CALL):
            yield call
            call = []
        call.append(message)
    if call:
        yield call
