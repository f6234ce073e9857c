"""Our own CPU time per event: the client of AWS and HTTP left out."""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

from bench.corpus import FORM, START, direct, kommo, person
from bench.measure import Figure, Table, alternating, cpu_each, ratios, spread
from bench.world import Nowhere, World, api, inbox, message, own, request
from cards.card import Card, apply, merge, stamped
from cards.endpoints import compose
from local.in_process import Context
from mapping import engine, normalize
from mapping.decode import decode
from mapping.language import loader

ROUNDS = 15
EVENTS = 30  # of one round
BATCHES = 2
MOST_ONE_MS = 0.5
MOST_MANY_MS = 0.4
NEW = itertools.count(1, 1000)  # ranges of cards that no other round touches
LATER = itertools.count(1)


def tables() -> list[Table]:
    """Measure."""
    return [_pure(), _per_event()]


def _pure() -> Table:
    known, news = _fields(person(1)), _fields(person(1, START + 1, name="Олена Кравець"))
    card = apply(Card("106#Pipedrive#contact:1"), known)
    works: dict[str, Callable[[], Any]] = {
        "merge": lambda: merge(known, news),
        "compose": lambda: compose(card.key, card.fields),
        "merge, compose and hash": lambda: apply(card, news),
        "json.loads": lambda: json.loads(BODY),
    }
    taken = alternating(ROUNDS, {name: cpu_each(work, 300) for name, work in works.items()})
    return Table(
        "Merge and compose (a card of 2 phones; CPU)",
        [
            Figure(
                name,
                spread(taken[name]).median * 1e6,
                "µs",
                spread(taken[name]).times(1e6),
                "json.loads of the event",
                ratios(taken[name], taken["json.loads"]),
            )
            for name in list(works)[:3]
        ],
    )


BODY = person(1)


def _fields(body: bytes) -> Any:
    (outcome,) = engine.run(loader.load("pipedrive"), decode(body, "application/json"), {}, {}, {})
    return stamped(outcome.fields, changed_at=outcome.changed_at, received_at=START)


def _per_event() -> Table:
    world = World().enter()
    world.worker = world.worker._replace(ringostat=Nowhere())
    works = {
        "ingest, a new card": lambda: _each(world, EVENTS, world.ingest, _new_persons()),
        "ingest, a known card changed": lambda: _each(world, EVENTS, world.ingest, _changed_persons()),
        "ingest, nothing new": lambda: _each(world, EVENTS, world.ingest, [BODY] * EVENTS),
        "api, a known card changed": lambda: _each(world, EVENTS, _through_api, _requests()),
        "deliver, one card": lambda: _delivered(world, 1, EVENTS),
        "ingest, 100 new in one form (Kommo)": lambda: _each(world, 100 * BATCHES, _form_into(world), _forms()),
        "ingest, 100 new in one array (direct)": lambda: _each(world, 100 * BATCHES, _array_into(world), _arrays()),
        "inbox, 10 messages": lambda: _each(world, EVENTS, _through_inbox, _batches()),
        "deliver, 100 cards": lambda: _delivered(world, 100, BATCHES),
    }
    world.ingest(BODY)
    taken = alternating(ROUNDS, works)
    loads = alternating(ROUNDS, {"json": cpu_each(lambda: json.loads(BODY), 300)})["json"]
    figures = [_figure(name, values, loads) for name, values in taken.items()]
    one = [sum(pair) for pair in zip(taken["ingest, a new card"], taken["deliver, one card"], strict=True)]
    many = [
        sum(pair)
        for pair in zip(taken["ingest, 100 new in one form (Kommo)"], taken["deliver, 100 cards"], strict=True)
    ]
    figures.append(_figure("ingest + deliver, one", one, loads, MOST_ONE_MS))
    figures.append(_figure("ingest + deliver, 100", many, loads, MOST_MANY_MS))
    return Table(
        "Own CPU per event",
        figures,
        [
            "AWS is a stand-in in memory (held against moto by tests), its CPU time subtracted",
            "Ringostat confirms without HTTP",
            "phones of new cards are phones not seen before",
        ],
    )


def _figure(name: str, values: list[float], loads: list[float], most: float | None = None) -> Figure:
    each = spread(values).times(1e3)
    return Figure(name, each.median, "ms an event", each, "json.loads", ratios(values, loads), most=most)


def _each(world: World, events: int, work: Callable[[Any], Any], things: Iterable[Any]) -> float:
    normalize._phone.cache_clear()  # noqa: SLF001 - a phone not seen before is the usual one
    prepared = list(things)
    seconds = own(world, lambda: [work(thing) for thing in prepared]) / events
    world.forget(world.wakeups())
    return seconds


def _delivered(world: World, cards: int, runs: int) -> float:
    def due() -> list[dict[str, Any]]:
        world.ingest(kommo(next(NEW), cards), "kommo", FORM)
        records = world.wakeups()
        world.forget(records)
        return records

    prepared = [due() for _ in range(runs)]
    return own(world, lambda: [world.deliver(records) for records in prepared]) / (cards * runs)


def _new_persons() -> list[bytes]:
    first = next(NEW)
    return [person(number) for number in range(first, first + EVENTS)]


def _changed_persons() -> list[bytes]:
    return [person(1, START + next(LATER), name=f"Олена {next(LATER)}") for _ in range(EVENTS)]


def _requests() -> list[dict[str, Any]]:
    return [request("pipedrive", body.decode()) for body in _changed_persons()]


def _form_into(world: World) -> Callable[[bytes], Any]:
    return lambda body: world.ingest(body, "kommo", FORM)


def _array_into(world: World) -> Callable[[bytes], Any]:
    return lambda body: world.ingest(body, "direct")


def _forms() -> list[bytes]:
    return [kommo(next(NEW), 100) for _ in range(BATCHES)]


def _arrays() -> list[bytes]:
    return [direct(next(NEW), 100) for _ in range(BATCHES)]


def _batches() -> list[dict[str, Any]]:
    records = [message("pipedrive", body, number) for number, body in enumerate(_new_persons())]
    return [{"Records": records[start : start + 10]} for start in range(0, EVENTS, 10)]


def _through_api(event: dict[str, Any]) -> None:
    assert api.lambda_handler(event, Context())["statusCode"] == 202  # noqa: S101, PLR2004


def _through_inbox(event: dict[str, Any]) -> None:
    assert inbox.lambda_handler(event, Context()) == {"batchItemFailures": []}  # noqa: S101
