"""`bridge send`: a sample through the real API, proved as the connection's CRM would."""

import json
from http import HTTPStatus
from typing import Any

import click

from cli import door, exits
from cli.terminal import Cell, say
from ops.completion import connections
from ops.samples import Sample, of_event
from ops.sending import Answer, problem
from ops.stack import Stack, of_stack

STYLES = {"accepted": "green", "rejected": "red"}


@click.command(short_help="Send a sample through the real API, signed as the CRM would.")
@of_event
@click.option("--connection", required=True, shell_complete=connections, help="The connection that sends it.")
@of_stack
def command(stack: Stack, samples: list[Sample], connection: str) -> int:
    """Send SAMPLE to the stack's address of a connection, with that connection's proof, and show the answer.

    It is processed like a real event, so its contacts are posted to Ringostat.
    """
    entry = stack.connection(connection)
    if found := problem(entry):
        raise click.ClickException(found)
    return max(_told(door.sent(stack, entry, sample)[0]) for sample in samples)


def _told(answered: Answer) -> int:
    """Print an answer; return an exit code."""
    try:
        answer = json.loads(answered.body)
    except (ValueError, RecursionError):
        answer = None
    status = answered.status
    taken = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    say(Cell(str(status), "green" if taken else "red"), "  ", _words(answer) if isinstance(answer, dict) else "")
    records = [*answer.get("skipped", ()), *answer.get("rejected", ())] if isinstance(answer, dict) else []
    for record in records:
        say(f"  record {record['index']}: {record['code']}: {record['reason']}")
    if status == HTTPStatus.UNAUTHORIZED:
        say("  the functions do not take the proof that the connections secret holds; bridge doctor says more")
    if not taken:
        return exits.WRONG
    return exits.REJECTED if isinstance(answer, dict) and answer.get("rejected") else exits.FINE


def _words(answer: dict[str, Any]) -> str:
    """Return the counts of a verdict, or the sentence of a problem."""
    if "detail" in answer:
        return str(answer["detail"])
    if answer.get("queued"):
        return "kept whole in the inbox queue"
    counts = {name: answer.get(name) for name in ("accepted", "unchanged", "stale", "lookup", "skipped", "rejected")}
    numbers = {name: len(found) if isinstance(found, list) else found for name, found in counts.items()}
    return ", ".join(f"{number} {name}" for name, number in numbers.items() if number)
