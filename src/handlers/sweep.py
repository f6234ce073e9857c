"""Every minute: ring cards that are due and that nobody rang for."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, dynamodb, sqs
from aws.queues import Queue
from aws.table import Cards
from delivery.circuits import Circuits
from delivery.pace import Paces
from delivery.sweep import Sweeper
from settings import SETTINGS
from telemetry import flushing

CARDS = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
SWEEPER = Sweeper(
    cards=CARDS,
    rings=Queue(sqs(PATIENT), SETTINGS.delivery_queue_url),
    circuits=Circuits(dynamodb(PATIENT), SETTINGS.cards_table, SETTINGS.circuit_seconds),
    paces=Paces(CARDS, SETTINGS.sweep_most),
    most=SETTINGS.sweep_most,
    first=SETTINGS.batch_size,
)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> int:  # noqa: ARG001 - Lambda's signature
    """Ring what is due now."""
    return SWEEPER.sweep(clock.now())
