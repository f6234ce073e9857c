"""Wake-ups from the lookup queue: read the records that connections want from their CRMs."""

import random
import time
import uuid
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, secretsmanager, sqs
from aws.queues import Queue
from aws.secrets import Secret
from intake.ingest import Stores, reject, take_answer
from lookup.asking import Asker, Asking
from lookup.fetch import Fetcher
from lookup.leased import Worker
from lookup.night import begin
from lookup.tokens import Tokens
from lookup.wakeups import wakeups_of
from lookup.worker import Run
from settings import SETTINGS
from telemetry import flushing

LOOPBACK = SETTINGS.loopback_api == "true"
STORES = Stores.of(SETTINGS, PATIENT, seconds=20)
FETCHER = Fetcher(loopback=LOOPBACK)
WORKER = Worker(
    cards=STORES.cards,
    mappings=STORES.mappings,
    connections=Secret(secretsmanager(PATIENT), SETTINGS.connections_secret),
    asker=Asker(
        Secret(secretsmanager(PATIENT), SETTINGS.api_keys_secret),
        Asking(FETCHER, Tokens(FETCHER, clock.now, loopback=LOOPBACK), clock.now, loopback=LOOPBACK),
    ),
    wakeups=Queue(sqs(PATIENT), SETTINGS.lookup_queue_url),
    ingest=partial(take_answer, STORES, clock.now),
    reject=lambda event, code, reason: reject(event, STORES.rejected, code, reason),
    clock=clock.now,
    sleep=time.sleep,
    jitter=random.random,
    new_id=lambda: str(uuid.uuid4()),
)


def taken(event: dict[str, Any], ends_at: int) -> dict[str, Any]:
    """Begin a night, where the schedule calls; else read what the connections of a batch of wake-ups want."""
    if "Records" in event:
        return Run(WORKER, ends_at).look_up(wakeups_of(event))
    begin(WORKER.cards, WORKER.mappings, WORKER.connections.read(), clock.now())
    return {}


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Take a batch of wake-ups, so that the records of many share a request, or begin a night."""
    return taken(event, clock.now() + context.get_remaining_time_in_millis())
