"""Delivery of due cards against a bare loop of urllib3 over ready bodies: same stub, same run, AWS left out."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import urllib3

from bench.corpus import FORM, kommo
from bench.environment import ROOT
from bench.measure import Figure, Table, alternating, cpu_each, ratios, spread
from bench.world import World
from cards.card import Card
from cards.endpoints import compose

BATCH = 100
LEAST = 0.6
NEW = count(1, 1000)


class Server(NamedTuple):
    """What is posted to, and how it is measured."""

    name: str
    command: Sequence[str]
    cards: Sequence[int]
    rounds: int
    least: float | None = None  # of the largest number of cards
    shows_cpu: bool = False


SERVERS = (
    Server("a stub that does nothing", ("bench.stub",), (1, 10, 100, 1000), 11, LEAST, shows_cpu=True),
    Server(
        "the emulator, which checks", ("local.emulator", "--port", "0", "--project", "106=local-key"), (100, 1000), 7
    ),
    Server("a stub that takes 40 ms", ("bench.stub", "--delay", "0.04"), (1, 100, 1000), 5, LEAST),
)


def tables() -> list[Table]:
    """Measure."""
    figures = []
    for server in SERVERS:
        with running(server) as url:
            for cards in server.cards:
                figures += _compared(url, cards, server)
    figures.append(_json_alone(figures))
    return [
        Table(
            "Delivery of due cards (contacts a second, wall time without AWS) against urllib3 over ready bodies",
            figures,
            [
                "the server is another process; the loop's connection and ours are kept",
                "ours claims, reads, composes, posts, judges and records; the loop only posts",
                "JSON alone: the fields of the cards read and their bodies written, without anything else",
                "CPU is that of the client's process alone",
            ],
        )
    ]


@contextmanager
def running(server: Server) -> Iterator[str]:
    """Run a server in a separate process; its address ends the first line that it prints."""
    with subprocess.Popen(  # noqa: S603 - our own programs
        [sys.executable, "-m", *server.command], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout  # noqa: S101
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def _compared(url: str, cards: int, server: Server) -> list[Figure]:
    world = World(url)
    pool = urllib3.HTTPConnectionPool("127.0.0.1", int(url.rpartition(":")[2]))
    bodies = _bodies(cards)
    _deliver(world, 1)
    spent: dict[str, list[float]] = {"ours": [], "loop": []}
    works = {
        "ours": lambda: _clocked(spent["ours"], world, *_due(world, cards)),
        "loop": lambda: _clocked(spent["loop"], world, lambda: [_post(pool, body) for body in bodies]),
    }
    taken = alternating(server.rounds, works)
    name = f"{cards:,} due, {server.name}"
    least = server.least if cards == server.cards[-1] else None
    per_second = [cards / seconds for seconds in taken["ours"]]
    wall = Figure(
        name,
        spread(per_second).median,
        "contacts/s",
        spread(per_second),
        "the loop",
        ratios(taken["loop"], taken["ours"]),
        least=least,
        aims_at="ratio",
    )
    if not server.shows_cpu:
        return [wall]
    cpu = spread([seconds / cards for seconds in spent["ours"]]).times(1e6)
    return [
        wall,
        Figure(
            f"{cards:,} due, CPU", cpu.median, "µs a contact", cpu, "the loop", ratios(spent["ours"], spent["loop"])
        ),
    ]


def _json_alone(figures: Sequence[Figure]) -> Figure:
    """Return what the JSON of a card takes, and how many times that is of what the loop takes."""
    cards = _cards(BATCH)
    texts = [json.dumps(card.fields) for card in cards]
    payloads = [_payload(card) for card in cards]

    def work() -> None:
        for text, payload in zip(texts, payloads, strict=True):
            json.loads(text)
            json.dumps(payload)

    each = spread(alternating(11, {"": cpu_each(work, 10)})[""]).times(1e6 / BATCH)
    (ours,) = (one for one in figures if one.name == "1,000 due, CPU")
    assert ours.ratio  # noqa: S101
    loop = ours.value / ours.ratio.median
    return Figure("1,000 due, JSON alone, CPU", each.median, "µs a contact", each, "the loop", each.times(1 / loop))


def _clocked(spent: list[float], world: World, work: Callable[[], Any]) -> float:
    """Return the wall time of work, AWS left out, and note its CPU time."""
    inside, cpu, wall = world.aws.seconds, time.process_time(), time.perf_counter()
    work()
    ended, used, inside = time.perf_counter(), time.process_time(), world.aws.seconds - inside
    spent.append(used - cpu - inside)
    return ended - wall - inside


def _due(world: World, cards: int) -> tuple[Callable[[], Any]]:
    for start in range(0, cards, BATCH):
        world.ingest(kommo(next(NEW), min(BATCH, cards - start)), "kommo", FORM)
    records = world.wakeups()
    world.forget(records)
    return (lambda: [world.deliver(records[start : start + 10]) for start in range(0, len(records), 10)],)


def _deliver(world: World, cards: int) -> None:
    (work,) = _due(world, cards)
    work()


def _bodies(cards: int) -> list[bytes]:
    """Return the bodies that ours would post for so many cards."""
    composed = [_payload(card) for card in _cards(BATCH)]
    return [
        json.dumps({"contacts": composed[: min(BATCH, cards - start)]}, separators=(",", ":")).encode()
        for start in range(0, cards, BATCH)
    ]


def _cards(number: int) -> list[Card]:
    world = World()
    world.ingest(kommo(1, number), "kommo", FORM)
    return list(world.cards.read([f"106#Kommo#contact:{one}" for one in range(1, number + 1)]).values())


def _payload(card: Card) -> Any:
    return compose(card.key, card.fields).payload


def _post(pool: urllib3.HTTPConnectionPool, body: bytes) -> None:
    headers = {"Content-Type": "application/json", "auth-key": "local-key", "x-project-id": "106"}
    assert pool.request("POST", "/minicrm/contacts/sync", body=body, headers=headers).status == 200  # noqa: S101, PLR2004
