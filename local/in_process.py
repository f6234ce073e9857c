"""The whole bridge inside one process: real handlers, emulated AWS, a virtual clock.

It plays API Gateway and the pollers of the queues.
"""

import base64
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import botocore.session
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from botocore.config import Config
from moto.core.models import botocore_stubber

from aws.client import Client
from aws.clients import NEEDED, PATIENT, QUICK, dynamodb, secretsmanager, sqs
from aws.secrets import Secret
from aws.table import Cards
from cards.card import Card
from delivery.policy import EVER_MS
from delivery.ringostat import Ringostat
from delivery.throttles import Throttles
from delivery.wakeups import wakeups_of
from delivery.worker import Run
from handlers import api, deliver, inbox, lookup, sweep
from intake.ingest import take_answer
from intake.spreading import Spreader
from local import template
from lookup import night
from lookup.asking import Asker, Asking
from lookup.rows import Row
from lookup.tokens import Tokens
from lookup.wakeups import Wakeup
from lookup.wakeups import wakeups_of as lookups_of
from lookup.worker import Run as LookupRun
from ops.samples import is_text
from settings import SETTINGS

AUTH_KEYS = {"106": {"auth_key": "local-key"}, "107": {"auth_key": "other-key"}}
QUEUES = (
    SETTINGS.inbox_queue_url,
    SETTINGS.rejected_queue_url,
    SETTINGS.delivery_queue_url,
    SETTINGS.lookup_queue_url,
)
TABLE = template.load()["Resources"]["CardsTable"]["Properties"]
START = 1_780_000_000_000  # May 2026


def connection(mapping, *, project=106, verify=None, **settings):
    return {
        "mapping": mapping,
        "project": project,
        "country": "UA",
        "time_zone": "Europe/Kyiv",
        "crm_url": "https://acme.example.com",
        "verify": verify or {"scheme": "path-token", "token": "local"},
        **settings,
    }


CONNECTIONS = {
    "acme": connection("pipedrive"),
    "acme-kommo": connection("kommo"),
    "acme-direct": connection("direct"),
    "acme-generic": connection("generic"),
    "shop": connection("pipedrive", project=107, verify={"scheme": "path-token", "token": ["old", "new"]}),
    "basic": connection("pipedrive", verify={"scheme": "basic", "username": "crm", "password": "p:ä"}),
    "header": connection("pipedrive", verify={"scheme": "header-token", "header": "X-Token", "token": "secret"}),
}


api.STORES = api.STORES._replace(seconds=60)  # on a busy machine emulated AWS is no measure of the real one


@cache
def aws(service):
    """Return a client for what is around the functions; their own know only what they call."""
    return botocore.session.Session().create_client(service, config=Config(retries={"total_max_attempts": 1}))


def by_moto(client, operation, body, _seconds):
    """Answer a request of our own client by moto, which listens below botocore's clients only."""
    headers = HTTPHeaders.from_dict(client.signed(operation, body))
    status, _, answer = botocore_stubber.process_request(
        AWSPreparedRequest("POST", client.url, headers, body, stream_output=False)
    )
    return status, answer.encode() if isinstance(answer, str) else answer


by_http = Client.exchange
Client.exchange = by_moto
CLIENTS = [make(patience) for make in (dynamodb, secretsmanager, sqs) for patience in (QUICK, NEEDED, PATIENT)]


@contextmanager
def overheard(hear, clients=CLIENTS):
    """Tell of every request of the functions before it is sent: `hear(client, operation, parameters)`.

    What it raises takes the place of AWS's answer, or what it returns: a status and a body.
    """

    def heard(client, exchange, operation, body, seconds):
        return hear(client, operation, json.loads(body)) or exchange(operation, body, seconds)

    before = [(client, client.exchange) for client in clients]
    for client, exchange in before:
        client.exchange = partial(heard, client, exchange)
    try:
        yield
    finally:
        for client, exchange in before:
            client.exchange = exchange


@contextmanager
def counted():
    """Give a list that grows by the name of each operation that the functions call."""
    calls = []
    with overheard(lambda _, operation, __: calls.append(operation)):
        yield calls


def unreachable(service, operation=""):
    """Return a `hear` for a service, or one of its operations, that does not answer."""

    def hear(client, called, _):
        if client.service.name == service and operation in ("", called):
            raise ConnectionError

    return hear


class Clock:
    """Ms since 1970 that pass only on demand."""

    def __init__(self, now=START):
        self.time = now

    def now(self):
        self.time += 1
        return self.time

    def pass_(self, seconds):
        self.time += int(seconds * 1000)


