"""Every minute: ring cards that are due and that nobody rang for."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from cards.store import Cards
from clients import PATIENT, dynamodb, sqs
from delivery.rings import ring
from queues import Queue
from settings import SETTINGS
from telemetry import count, flushing, logger

CARDS = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
RINGS = Queue(sqs(PATIENT), SETTINGS.delivery_queue_url)
MOST = 1000  # cards a run: ten rings of a hundred keys, one call


def sweep(now: int) -> int:
    """Ring the cards that have been due the longest; return how many."""
    keys = CARDS.due(now, MOST)
    ring(RINGS, keys)
    count("CardsSwept", len(keys))
    logger.info("swept", cards=len(keys))
    return len(keys)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> int:  # noqa: ARG001 - Lambda's signature
    """Ring what is due now."""
    return sweep(clock.now())
