"""What an event costs when the table and the cards grow."""

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench.corpus import START, person, phone
from bench.environment import TABLE
from bench.measure import Figure, Table, alternating, cpu_each, ratios, spread
from bench.subjects.lookups import Boto
from bench.world import Nowhere, World, own
from cli.console import reading
from ops.numbers import found
from ops.stack import Stack

ROUNDS = 11
EVENTS = 40
SIZES = (1_000, 10_000, 100_000, 1_000_000)
PHONES = (1, 2, 5, 10, 25, 50)
SHARING = (1, 100)  # cards that have one number
NEEDED_KIB = 4 * 1024**2  # of free memory, for the largest table
MOST = 1.1
MOST_CALLS = 5  # of a search by number
LATER = itertools.count(1)


def tables() -> list[Table]:
    """Measure."""
    return [_table(), _phones(), _numbers(), _console()]


def _table() -> Table:
    sizes = SIZES if _free_kib() > NEEDED_KIB else SIZES[:-1]
    works = {f"{size:,} cards": _changes(filled(size), range(1, size, size // EVENTS)[:EVENTS], 2) for size in sizes}
    taken = alternating(ROUNDS, works)
    baseline = taken[f"{SIZES[0]:,} cards"]
    figures = [
        Figure(
            name,
            spread(values).median * 1e3,
            "ms an event",
            spread(values).times(1e3),
            f"{SIZES[0]:,} cards",
            ratios(values, baseline),
            most=MOST,
            aims_at="ratio",
        )
        for name, values in taken.items()
    ]
    notes = [
        "ingest of a change and its delivery; the table's own time is left out, because a look-up by key is DynamoDB's"
    ]
    return Table(
        "Growth of the table (own CPU)",
        figures,
        notes + ([] if len(sizes) == len(SIZES) else ["too little free memory for a million cards"]),
    )


def _phones() -> Table:
    world = World()
    taken = alternating(
        ROUNDS, {str(phones): _changes(world, range(phones * 1000, phones * 1000 + 10), phones) for phones in PHONES}
    )
    figures = [
        Figure(
            f"{phones} phones",
            spread(taken[str(phones)]).median * 1e3,
            "ms an event",
            spread(taken[str(phones)]).times(1e3),
            "1 phone",
            ratios(taken[str(phones)], taken["1"]),
        )
        for phones in PHONES
    ]
    slope = (figures[-1].value - figures[0].value) / (PHONES[-1] - PHONES[0]) * 1e3
    figures.append(Figure("each further phone", slope, "µs"))
    return Table("Growth of a card (own CPU; ingest of a change and its delivery, phones seen before)", figures)


def _numbers() -> Table:
    worlds = {f"a number of {cards} card{'s' * (cards > 1)}": _sharing(cards) for cards in SHARING}
    searches = {name: partial(found, _stack(Boto(world)), phone(0)) for name, world in worlds.items()}
    taken = alternating(ROUNDS, {name: cpu_each(search, 5) for name, search in searches.items()})
    figures = []
    for name, search in searches.items():
        each = spread(taken[name]).times(1e3)
        figures.append(Figure(name, each.median, "ms", each))
        calls = worlds[name].aws.calls.total()
        assert search()  # noqa: S101
        figures.append(Figure(f"{name}, AWS calls", worlds[name].aws.calls.total() - calls, "", most=MOST_CALLS))
    return Table(
        "Who has a number, by the index (CPU)", figures, ["keys say where to look, however many cards there are"]
    )


def _sharing(cards: int) -> World:
    """Return a world with so many cards that have the same phone."""
    world = World()
    for number in range(1, cards + 1):
        world.ingest(person(number).replace(phone(number * 50).encode(), phone(0).encode()))
    return world


def _stack(services: Any) -> Stack:
    return Stack(
        lambda _: services, {"CardsTable": TABLE, "ConnectionsSecret": "connections"}, "http://127.0.0.1:9/crm/"
    )


def _console() -> Table:
    table = Scanned(SIZES[-1])
    taken = alternating(ROUNDS, {"": cpu_each(partial(reading.book, _stack(table), "", "", ""), 5)})
    each = spread(taken[""]).times(1e3)
    return Table(
        "The console's first page (CPU, with the making of its rows)",
        [
            Figure(f"{SIZES[-1]:,} cards", each.median, "ms", each),
            Figure("AWS calls", table.calls / (5 * ROUNDS), "", most=1),
        ],
        ["50 cards a page; rows are made when they are read, so no table of a million is filled"],
    )


class Scanned:
    """The services of a stack whose table has so many cards, each of which is made when it is read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls = 0
        (self._row,) = (row for key, row in filled(1).aws.memory.rows.items() if key.endswith("#contact:1"))

    def scan(self, *, Limit: int, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 names it
        """Return the first page."""
        self.calls += 1
        keys = [f"106#Pipedrive#contact:{number}" for number in range(1, Limit + 1)]
        more = {"LastEvaluatedKey": {"key": {"S": keys[-1]}}} if Limit < self.size else {}
        return {"Items": [{**self._row, "key": {"S": key}} for key in keys], **more}


def filled(size: int) -> World:
    """Return a world whose table holds so many delivered cards."""
    world = World()
    world.worker = world.worker._replace(ringostat=Nowhere())
    world.ingest(person(1))
    world.drain()
    rows = world.aws.memory.rows
    (key,) = (key for key in rows if key.endswith("#contact:1"))
    first, fields = rows[key], rows[key]["fields"]["S"]
    for number in range(2, size + 1):
        another = key[:-1] + str(number)
        text = fields.replace('"1"', f'"{number}"')  # the only text that is just 1 is the card's id
        rows[another] = {**first, "key": {"S": another}, "fields": {"S": text}}
    return world


def _changes(world: World, numbers: Sequence[int], phones: int) -> Callable[[], float]:
    world.worker = world.worker._replace(ringostat=Nowhere())

    def changed() -> float:
        later = next(LATER)
        bodies = [person(number, START + later, name=f"Олена {later}", phones=phones) for number in numbers]
        return own(world, lambda: _through(world, bodies)) / len(bodies)

    return changed


def _through(world: World, bodies: Sequence[bytes]) -> None:
    for body in bodies:
        world.ingest(body)
    world.drain()


def _free_kib() -> int:
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0])
