"""`bridge test`: what CRMs send, against what it must become."""

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from cli import exits
from cli.cases import Case, found, unmapped, written
from cli.terminal import Cell, say
from errors import BadMapping

COLOURS = {"+": "green", "-": "red", "@": "cyan"}


@click.command(short_help="Compare samples with what they must become.")
@click.argument("folders", nargs=-1, metavar="[DIR]…", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--update", is_flag=True, help="Write down what the events become now; read the difference before you commit."
)
def command(folders: tuple[Path, ...], *, update: bool) -> int:
    """Map each <crm>/<case>.json, .form or .xml in DIR (default: events) and compare with <case>.expected.json."""
    cases = [case for folder in folders or (_default(),) for case in found(folder)]
    if not cases:
        raise click.UsageError(_missing(folders))
    counts = Counter(_passes(case, update=update) for case in cases)
    say(f"{counts[True]} passed, {counts[False]} failed")
    return exits.WRONG if counts[False] else exits.FINE


def _missing(folders: Sequence[Path]) -> str:
    """Return what to do where there is no case: a body whose mapping is missing is none yet."""
    if name := next((name for folder in folders if (name := unmapped(folder))), ""):
        return f"there is no mapping '{name}' for the events in {name}/: put {name}.toml beside that folder"
    return "there is no case: put what <crm> sends into <crm>/<case>.json, .form or .xml"


def _default() -> Path:
    folder = Path("events")
    if not folder.is_dir():
        raise click.UsageError("there is no folder 'events' here: name the folder of your cases")
    return folder


def _passes(case: Case, *, update: bool) -> bool:
    """Return whether a case is as expected, and print why not."""
    try:
        now = written(case.outcomes())
    except (BadMapping, ValueError, RecursionError) as error:
        _print_failure(case, [str(error)])
        return False
    before = case.expected.read_text("utf-8") if case.expected.exists() else ""
    if _same(before, now):
        return True
    if update:
        case.expected.write_text(now, "utf-8")
        say(Cell("written ", "yellow"), str(case.expected))
        return True
    missing = [] if before else ["there is no .expected.json; bridge test --update writes it"]
    _print_failure(case, [*missing, *_difference(case, before, now)])
    return False


def _same(before: str, now: str) -> bool:
    try:
        return bool(json.loads(before) == json.loads(now))
    except (ValueError, RecursionError):
        return False


def _difference(case: Case, before: str, now: str) -> Iterator[str]:
    name = case.expected.name
    return difflib.unified_diff(
        before.splitlines(), now.splitlines(), f"{name} (expected)", f"{name} (now)", lineterm=""
    )


def _print_failure(case: Case, lines: list[str]) -> None:
    say(Cell("failed ", "bold red"), str(case))
    for line in lines:
        for piece in line.splitlines():
            say("    ", Cell(piece, COLOURS.get(piece[:1], "")))
