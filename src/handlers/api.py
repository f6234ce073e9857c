"""/crm/{connection} and /crm/{connection}/{token}: one request of a CRM."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from access import admit
from aws.clients import QUICK, secretsmanager, sqs
from aws.queues import Queue
from aws.secrets import Secret
from connections import Connection
from errors import BridgeError, MethodNotAllowed, NotFound, SenderError, Unavailable
from intake import http
from intake.ingest import Event, Stores, declared_answer, ingest, keep, takes_get
from settings import SETTINGS
from telemetry import failed, flushing, logger

CONNECTIONS = Secret(secretsmanager(QUICK), SETTINGS.connections_secret)
INBOX = Queue(sqs(QUICK), SETTINGS.inbox_queue_url)
STORES = Stores.of(SETTINGS, QUICK, seconds=1.4)  # and the inbox queue has its 0.7 s
METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

app = APIGatewayHttpResolver()  # no enable_validation: it cuts JSON arrays to their first element


@app.route("/crm/<connection>", method=METHODS)
@app.route("/crm/<connection>/<token>", method=METHODS)
def receive(connection: str, token: str = "") -> Response[str]:  # nosec B107
    """Verify, then take the event: into the cards, or whole into the inbox queue."""
    event = http.event_of(app.current_event.raw_event, connection)
    match app.current_event.http_method:
        case "POST":
            return take(*admit(CONNECTIONS, event, token))
        case "GET" if event.query:
            return take_query(event, token) or http.page()
        case "GET" | "HEAD":
            return http.page()
    raise MethodNotAllowed


def take_query(event: Event, token: str) -> Response[str] | None:
    """Take a query as an event if its CRM sends such; None for whoever must see the page, which is the same for all."""
    try:
        admitted, connection = admit(CONNECTIONS, event, token, "GET")
        is_event = takes_get(connection)
    except BridgeError:
        return None
    return take(admitted._replace(body=b"{}", headers=http.JSON), connection) if is_event else None


def take(event: Event, connection: Connection) -> Response[str]:
    """Ingest the event; whatever goes wrong but the sender's own faults, keep it whole in the inbox queue instead."""
    declared = None
    try:
        declared = declared_answer(event, connection)
        usual = http.taken(event.request_id, ingest(event, connection, STORES, event.received_at))
    except SenderError:
        raise
    except Exception as error:  # noqa: BLE001 - nothing that a verified CRM sent may be lost to our own fault
        failed("kept in the inbox queue", error, request_id=event.request_id, connection=event.connection)
        usual = kept(event)
    return Response(declared.status, declared.content_type, declared.body) if declared else usual


def kept(event: Event) -> Response[str]:
    """Acknowledge what the inbox queue has taken; raise Unavailable if it has not."""
    try:
        keep(event, INBOX)
    except Unavailable as error:
        raise Unavailable("Neither the table nor the queue takes the event.") from error
    return http.queued(event.request_id)


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
    """Return the answer to an error, logged by its code; API Gateway counts it by its status."""
    request_id = app.current_event.raw_event["requestContext"]["requestId"]
    logger.warning("refused", request_id=request_id, code=error.code)
    return http.problem(error, request_id)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