class Context:
    """Lambda's context of one invocation."""

    function_name = "bridge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bridge"
    aws_request_id = "request"

    def get_remaining_time_in_millis(self):
        return 60_000


class _Hidden:
    """A queue that notes for how long a wake-up was hidden."""

    seconds = None

    def hide(self, seconds):
        (self.seconds,) = seconds.values()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


class Bridge:
    """The stack of template.yaml, as far as one process can be it."""

    def __init__(self, ringostat_url, clock=None, **worker):
        self.clock = clock or Clock()
        self._count = 0
        self._seconds = 0.0
        self._create()
        self.cards = Cards(dynamodb(PATIENT), SETTINGS.cards_table)
        self._forget_other_bridges()
        self.throttles = Throttles(self.cards, deliver.POLICY)
        self._ringostat = Ringostat(ringostat_url, deadline_seconds=2)
        self.worker = deliver.WORKER._replace(
            ringostat=self._ringostat,
            auth_keys=Secret(secretsmanager(PATIENT), SETTINGS.auth_keys_secret, lambda: self._seconds),
            cards=self.cards,
            throttles=self.throttles,
            clock=self.clock.now,
            jitter=lambda: 0.5,
            **worker,
        )

        self.reader = lookup.WORKER._replace(
            asker=Asker(
                Secret(secretsmanager(PATIENT), SETTINGS.api_keys_secret, lambda: self._seconds),
                Asking(
                    lookup.FETCHER, Tokens(lookup.FETCHER, self.clock.now, loopback=True), self.clock.now, loopback=True
                ),
            ),
            ingest=partial(take_answer, lookup.STORES, self.clock.now),
            clock=self.clock.now,
            sleep=self.clock.pass_,
            jitter=lambda: 0.5,
        )

    def _create(self):
        """Create what the functions share."""
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        aws("dynamodb").create_table(TableName=SETTINGS.cards_table, **{name: TABLE[name] for name in wanted})
        for url in QUEUES:
            aws("sqs").create_queue(QueueName=url.rpartition("/")[2])
        self.put_secret(SETTINGS.connections_secret, CONNECTIONS)
        self.put_secret(SETTINGS.auth_keys_secret, AUTH_KEYS)
        self.put_secret(SETTINGS.api_keys_secret, {})

    def _forget_other_bridges(self):
        """Forget what handlers keep for the life of a process."""
        for stores in (api.STORES, inbox.STORES, lookup.STORES):
            stores.cards.forget()
            stores.flood.forget()
            stores.heard.clear()
            stores.staff.forget()
        sweep.BUNDLE.forget()
        self.forget_mappings()
        self._forget_connections()

    def forget_mappings(self):
        """Let the handlers read stored mappings at the next event, as they do every five minutes."""
        for stores in (api.STORES, inbox.STORES, lookup.STORES):
            stores.mappings.forget()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ringostat.close()

    def put_secret(self, name, value):
        aws("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))

    def put_connections(self, value):
        """Replace the connections, and let the handlers know at once."""
        aws("secretsmanager").put_secret_value(SecretId=SETTINGS.connections_secret, SecretString=json.dumps(value))
        self._forget_connections()

    def _forget_connections(self):
        for secret in (api.CONNECTIONS, inbox.CONNECTIONS, lookup.WORKER.connections):
            secret.forget()

    def put_api_keys(self, value):
        aws("secretsmanager").put_secret_value(SecretId=SETTINGS.api_keys_secret, SecretString=json.dumps(value))

    def put_auth_keys(self, value):
        aws("secretsmanager").put_secret_value(SecretId=SETTINGS.auth_keys_secret, SecretString=json.dumps(value))

    def pass_secret_minute(self):
        self._seconds += 61

    def post(self, connection, body, token="local", **request):
        """Send a CRM's request through `api`; bytes arrive as API Gateway hands them over."""
        return self.request("POST", f"/crm/{connection}" + (f"/{token}" if token else ""), body, **request)

    def request(self, method, path, body="", *, content_type="application/json", headers=None, query=None):
        self._count += 1
        if isinstance(body, bytes) and is_text(content_type):
            body = body.decode("utf-8", "replace")
        raw = isinstance(body, bytes)
        if not isinstance(body, str | bytes):
            body = json.dumps(body, ensure_ascii=False)
        event = {
            "version": "2.0",
            "routeKey": f"ANY {path}",
            "rawPath": path,
            "rawQueryString": "",
            "queryStringParameters": query or {},
            "headers": {"content-type": content_type, **(headers or {})},
            "requestContext": {
                "requestId": f"request-{self._count}",
                "timeEpoch": self.clock.now(),
                "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
                "stage": "$default",
            },
            "body": base64.b64encode(body).decode() if raw else body,
            "isBase64Encoded": raw,
        }
        answer = api.lambda_handler(event, Context())
        text = answer.get("body") or ""
        is_json = "json" in answer["headers"].get("Content-Type", "")
        return Answer(answer["statusCode"], answer["headers"], json.loads(text) if is_json else text)

    def put(self, body, **attributes):
        """Put a message on the inbox queue, as another system would."""
        aws("sqs").send_message(
            QueueUrl=SETTINGS.inbox_queue_url,
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name.replace("_", "-"): {"DataType": "String", "StringValue": text} for name, text in attributes.items()
            },
        )

    def take_inbox(self):
        """Let `inbox` take what its queue holds; return how many messages it left there."""
        return self._poll(SETTINGS.inbox_queue_url, lambda event: inbox.lambda_handler(event, Context()))

    def deliver(self, seconds=60):
        """Let `deliver` take the wake-ups that are visible; return how many it wants to see again."""
        ends_at = self.clock.time + seconds * 1000
        return self._poll(
            SETTINGS.delivery_queue_url, lambda event: Run(self.worker, ends_at).deliver(wakeups_of(event))
        )

    def look_up(self, connection, seconds=60):
        """Let `lookup` take a wake-up; return when it wants to see it again (ms), None if it is done with it."""
        hidden = _Hidden()
        run = LookupRun(self.reader._replace(wakeups=hidden), self.clock.time + seconds * 1000)
        run.look_up([Wakeup("message", "receipt", 1, connection)])
        return None if hidden.seconds is None else self.clock.time + hidden.seconds * 1000

    def take_lookups(self, seconds=60):
        """Let `lookup` take the wake-ups that are visible; return how many it wants to see again."""
        ends_at = self.clock.time + seconds * 1000
        return self._poll(
            SETTINGS.lookup_queue_url, lambda event: LookupRun(self.reader, ends_at).look_up(lookups_of(event))
        )

    def begin_night(self):
        """Let the schedule call `lookup`."""
        night.begin(self.cards, self.reader.mappings, self.reader.connections.read(), self.clock.now())

    def wanted(self, connection):
        """Return the rows of the records that a connection wants, now or later."""
        keys = self.cards.wanted(connection, EVER_MS, 20_000)
        return [Row.of(connection, row) for row in self.cards.rows(keys).values()]

    def due(self, project=106):
        """Return the keys of all cards that are due, now or later."""
        return self.cards.due(project, EVER_MS, 10_000)

    def sweep(self):
        sweeper = sweep.SWEEPER._replace(cards=self.cards, throttles=self.throttles)
        circuits = sweep.LOOKUPS._replace(cards=self.cards).sweep(self.clock.now())
        woken = sweeper.sweep(self.clock.now(), circuits)
        Spreader(self.cards, sweeper.wakeups, SETTINGS.card_retention_days).spread(self.clock.now())
        return woken

    def settle(self, seconds=61, rounds=50):
        """Let time pass, sweep and deliver until nothing is due."""
        for _ in range(rounds):
            self.deliver()
            if not self.due():
                return
            self.clock.pass_(seconds)
            self.sweep()
        raise AssertionError(f"still due after {rounds} rounds")

    def _poll(self, url, handle):
        left = 0
        while messages := receive(url):
            records = [record_of(message) for message in messages]
            failures = {failure["itemIdentifier"] for failure in handle({"Records": records})["batchItemFailures"]}
            left += len(failures)
            for message in messages:
                if message["MessageId"] not in failures:
                    aws("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return left

    def rejected(self):
        """Return what the rejected queue holds: (attributes, wrapped event)."""
        messages = receive(SETTINGS.rejected_queue_url)
        return [
            (
                {name: value["StringValue"] for name, value in message["MessageAttributes"].items()},
                json.loads(message["Body"]),
            )
            for message in messages
        ]

    def wakeups(self):
        """Return the keys of the wake-ups that are visible, one list each."""
        return [json.loads(message["Body"])["keys"] for message in receive(SETTINGS.delivery_queue_url)]

    def card(self, key) -> Card:
        return self.cards.read([key])[key]


def receive(url):
    answer = aws("sqs").receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        VisibilityTimeout=365,
        WaitTimeSeconds=0,
    )
    return answer.get("Messages", [])


def record_of(message):
    """Return the record that an event-source mapping makes of a received message."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: {"dataType": value["DataType"], "stringValue": value.get("StringValue")}
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue",
        "awsRegion": "eu-central-1",
    }
