"""`bridge erase`: forget one card for good, or let it come back."""

import click

from aws.table import Cards
from cards.write import Write
from cli import exits
from cli.identities import found, keys_of
from cli.terminal import Cell, say
from connections import Connection
from ops.completion import connections
from ops.erasing import AT_RINGOSTAT, erased
from ops.rejected_queue import Rejection
from ops.stack import Stack, of_stack
from ops.times import counted


@click.command(short_help="Erase one card for good; later events of it are skipped.")
@click.argument("connection", shell_complete=connections)
@click.argument("identity", metavar="ID")
@click.option("--dry-run", is_flag=True, help="Say what would be erased; nothing is.")
@click.option("--lift", is_flag=True, help="Let later events make the card again.")
@click.option("--yes", is_flag=True, help="Erase without a question.")
@of_stack
def command(  # noqa: PLR0913 - click calls it with each option by its name
    stack: Stack, connection: str, identity: str, *, dry_run: bool, lift: bool, yes: bool
) -> int:
    """Erase the card of ID, as the CRM writes it, and its rejected events. `lead:42` names the kind.

    What stays is a tombstone without personal data, so that late events do not bring the card back.
    """
    entry = stack.connection(connection)
    key = _the_one(stack, entry, identity)
    if lift:
        return _lift(stack.cards, key, dry_run=dry_run)
    is_known = bool(stack.cards.read([key]))
    if not (dry_run or yes):
        missing = "" if is_known else "There is no such card; its events would be skipped all the same. "
        click.confirm(f"{missing}Erase {key} for good?", abort=True)
    would = "would be " if dry_run else ""
    if not is_known:
        what = f"events of it {would or 'are '}skipped from now on; --lift takes it back"
        say(Cell("there is no card of this key", "yellow"), f": {what}")
    traces = erased(stack, key, dry_run=dry_run)
    say(Cell(key, "bold"), f" {would}erased; {counted(len(traces.of_it), 'rejected event')} of it {would}deleted")
    _hint(traces.unknown)
    say(AT_RINGOSTAT)
    return exits.FINE


def _the_one(stack: Stack, entry: Connection, identity: str) -> str:
    """Return the key that is meant; the same id may be a contact's and an organization's."""
    keys = keys_of(entry, stack.mappings.of(entry), identity)
    cards = found(stack, entry, identity) if len(keys) > 1 else {}
    if len(cards) > 1:
        choice = " or ".join(f"{kind}:{identity}" for kind in cards)
        raise click.UsageError(f"there are several cards of this id: write {choice}")
    return keys[next(iter(cards), next(iter(keys)))]


def _lift(cards: Cards, key: str, *, dry_run: bool) -> int:
    row = cards.row(key)
    if "erased" not in row:
        say(f"{key} is not erased", error=True)
        return exits.WRONG
    if not dry_run:
        cards.write(Write(key, {"erased": None}, "attribute_exists(#erased)"))
    say(Cell(key, "bold"), f" {'would be' if dry_run else 'is'} no longer erased: its next event makes it again")
    return exits.FINE


def _hint(unknown: list[Rejection]) -> None:
    if unknown:
        ids = " ".join(one.identity[:8] for one in unknown[:20])
        say(Cell(f"{counted(len(unknown), 'rejected event')} of no known card", "yellow"), ": look for this one's")
        say(f"  bridge rejected show {ids}")
        say("  bridge rejected drop ID… deletes such an event")
