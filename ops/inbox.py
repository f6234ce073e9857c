"""The inbox queue, as a command fills it: many messages, and what SQS does not take at once is sent again."""

from collections.abc import Sequence

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
