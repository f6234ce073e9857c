"""A warm webhook line by line: the CPU of each stage of its two invocations, in one process with real clients.

Stages are timed by wrapping the functions that begin them; a stage ends where the next one begins. What the timing
itself costs is taken out by scaling the stages to what the same webhooks take without it.
"""

import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial, wraps
from itertools import count
from typing import Any

import telemetry
from aws import table
from aws.client import DYNAMODB, Client, Patience
from bench import stages
from bench.bundle import FLOOR
from bench.corpus import person
from bench.measure import Figure, Table, alternating, ratios, spread
from bench.subjects.delivery import Server, running
from bench.world import World, request
from delivery import ringostat
from delivery import worker as delivering
from handlers import api, deliver
from intake import merging, receive
from local.in_process import Context, by_http, record_of
from mapping import engine, meaning, normalize

EVENTS = 100  # of one round
ROUNDS = 10
NEW = count(1)
QUEUE = {"QueueUrl": os.environ["DELIVERY_QUEUE_URL"]}

PLACES: tuple[tuple[str, Any, str], ...] = (
    (stages.RESOLVE, api.app, "resolve"),
    (stages.API, api, "receive"),
    (stages.PROOF, receive, "admit"),
    (stages.BODY, meaning, "decoded"),
    (stages.MAP, engine, "run"),
    (stages.PHONES, normalize, "_phone"),
    (stages.MERGE, merging, "absorb"),
    (stages.ROWS, table.Cards, "read"),
    (stages.ROWS, table.Cards, "write"),
    (stages.ROWS, table.Cards, "write_all"),
    (stages.CALL, Client, "call"),
    (stages.SEND, Client, "exchange"),
    (stages.SIGN, Client, "signed"),
    (stages.COMPOSE, delivering, "_addressed"),
    (stages.POST, ringostat.Ringostat, "post"),
    (stages.JUDGE, delivering, "classify"),
    (stages.LOG, telemetry.logger, "info"),
    (stages.METRICS, telemetry, "flush"),
)


def tables() -> list[Table]:
    """Measure ours without and with timing, and the floor."""
    http = _replaced(Client, "exchange", by_http)  # not moto
    with _server("bench.lambda_service") as aws, _server("bench.stub") as stub, http:
        client = Client(DYNAMODB, "eu-central-1", Patience((10,)), endpoint=aws)
        ours, floor, timed = _ours(client, stub), _floor(aws, stub), Stages()
        works = {
            "ours": partial(_webhooks, client, *ours),
            "floor": partial(_webhooks, client, *floor),
            "timed": lambda: timed.during(partial(_webhooks, client), *ours),
        }
        works["ours"]()  # the first invocations open connections and fill caches
        works["floor"]()
        taken = alternating(ROUNDS, works)
    return [_whole(taken), _lines(timed, taken["ours"])]


def _server(module: str) -> AbstractContextManager[str]:
    return running(Server("", (module,), (), 0))


Invoked = Callable[[dict[str, Any], Any], Any]


def _ours(client: Client, stub: str) -> tuple[Invoked, Invoked]:
    world = World(stub, clock=lambda: time.time_ns() // 1_000_000, client=client).enter()
    deliver.WORKER = world.worker
    return api.lambda_handler, deliver.lambda_handler


def _floor(aws: str, stub: str) -> tuple[Invoked, Invoked]:
    os.environ |= {"AWS_ENDPOINT_URL": aws, "RINGOSTAT_URL": stub}
    sys.path.insert(0, str(FLOOR))
    return importlib.import_module("receive").lambda_handler, importlib.import_module("forward").lambda_handler


def _webhooks(client: Client, take: Invoked, bring: Invoked) -> float:
    """Let new contacts through, one after the other; return the CPU seconds of one, all threads of this process."""
    seconds = 0.0
    for _ in range(EVENTS):
        event = request("pipedrive", person(next(NEW)).decode(), at=time.time_ns() // 1_000_000)
        begun = time.process_time()
        answer = take(event, Context())
        seconds += time.process_time() - begun
        assert answer["statusCode"] == 202, answer  # noqa: S101, PLR2004
        records = _received(client)
        begun = time.process_time()
        answer = bring({"Records": records}, Context())
        seconds += time.process_time() - begun
        assert (len(records), answer) == (1, {"batchItemFailures": []}), answer  # noqa: S101
    return seconds / EVENTS


def _received(client: Client) -> list[dict[str, Any]]:
    """Take the messages, as the queue's poller does."""
    found = client.call("ReceiveMessage", **QUEUE, MaxNumberOfMessages=10, VisibilityTimeout=60)["Messages"]
    for message in found:
        client.call("DeleteMessage", **QUEUE, ReceiptHandle=message["ReceiptHandle"])
    return [record_of(message) for message in found]


class Stages:
    """The CPU seconds of each stage, without those of the stages inside it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(stages.BUYS, 0.0)
        self._running: list[str] = []
        self._since = 0.0

    def during(self, work: Callable[[Invoked, Invoked], float], take: Invoked, bring: Invoked) -> float:
        """Time the stages while something is done with both handlers."""
        with ExitStack() as stack:
            for stage, owner, name in PLACES:
                stack.enter_context(_replaced(owner, name, self._wrapped(stage, getattr(owner, name))))
            return work(
                self._wrapped(stages.API, take, is_outer=True), self._wrapped(stages.DELIVER, bring, is_outer=True)
            )

    def _wrapped(self, stage: str, work: Callable[..., Any], *, is_outer: bool = False) -> Callable[..., Any]:
        @wraps(work)
        def wrapped(*given: Any, **named: Any) -> Any:
            if not (self._running or is_outer):
                return work(*given, **named)  # the poller's
            self._pass_to(stage)
            try:
                return work(*given, **named)
            finally:
                self._return()

        return wrapped

    def _pass_to(self, stage: str) -> None:
        now = time.process_time()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._running.append(stage)
        self._since = time.process_time()

    def _return(self) -> None:
        now = time.process_time()
        self.seconds[self._running.pop()] += now - self._since
        self._since = time.process_time()


@contextmanager
def _replaced(owner: Any, name: str, by: Any) -> Iterator[None]:
    known = getattr(owner, name)
    setattr(owner, name, by)
    try:
        yield
    finally:
        setattr(owner, name, known)


def _whole(taken: dict[str, list[float]]) -> Table:
    figures = []
    for name in ("ours", "floor"):
        each = spread(taken[name]).times(1e6)
        figures.append(Figure(name, each.median, "µs a webhook", each, "floor", ratios(taken[name], taken["floor"])))
    return Table(
        "Warm webhook: a new contact, its two invocations and the POST (CPU of the process)",
        figures,
        [
            "the floor: five signed calls over one pool of urllib3 and one POST, with nothing around them",
            "AWS and Ringostat are other processes, not counted; nor is Lambda's runtime, the same for both",
        ],
    )


def _lines(timed: Stages, ours: list[float]) -> Table:
    whole = spread(ours).median * 1e6
    scale = whole / sum(timed.seconds.values())
    figures = [Figure(stage, seconds * scale, "µs") for stage, seconds in timed.seconds.items()]
    return Table(
        "Warm webhook, line by line (CPU)",
        [*figures, Figure("together", whole, "µs")],
        ["each stage without those inside it; scaled so that together they are what the same webhooks take untimed"],
    )
