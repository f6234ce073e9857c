"""The webhook as tutorials write it: Logger, Metrics, a resolver that validates, models, boto3, one POST."""

# ruff: noqa: INP001, ANN001, ANN201, ARG001 - as tutorials are written

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit
from models import Webhook, contact_of
from ringostat import send

logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver(enable_validation=True)


@app.post("/crm/<connection>/<token>")
def receive(connection: str, token: str, event: Webhook) -> dict[str, str]:
    """Forward one event before it is answered."""
    send(contact_of(event))
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=1)
    logger.info("forwarded", connection=connection, id=event.data.id)
    return {"status": "ok"}


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event, context):
    """Answer one request."""
    return app.resolve(event, context)
