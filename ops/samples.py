"""Samples: a raw body, a saved HTTP API event or a queue message, as the event that the production code would get."""

import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

from errors import BadBody, BridgeError, NewerSchema
from event import Event, Record, plain, queued, request_of
from mapping.decode import decoded

TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".xml": "text/xml"}


# https://github.com/ministackorg/ministack/pull/766 measured which types API Gateway takes for text; AWS says only that
# it says by the content type:
# https://aws.amazon.com/blogs/compute/handling-binary-data-using-amazon-api-gateway-http-apis/
_TEXTS = ("application/json", "application/xml", "application/javascript")


def delivered(body: bytes, content_type: str) -> bytes:
    """Return a request's body as API Gateway hands it to `api`: of a text, what is no UTF-8 is lost."""
    return body.decode("utf-8", "replace").encode() if is_text(content_type) else body


def is_text(content_type: str) -> bool:
    """Return whether API Gateway takes a body for a text; of any other it hands over the bytes."""
    media = content_type.partition(";")[0].strip().lower()
    return media.startswith("text/") or media in _TEXTS


class Sample(NamedTuple):
    """One event. Header names are in lower case; `problem` says why a message holds no event."""

    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    came_as: str = ""  # in what it was wrapped
    problem: BridgeError | None = None
    lookup: str = ""  # the look-up that it answers

    @classmethod
    def of(cls, event: Event, *, came_as: str = "", problem: BridgeError | None = None) -> "Sample":
        """Return an event as a mapping gets it."""
        return cls(event.body, event.headers, event.query, came_as, problem, event.lookup)

    @property
    def content_type(self) -> str:
        """What decides how the body is read; empty: its first character."""
        return self.headers.get("content-type", "")

    def decoded(self) -> Any:
        """Return the plain data of the body; raise BridgeError where `inbox` or `api` does."""
        if self.problem:
            raise self.problem
        return decoded(self.body, self.headers)


class Given(NamedTuple):
    """What the options say about an event; it goes before what the sample itself says."""

    content_type: str = ""
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    lookup: str = ""

    def over(self, sample: Sample) -> Sample:
        """Return the sample with what was given."""
        named = {"content-type": self.content_type} if self.content_type else {}
        lowered = {name.lower(): text for name, text in self.headers.items()}
        headers = {**sample.headers, **lowered, **named}
        asked = sample._replace(
            headers=headers, query={**sample.query, **self.query}, lookup=self.lookup or sample.lookup
        )
        if asked.came_as or asked.lookup:  # neither came through the gateway
            return asked
        return asked._replace(body=delivered(sample.body, asked.content_type))


_OPTIONS = (
    click.option("--query", multiple=True, metavar="K=V", help="A parameter of the address, $query.K."),
    click.option("--header", multiple=True, metavar="K:V", help="A header of the request, $headers.k."),
    click.option("--lookup", default="", metavar="NAME", help="The sample is what the CRM's API answered to this."),
    click.option("--content-type", default="", metavar="TYPE", help="Instead of what file name and content say."),
    click.argument("sample", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
)


def of_event(command: Callable[..., int]) -> Callable[..., int]:
    """Add the argument and options that describe an event; the command gets a list of them as `samples`."""

    @functools.wraps(command)
    def reading(
        *, sample: str, content_type: str, lookup: str, header: tuple[str, ...], query: tuple[str, ...], **others: Any
    ) -> int:
        given = Given(content_type, pairs(header, ":", "--header"), pairs(query, "=", "--query"), lookup)
        return command(samples=read(sample, given), **others)

    return functools.reduce(lambda wrapped, option: option(wrapped), _OPTIONS, reading)


def read(path: str, given: Given) -> list[Sample]:
    """Return the events of a file or of standard input (`-`), at least one; raises click's UsageError."""
    try:
        body = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read ({type(error).__name__})") from None
    return [given.over(sample) for sample in samples_of(body, TYPES.get(Path(path).suffix.lower(), ""))]


def pairs(texts: tuple[str, ...], separator: str, option: str) -> dict[str, str]:
    """Return what `K:V` options say; raises click's BadParameter, which quotes nothing."""
    found = {}
    for text in texts:
        name, mark, value = text.partition(separator)
        if not mark or not name.strip():
            raise click.BadParameter(f"write it like name{separator}value", param_hint=option)
        found[name.strip()] = value.strip()
    return found


def samples_of(body: bytes, content_type: str) -> list[Sample]:
    """Return the events that a file holds: a saved HTTP API event's, those of queue messages, else the body itself."""
    if body.lstrip()[:1] in (b"{", b"\xef"):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if isinstance(document, dict) and (found := list(_unwrapped(document))):
            return found
    return [Sample(body, {"content-type": content_type} if content_type else {}, {})]


def _unwrapped(document: dict[str, Any]) -> Iterator[Sample]:
    messages = document.get("Records") or document.get("Messages")  # Lambda's event, `aws sqs receive-message`
    if isinstance(messages, list) and all(map(_is_message, messages)):
        yield from map(of_message, messages)
    elif _is_request(document):
        request = request_of(document, "/crm/sample")
        yield Sample(request.body, request.headers, request.query, "an HTTP API event")
    elif _is_message(document):
        yield of_message(document)
    elif _is_wrapped(document):
        yield of_message({"messageId": "", "body": json.dumps(document)})


def _is_request(document: dict[str, Any]) -> bool:
    context = document.get("requestContext")
    return isinstance(context, dict) and {"http", "timeEpoch", "requestId"} <= context.keys() and "headers" in document


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and any(
        names[0] in message and isinstance(message.get(names[1]), str)
        for names in (("messageId", "body"), ("MessageId", "Body"))
    )


def _is_wrapped(document: dict[str, Any]) -> bool:
    """Tell the body of a message from any other body that has such fields."""
    if not {"connection", "body"} <= document.keys():
        return False
    from inbox_message import InboxMessage  # noqa: PLC0415 - pydantic is imported only where it is needed

    return document.keys() <= InboxMessage.model_fields.keys()


def of_message(message: Mapping[str, Any]) -> Sample:
    """Return the event of a message as a mapping gets it."""
    event, problem = event_of(message)
    return Sample.of(event, came_as="a queue message", problem=problem)


def event_of(message: Mapping[str, Any]) -> tuple[Event, BridgeError | None]:
    """Return the event of a message as `inbox` reads it, or the whole message and what is wrong with it."""
    record = record_of(message)
    try:
        return queued(record), None
    except (BadBody, NewerSchema) as error:
        return plain(record), error


def record_of(message: Mapping[str, Any]) -> Record:
    """Return a message, written by Lambda or by `aws sqs receive-message`, as the record that `inbox` gets."""
    given = message.get("messageAttributes") or message.get("MessageAttributes") or {}
    values = {name: entry.get("stringValue", entry.get("StringValue")) for name, entry in given.items()}
    system = message.get("attributes") or message.get("Attributes") or {}
    return {
        "messageId": message.get("messageId", message.get("MessageId")),
        "body": message.get("body", message.get("Body")),
        "attributes": {"SentTimestamp": "0", **system},
        "messageAttributes": {name: {"stringValue": value} for name, value in values.items()},
    }
