"""Decode and map: per preset, a hundred Kommo contacts in one form, and loading a preset."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from bench import environment
from bench.corpus import FORM, kommo, person
from bench.measure import Figure, Table, alternating, cpu_each, ratios, spread
from bench.world import World, joined, own
from connections import Connection
from mapping import engine, normalize
from mapping.decode import decode
from mapping.language import expression, loader
from mapping.outcome import Outcome
from mappings import Version, puts

ROUNDS = 15
MICRO = 1e6
MOST_US = 350
MOST_KOMMO_MS = 90
MOST_LOAD_MS = 2
MOST_STORED = 1.1
CONTENT_TYPES = {".json": "application/json", ".form": FORM, ".xml": "text/xml"}
SETTINGS = {name: str(value) for name, value in environment.CONNECTION.items() if name not in ("verify", "project")}


def tables() -> list[Table]:
    """Measure."""
    return [_presets(), _typical(), _loading(), _stored()]


def _presets() -> Table:
    figures = []
    for preset, paths in groupby(_events(), lambda path: path.parent.name):
        events = [_event(path) for path in paths]
        texts = [json.dumps(decode(*event[1:3]), ensure_ascii=False) for event in events]
        works = {"mapped": _unseen(partial(_all_mapped, events)), "json": partial(_all_loaded, texts)}
        times = max(1, 20 // len(events))
        taken = alternating(ROUNDS, {name: cpu_each(work, times) for name, work in works.items()})
        each = spread(taken["mapped"]).times(MICRO / len(events))
        figures.append(
            Figure(preset, each.median, "µs an event", each, "json.loads", ratios(taken["mapped"], taken["json"]))
        )
    return Table(
        "Decode and map, per preset (all its golden cases; CPU)",
        figures,
        [
            "every phone is one not seen before: the cache of phones is emptied each time",
            "json.loads reads the same data as one JSON text, whatever the event came as",
        ],
    )


def _all_mapped(events: Sequence[tuple[str, bytes, str, dict[str, Any]]]) -> None:
    for event in events:
        _mapped(*event)


def _all_loaded(texts: Sequence[str]) -> None:
    for text in texts:
        json.loads(text)


def _typical() -> Table:
    body = person(1)
    form = kommo(1, 100)
    works: dict[str, Callable[[], Any]] = {
        "person": _unseen(lambda: _mapped("pipedrive", body, "application/json", {})),
        "person, phones seen before": lambda: _mapped("pipedrive", body, "application/json", {}),
        "json.loads": lambda: json.loads(body),
    }
    taken = alternating(ROUNDS, {name: cpu_each(work, 20) for name, work in works.items()})
    hundred = alternating(5, {"form": cpu_each(_unseen(lambda: _mapped("kommo", form, FORM, {})), 1)})
    figures = [_against(name, taken[name], taken["json.loads"]) for name in list(works)[:2]]
    each = spread(hundred["form"]).times(1e3)
    figures.append(
        Figure(f"100 Kommo contacts, a form of {len(form) // 1024} KB", each.median, "ms", each, most=MOST_KOMMO_MS)
    )
    return Table("Decode and map, the usual event (Pipedrive's person, 2 phones, 1 e-mail)", figures)


def _against(name: str, values: list[float], baseline: list[float]) -> Figure:
    each = spread(values).times(MICRO)
    return Figure(name, each.median, "µs", each, "json.loads", ratios(values, baseline), most=MOST_US)


def _loading() -> Table:
    works = {name: cpu_each(partial(_loaded, name), 1) for name in loader.presets()}
    taken = alternating(ROUNDS, works)
    medians = {name: spread(values).times(1e3) for name, values in taken.items()}
    slowest = max(medians, key=lambda name: medians[name].median)
    middle = spread([each.median for each in medians.values()])
    return Table(
        "Loading a preset (once in the life of a function)",
        [
            Figure("median preset", middle.median, "ms", middle, most=MOST_LOAD_MS),
            Figure(f"slowest: {slowest}", medians[slowest].median, "ms", medians[slowest], most=MOST_LOAD_MS),
        ],
    )


def _stored() -> Table:
    """Compare the mapping of the bundle with the same text as a stored one."""
    world = World()
    text = (loader.PRESETS / "pipedrive.toml").read_text("utf-8")
    world.cards.write_all(puts(Version("own", 1, text), 0))
    ones = {"bundle": joined("pipedrive"), "table": joined("pipedrive")._replace(mapping="own")}
    cold = alternating(ROUNDS, {name: partial(_read_anew, world, one) for name, one in ones.items()})
    works = {name: partial(_with, world, one, person(1)) for name, one in ones.items()}
    for work in works.values():
        work()
    warm = alternating(ROUNDS, {name: cpu_each(work, 20) for name, work in works.items()})
    figures = []
    for when, taken, most in (("cold", cold, None), ("warm", warm, MOST_STORED)):
        each = spread(taken["table"]).times(MICRO)
        ratio = ratios(taken["table"], taken["bundle"])
        figures.append(Figure(when, each.median, "µs", each, "from the bundle", ratio, most=most, aims_at="ratio"))
    return Table(
        "Mapping from the table (Pipedrive's, stored as it is)",
        figures,
        ["cold: found, read and compiled, without AWS's own time", "warm: found, and a person mapped by it"],
    )


def _read_anew(world: World, connection: Connection) -> float:
    world.stores.mappings.forget()
    loader.load.cache_clear()
    expression._tree.cache_clear()  # noqa: SLF001 - as in a function that starts
    return own(world, lambda: world.stores.mappings.of(connection))


def _with(world: World, connection: Connection, body: bytes) -> None:
    mapping = world.stores.mappings.of(connection)
    engine.run(mapping, decode(body, "application/json"), SETTINGS, {}, {})


def _loaded(name: str) -> None:
    expression._tree.cache_clear()  # noqa: SLF001 - as in a function that starts
    loader.load.__wrapped__(name)


def _events() -> list[Path]:
    return [
        path
        for path in sorted((environment.ROOT / "events").glob("*/*"))
        if path.suffixes in ([".json"], [".form"], [".xml"]) and path.parent.name in loader.presets()
    ]


def _event(path: Path) -> tuple[str, bytes, str, dict[str, Any]]:
    beside = path.with_suffix(".request.json")
    request = json.loads(beside.read_text("utf-8")) if beside.exists() else {}
    return path.parent.name, path.read_bytes(), request.get("content_type", CONTENT_TYPES[path.suffix]), request


def _mapped(preset: str, body: bytes, content_type: str, request: dict[str, Any]) -> list[Outcome]:
    settings = {**SETTINGS, **request.get("settings", {})}
    data = decode(body, content_type)
    return engine.run(loader.load(preset), data, settings, request.get("headers", {}), request.get("query", {}))


def _unseen(work: Callable[[], Any]) -> Callable[[], Any]:
    def unseen() -> Any:
        normalize._phone.cache_clear()  # noqa: SLF001 - a phone not seen before is the usual one
        return work()

    return unseen
