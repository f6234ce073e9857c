"""The functions' own clients of AWS: made once a process, with time-outs that fit who waits for them."""

from functools import cache

from aws.client import DYNAMODB, SECRETS_MANAGER, SQS, Client, Patience, Service
from settings import AWS

# A CRM waits (Odoo 1 s, Kommo 2 s). The first attempt is short: it may have met a connection that died in a pause.
# With nothing answering at all, three calls (connections, read, inbox) take 1.4 + 0.7 + 0.7 = 2.8 s.
QUICK = Patience((0.25, 0.45))

# Without the connections no request can be proved, nor kept: what cannot be read is a lost event.
NEEDED = Patience((0.5, 0.9))

# No caller waits for a worker, and a record that is not written costs a second POST.
PATIENT = Patience((2, 2))


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
