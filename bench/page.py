"""The tables of docs/performance.md, made of results.json."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.environment import ROOT
from bench.report import RESULTS, misses, short
from bench.stages import BUYS

PAGE = ROOT / "docs" / "performance.md"


NONE = "–"
FUNCTIONS = ("api", "inbox", "deliver", "lookup", "sweep")


class Key(NamedTuple):
    """Which figure is meant: its subject, how the title of its table begins, its name, and its baseline, if any."""

    subject: str
    title: str
    name: str
    baseline: str = ""


PEERS = ("ours", "floor", "tutorial", "tutorial with a queue", "Node-RED", "n8n")
OUTAGE = {
    "ours": "ours",
    "tutorial": "tutorial, one try, then the answer",
    "tutorial with a queue": "tutorial with a queue, the answer, then three tries",
    "Node-RED, tries first": "Node-RED, three tries, then the answer",
    "Node-RED, answers first": "Node-RED, the answer, then five tries",
    "n8n, tries first": "n8n, three tries, then the answer",
    "n8n, answers first": "n8n, the answer, then five tries",
}
WEBHOOKS = "Webhooks over HTTP, each a new contact: one client"
CROWD = "Webhooks over HTTP, each a new contact: 16 clients"
LINES = "Warm webhook, line by line"
FLOOR = {
    "a webhook and its delivery over HTTP, CPU": Key("rivals", WEBHOOKS, "ours: CPU", "floor"),
    "the same in one process, without the HTTP of Lambda": Key("webhook", "Warm webhook: a new", "ours"),
    "records POSTed for an event of a simulated office": Key("mix", "POSTs", "office: records POSTed"),
    "10,000 queued events, a second, without AWS's calls": Key("peers", "10,000", "ours", "tutorial"),
    "600 of them to a server that takes 40 ms": Key("peers", "600", "ours", "tutorial"),
    "CPU of decoding and mapping such an event": Key("mapping", "Decode and map, the usual", "person"),
    "CPU of all of it": Key("peers", "10,000", "ours, CPU", "tutorial"),
    "cold start of `api` with its first answer, CPU": Key("cold", "Cold start, first", "api", "bare libraries"),
    "cold start of `inbox`, CPU": Key("cold", "Cold start, first", "inbox"),
    "cold start of `deliver`, CPU": Key("cold", "Cold start, first", "deliver"),
    "cold start of `lookup`, CPU": Key("cold", "Cold start, first", "lookup"),
    "cold start of `sweep`, CPU": Key("cold", "Cold start, first", "sweep"),
    "cold start of `api` without byte code, CPU": Key(
        "cold", "Cold start, first", "api without byte code", "bare libraries"
    ),
    "an event, CPU without AWS's calls": Key("cpu", "Own CPU", "ingest, a new card"),
    "its delivery, CPU without AWS's calls": Key("cpu", "Own CPU", "deliver, one card"),
    "an event and its delivery in a hundred, CPU without AWS's calls": Key("cpu", "Own CPU", "ingest + deliver, 100"),
    "an event in a table of a million cards, CPU without AWS's calls": Key(
        "growth", "Growth of the table", "1,000,000 cards"
    ),
    "100 due cards to a server that takes 40 ms": Key("delivery", "Delivery", "100 due, a stub that takes 40 ms"),
    "1,000 due cards to one that answers at once": Key("delivery", "Delivery", "1,000 due, a stub that does nothing"),
    "CPU of a due card without AWS's calls": Key("delivery", "Delivery", "1,000 due, CPU"),
    "CPU of the JSON of its row and of its body": Key("delivery", "Delivery", "1,000 due, JSON alone, CPU"),
    "first fill from an API that takes 100 ms a page": Key("lookups", "First fill", "an API that takes 100 ms a page"),
    "requests to a CRM whose events hold only an id": Key("lookups", "Events that only name", "requests to the CRM"),
    "mapping an event by a stored mapping": Key("mapping", "Mapping from the table", "warm"),
    "the first time, with finding and compiling it": Key("mapping", "Mapping from the table", "cold"),
    "finding a card by its number": Key("growth", "Who has", "a number of 1 card"),
    "finding a hundred cards that have one number": Key("growth", "Who has", "a number of 100 cards"),
    "first page of the console over a million cards": Key("growth", "The console", "1,000,000 cards"),
}
WHY = {  # a figure misses its target
    "Loading a preset: median preset": "at the limit",
    "Own CPU per event: ingest + deliver, 100": "at the limit",
    "Loading a preset: slowest: hubspot": "the largest file; it is loaded once in the life of a process",
    "Own CPU per event: ingest + deliver, one": "the sum of two rows below; a quarter of it is decoding and mapping",
    "Webhooks over HTTP: ours: CPU": "what each stage buys stands below",
    "10,000 queued events: ours": "two fifths of its CPU decode and map the event (below)",
    "Delivery of due cards: 1,000 due, a stub that does nothing": "its JSON alone (below) is more than the loop does",
}
WEIGHT = {
    "bundle, zipped": "bundle: zipped",
    "the same with byte code": "bundle: zipped, with byte code",
    "bundle, unzipped": "bundle: files",
    **{f"modules that `{name}` imports": f"{name}: modules imported" for name in FUNCTIONS},
    "tutorial's bundle, zipped": "tutorial's bundle: zipped",
    "modules that the tutorial imports": "tutorial: modules imported",
}
CALLS = {
    "`api`, one event with news": "api, one event, a known card",
    "`api`, one event with nothing new": "api, one event, nothing new",
    "`api`, 100 new contacts in one event": "api, 100 new in one form",
    "`inbox`, 10 messages": "inbox, 10 messages",
    "`deliver`, one due card": "deliver, one due card",
    "`deliver`, 100 due cards": "deliver, 100 due cards",
}


def written(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with its new tables."""
    for name, lines in tables(results).items():
        block = "\n".join([f"<!-- {name}: `make bench` writes this table -->", *lines, "<!-- end -->"])
        page = re.sub(rf"<!-- {name}: .*?<!-- end -->", lambda _, block=block: block, page, flags=re.DOTALL)
    return page


