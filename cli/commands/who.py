"""`bridge who`: the cards that have a phone number, and since when Ringostat knows it."""

from typing import Any

import click

from cards.key import CardKey, project_of
from cli import exits
from cli.terminal import Cell, json_option, say, say_json
from ops.blockers import troubles
from ops.card_text import state
from ops.dry_run import moment
from ops.numbers import TYPED, Found, found, knowledge, known_since, rebuild, said_cost
from ops.stack import Stack, of_stack
from ops.times import counted
from ops.views import row

NONE = (
    "- Is it written in another form, or of another country? Type it with its plus and country code.",
    "- Has its event arrived? bridge status CONNECTION ID shows a contact; bridge rejected list, what was rejected.",
    "- Is the table older than the index of numbers? bridge who --rebuild reads it once.",
)


@click.command(short_help="Who is this number? Its cards, and since when Ringostat knows it.")
@click.argument("number", required=False)
@click.option("--project", type=int, help="Of one project only.")
@click.option("--rebuild", "again", is_flag=True, help="Read the whole table and set the index of numbers right.")
@json_option
@of_stack
def command(stack: Stack, number: str | None, project: int | None, *, again: bool, as_json: bool) -> int:
    """Show the cards that have NUMBER, typed as people do, in every project of the stack.

    For each: whether Ringostat has the number, since when, and if not, why. It prints personal data: it is for your
    own screen. Quote a NUMBER that holds spaces or brackets.
    """
    if number is not None and not TYPED.fullmatch(number):
        raise click.UsageError(
            "this is no phone number: digits, and plus, spaces, brackets and dashes between them; its extension last"
        )
    if number is None and not again:
        raise click.UsageError("name a number, or --rebuild the index of numbers")
    stack.check_project(project)
    if again:
        _rebuild(stack)
    if number is None:
        return exits.FINE
    cards = found(stack, number, project)
    held = {
        each: [str(one) for one in troubles(stack.cards, each, stack.clock())]
        for each in sorted({project_of(one.card.key) for one in cards})
    }
    texts = [(one, knowledge(*one, held[project_of(one.card.key)], stack.clock())) for one in cards]
    if as_json:
        say_json([_document(one, text) for one, text in texts])
    else:
        _print(texts, project)
    return exits.FINE if cards else exits.WRONG


def _rebuild(stack: Stack) -> None:
    say(f"reading: {said_cost(stack)}; each number that the index lacks: 2 WRU at most", error=True)
    done = rebuild(stack)
    say(f"{counted(done.cards, 'card')} read, {done.added:,} entries added, {done.removed:,} removed", error=True)
    if done.young:
        say(f"{done.young:,} entries are younger than 10 minutes and were left", error=True)


def _print(texts: list[tuple[Found, str]], project: int | None) -> None:
    for (card, number), text in texts:
        shown = row(card)
        say(Cell(card.key, "bold"), "  ", Cell(state(card), "cyan"))
        came = f"{card.connection or 'unknown'} ({CardKey.parse(card.key).origin})"
        for title, what in (("name", shown["name"]), ("number", number), ("came by", came), ("calls", text)):
            say(f"  {title:10}{what}")
    if len(texts) > 1:
        say("Several cards have this number. Ringostat does not document whose name it shows: correct it in the CRM.")
    if not texts:
        say(f"No card of project {project} has it: leave --project out." if project else "No card has this number.")
        for line in NONE:
            say(line)


def _document(one: Found, text: str) -> dict[str, Any]:
    card, number = one
    since, is_exact = known_since(card, number)
    names = ("key", "name", "connection", "state")
    shown = {name: value for name, value in row(card).items() if name in names}
    return {**shown, "number": number, "since": moment(since), "exact": is_exact, "text": text}
