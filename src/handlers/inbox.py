"""Events from the inbox queue: other systems' own, and those that `api` kept."""

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from clients import PATIENT, secretsmanager
from connections import Secret, connection_of
from errors import AllRejected, SenderError, TooLarge, UnknownConnection
from ingest import Event, Stores, ingest, reject
from settings import SETTINGS
from telemetry import count, failed, flushing, logger

CONNECTIONS = Secret(secretsmanager(PATIENT), SETTINGS.connections_secret)
STORES = Stores.of(SETTINGS, PATIENT, seconds=20)
# An answer that names every message as failed is an answer, not an error of the function.
PROCESSOR = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def take(record: SQSRecord) -> None:
    """Ingest one message; one that can never be ingested goes whole to the rejected queue."""
    event, known = plain(record), None  # a name that no connection has is anybody's text, and not logged
    try:
        if "connection" not in record.message_attributes or "code" in record.message_attributes:
            event = unwrapped(record)
        connection = connection_of(CONNECTIONS.read(), event.connection)
        if connection is None:
            raise UnknownConnection
        known = connection.name
        ingest(event, connection, STORES, clock.now())
    except TooLarge:
        raise  # wrapped in base64 it might not fit the rejected queue: the redrive moves it there as it is
    except SenderError as error:
        count("RecordsRejected", 0 if isinstance(error, AllRejected) else 1)  # those were counted one by one
        logger.warning("rejected", request_id=event.request_id, connection=known, code=error.code)
        reject(event, STORES.rejected, error.code, str(error))


def plain(record: SQSRecord) -> Event:
    """Return the event of a message whose body is the CRM's own and whose attributes name connection and type."""
    attributes = {name: attribute.string_value or "" for name, attribute in record.message_attributes.items()}
    headers = {"content-type": attributes.get("content-type", "application/json")}
    arrived = int(record.attributes.sent_timestamp or 0)
    return Event(attributes.get("connection", ""), record.body.encode(), headers, {}, arrived, record.message_id)


def unwrapped(record: SQSRecord) -> Event:
    """Return the event of a message that wraps it in JSON: connection, body, headers, query, time of arrival."""
    from messages import parse  # noqa: PLC0415 - pydantic is not imported before such a message comes

    return parse(record.body).event(plain(record))


def handle(record: SQSRecord) -> None:
    """Take one message; log a failure by type and place, and leave the message in the queue."""
    try:
        take(record)
    except Exception as error:
        failed("left in the inbox queue", error, request_id=record.message_id)
        raise


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Take a batch of messages, each for itself."""
    return process_partial_response(event, handle, PROCESSOR, context)
