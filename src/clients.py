"""AWS clients: made once, with time-outs that fit who waits for them.

They are botocore's own, which boto3 would hand out all the same; to import that too takes 6 % of a cold start.
"""

from functools import cache
from typing import Any

import botocore.session
from botocore.config import Config

SESSION = botocore.session.get_session()

# A CRM waits (Odoo 1 s, Kommo 2 s), so each store gets one short attempt. The longest way, each step just in time but
# the last two (read, enrol, write, keep in the other store), takes four times 0.7 s.
QUICK = Config(connect_timeout=0.4, read_timeout=0.7, retries={"total_max_attempts": 1})

# Nobody waits for a worker, and a record that is not written costs a second POST.
PATIENT = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"})


@cache
def dynamodb(config: Config) -> Any:
    """Return the one client of DynamoDB with these time-outs."""
    return SESSION.create_client("dynamodb", config=config)


@cache
def secretsmanager(config: Config) -> Any:
    """Return the one client of Secrets Manager with these time-outs."""
    return SESSION.create_client("secretsmanager", config=config)


@cache
def sqs(config: Config) -> Any:
    """Return the one client of SQS with these time-outs."""
    return SESSION.create_client("sqs", config=config)
