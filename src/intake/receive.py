"""One request of a CRM: proved, then taken into the cards, or whole into the inbox queue."""

from aws_lambda_powertools.event_handler import Response

from access import admit
from aws.queues import Message, Queue
from aws.secrets import Secret
from connections import Connection
from errors import BridgeError, MethodNotAllowed, SenderError
from event import Event, Request, wrapped
from intake import http
from intake.ingest import Stores, ingest
from mapping import engine
from mapping.decode import decoded
from telemetry import failed


def receive(request: Request, connections: Secret, stores: Stores, inbox: Queue) -> Response[str]:
    """Answer a request to a webhook address."""
    match request.method:
        case "POST":
            return _take(*admit(connections, request), stores, inbox)
        case "GET" if request.query:
            return _take_query(request, connections, stores, inbox) or http.page()
        case "GET" | "HEAD":
            return http.page()
    raise MethodNotAllowed


def _take_query(request: Request, connections: Secret, stores: Stores, inbox: Queue) -> Response[str] | None:
    """Take a query as an event if its CRM sends such; None for any other, which is answered by the page."""
    try:
        event, connection = admit(connections, request)
    except BridgeError:
        return None
    try:
        is_event = stores.mappings.of(connection).get
    except BridgeError:  # it may be one, so it is kept until its mapping can be read
        is_event = True
    return _take(event._replace(body=b"{}", headers=http.JSON), connection, stores, inbox) if is_event else None


def _take(event: Event, connection: Connection, stores: Stores, inbox: Queue) -> Response[str]:
    """Ingest the event; whatever goes wrong but the sender's own faults, keep it whole in the inbox queue instead.

    Raise Unavailable if that queue does not take it.
    """
    declared = None
    try:
        mapping = stores.mappings.of(connection)
        declared = engine.answer(mapping, decoded(event.body, event.headers)) if mapping.answer else None
        usual = http.taken(event.request_id, ingest(event, connection, mapping, stores, event.received_at))
    except SenderError:
        raise
    except Exception as error:  # noqa: BLE001 - nothing that a verified CRM sent may be lost to our own fault
        failed("kept in the inbox queue", error, request_id=event.request_id, connection=event.connection)
        inbox.send(Message(wrapped(event)))
        usual = http.queued(event.request_id)
    return Response(declared.status, declared.content_type, declared.body) if declared else usual
