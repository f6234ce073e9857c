"""The tutorial's batch handler and ours on the same queued events against the same stub: events a second."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import boto3

from bench.bundle import TUTORIAL
from bench.corpus import person
from bench.environment import SECRETS
from bench.measure import Figure, Table, alternating, ratios, spread
from bench.subjects.delivery import SERVERS, Server, running
from bench.world import World, inbox, message
from local.in_process import Context

BATCH = 10
NEW = itertools.count(1, 10_000)  # the first persons of rounds


class Load(NamedTuple):
    """How much is drained, to which server."""

    server: Server
    events: int
    rounds: int
    least: float | None = None


LOADS = (Load(SERVERS[0], 10_000, 10, least=4), Load(SERVERS[2], 600, 3))


def tables() -> list[Table]:
    """Measure."""
    boto3.client = lambda *_, **__: SimpleNamespace(get_secret_value=_secret)
    sys.path.insert(0, str(TUTORIAL))
    return list(map(_throughput, LOADS))


def _secret(SecretId: str) -> dict[str, str]:  # noqa: N803 - as boto3 names it
    """Return a secret, as the tutorial's client of boto3 does; it calls nothing else of AWS here."""
    return {"SecretString": SECRETS[SecretId]}


def _throughput(load: Load) -> Table:
    with running(load.server) as url:
        os.environ["RINGOSTAT_URL"] = url
        import worker  # noqa: PLC0415 - the tutorial reads the environment

        world = World(url).enter()
        share = load.events // load.rounds
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
        taken = alternating(load.rounds, works)
    figures = []
    for name, values in taken.items():
        rate = spread([share / value for value in values])
        least = load.least if name == "ours" else None
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
        f"{load.events:,} queued events, each a new contact, drained end to end into {load.server.name}",
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
