"""The bridge in one process on stand-ins for AWS and Ringostat, with clocks that pass only when told to."""

from bench import environment

environment.enter()

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import clients

from bench.corpus import START
from bench.environment import QUEUES, SECRETS, TABLE
from bench.stand_in import Aws

AWS = Aws()
clients.SESSION.create_client = lambda *_, **__: AWS  # before the handlers make theirs

from cards.store import Cards
from connections import Connection, Secret, connection_of
from delivery.circuits import Circuits
from delivery.deliver import Run
from delivery.pace import Paces
from delivery.ringostat import Answer, Ringostat
from delivery.rings import rings_of
from handlers import api, deliver, inbox, sweep
from ingest import Event, Stores, Verdict, ingest
from queues import Queue

CONNECTIONS = json.loads(SECRETS["connections"])


class World:
    """Cards, queues and workers; nothing is shared between two of them but the process."""

    def __init__(self, ringostat_url: str = "http://127.0.0.1:9", clock: Callable[[], int] = lambda: START) -> None:
        self.aws = Aws()
        self.aws.secrets |= SECRETS
        self.clock = clock
        self.cards = Cards(self.aws, TABLE)
        rings = Queue(self.aws, QUEUES["rings"])
        self.stores = Stores(self.cards, rings, Queue(self.aws, QUEUES["rejected"]))
        self.ringostat = Ringostat(ringostat_url, deadline_seconds=10)
        circuits, paces = Circuits(self.aws, TABLE, 30), Paces(self.cards, 1000)
        self.worker = deliver.WORKER._replace(
            cards=self.cards,
            ringostat=self.ringostat,
            auth_keys=Secret(self.aws, "auth-keys"),
            rings=rings,
            circuits=circuits,
            paces=paces,
            clock=clock,
            jitter=lambda: 0.5,
        )
        self.sweeper = sweep.SWEEPER._replace(cards=self.cards, rings=rings, circuits=circuits, paces=paces)

    def enter(self) -> "World":
        """Let the handlers of this process use this world."""
        api.STORES = inbox.STORES = self.stores
        api.CONNECTIONS = inbox.CONNECTIONS = Secret(self.aws, "connections")
        return self

    def ingest(self, body: bytes, connection: str = "pipedrive", content_type: str = "application/json") -> list[Verdict]:
        """Ingest one event as both handlers do."""
        event = Event(connection, body, {"content-type": content_type}, {}, self.clock(), "request")
        return ingest(event, joined(connection), self.stores, event.received_at)

    def rings(self) -> list[dict[str, Any]]:
        """Take the records that wait on the delivery queue."""
        return self.aws.queues.pop(QUEUES["rings"], [])

    def deliver(self, records: Sequence[dict[str, Any]], seconds: int = 60) -> dict[str, Any]:
        """Deliver what the records of a batch ring for."""
        return Run(self.worker, self.clock() + seconds * 1000).deliver(rings_of({"Records": records}))

    def drain(self) -> None:
        """Deliver batch by batch, as Lambda hands them out, until nothing rings."""
        while waiting := self.rings():
            for start in range(0, len(waiting), 10):
                self.deliver(waiting[start : start + 10])


def joined(name: str) -> Connection:
    """Return a connection by its name."""
    connection = connection_of(CONNECTIONS, name)
    assert connection is not None  # noqa: S101 - they stand in environment.py
    return connection


def request(connection: str, body: str, content_type: str = "application/json", at: int = START) -> dict[str, Any]:
    """Return API Gateway's event of a CRM's request."""
    path = f"/crm/{connection}/local"
    return {
        "version": "2.0",
        "routeKey": "ANY /crm/{connection}/{token}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": content_type, "user-agent": "CRM", "host": "bridge.example.com"},
        "requestContext": {
            "requestId": "request",
            "timeEpoch": at,
            "http": {"method": "POST", "path": path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def message(connection: str, body: bytes, number: int, sent: int = START) -> dict[str, Any]:
    """Return the record of an event on the inbox queue."""
    return {
        "messageId": str(number),
        "receiptHandle": str(number),
        "body": body.decode(),
        "attributes": {"SentTimestamp": str(sent), "ApproximateReceiveCount": "1"},
        "messageAttributes": {"connection": {"dataType": "String", "stringValue": connection}},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:inbox",
        "awsRegion": "eu-central-1",
        "md5OfBody": "",
    }


class Context:
    """Lambda's context of one invocation."""

    function_name = "bridge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bridge"
    aws_request_id = "request"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        """Return the time that is left."""
        return 60_000


class Nowhere:
    """A Ringostat that takes everything at once, without HTTP."""

    def __init__(self) -> None:
        self.posts = 0
        self.records = 0

    def post(self, _: str, records: Sequence[bytes], **__: Any) -> Answer:
        """Take the records."""
        self.posts += 1
        self.records += len(records)
        return Answer(200, {"content-length": "16"}, b'{"success":true}', complete=True)


def own(world: World, work: Callable[[], Any]) -> float:
    """Return the CPU seconds that work takes outside the stand-in for AWS."""
    inside, started = world.aws.seconds, time.process_time()
    work()
    return time.process_time() - started - (world.aws.seconds - inside)
