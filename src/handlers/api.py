"""/crm/{connection} and /crm/{connection}/{token}: one request of a CRM."""

import base64
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from access import admit
from cards.store import Cards
from clients import QUICK, dynamodb, secretsmanager, sqs
from connections import Connection, Secret
from errors import BridgeError, MethodNotAllowed, NotFound, SenderError, Unavailable
from handlers import answers
from ingest import Event, Stores, ingest, keep
from queues import Queue
from settings import SETTINGS
from telemetry import count, failed, flushing, logger

CONNECTIONS = Secret(secretsmanager(QUICK), SETTINGS.connections_secret)
INBOX = Queue(sqs(QUICK), SETTINGS.inbox_queue_url)
STORES = Stores(
    Cards(dynamodb(QUICK), SETTINGS.cards_table),
    Queue(sqs(QUICK), SETTINGS.delivery_queue_url),
    Queue(sqs(QUICK), SETTINGS.rejected_queue_url),
    SETTINGS.card_retention_days,
)
METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

app = APIGatewayHttpResolver()  # no enable_validation: it cuts JSON arrays to their first element


@app.route("/crm/<connection>", method=METHODS)
@app.route("/crm/<connection>/<token>", method=METHODS)
def receive(connection: str, token: str = "") -> Response[str]:
    """Verify, then take the event: into the cards, or whole into the inbox queue."""
    match app.current_event.http_method:
        case "POST":
            return take(*admit(CONNECTIONS, event_of(app.current_event.raw_event, connection), token))
        case "GET" | "HEAD":
            return answers.page()
    raise MethodNotAllowed


def event_of(request: dict[str, Any], connection: str) -> Event:
    """Return the event that an HTTP API request carries; the bytes are the ones that the CRM signed."""
    body = request.get("body") or ""
    return Event(
        connection=connection,
        body=base64.b64decode(body) if request.get("isBase64Encoded") else body.encode(errors="surrogatepass"),
        headers={name.lower(): text for name, text in request.get("headers", {}).items()},
        query=request.get("queryStringParameters") or {},
        received_at=request["requestContext"]["timeEpoch"],
        request_id=request["requestContext"]["requestId"],
    )


def take(event: Event, connection: Connection) -> Response[str]:
    """Ingest the event; whatever goes wrong but the sender's own faults, keep it whole in the inbox queue instead."""
    try:
        verdicts = ingest(event, connection, STORES, event.received_at)
    except SenderError:
        raise
    except Exception as error:  # noqa: BLE001 - nothing that a verified CRM sent may be lost to our own fault
        failed("kept in the inbox queue", error, request_id=event.request_id, connection=event.connection)
        return kept(event)
    return answers.taken(event.request_id, verdicts)


def kept(event: Event) -> Response[str]:
    """Acknowledge what the inbox queue has taken; raise Unavailable if it has not."""
    try:
        keep(event, INBOX)
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("Neither the table nor the queue takes the event.") from error
    return answers.queued(event.request_id)


@app.get("/healthz")
def healthy() -> Response[str]:
    """Say that the function runs; nothing more."""
    return Response(200, "text/plain", "ok")


@app.not_found
def nowhere(_: Exception) -> Response[str]:
    """Answer any other path."""
    return refusal(NotFound())


@app.exception_handler(BridgeError)  # type: ignore[untyped-decorator]
def refuse(error: BridgeError) -> Response[str]:
    """Answer an error of ours."""
    return refusal(error)


def refusal(error: BridgeError) -> Response[str]:
    """Return the answer to an error, logged by its code and counted."""
    request_id = app.current_event.raw_event["requestContext"]["requestId"]
    count("RequestsRefused")
    logger.warning("refused", request_id=request_id, code=error.code)
    return answers.problem(error, request_id)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
