"""`bridge left-behind`: cards that Ringostat may still show although the CRM deleted, emptied or erased them."""

import csv
import io
from typing import Any

import click

from cards.card import Card, is_left_behind
from cli import exits
from cli.terminal import json_option, say, say_json, say_table
from delivery import state
from delivery.policy import EVER_MS
from ops.card_text import why_left
from ops.dry_run import moment
from ops.stack import Stack, of_stack
from ops.times import local

MOST = 10_000  # cards of a project that are listed
TITLES = ("since", "key", "why", "name", "numbers", "link")


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
        for line in _csv(rows).splitlines():
            say(line)
    elif as_json:
        say_json([_document(card) for card in cards])
    else:
        say_table(TITLES, rows)
        say(f"{len(cards)} left behind")
    return exits.REJECTED if cards else exits.FINE


def left_behind(stack: Stack) -> list[Card]:
    """Return the cards that are left behind, those of each project together."""
    keys = [key for project in stack.cards.projects() for key in stack.cards.left_behind(project, EVER_MS, MOST)]
    found = stack.cards.read(keys)
    return [found[key] for key in keys if key in found and is_left_behind(found[key])]


def _row(card: Card) -> tuple[str, ...]:
    shown: Any = card.shown or {}
    name, link, numbers = shown.get("name") or "", shown.get("link") or "", " ".join(shown.get("numbers", ()))
    return local(card.due_at or 0), card.key, why_left(card), name, numbers, link


def _document(card: Card) -> dict[str, Any]:
    shown: Any = card.shown or {}
    return {
        "since": moment(card.due_at),
        "key": card.key,
        "why": why_left(card),
        "name": shown.get("name"),
        "numbers": shown.get("numbers", []),
        "link": shown.get("link"),
    }


def _csv(rows: list[tuple[str, ...]]) -> str:
    """Return the rows as CSV; no cell is a formula to the spreadsheet that opens it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TITLES)
    writer.writerows(["'" + cell if cell[:1] in ("=", "+", "-", "@") else cell for cell in row] for row in rows)
    return text.getvalue().rstrip("\n")


def _take_off(stack: Stack, keys: tuple[str, ...]) -> int:
    cards = stack.cards.read(keys)
    writes = [state.removed(card) for card in cards.values() if is_left_behind(card)]
    lost = stack.cards.write_all(writes) if writes else {}
    done = {write.key for write in writes} - lost.keys()
    for key in keys:
        say(key, " is taken off" if key in done else " is not left behind", error=key not in done)
    return exits.FINE if done == set(keys) else exits.WRONG
