"""The queue's worker as Powertools' tutorial writes it: a batch processor, a model and a POST for each record."""

# ruff: noqa: INP001, ANN001, ANN201 - as tutorials are written

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from models import Webhook, contact_of
from ringostat import send

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def record_handler(record: SQSRecord) -> None:
    """Forward one event."""
    event = Webhook.model_validate_json(record.body)
    send(contact_of(event))
    metrics.add_metric(name="Events", unit=MetricUnit.Count, value=1)
    logger.info("forwarded", id=event.data.id)


@logger.inject_lambda_context
@metrics.log_metrics(raise_on_empty_metrics=False)
def lambda_handler(event, context):
    """Forward a batch; what failed comes back."""
    return process_partial_response(event, record_handler, processor, context)
