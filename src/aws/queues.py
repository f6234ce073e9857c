"""SQS: one queue, with every answer read."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aws.chunks import chunks
from aws.client import ServiceClient
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
        for chunk in chunks(messages, BATCH):
            entries = [{"Id": str(index), **_entry(message)} for index, message in enumerate(chunk)]
            answer = self._client.call("SendMessageBatch", QueueUrl=self._url, Entries=entries)
            if answer.get("Failed"):
                raise Unavailable(f"SQS took only {len(answer['Successful'])} of {len(entries)} messages.")

    def hide(self, seconds: Mapping[str, int]) -> None:
        """Keep received messages, given by receipt handle, invisible for so many seconds more."""
        for chunk in chunks(list(seconds.items()), BATCH):
            answer = self._client.call(
                "ChangeMessageVisibilityBatch",
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": handle, "VisibilityTimeout": delay}
                    for index, (handle, delay) in enumerate(chunk)
                ],
            )
            if answer.get("Failed"):
                raise Unavailable(f"SQS hid only {len(answer['Successful'])} of {len(chunk)} messages.")


def _entry(message: Message) -> dict[str, Any]:
    texts = {name: text for name, text in message.attributes.items() if text}  # SQS does not accept empty ones
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    return {
        "MessageBody": message.body,
        **({"MessageAttributes": attributes} if attributes else {}),
        **({"MessageGroupId": message.group} if message.group else {}),
        **({"DelaySeconds": message.delay} if message.delay else {}),
    }
