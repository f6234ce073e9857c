"""The webhook before a queue as tutorials write it: a resolver that validates, boto3, a message for worker.py."""

# ruff: noqa: INP001, ANN001, ANN201, ARG001 - as tutorials are written

import os

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.metrics import MetricUnit
from models import Webhook

logger = Logger()
metrics = Metrics()
app = APIGatewayHttpResolver(enable_validation=True)
sqs = boto3.client("sqs")


@app.post("/crm/<connection>/<token>")
def receive(connection: str, token: str, event: Webhook) -> dict[str, str]:
    """Queue one event."""
    sqs.send_message(QueueUrl=os.environ["INBOX_QUEUE_URL"], MessageBody=app.current_event.body)
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=1)
    logger.info("queued", connection=connection, id=event.data.id)
    return {"status": "ok"}


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event, context):
    """Answer one request."""
    return app.resolve(event, context)
