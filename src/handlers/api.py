"""/crm/{connection} and /crm/{connection}/{token}: one request of a CRM."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from aws.clients import NEEDED, QUICK, secretsmanager, sqs
from aws.queues import Queue
from aws.secrets import Secret
from errors import BridgeError, NotFound
from event import request_of
from intake import http
from intake.ingest import Stores
from intake.receive import receive
from settings import SETTINGS
from telemetry import flushing, logger

CONNECTIONS = Secret(secretsmanager(NEEDED), SETTINGS.connections_secret)
INBOX = Queue(sqs(QUICK), SETTINGS.inbox_queue_url)
STORES = Stores.of(SETTINGS, QUICK, seconds=1.4)  # and the inbox queue has its 0.7 s
METHODS = ["POST", "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]

app = APIGatewayHttpResolver()  # no enable_validation: it cuts JSON arrays to their first element


@app.get("/healthz")
def healthy() -> Response[str]:
    """Say that the function runs; nothing more."""
    return Response(200, "text/plain", "ok")


@app.route("/crm/(?s:.*)", method=METHODS)  # a <name> would not match every character, nor a newline at the end
def webhook() -> Response[str]:
    """Verify, then take the event: into the cards, or whole into the inbox queue."""
    request = request_of(app.current_event.raw_event, app.current_event.path)
    return receive(request, CONNECTIONS, STORES, INBOX)


@app.not_found
def nowhere(_: Exception) -> Response[str]:
    """Answer any other path."""
    raise NotFound


@app.exception_handler(BridgeError)  # type: ignore[untyped-decorator]
def deny(error: BridgeError) -> Response[str]:
    """Return the answer to an error, logged by its code; API Gateway counts it by its status."""
    request_id = app.current_event.raw_event["requestContext"]["requestId"]
    logger.warning("denied", request_id=request_id, code=error.code)
    return http.problem(error, request_id)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one request."""
    return app.resolve(event, context)
