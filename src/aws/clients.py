"""The functions' own clients of AWS: made once a process, with time-outs that fit who waits for them."""

from functools import cache

from aws.client import DYNAMODB, SECRETS_MANAGER, SQS, Client, Patience, Service
from settings import AWS

# A CRM waits (Odoo 1 s, Kommo 2 s), so each store gets one short attempt. Worst case: four calls (read, enrol, write,
# inbox) x 0.7 s = 2.8 s.
QUICK = Patience(connect_seconds=0.4, read_seconds=0.7, attempts=1)

# No caller waits for a worker, and a record that is not written costs a second POST.
PATIENT = Patience(connect_seconds=1, read_seconds=2, attempts=2)


def dynamodb(patience: Patience) -> Client:
    """Return the one client of DynamoDB with these time-outs."""
    return _client(DYNAMODB, patience)


def secretsmanager(patience: Patience) -> Client:
    """Return the one client of Secrets Manager with these time-outs."""
    return _client(SECRETS_MANAGER, patience)


def sqs(patience: Patience) -> Client:
    """Return the one client of SQS with these time-outs."""
    return _client(SQS, patience)


@cache
def _client(service: Service, patience: Patience) -> Client:
    return Client(service, AWS.region, patience, endpoint=AWS.endpoint_url)
