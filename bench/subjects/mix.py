"""POSTs per thousand events of a realistic day: what merging and batching save.

Time is virtual. Events arrive over it, a wake-up goes to one of two workers (the template's concurrency) as soon as one
is free, and a run keeps its worker for as long as a POST takes.
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

from bench.corpus import START, deal, person
from bench.environment import QUEUES
from bench.measure import Figure, Table
from bench.world import Nowhere, World

EVENTS = 1000
WORKERS = 2
RUN_MS = 400  # a warm run: claim, a POST over the ocean, record
MOST = 0.35


class Trigger(NamedTuple):
    """How Lambda hands out wake-ups: at most so many, and so many ms after the first of them."""

    name: str
    batch: int
    window: int


TRIGGERS = (
    Trigger("", 10, 0),  # the template's
    Trigger(", 100 wake-ups within 1 s", 100, 1000),
    Trigger(", 100 wake-ups within 2 s", 100, 2000),
    Trigger(", 100 wake-ups within 5 s", 100, 5000),
)


class Timed(NamedTuple):
    """A body and when it arrives, in ms after the start."""

    at: int
    body: bytes


class Mix(NamedTuple):
    """A kind of traffic: stories that begin at random times, `gap_ms` apart on average."""

    name: str
    means: str
    story: Callable[[random.Random, int, int], list[Timed]]
    gap_ms: int


def tables() -> list[Table]:
    """Play each mix, with the template's trigger and with others."""
    notes = [
        f"{EVENTS} events a mix, {WORKERS} workers, {RUN_MS} ms a run; the seed is fixed, so the figures are exact"
    ]
    figures = []
    for mix in MIXES:
        events = drawn(mix)
        for trigger in TRIGGERS:
            posted, verdicts = play(events, trigger)
            name, most = mix.name + trigger.name, MOST if (mix, trigger) == (MIXES[0], TRIGGERS[0]) else None
            figures.append(Figure(f"{name}: records POSTed", posted.records / len(events), "an event", most=most))
            figures.append(Figure(f"{name}: POSTs", posted.posts * 1000 / len(events), "a thousand events"))
        shares = ", ".join(f"{verdicts[result] / len(events):.0%} {result}" for result in sorted(verdicts))
        notes.append(f"{mix.name}: {mix.means} ({shares})")
    return [
        Table(
            "POSTs for a realistic mix (virtual time; a bridge without state POSTs 1.00 record an event)",
            figures,
            notes,
        )
    ]


def drawn(mix: Mix) -> list[Timed]:
    """Draw the events of a mix, by time."""
    chance = random.Random(7)  # noqa: S311 - the same events every time
    events: list[Timed] = []
    at, number = 0, 0
    while len(events) < EVENTS:
        at, number = at + int(chance.expovariate(1 / mix.gap_ms)), number + 1
        events += mix.story(chance, number, at)
    return sorted(events[:EVENTS])


def play(events: list[Timed], trigger: Trigger) -> tuple[Nowhere, Counter[str]]:
    """Let the events arrive and the workers deliver."""
    time = [START]
    world, nowhere = World(clock=lambda: time[0]), Nowhere()
    world.worker = world.worker._replace(ringostat=nowhere)
    verdicts: Counter[str] = Counter()
    free = [0] * WORKERS  # a heap: when each worker is
    waiting: deque[tuple[int, Any]] = deque()
    arrivals = deque(events)
    while arrivals or waiting:
        start = max(free[0], waiting[0][0] + trigger.window) if waiting else 0
        if waiting and (not arrivals or start <= arrivals[0].at):
            time[0] = max(time[0], START + start)
            visible = [record for at, record in waiting if at <= start][: trigger.batch]
            world.deliver(visible)
            for _ in visible:
                waiting.popleft()
            heapq.heapreplace(free, start + RUN_MS)
        else:
            event = arrivals.popleft()
            time[0] = max(time[0], START + event.at)
            verdicts.update(verdict.result for verdict in world.ingest(event.body))
        waiting = deque(sorted([*waiting, *_sent(world)], key=itemgetter(0)))
    return nowhere, verdicts


def _sent(world: World) -> list[tuple[int, Any]]:
    """Take what was put on the delivery queue: when it becomes visible (ms after the start), and the record."""
    messages = world.aws.memory.queues[QUEUES["delivery"]].messages
    sent = [
        (entry.visible_at - START, {"messageId": handle, "receiptHandle": handle, "body": entry.body})
        for handle, entry in messages.items()
    ]
    messages.clear()
    return sent


def _office(chance: random.Random, number: int, at: int) -> list[Timed]:
    events = [Timed(at, person(number, START + at, name="Олена", phones=1))]
    for edit in range(chance.randint(1, 4)):
        at += chance.randint(200, 4000)
        events.append(Timed(at, person(number, START + at, name=f"Олена Коваль {edit // 2}", phones=1 + edit // 3)))
    for stage in range(chance.randint(1, 4)):
        at += chance.randint(500, 8000)
        events.append(Timed(at, deal(number, number, START + at, stage=stage)))
    for _ in range(chance.randint(1, 4)):
        at += chance.randint(1000, 60_000)
        events.append(Timed(at, person(number, START + at, name=f"Олена Коваль {edit // 2}", phones=1 + edit // 3)))
    twice = [event for event in events if chance.random() < 1 / 6]
    return events + [Timed(event.at + chance.randint(1000, 30_000), event.body) for event in twice]


def _bulk_edit(chance: random.Random, number: int, at: int) -> list[Timed]:
    later = at + chance.randint(10, 300)
    return [
        Timed(at, person(number, START + at)),
        Timed(later, person(number, START + later, name="Олена Кравець")),
    ]


MIXES = (
    Mix(
        "office",
        "contacts are created and completed field by field within seconds, deals follow and move through stages, fields"
        " change that Ringostat never sees, and the CRM sends one event in six twice",
        _office,
        2_000,
    ),
    Mix("bulk edit", "a contact every 20 ms, each saved once more by an automation", _bulk_edit, 20),
)
