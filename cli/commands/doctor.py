"""`bridge doctor`: what keeps contacts from Ringostat, and what to do about it."""

import click

from cli import exits
from cli.checks import CHECKS, Finding
from cli.terminal import Cell, say
from ops.stack import Stack, of_stack

MARKS = {"fine": Cell("fine     ", "green"), "note": Cell("note     ", "cyan"), "wrong": Cell("wrong    ", "bold red")}


@click.command(short_help="Look for what keeps contacts from Ringostat, with a remedy for each.")
@of_stack
def command(stack: Stack) -> int:
    """Look at secrets, queues, table, auth keys, clocks, alarms, circuits, triggers and the oldest due card.

    Nothing is changed; Ringostat is asked once for each auth key. Exit code 1 if anything is wrong.
    """
    findings = [finding for check in CHECKS for finding in check(stack)]
    for finding in findings:
        _print(finding)
    wrong = sum(finding.kind == "wrong" for finding in findings)
    say(f"{wrong} wrong" if wrong else "everything is fine")
    return exits.WRONG if wrong else exits.FINE


def _print(finding: Finding) -> None:
    say(MARKS[finding.kind], finding.what)
    if finding.remedy:
        say("         → ", finding.remedy)
