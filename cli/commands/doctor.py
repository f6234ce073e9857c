"""`bridge doctor`: what keeps contacts from Ringostat, and what to do about it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

import click

from cli import exits
from cli.checks import CHECKS, Finding
from cli.terminal import Cell, say, say_json
from ops.stack import Stack, of_stack
from ops.times import counted

STYLES = {"fine": "green", "note": "cyan", "warning": "yellow", "wrong": "bold red"}


SHOWN = 5  # findings of one kind that one check shows


@click.command(short_help="Look for what keeps contacts from Ringostat, with a remedy for each.")
@click.option("--json", "as_json", is_flag=True, help="Print all findings as one JSON document, for monitors.")
@of_stack
def command(stack: Stack, *, as_json: bool) -> int:
    """Look at secrets, queues, table, auth keys, clocks, alarms, circuits, triggers and the oldest due card.

    Nothing is changed; Ringostat is asked once for each auth key. Exit code 1 if anything is wrong.
    """
    found = {check.__name__: list(check(stack)) for check in CHECKS}
    count = Counter(finding.kind for findings in found.values() for finding in findings)
    if as_json:
        findings = [{"check": name, **one._asdict()} for name, of_it in found.items() for one in of_it]
        say_json({"version": 1, "wrong": count["wrong"], "warnings": count["warning"], "findings": findings})
    else:
        for finding in chain.from_iterable(map(folded, found.values())):
            _print(finding)
        say(_summary(count["wrong"], count["warning"]))
    return exits.WRONG if count["wrong"] else exits.FINE


def folded(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the first findings of each kind, and how many more there are: all together fit one screen."""
    for kind in STYLES:
        of_it = [finding for finding in findings if finding.kind == kind]
        yield from of_it[:SHOWN]
        if len(of_it) > SHOWN:
            yield Finding(of_it[0].kind, f"and {len(of_it) - SHOWN} more of this kind: bridge doctor --json lists all")


def _summary(wrong: int, warnings: int) -> str:
    if not warnings:
        return f"{wrong} wrong" if wrong else "everything is fine"
    return f"{wrong or 'nothing is'} wrong, {counted(warnings, 'warning')}"


def _print(finding: Finding) -> None:
    say(Cell(f"{finding.kind:9}", STYLES[finding.kind]), finding.what)
    if finding.remedy:
        say("         → ", finding.remedy)
