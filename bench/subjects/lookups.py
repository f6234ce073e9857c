"""What the API of a CRM is asked: records that events only name, the first fill, the night that heals."""

import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from bench.corpus import FORM, START, thin
from bench.measure import Figure, Table, alternating, ratios, spread
from bench.subjects.delivery import Server, running
from bench.world import World, joined, own
from cli.commands.sync import Progress, Sync
from local import environment
from lookup import night
from lookup.wakeups import wakeups_of
from lookup.worker import Run
from ops.crm import Crm, api_of
from ops.stack import Stack
from wire import Answer

NAME = "bitrix24"
CONTACTS = 1_000
EVENTS = 1_000
PER_CONTACT = 4  # events, within seconds
GAP_MS = 500  # between two contacts, on average
API_SECONDS = 0.4  # of one answer of a CRM over the ocean
ROUNDS = {0.0: 5, 0.1: 3}  # of a first fill, by the seconds that the API takes for a page
MOST_REQUESTS = 200  # a thousand events
LEAST_FILL = 0.6
DAY_MS = 86_400_000
JSON = {"Content-Type": "application/json"}


def tables() -> list[Table]:
    """Measure."""
    with _crm() as url:
        return [_thin(url), _fills(), _night(url)]


def _crm(delay: float = 0.0) -> AbstractContextManager[str]:
    return running(Server("", ("bench.crm", str(CONTACTS), str(delay)), (), 0))


class Virtual:
    """A world whose time is virtual, with a CRM of which each answer takes so long; it counts requests."""

    def __init__(self, url: str, now: int = START) -> None:
        self.now = now
        self.requests = 0
        self.world = World(clock=lambda: self.now, api_keys={NAME: {"url": url}})
        asker = self.world.reader.asker
        self._fetch = asker.asking.fetcher.fetch
        slow = asker.asking._replace(fetcher=self)
        self.world.reader = self.world.reader._replace(asker=asker._replace(asking=slow), sleep=self.sleep)

    def fetch(self, *request: Any) -> Answer:
        """Ask the CRM, whose answer takes its time."""
        self.requests += 1
        self.sleep(API_SECONDS)
        return self._fetch(*request)

    def sleep(self, seconds: float) -> None:
        """Let time pass; an ms at least, because no two requests have the same time."""
        self.now += max(1, int(seconds * 1000))

    def look_up(self) -> bool:
        """Let the worker take what is visible of its queue; return whether there was anything."""
        records = self.world.wakeups(10, "lookup")
        failed = self._run(records) if records else set()
        self.world.forget((record for record in records if record["messageId"] not in failed), "lookup")
        return bool(records)

    def _run(self, records: Sequence[dict[str, Any]]) -> set[str]:
        answer = Run(self.world.reader, self.now + 60_000).look_up(wakeups_of({"Records": records}))
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def rest(self, until: int) -> None:
        """Let the worker go on until then."""
        while self.now < until:
            if not self.look_up():
                self.sleep(0.1)


class Spent(NamedTuple):
    """What something took."""

    cpu: float
    calls: Counter[str]
    requests: int


def _spent(virtual: Virtual, work: Callable[[], Any]) -> Spent:
    calls, requests = Counter(virtual.world.aws.calls), virtual.requests
    cpu = own(virtual.world, work)
    return Spent(cpu, virtual.world.aws.calls - calls, virtual.requests - requests)


# Events that only name a record


