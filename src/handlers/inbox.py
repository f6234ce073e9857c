"""Events from the inbox queue: those of other systems, and those kept by `api`."""

from typing import Any

import pydantic  # noqa: F401 - built for another processor it fails here at once, not with the first kept event
from aws_lambda_powertools.utilities.typing import LambdaContext

import clock
from aws.clients import PATIENT, secretsmanager
from aws.secrets import Secret
from intake.batch import Batch
from intake.ingest import Stores
from settings import SETTINGS
from telemetry import flushing

CONNECTIONS = Secret(secretsmanager(PATIENT), SETTINGS.connections_secret)
STORES = Stores.of(SETTINGS, PATIENT, seconds=20)


@flushing
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's own
    """Take a batch of messages, and name those that Lambda must hand out again."""
    return Batch(CONNECTIONS, STORES, clock.now).take(event["Records"])
