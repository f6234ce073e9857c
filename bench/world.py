"""The bridge in one process on stand-ins for AWS and Ringostat, with clocks that tests move."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from aws.client import ServiceClient
from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from bench.corpus import START
from bench.environment import CONNECTIONS, QUEUES, SECRETS, TABLE
from bench.stand_in import Aws
from cards.endpoints import Endpoint
from connections import Connection, connection_of
from delivery.ringostat import Ringostat
from delivery.throttles import Throttles
from delivery.wakeups import wakeups_of
from delivery.worker import Run
from event import Event
from handlers import api, deliver, inbox, lookup, sweep
from intake.ingest import Stores, Verdict, ingest, take_answer
from local.in_process import record_of
from lookup.asking import Asker, Asking
from lookup.tokens import Tokens
from mappings import Mappings
from wire import Answer


class World:
    """Cards, queues and workers; nothing is shared between two of them but the process.

    `client` is another client of AWS than the stand-in itself, `api_keys` those of the CRMs' APIs.
    """

    def __init__(
        self,
        ringostat_url: str = "http://127.0.0.1:9",
        clock: Callable[[], int] = lambda: START,
        *,
        client: ServiceClient | None = None,
        api_keys: dict[str, Any] | None = None,
    ) -> None:
        self.aws = Aws(clock)
        self.aws.secrets |= SECRETS | {"api-keys": json.dumps(api_keys or {})}
        client = client or self.aws
        self.clock = clock
        self.cards = Cards(client, TABLE)
        wakeups, lookups = Queue(client, QUEUES["delivery"]), Queue(client, QUEUES["lookup"])
        rejected = Queue(client, QUEUES["rejected"])
        self.connections = Secret(client, "connections")
        self.stores = Stores(self.cards, wakeups, rejected, Mappings(self.cards), lookup=lookups, heard={})
        self.ringostat = Ringostat(ringostat_url, deadline_seconds=10)
        throttles = Throttles(self.cards, deliver.POLICY)
        self.worker = deliver.WORKER._replace(
            cards=self.cards,
            ringostat=self.ringostat,
            auth_keys=Secret(client, "auth-keys"),
            wakeups=wakeups,
            throttles=throttles,
            clock=clock,
            jitter=lambda: 0.5,
        )
        self.reader = lookup.WORKER._replace(
            cards=self.cards,
            mappings=self.stores.mappings,
            connections=self.connections,
            asker=Asker(
                Secret(client, "api-keys"),
                Asking(lookup.FETCHER, Tokens(lookup.FETCHER, clock, loopback=True), clock, loopback=True),
            ),
            wakeups=lookups,
            ingest=partial(take_answer, self.stores, clock),
            clock=clock,
            sleep=lambda _: None,
            jitter=lambda: 0.5,
        )
        self.sweeper = sweep.SWEEPER._replace(cards=self.cards, wakeups=wakeups, throttles=throttles)

    def enter(self) -> "World":
        """Let the handlers of this process use this world."""
        api.STORES = inbox.STORES = self.stores
        api.CONNECTIONS = inbox.CONNECTIONS = self.connections
        return self

    def ingest(
        self, body: bytes, connection: str = "pipedrive", content_type: str = "application/json"
    ) -> list[Verdict]:
        """Ingest one event as both handlers do."""
        event = Event(connection, body, {"content-type": content_type}, {}, self.clock(), "request")
        joint = joined(connection)
        return ingest(event, joint, self.stores.mappings.of(joint), self.stores, event.received_at)

    def wakeups(self, most: int = 10_000, queue: str = "delivery") -> list[dict[str, Any]]:
        """Receive what waits on a queue, as the records that Lambda hands out."""
        received = {"QueueUrl": QUEUES[queue], "MaxNumberOfMessages": most, "VisibilityTimeout": 360}
        return [record_of(message) for message in self.aws.memory.receive_message(received)["Messages"]]

    def forget(self, records: Iterable[dict[str, Any]], queue: str = "delivery") -> None:
        """Delete messages from a queue, as Lambda does with those that did not fail."""
        for record in records:
            self.aws.memory.delete_message({"QueueUrl": QUEUES[queue], "ReceiptHandle": record["receiptHandle"]})

    def deliver(self, records: Sequence[dict[str, Any]], seconds: int = 60) -> dict[str, Any]:
        """Deliver the cards of a batch of wake-ups."""
        return Run(self.worker, self.clock() + seconds * 1000).deliver(wakeups_of({"Records": records}))

    def drain(self) -> None:
        """Deliver batch by batch, as Lambda hands them out, until no wake-up is left."""
        while records := self.wakeups(10):
            self.deliver(records)
            self.forget(records)


def joined(name: str) -> Connection:
    """Return a connection by its name."""
    connection = connection_of(CONNECTIONS, name)
    assert connection is not None  # noqa: S101 - they are in environment.py
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
    attributes = {"connection": {"DataType": "String", "StringValue": connection}}
    system = {"SentTimestamp": str(sent), "ApproximateReceiveCount": "1"}
    return record_of(
        {
            "MessageId": str(number),
            "ReceiptHandle": str(number),
            "Body": body.decode(),
            "Attributes": system,
            "MessageAttributes": attributes,
        }
    )


class Nowhere:
    """A Ringostat that takes everything at once, without HTTP."""

    def __init__(self) -> None:
        self.posts = 0
        self.records = 0

    def post(self, _: Endpoint, records: Sequence[bytes], **__: Any) -> Answer:
        """Take the records."""
        self.posts += 1
        self.records += len(records)
        return Answer(200, {"content-length": "16"}, b'{"success":true}', complete=True)


def own(world: World, work: Callable[[], Any]) -> float:
    """Return the CPU seconds that work takes outside the stand-in for AWS."""
    inside, started = world.aws.seconds, time.process_time()
    work()
    return time.process_time() - started - (world.aws.seconds - inside)
