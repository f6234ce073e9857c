"""Events from the inbox queue: other systems' own, and those that `api` kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, secretsmanager
from aws.secrets import Secret
from connections import connection_of
from errors import AllRejected, SenderError, TooLarge, UnknownConnection
from intake.ingest import Event, Mapped, Stores, Verdict, conclude, mapped, merge, reject
from settings import SETTINGS
from telemetry import count, failed, flushing, logger

# https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event
Record = dict[str, Any]

CONNECTIONS = Secret(secretsmanager(PATIENT), SETTINGS.connections_secret)
STORES = Stores.of(SETTINGS, PATIENT, seconds=20)


def take(records: Sequence[Record]) -> list[Record]:
    """Ingest messages; return those that stay in the queue."""
    left: list[Record] = []
    events: dict[str, list[tuple[Record, Mapped]]] = {}
    for record in records:
        with staying(record, left):
            for one in meant(record):
                events.setdefault(one.connection.name, []).append((record, one))
    return left + [record for of_it in events.values() for record in take_together(of_it)]


def take_together(events: Sequence[tuple[Record, Mapped]]) -> list[Record]:
    """Ingest the messages of a connection in one merge, or each alone if that fails: one's trouble is no other's."""
    try:
        verdicts = merge([one for _, one in events], STORES, clock.now())
    except Exception as error:  # noqa: BLE001 - see `staying`
        if len(events) > 1:
            return [record for event in events for record in take_together([event])]
        return [stays(record, error) for record, _ in events]
    left: list[Record] = []
    for (record, one), found in zip(events, verdicts, strict=True):
        with staying(record, left):
            concluded(one, found)
    return left


@contextmanager
def staying(record: Record, left: list[Record]) -> Iterator[None]:
    """Leave a message in the queue where anything unexpected happens."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the message must not be lost
        left.append(stays(record, error))


def stays(record: Record, error: Exception) -> Record:
    """Log by type and place why a message stays in the queue."""
    failed("left in the inbox queue", error, request_id=record["messageId"])
    return record


def meant(record: Record) -> list[Mapped]:
    """Return what a message means; nothing if that can never be told, and the message lies in the rejected queue."""
    event, known = plain(record), ""  # a name that no connection has is anybody's text, and not logged
    try:
        if "connection" not in record["messageAttributes"] or "code" in record["messageAttributes"]:
            event = unwrapped(record)
        connection = connection_of(CONNECTIONS.read(), event.connection)
        if connection is None:
            raise UnknownConnection
        known = connection.name
        return [mapped(event, connection)]
    except TooLarge:
        raise  # wrapped in base64 it might not fit the rejected queue: the redrive moves it there as it is
    except SenderError as error:
        count("RecordsRejected")
        refuse(event, known, error)
    return []


def plain(record: Record) -> Event:
    """Return the event of a message whose body is the CRM's own and whose attributes name connection and type."""
    attributes = {name: attribute.get("stringValue") or "" for name, attribute in record["messageAttributes"].items()}
    headers = {"content-type": attributes.get("content-type", "application/json")}
    arrived, message_id = int(record["attributes"]["SentTimestamp"]), record["messageId"]
    return Event(attributes.get("connection", ""), record["body"].encode(), headers, {}, arrived, message_id)


def unwrapped(record: Record) -> Event:
    """Return the event of a message that wraps it in JSON: connection, body, headers, query, time of arrival."""
    from messages import parse  # noqa: PLC0415 - pydantic is not imported before such a message comes

    return parse(record["body"]).event(plain(record))


def concluded(one: Mapped, verdicts: Sequence[Verdict]) -> None:
    """Keep a message with a rejected record; nobody waits for an answer, so also one of which nothing is right."""
    try:
        conclude(one, verdicts, STORES)
    except AllRejected as error:  # counted one by one
        refuse(one.event, one.connection.name, error)


def refuse(event: Event, connection: str, error: SenderError) -> None:
    """Put an event whole into the rejected queue."""
    logger.warning("rejected", request_id=event.request_id, connection=connection or None, code=error.code)
    reject(event, STORES.rejected, error.code, str(error))


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own
    """Take a batch of messages, and name those that Lambda must hand out again."""
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in take(event["Records"])]}