def tables(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return each table of the page as lines of Markdown."""
    at = {
        Key(subject, table["title"], figure["name"], figure.get("baseline", "")): figure
        for subject, result in results["subjects"].items()
        for table in result["tables"]
        for figure in table["figures"]
    }
    webhooks, memory, burst, down = WEBHOOKS, "Memory", "A burst", "Ringostat answers 503"
    peers = {
        "events answered a second": (webhooks, "{}: answered"),
        "answer, p50": (webhooks, "{}: answer, p50"),
        "answer, p99": (webhooks, "{}: answer, p99"),
        "CPU an event": (webhooks, "{}: CPU"),
        "memory of its processes": (memory, "{}"),
        "events answered a second, 16 clients": (CROWD, "{}: answered"),
        "answer, p99, 16 clients": (CROWD, "{}: answer, p99"),
        "refused in a burst of 1,000 within ten seconds": (burst, "{}: refused"),
        "answer, p99, in that burst": (burst, "{}: answer, p99"),
    }
    outage = {
        "cards wrong for ever": (down, "{}: cards wrong for ever"),
        "of these, answered with success": (down, "{}: of these silently"),
        "events answered with an error": (down, "{}: events refused"),
        "last card right, after the outage": (down, "{}: last card right"),
    }
    lookups = {"`api`, an event that holds only an id": "the event, AWS calls", "its look-up": "the look-up, AWS calls"}
    return {
        "run": _run(results),
        "peers": _rivals(at, peers, dict(zip(PEERS, PEERS, strict=True))),
        "outage": _rivals(at, outage, OUTAGE),
        "floor": markdown(
            ("what", "ours", "compared with", "ratio"), ([what, *_compared(at, key)] for what, key in FLOOR.items())
        ),
        "calls": markdown(
            ("what", "AWS calls"),
            [
                *([what, _number(_found(at, Key("calls", "AWS calls", name)))] for what, name in CALLS.items()),
                *([what, _value(_found(at, Key("lookups", "Events", name)))] for what, name in lookups.items()),
                [
                    "a nightly sync of which nothing changed",
                    _value(_found(at, Key("lookups", "A nightly", "AWS calls"))),
                ],
            ],
        ),
        "stages": _stages(at),
        "weight": markdown(
            ("", "size"),
            ([what, _value(_found(at, Key("cold", "Weight", name)))] for what, name in WEIGHT.items()),
        ),
    }


def _run(results: Mapping[str, Any]) -> list[str]:
    minutes = f"{results['seconds'] / 60:.0f} minutes"
    return [
        f"The last run was on {results['date']} and took {minutes}: {results['machine']}, Python {results['python']}.",
        *_missed(results),
    ]


def _missed(results: Mapping[str, Any]) -> list[str]:
    tables = [table for result in results["subjects"].values() for table in result["tables"]]
    missed = [(f"{re.split(r' [(]|, ', title)[0]}: {figure['name']}", figure) for title, figure in misses(tables)]
    rows = [[what, *_aimed(figure), WHY.get(what, "")] for what, figure in missed]
    if not rows:
        return ["Targets missed: none."]
    return ["Targets missed:", "", *markdown(("what", "target", "reached", "why"), rows)]


def _aimed(figure: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a figure should reach, and what it did."""
    sign, bound = ("≤", figure["most"]) if "most" in figure else ("≥", figure["least"])
    if figure["aims_at"] == "ratio":
        return f"{sign} {bound:g} × {figure['baseline']}", f"{figure['ratio']['median']:.2f} ×"
    return f"{sign} {_value({**figure, 'value': bound})}", _value(figure)


def _stages(at: Mapping[Key, Any]) -> list[str]:
    """Return the lines of a warm webhook with what each buys."""
    lines = {name: _found(at, Key("webhook", LINES, name)) for name in (*BUYS, "together")}
    found = {name: figure for name, figure in lines.items() if figure}
    return markdown(
        ("stage", "CPU", "share", "what it buys"),
        (
            [
                name,
                f"{figure['value']:,.0f} µs",
                f"{figure['value'] / found['together']['value']:.0%}",
                BUYS.get(name, ""),
            ]
            for name, figure in found.items()
        ),
    )


def _rivals(at: Mapping[Key, Any], rows: Mapping[str, tuple[str, str]], columns: Mapping[str, str]) -> list[str]:
    return markdown(
        ("", *columns),
        (
            [what, *(_value(_found(at, Key("rivals", title, name.format(who)))) for who in columns.values())]
            for what, (title, name) in rows.items()
        ),
    )


def _compared(at: Mapping[Key, Any], key: Key) -> list[str]:
    figure = _found(at, key)
    if figure is None:
        return [NONE, "", ""]
    return [
        _value(figure),
        figure.get("baseline", ""),
        f"{figure['ratio']['median']:.2f} ×" if "ratio" in figure else "",
    ]


def _found(at: Mapping[Key, Any], wanted: Key) -> Any:
    """Return the first figure that a key means, None if it was not measured (a peer that does not run here).

    Its title need only begin so, its baseline counts only if given.
    """
    for key, figure in at.items():
        same = key.subject == wanted.subject and key.title.startswith(wanted.title) and key.name == wanted.name
        if same and wanted.baseline in ("", key.baseline):
            return figure
    return None


def _value(figure: Any) -> str:
    if figure is None:
        return NONE
    return re.sub(
        r" (an event|events/s|after the outage)$", "", f"{short(figure['value'])} {figure.get('unit', '')}"
    ).strip()


def _number(figure: Any) -> str:
    return str(figure["value"]) if figure else NONE


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table of Markdown, without the rows of which nothing was measured."""
    known = [row for row in rows if NONE not in row[1:] or any(cell not in ("", NONE) for cell in row[1:])]
    return [f"| {' | '.join(row)} |".replace("|  |", "| |") for row in (head, ["---"] * len(head), *known)]


def write() -> None:
    """Write the page's tables again."""
    PAGE.write_text(written(PAGE.read_text("utf-8"), json.loads(RESULTS.read_text("utf-8"))), "utf-8")
