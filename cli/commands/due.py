"""`bridge due`: the cards whose newest content Ringostat has not confirmed."""

from typing import Any

import click

from cards.card import Card
from cli import exits
from cli.terminal import Cell, Part, json_option, say, say_json, say_table, state_cell
from delivery.policy import EVER_MS
from ops import wanted
from ops.blockers import Trouble, troubles
from ops.card_text import answer, next_try, state
from ops.dry_run import moment
from ops.stack import Stack, of_stack
from ops.times import away, counted, local


@click.command(short_help="List the cards that Ringostat has not confirmed yet, newest first.")
@click.option("--project", type=int, help="Of one project only.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="At most so many cards.")
@json_option
@of_stack
def command(stack: Stack, project: int | None, limit: int, *, as_json: bool) -> int:
    """List the cards that are due, newest first: state, key, since when, next try, last answer. No personal data.

    Then, how many records each connection wants from its CRM. What holds either up comes last.
    """
    stack.check_project(project)
    now = stack.clock()
    projects = [project] if project is not None else stack.cards.projects()
    keys = [key for each in projects for key in stack.cards.due(each, EVER_MS, limit + 1, newest=True)]
    cards = sorted(stack.cards.read(keys).values(), key=lambda card: card.due_since or 0, reverse=True)
    held = [trouble for each in projects for trouble in troubles(stack.cards, each, now)]
    wanting = stack.cards.wanting() if project is None else ()
    if as_json:
        held += [trouble for name in wanting for trouble in wanted.troubles(stack.cards, name, now)]
        say_json({"cards": [_document(card) for card in cards[:limit]], "held_up": list(map(str, held))})
        return exits.FINE
    say_table(("since", "state", "key"), (_row(card, now) for card in cards[:limit]))
    say(_counted(len(cards), limit))
    for name in wanting:
        held += _look_ups(stack, name, now)
    for trouble in held:
        say(Cell("held up  ", "bold yellow"), str(trouble))
    return exits.FINE


def _look_ups(stack: Stack, connection: str, now: int) -> list[Trouble]:
    """Say what a connection wants from its CRM; return why that waits."""
    found = wanted.wanted(stack.cards, connection)
    if found:
        say(f"{connection} {found.words(now)}")
    return list(wanted.troubles(stack.cards, connection, now)) if found else []


def _document(card: Card) -> dict[str, Any]:
    times = {"since": card.due_since, "next_try": next_try(card)}
    failure = card.failure and {"answer": answer(card.failure), "at": moment(card.failure.at)}
    return {"key": card.key, "state": state(card), **{name: moment(at) for name, at in times.items()}, "last": failure}


def _row(card: Card, now: int) -> tuple[Part, ...]:
    at = next_try(card)
    coming = "" if at is None else "now" if at <= now else away(at, now)
    said = f"last answer {answer(card.failure)}, {away(card.failure.at, now)}" if card.failure else ""
    return local(card.due_since or now), state_cell(state(card)), card.key, f"next try {coming}" if coming else "", said


def _counted(number: int, limit: int) -> str:
    if number > limit:
        return f"{counted(limit, 'card')} shown, there are more: --limit shows them"
    return "no card is due" if number == 0 else f"{counted(number, 'card')} {'is' if number == 1 else 'are'} due"
