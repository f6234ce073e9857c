"""Wake-ups from the delivery queue: bring Ringostat's copy of due cards up to date."""

import random
import secrets
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, dynamodb, secretsmanager, sqs
from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from delivery.policy import Policy
from delivery.ringostat import Ringostat
from delivery.throttles import Throttles
from delivery.wakeups import wakeups_of
from delivery.worker import Run, Worker
from settings import SETTINGS
from telemetry import flushing

CARDS = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
POLICY = Policy.of(SETTINGS._asdict())
WORKER = Worker(
    cards=CARDS,
    ringostat=Ringostat(SETTINGS.ringostat_url, deadline_seconds=SETTINGS.post_deadline_seconds),
    auth_keys=Secret(secretsmanager(PATIENT), SETTINGS.auth_keys_secret),
    wakeups=Queue(sqs(PATIENT), SETTINGS.delivery_queue_url),
    throttles=Throttles(CARDS, POLICY),
    policy=POLICY,
    clock=clock.now,
    jitter=random.random,
    new_id=secrets.token_hex,
)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Deliver the whole batch of wake-ups, so that the cards of many share a POST."""
    return Run(WORKER, clock.now() + context.get_remaining_time_in_millis()).deliver(wakeups_of(event))
