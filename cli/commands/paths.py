"""`bridge paths`: what is in a sample, and how a mapping says it."""

import json
from collections.abc import Iterator
from typing import Any

import click

from cli import exits
from cli.flatten import leaves
from cli.terminal import Cell, columns, say
from errors import SenderError
from ops.samples import Sample, of_event


@click.command(short_help="List what is in a sample, with the expressions that find it.")
@of_event
def command(samples: list[Sample]) -> int:
    """List each value of SAMPLE with the expression to paste into a mapping.

    In TOML an expression with double quotes is written in single quotes: externalId = '"client-id"'.
    """
    return max(_print(sample) for sample in samples)


def _print(event: Sample) -> int:
    try:
        rows = list(_rows(event))
    except SenderError as error:
        say(Cell(f"{error.code}: ", "red"), str(error), error=True)
        return exits.WRONG
    for row in columns(rows, widest=60):
        say(*row)
    return exits.FINE


def _rows(event: Sample) -> Iterator[tuple[str, Cell]]:
    for expression, value in leaves(event.decoded()):
        yield expression, _value(value)
    for expression, value in leaves(dict(event.query), "$query") if event.query else ():
        yield expression, _value(value)


def _value(value: Any) -> Cell:
    return Cell(json.dumps(value, ensure_ascii=False), "cyan")
