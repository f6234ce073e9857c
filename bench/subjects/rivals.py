"""Ours, the tutorial's functions, Node-RED and n8n on the same webhooks over HTTP: speed, cost, and a real outage."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import NamedTuple

from bench import contestants, npm
from bench.contestants import Contestant
from bench.corpus import person
from bench.load import Answer, percentile, posted, timed
from bench.measure import Figure, Table, ratios, spread
from bench.outage import Outage, Sent, book, newest, wrong
from bench.processes import cpu_seconds, pss
from bench.stub import Stub

STARTS: Mapping[str, Callable[[ExitStack], Contestant]] = {
    "ours": contestants.ours,
    "tutorial": contestants.tutorial,
    "tutorial with a queue": contestants.tutorial_with_queue,
    "Node-RED": contestants.nodered,
    "n8n": contestants.n8n,
    "floor": contestants.floor,
}
ROUNDS = 3
CLIENTS = {1: 700, 16: 1400}  # events a round
SLOW = {"n8n": 4}  # gets so many times fewer
MOST_FLOOR = 1.6
MOST_AFTER = 45  # seconds, from the end of the outage until the last card is right
WARM_UP = 100
NEW = itertools.count(1)
MOST_SECONDS = 120  # until everything is delivered


def tables() -> list[Table]:
    """Start them all, then measure one after the other, then let Ringostat fail for all at once."""
    with ExitStack() as stack:
        running, absent = _started(stack)
        loaded = [*_load(running, absent), _burst(running)]
        running.pop("floor", None)  # it has no way through an outage
        return [*loaded, _outage(running, absent)]


def _started(stack: ExitStack) -> tuple[dict[str, Contestant], list[str]]:
    running, absent = {}, []
    for name, start in STARTS.items():
        try:
            running[name] = contestants.ready(start(stack))
        except npm.NotHere as reason:
            absent.append(f"{name}: not run: {reason}")
    return running, absent


# Load


class Round(NamedTuple):
    """What some events took: seconds until the last was answered and until Ringostat had the last; CPU seconds."""

    events: int
    answered: float
    delivered: float
    cpu: float
    aws: float  # CPU of the stand-in for AWS
    waits: Sequence[float]  # seconds, for each answer


def _load(running: dict[str, Contestant], absent: Sequence[str]) -> list[Table]:
    for contestant in running.values():
        _round(contestant, 1, WARM_UP)
    rounds: dict[int, dict[str, list[Round]]] = {clients: {name: [] for name in running} for clients in CLIENTS}
    for number, (clients, events) in itertools.product(range(ROUNDS), CLIENTS.items()):
        for name in running if number % 2 == 0 else reversed(running):
            rounds[clients][name].append(_round(running[name], clients, events // SLOW.get(name, 1)))
    return [*(_speed(clients, taken, absent) for clients, taken in rounds.items()), _memory(running, absent)]


def _round(contestant: Contestant, clients: int, events: int) -> Round:
    bodies = [person(next(NEW)) for _ in range(events)]
    known = len(contestant.stub.bodies)
    cpu, aws = cpu_seconds(contestant.processes), cpu_seconds(contestant.aws)
    started = time.time()
    answers = posted(contestant.url, bodies, clients)
    answered = time.time() - started
    delivered = _delivered(contestant.stub, known, events) - started
    if failed := [answer.status for answer in answers if not answer.is_success]:
        raise RuntimeError(f"{contestant.url} answered {len(failed)} events with an error, the first with {failed[0]}")
    cpu, aws = cpu_seconds(contestant.processes) - cpu, cpu_seconds(contestant.aws) - aws
    return Round(events, answered, delivered, cpu, aws, [answer.seconds for answer in answers])


def _delivered(stub: Stub, known: int, persons: int) -> float:
    """Wait until Ringostat has got so many persons, and return the time when it got the last."""
    ends = time.monotonic() + MOST_SECONDS
    while len(book(stub.bodies[known:])) < persons:
        if time.monotonic() > ends:
            raise RuntimeError(f"Ringostat did not get everything within {MOST_SECONDS} s")
        time.sleep(0.2)
    return stub.bodies[-1][0]


def _speed(clients: int, taken: Mapping[str, Sequence[Round]], absent: Sequence[str]) -> Table:
    figures = [figure for name, rounds in taken.items() for figure in _figures(name, rounds, taken["tutorial"])]
    if clients == 1:
        figures.append(_cpu("ours", taken["ours"], "floor", taken["floor"], most=MOST_FLOOR))
    counts = ", ".join(f"{name} {sum(one.events for one in rounds):,}" for name, rounds in taken.items())
    aws = statistics.median(one.aws / one.events for one in taken["ours"]) * 1e6
    who = "one client, the next event after the answer" if clients == 1 else f"{clients} clients at once"
    return Table(
        f"Webhooks over HTTP, each a new contact: {who}",
        figures,
        [
            f"events: {counts}; kept connections; stub and clients are another process, the same for all",
            "floor: five signed calls of AWS in two invocations and one POST; it knows no CRM, no order, no failure",
            "functions of Lambda are a process each, one invocation at a time; Lambda starts more when more come",
            f"their CPU holds their clients of AWS, most of it in ours, but not AWS itself (for ours {aws:,.0f} µs)",
            "with a queue, as ours: answered when the event is durable, delivered meanwhile; the others deliver first",
            f"{npm.version('nodered')}: connections kept; {npm.version('n8n')}: SQLite, what succeeded is not kept",
            "a small HTTP server stands in for API Gateway and Lambda's runtime client, for ours and the tutorial's",
            *absent,
        ],
    )


def _figures(name: str, rounds: Sequence[Round], baseline: Sequence[Round]) -> Iterator[Figure]:
    rates, others = ([one.events / one.answered for one in some] for some in (rounds, baseline))
    rate = spread(rates)
    yield Figure(f"{name}: answered", rate.median, "events/s", rate, "tutorial", ratios(rates, others))
    if all(one.delivered > one.answered for one in rounds):
        rate = spread([one.events / one.delivered for one in rounds])
        yield Figure(f"{name}: delivered", rate.median, "events/s", rate)
    waits = [wait * 1e3 for one in rounds for wait in one.waits]
    yield Figure(f"{name}: answer, p50", percentile(waits, 50), "ms")
    yield Figure(f"{name}: answer, p99", percentile(waits, 99), "ms")
    yield _cpu(name, rounds, "tutorial", baseline)


def _cpu(
    name: str, rounds: Sequence[Round], compared: str, baseline: Sequence[Round], most: float | None = None
) -> Figure:
    each, others = ([one.cpu / one.events * 1e6 for one in some] for some in (rounds, baseline))
    cpu, ratio = spread(each), ratios(each, others)
    return Figure(f"{name}: CPU", cpu.median, "µs an event", cpu, compared, ratio, most=most, aims_at="ratio")


def _memory(running: Mapping[str, Contestant], absent: Sequence[str]) -> Table:
    figures = [Figure(name, pss(contestant.processes), "MiB") for name, contestant in running.items()]
    notes = ["PSS of all processes of each after these events; ours are three, each with its interpreter", *absent]
    return Table("Memory", figures, notes)


# Burst

BURST = ("ours", "tutorial with a queue")  # who answers before it delivers
BURST_EVENTS, BURST_SECONDS = 1_000, 10


def _burst(running: Mapping[str, Contestant]) -> Table:
    figures = []
    for name in BURST:
        contestant, known = running[name], len(running[name].stub.bodies)
        bodies = [person(next(NEW)) for _ in range(BURST_EVENTS)]
        started = time.time()
        answers = timed(contestant.url, ((at * BURST_SECONDS / BURST_EVENTS, body) for at, body in enumerate(bodies)))
        waits = [answer.seconds * 1e3 for answer in answers]
        delivered = _delivered(contestant.stub, known, BURST_EVENTS) - started
        most = 0 if name == "ours" else None
        figures += [
            Figure(f"{name}: refused", sum(not one.is_success for one in answers), f"of {BURST_EVENTS:,}", most=most),
            Figure(f"{name}: answer, p50", percentile(waits, 50), "ms"),
            Figure(f"{name}: answer, p99", percentile(waits, 99), "ms"),
            Figure(f"{name}: delivered", delivered - BURST_SECONDS, "s after the last event"),
        ]
    notes = [
        "each at its own moment, whether or not those before it are answered; one execution environment a function"
    ]
    return Table(f"A burst of {BURST_EVENTS:,} webhooks within {BURST_SECONDS} s", figures, notes)


# Outage

OUTAGE = Outage(persons=300, per_second=20, lasts=26, down=(8, 18))
PATIENCE = {"ours": 300}  # seconds after the last event; ours waits a minute after an ambiguous answer
LEAST_PATIENCE = 40  # longer than any other's last try
APART = 1_000_000  # persons of one play from those of another


def _outage(running: Mapping[str, Contestant], absent: Sequence[str]) -> Table:
    with ThreadPoolExecutor() as pool:  # they hardly disturb each other at this pace
        played = pool.map(lambda item: _played(*item), running.items())
        figures = [figure for some in played for figure in some]
    return Table(
        "Ringostat answers 503 for ten seconds (real time, over HTTP)",
        figures,
        [
            OUTAGE.described,
            "the CRM does not repeat what was answered with an error",
            "of the wrong cards, silently: answered with success",
            "three tries are a second apart (30 s in the queue), five tries five seconds",
            "Node-RED and n8n keep in memory what waits: a restart loses it",
            *absent,
        ],
    )


def _played(name: str, contestant: Contestant) -> Sequence[Figure]:
    figures: list[Figure] = []
    for number, (way, url) in enumerate(contestant.urls.items(), start=1):
        figures += _play(name, f"{name}, {way}" if way else name, contestant.stub, url, number * APART)
    return figures


def _play(name: str, shown_as: str, stub: Stub, url: str, offset: int) -> Sequence[Figure]:
    sent = [change._replace(number=change.number + offset) for change in OUTAGE.sent()]
    wanted, known, started = newest(sent), len(stub.bodies), time.time()
    _schedule(stub)
    answers = timed(url, ((change.at, change.body) for change in sent))
    ends = time.monotonic() + PATIENCE.get(name, LEAST_PATIENCE)
    while (lost := wrong(wanted, book(stub.bodies[known:]))) and time.monotonic() < ends:
        time.sleep(0.5)
    shown = book(stub.bodies[known:])
    last = max(shown[number][1] for number in wanted.keys() - lost) - started - OUTAGE.down[1]
    most = 0 if name == "ours" else None
    return [
        Figure(f"{shown_as}: cards wrong for ever", len(lost), f"of {len(wanted)}", most=most),
        Figure(f"{shown_as}: of these silently", len(lost & _answered_well(sent, answers)), "", most=most),
        Figure(f"{shown_as}: events refused", sum(not one.is_success for one in answers), f"of {len(sent)}", most=most),
        Figure(f"{shown_as}: last card right", last, "s after the outage", most=MOST_AFTER if name == "ours" else None),
        Figure(f"{shown_as}: slowest answer", max(one.seconds for one in answers), "s"),
    ]


def _answered_well(sent: Sequence[Sent], answers: Sequence[Answer]) -> set[int]:
    """Return the persons whose newest event was answered with success."""
    last = {change.number: answer for change, answer in zip(sent, answers, strict=True)}
    return {number for number, answer in last.items() if answer.is_success}


def _schedule(stub: Stub) -> None:
    """Let Ringostat fail and recover at its times, counted from now."""
    for at, fails in zip(OUTAGE.down, (True, False), strict=True):
        timer = threading.Timer(at, setattr, (stub, "fails", fails))
        timer.daemon = True
        timer.start()
