"""SQS: one queue, with every answer read."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aws.chunks import chunks
from aws.client import ServiceClient
from aws.pauses import LONGEST_SECONDS, pause
from errors import Unavailable

BATCH = 10  # entries of one SendMessageBatch or ChangeMessageVisibilityBatch


class Message(NamedTuple):
    """A message to send: text, string attributes, the group that SQS serves fairly (ASCII only), seconds to wait."""

    body: str
    attributes: Mapping[str, str] = {}
    group: str = ""
    delay: int = 0


class Queue:
    """One queue. Every method raises Unavailable when SQS fails."""

    def __init__(self, client: ServiceClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, message: Message) -> None:
        """Send one message with one call."""
        self._client.call("SendMessage", QueueUrl=self._url, **_entry(message))

    def send_all(self, messages: Sequence[Message]) -> None:
        """Send messages with one call per ten; raise Unavailable if SQS took only some of them."""
        if len(messages) == 1:
            self.send(messages[0])
            return
        self._all("SendMessageBatch", [_entry(message) for message in messages])

    def hide(self, seconds: Mapping[str, int]) -> None:
        """Keep received messages, given by receipt handle, invisible for so many seconds more."""
        entries = [{"ReceiptHandle": handle, "VisibilityTimeout": delay} for handle, delay in seconds.items()]
        self._all("ChangeMessageVisibilityBatch", entries)

    def _all(self, operation: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Do a batch operation; what SQS did not take is sent again, unless it says that the entry is wrong."""
        for chunk in chunks(entries, BATCH):
            left = {str(index): entry for index, entry in enumerate(chunk)}
            for longest in LONGEST_SECONDS:
                batch = [{"Id": number, **entry} for number, entry in left.items()]
                failed = self._client.call(operation, QueueUrl=self._url, Entries=batch).get("Failed", ())
                left = {entry["Id"]: left[entry["Id"]] for entry in failed}
                if not left or any(entry["SenderFault"] for entry in failed):
                    break
                pause(longest)
            if left:
                raise Unavailable(f"SQS took only {len(chunk) - len(left)} of {len(chunk)} entries of {operation}.")


def _entry(message: Message) -> dict[str, Any]:
    texts = {name: text for name, text in message.attributes.items() if text}  # SQS does not accept empty ones
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    return {
        "MessageBody": message.body,
        **({"MessageAttributes": attributes} if attributes else {}),
        **({"MessageGroupId": message.group} if message.group else {}),
        **({"DelaySeconds": message.delay} if message.delay else {}),
    }
