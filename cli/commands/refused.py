"""`bridge refused`: cards whose content Ringostat refused alone."""

from typing import Any

import click

from aws.chunks import chunks
from aws.table import BATCH, card_of
from cards.card import Card
from cli import exits
from cli.filters import Filter, filtered
from cli.terminal import Cell, json_option, say, say_json, say_table
from ops.card_text import refusal_of
from ops.dry_run import moment
from ops.refused import retried
from ops.scan import PAGE_BYTES, cost, scanned
from ops.stack import Stack, of_stack
from ops.times import away, local
from ops.times import since as parsed


@click.group(short_help="List and retry cards that Ringostat refused.")
def command() -> None:
    """List and retry cards that Ringostat refused.

    Each is tried again by itself a minute, an hour and a day later, and as soon as its content changes.
    """


@command.command("list", short_help="List refused cards, newest first. No personal data.")
@filtered
@json_option
@of_stack
def list_(stack: Stack, connection: str, code: str, since: str | None, *, as_json: bool) -> int:
    """List refused cards, newest first: when, key, connection, code, field, next try. No personal data."""
    cards = refused(stack, Filter(connection, code, parsed(since, stack.clock())))
    if as_json:
        say_json([_document(card) for card in cards])
        return exits.REJECTED if cards else exits.FINE
    say_table(("refused", "key", "connection", "code", "field"), (_row(card, stack.clock()) for card in cards))
    say(f"{len(cards)} refused")
    return exits.REJECTED if cards else exits.FINE


@command.command("retry", short_help="Post refused cards once more.")
@filtered
@click.option("--dry-run", is_flag=True, help="Count only; nothing is written.")
@of_stack
def retry(stack: Stack, connection: str, code: str, since: str | None, *, dry_run: bool) -> int:
    """Make refused cards due again and wake delivery, after what Ringostat refused was fixed there."""
    cards = refused(stack, Filter(connection, code, parsed(since, stack.clock())))
    if dry_run:
        say(f"{len(cards)} would be retried, nothing was written")
        return exits.FINE
    number = sum(retried(stack, list(chunk)) for chunk in chunks(cards, BATCH))
    moved = len(cards) - number
    say(f"{number} due again" + (f"; {moved} changed meanwhile, which ends their refusal" if moved else ""))
    return exits.FINE


def refused(stack: Stack, chosen: Filter) -> list[Card]:
    """Return the refused cards that the filters mean, newest first; it reads the whole table."""
    table = stack.ids["CardsTable"]
    size = cost(stack, table)
    if size.bytes_ > PAGE_BYTES:
        say(f"reading: {size.read()}", error=True)
    pages = scanned(
        stack,
        table,
        lambda items: [card_of(item) for item in items],
        ConsistentRead=True,
        FilterExpression="attribute_exists(refused) OR attribute_exists(refused_hash)",
    )
    found = [(refusal, card) for page in pages for card in page if (refusal := refusal_of(card))]
    meant = [(refusal.at, card) for refusal, card in found if chosen.fits(card.connection, refusal.code, refusal.at)]
    return [card for _, card in sorted(meant, key=lambda one: one[0], reverse=True)]


def _document(card: Card) -> dict[str, Any]:
    refusal = refusal_of(card)
    return {
        "refused_at": moment(refusal and refusal.at),
        "key": card.key,
        "connection": card.connection,
        "code": refusal and refusal.code,
        "field": refusal and (refusal.field or None),
        "next_try": moment(card.retry_at),
    }


def _row(card: Card, now: int) -> tuple[str | Cell, ...]:
    refusal = refusal_of(card)
    if refusal is None:
        return ()
    at = card.retry_at
    again = "" if at is None else f"next try {'now' if at <= now else away(at, now)}"
    return local(refusal.at), card.key, card.connection, Cell(refusal.code, "red"), refusal.field, again
