"""Samples: a raw body, a saved HTTP API event or a queue message, as the event that the production code would get."""

import base64
import functools
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click

TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".xml": "text/xml"}
WRAPPED = {"connection", "body", "isBase64Encoded", "headers", "query", "receivedAt", "requestId"}


class Sample(NamedTuple):
    """One event. Header names are in lower case; `body` is None where base64 is none."""

    body: bytes | None
    headers: Mapping[str, str]
    query: Mapping[str, str]
    came_as: str = ""  # in what it was wrapped

    @property
    def content_type(self) -> str:
        """What decides how the body is read; empty: its first character."""
        return self.headers.get("content-type", "")


class Given(NamedTuple):
    """What the options say about an event; it goes before what the sample itself says."""

    content_type: str = ""
    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}

    def over(self, sample: Sample) -> Sample:
        """Return the sample with what was given."""
        named = {"content-type": self.content_type} if self.content_type else {}
        lowered = {name.lower(): text for name, text in self.headers.items()}
        return sample._replace(headers={**sample.headers, **lowered, **named}, query={**sample.query, **self.query})


_OPTIONS = (
    click.option("--query", multiple=True, metavar="K=V", help="A parameter of the address, $query.K."),
    click.option("--header", multiple=True, metavar="K:V", help="A header of the request, $headers.k."),
    click.option("--content-type", default="", metavar="TYPE", help="Instead of what file name and content say."),
    click.argument("sample", type=click.Path(exists=True, dir_okay=False, allow_dash=True)),
)


def of_event(command: Callable[..., int]) -> Callable[..., int]:
    """Add the argument and options that describe an event; the command gets a list of them as `samples`."""

    @functools.wraps(command)
    def reading(
        *, sample: str, content_type: str, header: tuple[str, ...], query: tuple[str, ...], **others: Any
    ) -> int:
        given = Given(content_type, pairs(header, ":", "--header"), pairs(query, "=", "--query"))
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
        for message in messages:
            yield _of_queue(message)
    elif isinstance(document.get("requestContext"), dict) and "headers" in document:
        yield _of_request(document)
    elif _is_message(document):
        yield _of_queue(document)
    elif _is_wrapped(document):
        yield _of_wrapped(document)


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and (
        {"messageId", "body"} <= message.keys() or {"MessageId", "Body"} <= message.keys()
    )


def _is_wrapped(document: Any) -> bool:
    return isinstance(document, dict) and {"connection", "body"} <= document.keys() <= WRAPPED


def _of_request(request: Mapping[str, Any]) -> Sample:
    query = _texts(request.get("queryStringParameters"))
    headers = _lowered(request.get("headers"))
    return Sample(_bytes(request.get("body"), request.get("isBase64Encoded")), headers, query, "an HTTP API event")


def _of_queue(message: Mapping[str, Any]) -> Sample:
    """Read a message as `inbox` does: wrapped in JSON, or the CRM's own body with attributes beside it."""
    body = message.get("body", message.get("Body"))
    given = message.get("messageAttributes", message.get("MessageAttributes")) or {}
    attributes = {name: entry.get("stringValue", entry.get("StringValue", "")) for name, entry in given.items()}
    try:
        wrapped = json.loads(body)
    except (TypeError, ValueError, RecursionError):
        wrapped = None
    if _is_wrapped(wrapped) and ("connection" not in attributes or "code" in attributes):
        return _of_wrapped(wrapped)
    headers = {"content-type": attributes.get("content-type") or "application/json"}
    return Sample(_bytes(body, encoded=False), headers, {}, "a queue message")


def _of_wrapped(message: Mapping[str, Any]) -> Sample:
    headers = {"content-type": "application/json", **_lowered(message.get("headers"))}
    body = _bytes(message["body"], message.get("isBase64Encoded"))
    return Sample(body, headers, _texts(message.get("query")), "a wrapped queue message")


def _texts(table: Any) -> dict[str, str]:
    return {name: str(text) for name, text in table.items()} if isinstance(table, dict) else {}


def _lowered(table: Any) -> dict[str, str]:
    return {name.lower(): text for name, text in _texts(table).items()}


def _bytes(body: Any, encoded: Any) -> bytes | None:
    if body is None:
        return b""
    if not isinstance(body, str):
        return json.dumps(body).encode()
    if not encoded:
        return body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return None
