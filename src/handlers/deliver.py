"""Rings from the delivery queue: bring Ringostat's copy of due cards up to date."""

import random
import uuid
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, dynamodb, secretsmanager, sqs
from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from delivery.circuits import Circuits
from delivery.pace import Paces
from delivery.ringostat import Ringostat
from delivery.state import Policy
from delivery.wakeups import rings_of
from delivery.worker import Run, Worker
from settings import SETTINGS
from telemetry import flushing

CARDS = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
WORKER = Worker(
    cards=CARDS,
    ringostat=Ringostat(SETTINGS.ringostat_url, deadline_seconds=SETTINGS.post_deadline_seconds),
    auth_keys=Secret(secretsmanager(PATIENT), SETTINGS.auth_keys_secret),
    rings=Queue(sqs(PATIENT), SETTINGS.delivery_queue_url),
    circuits=Circuits(dynamodb(PATIENT), SETTINGS.cards_table, SETTINGS.circuit_seconds),
    paces=Paces(CARDS, SETTINGS.sweep_most),
    policy=Policy.of(SETTINGS.quiet_period_seconds, SETTINGS.assert_after_seconds, SETTINGS.retry_cap_seconds),
    batch_size=SETTINGS.batch_size,
    post_deadline=int(SETTINGS.post_deadline_seconds * 1000),
    clock=clock.now,
    jitter=random.random,
    new_id=lambda: uuid.uuid4().hex,
)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver the whole batch of rings, so that the cards of many rings share a POST."""
    return Run(WORKER, clock.now() + context.get_remaining_time_in_millis()).deliver(rings_of(event))