def _thin(url: str) -> Table:
    virtual = Virtual(url)
    intake = looked = Spent(0.0, Counter(), 0)
    for at, number in _arrivals():
        looked = _sum(looked, _spent(virtual, lambda at=at: virtual.rest(START + at)))  # type: ignore[misc]
        intake = _sum(intake, _spent(virtual, lambda number=number: _say(virtual.world, number)))  # type: ignore[misc]
    looked = _sum(looked, _spent(virtual, lambda: virtual.rest(virtual.now + 120_000)))
    cards = sum(key.startswith("106#Bitrix24#contact:") for key in virtual.world.aws.memory.rows)
    assert (cards, intake.requests) == (EVENTS // PER_CONTACT, 0)  # noqa: S101 - every contact was read
    thousand = 1_000 / EVENTS
    asked = looked.requests * thousand
    figures = [
        Figure("the event, CPU", intake.cpu / EVENTS * 1e3, "ms an event"),
        Figure("the event, AWS calls", intake.calls.total() / EVENTS, "an event"),
        Figure("the look-up, CPU", looked.cpu / EVENTS * 1e3, "ms an event"),
        Figure("the look-up, AWS calls", looked.calls.total() / EVENTS, "an event"),
        Figure(
            "requests to the CRM",
            asked,
            "a thousand events",
            baseline="one for each event",
            ratio=spread([asked / 1_000]),
            most=MOST_REQUESTS,
        ),
        Figure("time of the CRM's API", asked * API_SECONDS, "s a thousand events"),
        Figure("of it, before the CRM was answered", intake.requests * API_SECONDS, "s", most=0),
        Figure("before the CRM is answered, with a read in each webhook", 1_000 * API_SECONDS, "s a thousand events"),
    ]
    return Table(
        "Events that only name a record (Bitrix24; virtual time)",
        figures,
        [
            f"{EVENTS} events, {PER_CONTACT} of a contact within seconds; an answer of the API takes {API_SECONDS} s",
            "AWS is a stand-in, its CPU left out; the API is the emulator in another process, over HTTP",
        ],
    )


def _sum(one: Spent, other: Spent) -> Spent:
    return Spent(one.cpu + other.cpu, one.calls + other.calls, one.requests + other.requests)


def _arrivals() -> list[tuple[int, int]]:
    """Return when each event arrives, in ms, and the contact that it names."""
    chance = random.Random(7)  # noqa: S311 - the same events every time
    arrivals, at = [], 0
    for number in range(1, EVENTS // PER_CONTACT + 1):
        at += int(chance.expovariate(1 / GAP_MS))
        arrivals += [(at + chance.randint(0, 5_000), number) for _ in range(PER_CONTACT)]
    return sorted(arrivals)


def _say(world: World, number: int) -> None:
    (verdict,) = world.ingest(thin(number), NAME, FORM)
    assert verdict.result == "lookup"  # noqa: S101


# The first fill


class Boto:
    """The stand-in for AWS as boto3's clients call it."""

    def __init__(self, world: World) -> None:
        self._aws = world.aws

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return lambda **parameters: self._aws.call(operation, **parameters)


def _fills() -> Table:
    figures: list[Figure] = []
    for delay, rounds in ROUNDS.items():
        with _crm(delay) as url:
            figures += _fill(url, delay, rounds)
    return Table(
        f"First fill: {CONTACTS:,} contacts, page by page, against a bare loop over the same pages",
        figures,
        [
            "the loop reads and decodes all pages over one kept connection",
            "ours maps and sifts each record, keeps its checkpoint, and sends what becomes a card to the inbox queue",
            "at an API that answers at once the loop has next to nothing to do, so that has no target",
            "without the CRM's own limit, which is 100 contacts a second at Bitrix24: slower than all of these",
        ],
    )


def _fill(url: str, delay: float, rounds: int) -> list[Figure]:
    pool = urllib3.PoolManager()
    cpu: dict[str, list[float]] = {"bridge sync": [], "the loop": []}
    works = {
        "bridge sync": lambda: _timed(cpu["bridge sync"], lambda: _sync(url)),
        "the loop": lambda: _timed(cpu["the loop"], lambda: _loop(pool, url)),
    }
    taken = alternating(rounds, works)
    rate = spread([CONTACTS / seconds for seconds in taken["bridge sync"]])
    wall = Figure(
        f"an API that takes {delay * 1e3:.0f} ms a page",
        rate.median,
        "contacts/s",
        rate,
        "the loop",
        ratios(taken["the loop"], taken["bridge sync"]),
        least=LEAST_FILL if delay else None,
        aims_at="ratio",
    )
    if delay:
        return [wall]
    each = spread([seconds / CONTACTS for seconds in cpu["bridge sync"]]).times(1e6)
    return [wall, Figure("CPU", each.median, "µs a contact", each, "the loop", ratios(*cpu.values()))]


def _timed(cpu: list[float], work: Callable[[], Any]) -> float:
    used, started = time.process_time(), time.perf_counter()
    work()
    ended = time.perf_counter()
    cpu.append(time.process_time() - used)
    return ended - started


def _sync(url: str) -> None:
    world, connection = World(), joined(NAME)
    ids = dict.fromkeys(("InboxQueue", "CardsTable"), environment.VARIABLES["INBOX_QUEUE_URL"])
    stack = Stack(lambda _: Boto(world), ids, "http://127.0.0.1:9/crm/", sleep=lambda _: None)
    vars(stack)["environment"] = environment.VARIABLES
    dialect = api_of(world.stores.mappings.of(connection))
    assert dialect  # noqa: S101
    crm = Crm(stack, connection, dialect, {"url": url})
    lookups = [one for one in crm.syncs() if one.kind == "contact"]
    with tempfile.TemporaryDirectory() as folder:
        state = Progress("bench", 0, stack.clock(), ("contact",))
        run = Sync(stack, crm, state, Path(folder) / "sync.json", dry_run=False, limit=None, rate=0)
        run.all(lookups, lambda _: None)
    assert run.state.read == CONTACTS < run.state.sent * 1.1, run.state  # noqa: S101 - a few have no phone


def _loop(pool: urllib3.PoolManager, url: str) -> None:
    last, read = "0", 0
    while page := list(_page(pool, url, last)):
        last, read = str(page[-1]["id"]), read + len(page)
    assert read == CONTACTS  # noqa: S101


def _page(pool: urllib3.PoolManager, url: str, last: str) -> Iterator[Mapping[str, Any]]:
    asked = {"entityTypeId": 3, "select": ["*"], "order": {"id": "ASC"}, "filter": {">id": last}, "start": -1}
    answer = pool.request("POST", url + "crm.item.list.json", body=json.dumps(asked), headers=JSON)
    yield from json.loads(answer.data)["result"]["items"]


# The night


def _night(url: str) -> Table:
    virtual = Virtual(url, time.time_ns() // 1_000_000 + 3 * DAY_MS)  # long after the CRM's records were made
    _through(virtual)
    virtual.sleep(DAY_MS / 1000)
    spent = _spent(virtual, lambda: _through(virtual))
    return Table(
        "A nightly sync of a connection of which nothing changed",
        [
            Figure("requests to the CRM", spent.requests, ""),
            Figure("AWS calls", spent.calls.total(), ""),
            Figure("CPU", spent.cpu * 1e3, "ms"),
        ],
        ["the second night: one request for each kind of record that is read, an empty page each"],
    )


def _through(virtual: Virtual) -> None:
    world = virtual.world
    night.begin(world.cards, world.stores.mappings, world.connections.read(), virtual.now)
    for _ in range(20):
        Run(world.reader, virtual.now + 60_000).look_up(wakeups_of(_wakeup()))
        if not any("due" in row for key, row in world.aws.memory.rows.items() if key.startswith("wanted#")):
            return  # looked up beside the counted calls
        virtual.sleep(16)
    raise RuntimeError("the night does not end")


def _wakeup() -> dict[str, Any]:
    body = json.dumps({"schema": 1, "connection": NAME})
    attributes = {"ApproximateReceiveCount": "1"}
    return {"Records": [{"messageId": "1", "receiptHandle": "1", "body": body, "attributes": attributes}]}
