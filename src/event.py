"""What comes in: a request that proves nothing yet, the event that it becomes, and the event as an inbox message.

This is the only writer and the only reader of that message. An event has a proof behind it: `access.admit` makes one of
a request that proves itself, and `queued` one of a message, because the policy of the queue says who may send there.
The answer to a request of our own is one too.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from errors import NotFound

# https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
Record = Mapping[str, Any]
WANTED = "application/vnd.ringostat-bridge.wanted+json"  # a look-up and the ids of records


class Request(NamedTuple):
    """A request as it arrived: anybody may have sent it.

    `headers` has lower-case names; `connection` and `token` are the parts of the URL, `token` is empty if there is
    none; `received_at` is the gateway's time, in ms since 1970, UTC.
    """

    body: bytes
    headers: Mapping[str, str]
    token: str = ""
    method: str = "POST"
    received_at: int = 0
    connection: str = ""
    query: Mapping[str, str] = {}
    request_id: str = ""


class Event(NamedTuple):
    """One thing a CRM or another system sent us, proved and without its proofs.

    Header names are in lower case; `received_at` is the first time of arrival, in ms since 1970, UTC. Of an answer of
    the CRM's API it is the moment when its request was begun; `lookup` names the look-up that it answers, and `depth`
    says how many look-ups led to this one.
    """

    connection: str
    body: bytes
    headers: Mapping[str, str]
    query: Mapping[str, str]
    received_at: int
    request_id: str
    lookup: str = ""
    depth: int = 0
    newer: Mapping[str, Any] = {}  # fields of its message that only a newer version knows


def answered(  # noqa: PLR0913 - all that an answer is
    connection: str, body: bytes, headers: Mapping[str, str], *, asked_at: int, lookup: str, depth: int, request_id: str
) -> Event:
    """Return an answer of a connection's CRM as an event: what it says was so when its request was begun."""
    headers = {**headers, "content-type": "application/json"}
    return Event(connection, body, headers, {}, asked_at, request_id, lookup, depth)


def wanted_again(connection: str, lookup: str, ids: Sequence[str], *, now: int, request_id: str) -> Event:
    """Return an event that wants records anew: what is kept of a look-up that failed, without any of its answer."""
    body = json.dumps({"lookup": lookup, "ids": list(ids)}, separators=(",", ":")).encode()
    return Event(connection, body, {"content-type": WANTED}, {}, now, request_id)


def address_of(path: str) -> tuple[str, str]:
    """Return the connection and the token that a path names, to the letter; raise NotFound for no webhook address."""
    connection, slash, token = path.removeprefix("/crm/").partition("/")
    if not connection or bool(slash) != bool(token) or "/" in token:
        raise NotFound
    return connection, token


def request_of(call: Mapping[str, Any], path: str) -> Request:
    """Return the request that the HTTP API passes on; the bytes of the body are the ones that the CRM signed.

    Raise NotFound if the path is no webhook address.
    """
    connection, token = address_of(path)
    context = call["requestContext"]
    return Request(
        body=_raw(call.get("body") or "", is_base64=call.get("isBase64Encoded", False)),
        headers=_lowered(call.get("headers") or {}),
        token=token,
        method=context["http"]["method"],
        received_at=context["timeEpoch"],
        connection=connection,
        query=call.get("queryStringParameters") or {},
        request_id=context["requestId"],
    )


def _raw(body: str, *, is_base64: bool) -> bytes:
    text = body.encode(errors="surrogatepass")
    try:
        return base64.b64decode(text) if is_base64 else text
    except ValueError:
        return text  # no gateway sends that; the sender is answered that the body cannot be read


def wrapped(event: Event) -> str:
    """Return an event whole as an inbox message, with its first time of arrival."""
    return json.dumps(
        {
            "connection": event.connection,
            "body": base64.b64encode(event.body).decode(),
            "isBase64Encoded": True,
            "headers": dict(event.headers),
            "query": dict(event.query),
            "receivedAt": event.received_at,
            "requestId": event.request_id,
            **({"lookup": event.lookup, "depth": event.depth} if event.lookup else {}),
            **event.newer,
        },
        separators=(",", ":"),
    )


def queued(record: Record) -> Event:
    """Return the event of a message of the inbox queue.

    Raise BadBody for a message that wraps none, NewerSchema for one that only a newer version reads.
    """
    message = plain(record)
    if "connection" in record["messageAttributes"] and "code" not in record["messageAttributes"]:
        return message
    from inbox_message import parse  # noqa: PLC0415 - pydantic is not imported before such a message comes

    inner = parse(record["body"])
    return Event(
        connection=inner.connection,
        body=inner.raw(),
        headers={"content-type": "application/json", **_lowered(inner.headers)},
        query=inner.query,
        received_at=min(inner.receivedAt or message.received_at, message.received_at),
        request_id=inner.requestId or message.request_id,
        lookup=inner.lookup,
        depth=inner.depth,
        newer=inner.model_extra or {},
    )


def plain(record: Record) -> Event:
    """Return a message as the CRM's own body, whose attributes name connection and type."""
    attributes = {name: attribute.get("stringValue") or "" for name, attribute in record["messageAttributes"].items()}
    headers = {"content-type": attributes.get("content-type", "application/json")}
    body, message_id = record["body"].encode(), record["messageId"]
    return Event(attributes.get("connection", ""), body, headers, {}, sent_at(record), message_id)


def sent_at(record: Record) -> int:
    """Return when a message was sent (ms since 1970)."""
    return int(record["attributes"]["SentTimestamp"])


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in headers.items()}
