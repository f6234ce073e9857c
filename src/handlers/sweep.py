"""Every minute: wake cards that are due and records that are wanted, and that no message woke."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, dynamodb, sqs
from aws.queues import Queue
from aws.table import Cards
from delivery.policy import Policy
from delivery.sweep import Sweeper
from delivery.throttles import Throttles
from intake.spreading import Spreader
from lookup.wakeups import Waker
from mappings import Bundle
from settings import SETTINGS
from telemetry import failed, flushing

CARDS = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
POLICY = Policy.of(SETTINGS._asdict())
SWEEPER = Sweeper(
    cards=CARDS,
    wakeups=Queue(sqs(PATIENT), SETTINGS.delivery_queue_url),
    throttles=Throttles(CARDS, POLICY),
    policy=POLICY,
)
LOOKUPS = Waker(CARDS, Queue(sqs(PATIENT), SETTINGS.lookup_queue_url)) if SETTINGS.lookup_queue_url else None
BUNDLE = Bundle(CARDS)
SPREADER = Spreader(CARDS, SWEEPER.wakeups, SETTINGS.card_retention_days)


def swept(now: int) -> int:
    """Wake what is wanted and due, then give organizations' new names to their contacts; `now` is ms since 1970."""
    woken = SWEEPER.sweep(now, _looked_up(now))
    SPREADER.spread(now)
    BUNDLE.tell()
    return woken


def _looked_up(now: int) -> int:
    """Wake what is wanted; return how many circuits are open, one if that cannot be read."""
    try:
        return LOOKUPS.sweep(now) if LOOKUPS else 0
    except Exception as error:  # noqa: BLE001 - the trouble of look-ups must not stop delivery
        failed("look-ups left to the next sweep", error)
        return 1


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> int:  # noqa: ARG001 - Lambda's signature
    """Wake what is wanted and what is due now, and give organizations' new names to their contacts."""
    return swept(clock.now())
