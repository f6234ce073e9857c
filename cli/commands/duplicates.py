"""`bridge duplicates`: phone numbers that several cards have."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import click

from cards.key import CardKey
from cli import exits
from cli.terminal import Cell, csv_text, json_option, say, say_json
from ops.numbers import Double, doubles, said_cost
from ops.stack import Stack, of_stack
from ops.times import counted
from ops.views import row

COLUMNS = ("number", "crm", "key", "name", "connection", "state", "what")
SAME, OTHER = "doubles in one CRM", "in several CRMs"


@click.command(short_help="List phone numbers of more than one card, by CRM.")
@click.argument("project", type=int, required=False)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a line of titles.")
@json_option
@of_stack
def command(stack: Stack, project: int | None, *, as_csv: bool, as_json: bool) -> int:
    """List the phone numbers that more than one card of a project has; it reads the whole table.

    In one CRM they are doubles: merge them there. Where several CRMs have one, the telephone shows one of their names.
    It prints personal data: it is for your own screen.
    """
    stack.check_project(project)
    say(f"reading: {said_cost(stack)}", error=True)
    found = doubles(stack, project)
    if as_json:
        rows = list(chain.from_iterable(map(_rows, found)))
        say_json(rows)
        return exits.REJECTED if rows else exits.FINE
    number = 0
    for number, double in enumerate(found, 1):
        _print(double, is_first=number == 1, as_csv=as_csv)
    if not as_csv:
        say(f"{counted(number, 'number')} of more than one card")
    return exits.REJECTED if number else exits.FINE


def _rows(double: Double) -> Iterator[dict[str, Any]]:
    """Yield a row for each card of a number, by CRM."""
    crms = [CardKey.parse(card.key).origin for card in double.cards]
    what = SAME if len(set(crms)) == 1 else OTHER
    for crm, card in sorted(zip(crms, double.cards, strict=True)):
        yield {**row(card), "number": double.number, "crm": crm, "what": what}


def _print(double: Double, *, is_first: bool, as_csv: bool) -> None:
    rows = list(_rows(double))
    if as_csv:
        cells = [[one[name] for name in COLUMNS] for one in rows]
        for line in csv_text([COLUMNS, *cells] if is_first else cells).splitlines():
            say(line)
        return
    say(Cell(double.number, "bold"), f"  {rows[0]['what']}")
    for one in rows:
        say(f"  {one['crm']:14}", Cell(one["key"], "cyan"), f"  {one['name']}  {one['state']}")
