"""`bridge left-behind`: cards that Ringostat may still show although the CRM deleted, emptied or erased them."""

from typing import Any

import click

from cards.card import Card, is_left_behind
from cli import exits
from cli.terminal import csv_text, json_option, say, say_json, say_table
from delivery.policy import EVER_MS
from ops.dry_run import moment
from ops.left_behind import Left, left, taken_off
from ops.stack import Stack, of_stack
from ops.times import local

MOST = 10_000  # cards of a project that are listed


@click.command(short_help="List what is to be removed at Ringostat by hand.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a line of titles.")
@click.option("--removed", metavar="KEY", multiple=True, help="Take this card off: you removed it at Ringostat.")
@json_option
@of_stack
def command(stack: Stack, removed: tuple[str, ...], *, as_csv: bool, as_json: bool) -> int:
    """List the cards that Ringostat may still show although the CRM has deleted, merged, emptied or erased them.

    Ringostat documents no deletion, so a person must remove them in its contact book. It prints personal data: it is
    for your own screen. Exit code 2 if there are any.
    """
    if removed:
        return _take_off(stack, removed)
    cards = left_behind(stack)
    rows = [_row(card) for card in cards]
    if as_csv:
        for line in csv_text([Left._fields, *rows]).splitlines():
            say(line)
    elif as_json:
        say_json([_document(card) for card in cards])
    else:
        say_table(Left._fields, rows)
        say(f"{len(cards)} left behind")
    return exits.REJECTED if cards else exits.FINE


def left_behind(stack: Stack) -> list[Card]:
    """Return the cards that are left behind, those of each project together."""
    keys = [key for project in stack.cards.projects() for key in stack.cards.left_behind(project, EVER_MS, MOST)]
    found = stack.cards.read(keys)
    return [found[key] for key in keys if key in found and is_left_behind(found[key])]


def _row(card: Card) -> tuple[str, ...]:
    found = left(card)
    return local(found.since), found.key, found.why, found.name or "", " ".join(found.numbers), found.link or ""


def _document(card: Card) -> dict[str, Any]:
    return left(card)._asdict() | {"since": moment(card.due_at)}


def _take_off(stack: Stack, keys: tuple[str, ...]) -> int:
    done = taken_off(stack, keys)
    for key in keys:
        say(key, " is taken off" if key in done else " is not left behind", error=key not in done)
    return exits.FINE if done == set(keys) else exits.WRONG
