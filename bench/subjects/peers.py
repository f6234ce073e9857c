"""The tutorial-style functions on the same events against the same stub: events a second, and what an outage costs."""

import itertools
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import boto3
import time_machine

from bench.bundle import TUTORIAL
from bench.corpus import START, person
from bench.environment import SECRETS
from bench.measure import Figure, Table, alternating, ratios, spread
from bench.outage import Outage, book, newest, wrong
from bench.stub import Stub
from bench.subjects.delivery import SERVERS, running
from bench.world import World, inbox, message, request
from local.in_process import Context

EVENTS = 10_000
ROUNDS = 10
BATCH = 10
LEAST = 4
NEW = itertools.count(1, EVENTS)


def tables() -> list[Table]:
    """Measure."""
    boto3.client = lambda *_, **__: SimpleNamespace(get_secret_value=_secret)
    sys.path.insert(0, str(TUTORIAL))
    return [_throughput(), _outage()]


def _secret(SecretId: str) -> dict[str, str]:  # noqa: N803 - as boto3 names it
    """Return a secret, as the tutorial's client of boto3 does; it calls nothing else of AWS here."""
    return {"SecretString": SECRETS[SecretId]}


# Throughput


def _throughput() -> Table:
    with running(SERVERS[0]) as url:
        os.environ["RINGOSTAT_URL"] = url
        import worker  # noqa: PLC0415 - the tutorial reads the environment

        world = World(url).enter()
        share = EVENTS // ROUNDS
        cpu: dict[str, list[float]] = {"ours": [], "tutorial": []}
        works = {
            "ours": lambda: _timed(cpu["ours"], world, lambda batches: _ours(world, batches), share),
            "tutorial": lambda: _timed(
                cpu["tutorial"],
                world,
                lambda batches: [_all(worker.lambda_handler(batch, Context())) for batch in batches],
                share,
            ),
        }
        taken = alternating(ROUNDS, works)
    figures = []
    for name, values in taken.items():
        rate = spread([share / value for value in values])
        least = LEAST if name == "ours" else None
        figures.append(
            Figure(
                name,
                rate.median,
                "events/s",
                rate,
                "tutorial",
                ratios(taken["tutorial"], values),
                least=least,
                aims_at="ratio",
            )
        )
        each = spread(cpu[name]).times(1e6 / share)
        figures.append(
            Figure(f"{name}, CPU", each.median, "µs an event", each, "tutorial", ratios(cpu[name], cpu["tutorial"]))
        )
    return Table(
        f"{EVENTS:,} queued events, each a new contact, drained end to end",
        figures,
        [
            "ours: inbox in batches of 10, merge, wake, deliver in batches of 10 wake-ups; AWS is a stand-in, left out",
            "tutorial: a batch processor, pydantic models, requests.post for each record; the same stub",
            "over real HTTP, with real clients of AWS, and against Node-RED and n8n: see rivals",
        ],
    )


def _timed(cpu: list[float], world: World, work: Callable[[Any], Any], events: int) -> float:
    first = next(NEW)
    records = [message("pipedrive", person(number), number) for number in range(first, first + events)]
    batches = [{"Records": records[start : start + BATCH]} for start in range(0, events, BATCH)]
    inside, used, started = world.aws.seconds, time.process_time(), time.perf_counter()
    work(batches)
    ended, after, inside = time.perf_counter(), time.process_time(), world.aws.seconds - inside
    cpu.append(after - used - inside)
    return ended - started - inside


def _ours(world: World, batches: Sequence[Any]) -> None:
    for batch in batches:
        _all(inbox.lambda_handler(batch, Context()))
    world.drain()


def _all(answer: Any) -> None:
    assert answer == {"batchItemFailures": []}, answer  # noqa: S101


# Outage

OUTAGE = Outage(persons=800, per_second=20, lasts=60, down=(20, 30))
VISIBILITY, RECEIVES = 30, 3  # of the tutorial's queue
LONGEST, STEP = 3600, 0.05


def _outage() -> Table:
    figures, wanted = [], newest(OUTAGE.sent())
    for name, play in PLAYS.items():
        stub = Stub(keeps=True)
        os.environ["RINGOSTAT_URL"] = stub.url
        with time_machine.travel(START / 1000, tick=False) as clock:
            refused = play(stub, clock)
        shown = book(stub.bodies)
        lost = wrong(wanted, shown)
        last = max(shown[number][1] for number in wanted.keys() - lost) - START / 1000 - OUTAGE.down[1]
        most = 0 if name == "ours" else None
        figures += [
            Figure(f"{name}: cards wrong for ever", len(lost), f"of {len(wanted)}", most=most),
            Figure(f"{name}: events refused or given up", refused, f"of {OUTAGE.changes}", most=most),
            Figure(f"{name}: last card right", last, "s after the outage"),
            Figure(f"{name}: POSTs taken", stub.posts, ""),
        ]
    return Table(
        "Ringostat answers 503 for ten seconds (virtual time)",
        figures,
        [
            OUTAGE.described,
            "the CRM does not repeat what was answered with an error",
            f"the tutorial's queue hands out a failed event again after {VISIBILITY} s, so it lands later",
        ],
    )


def _at(stub: Stub, clock: Any, seconds: float) -> None:
    clock.move_to(START / 1000 + seconds)
    stub.fails = OUTAGE.is_down(seconds)


def _play_direct(stub: Stub, clock: Any) -> int:
    import api  # noqa: PLC0415 - the tutorial's

    refused = 0
    for sent in OUTAGE.sent():
        _at(stub, clock, sent.at)
        try:
            api.lambda_handler(request("pipedrive", sent.body.decode()), Context())
        except Exception:  # noqa: BLE001 - Lambda answers 500
            refused += 1
    return refused


def _play_queue(stub: Stub, clock: Any) -> int:
    import worker  # noqa: PLC0415 - the tutorial's

    waiting = deque((sent.at, 1, sent) for sent in OUTAGE.sent())
    given_up = 0
    while waiting:
        at, receives, sent = waiting.popleft()
        _at(stub, clock, at)
        if worker.lambda_handler({"Records": [message("pipedrive", sent.body, 1)]}, Context())["batchItemFailures"]:
            given_up += receives == RECEIVES
            if receives < RECEIVES:
                waiting = deque(sorted([*waiting, (at + VISIBILITY, receives + 1, sent)]))
    return given_up


def _play_ours(stub: Stub, clock: Any) -> int:
    world = World(stub.url, clock=lambda: time.time_ns() // 1_000_000)
    arrivals, at = deque(OUTAGE.sent()), 0.0
    while at < LONGEST and (arrivals or world.cards.due(106, 2**53, 1)):
        _at(stub, clock, at)
        while arrivals and arrivals[0].at <= at:
            world.ingest(arrivals.popleft().body)
        if at % 60 == 0:
            world.sweeper.sweep(world.clock())
        _deliver_all(world)
        at = round(at + STEP, 2)
    return 0


def _deliver_all(world: World) -> None:
    while records := world.wakeups(BATCH):
        failed = {failure["itemIdentifier"] for failure in world.deliver(records)["batchItemFailures"]}
        world.forget(record for record in records if record["messageId"] not in failed)


PLAYS = {"ours": _play_ours, "tutorial, from a queue": _play_queue, "tutorial, before the answer": _play_direct}
