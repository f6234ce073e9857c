"""`bridge doctor`: what keeps contacts from Ringostat, and what to do about it."""

from collections import Counter

import click

from cli import exits
from cli.checks import CHECKS, Finding
from cli.terminal import Cell, say
from ops.stack import Stack, of_stack

STYLES = {"fine": "green", "note": "cyan", "warning": "yellow", "wrong": "bold red"}


@click.command(short_help="Look for what keeps contacts from Ringostat, with a remedy for each.")
@of_stack
def command(stack: Stack) -> int:
    """Look at secrets, queues, table, auth keys, clocks, alarms, circuits, triggers and the oldest due card.

    Nothing is changed; Ringostat is asked once for each auth key. Exit code 1 if anything is wrong.
    """
    findings = [finding for check in CHECKS for finding in check(stack)]
    for finding in findings:
        _print(finding)
    count = Counter(finding.kind for finding in findings)
    say(_summary(count["wrong"], count["warning"]))
    return exits.WRONG if count["wrong"] else exits.FINE


def _summary(wrong: int, warnings: int) -> str:
    if not warnings:
        return f"{wrong} wrong" if wrong else "everything is fine"
    return f"{wrong or 'nothing is'} wrong, {warnings} warning{'' if warnings == 1 else 's'}"


def _print(finding: Finding) -> None:
    say(Cell(f"{finding.kind:9}", STYLES[finding.kind]), finding.what)
    if finding.remedy:
        say("         → ", finding.remedy)
