"""`bridge status`: what is known of one contact, lead or organization, and how far its delivery is."""

import json
from typing import Any

import click

from cards.card import Card
from cards.key import project_of
from cli import exits
from cli.identities import found
from cli.terminal import Cell, columns, say, state_cell
from ops import wanted
from ops.blockers import troubles
from ops.card_text import state, story
from ops.completion import connections
from ops.stack import Stack, of_stack
from ops.times import local


@click.command(short_help="Show one card: its fields, what Ringostat confirmed, what comes next.")
@click.argument("connection", shell_complete=connections)
@click.argument("identity", metavar="ID")
@of_stack
def command(stack: Stack, connection: str, identity: str) -> int:
    """Show the cards of ID, as the CRM writes it: contact, lead and organization (`lead:42` shows one kind).

    A record that is wanted from the CRM is named too. It prints personal data: it is for your own screen.
    """
    entry = stack.connection(connection)
    cards = found(stack, entry, identity)
    for card in cards.values():
        _print(card, stack)
        say()
    rows, missing = wanted.of_id(stack.cards, stack.mappings, entry, identity)
    waiting = list(wanted.troubles(stack.cards, connection, stack.clock())) if rows else []
    for row in rows:
        words = wanted.since(row, stack.clock(), is_held=bool(waiting))
        say(Cell(f"{row.lookup} {row.id} ", "bold"), Cell("is wanted from the CRM", "cyan"), words)
    for record, asked_at in missing.items():
        say(Cell(f"{record}: ", "bold"), wanted.missed(asked_at, stack.clock()))
    if not (cards or rows or missing):
        say(f"There is no card of this id: {connection} has accepted no event of it.")
        say(f"Look for rejected ones: bridge rejected list --connection {connection}")
    if not (cards or rows):
        return exits.WRONG
    projects = sorted({project_of(card.key) for card in cards.values()})
    held = [trouble for project in projects for trouble in troubles(stack.cards, project, stack.clock())]
    for trouble in [*held, *waiting]:
        say(Cell("held up   ", "bold yellow"), str(trouble))
    return exits.FINE


def _print(card: Card, stack: Stack) -> None:
    words = state(card)
    say(Cell(card.key, "bold"), "  ", state_cell(words))
    rows = [("project", str(project_of(card.key))), ("came by", card.connection or "unknown")]
    rows += [("mapped by", card.mapping)] if card.mapping else []
    for title, text in [*rows, *story(card, stack.clock())]:
        say(f"  {title:10}{text}")
    for row in columns(_fields(card)):
        say("  ", *row)


def _fields(card: Card) -> list[tuple[str, str, str]]:
    return [(name, f"changed {local(stamp.changed_at)}", _readable(stamp.value)) for name, stamp in card.fields.items()]


def _readable(value: Any) -> str:
    """Return a field's value for people: texts as they are, of phones and e-mails what Ringostat compares."""
    if isinstance(value, list):
        return ", ".join(map(_readable, value)) or "empty"
    if isinstance(value, dict) and "externalId" in value:
        return f"{value['name']} ({value['externalId']})" if value.get("name") else str(value["externalId"])
    if isinstance(value, dict) and "value" in value:
        notes = [text for text in (value.get("name"), "primary" * bool(value.get("primary"))) if text]
        return f"{value['value']} ({', '.join(notes)})" if notes else str(value["value"])
    if value is None:
        return "empty"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
