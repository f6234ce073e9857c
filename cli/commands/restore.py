"""`bridge restore`: bring cards of a backup back."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import click

from aws.table import Item, card_of, row_of
from cards.card import Card, apply
from cards.key import PROJECTS, is_number, is_stored, mapping_of
from cards.write import Write, merged
from cli import exits
from cli.terminal import say
from intake.merging import Merging, expiry, listings
from ops.scan import cost, scanned
from ops.stack import Stack, of_stack

A_SECOND = 200  # cards: some 8 segments × 2 calls at 50 ms each from far away, in pages of a hundred


class Restoring(NamedTuple):
    """What is restored: the cards of these keys, or all (none); `instead` of what the cards say now."""

    stack: Stack
    keys: frozenset[str]
    instead: bool
    dry_run: bool
    found: set[str]  # keys of cards in the backup, of those that are meant

    def page(self, items: list[Item]) -> Counter[str]:
        """Bring a page of rows back; return how many came to what."""
        cards = [card_of(item) for item in items if "rev" in item and self._is_meant(item["key"]["S"])]
        members = {item["key"]["S"]: item["members"]["SS"] for item in items if self._is_list(item)}
        self.found.update(card.key for card in cards)
        others = [row_of(item) for item in items if not self.keys and is_stored(item["key"]["S"])]
        if self.dry_run:
            return Counter({"found": len(cards), "other rows": len(others)})
        for key, contacts in members.items():
            self.stack.cards.write(Write(key, {}, members=frozenset(contacts)))
        done = Counter(kept_erased=self._erase(card.key for card in cards if card.erased))
        done += Counter({"rows that are no cards": sum(map(self._stored, others))})
        living = [card for card in cards if not card.erased]
        for connection in sorted({card.connection for card in living}):
            done += self._restored([card for card in living if card.connection == connection], connection)
        return done

    def _stored(self, row: dict[str, Any]) -> bool:
        """Bring a row that is no card back where there is none; return whether it was missing.

        Of a mapping that was stored anew, no later version than its newest comes back: that number is yet to come.
        """
        key = row.pop("key")
        if key == PROJECTS:
            for among, ones in row.items():
                for one in ones:
                    self.stack.cards.enrol(one, among)
            return False
        head, version = mapping_of(key)
        if version and version > self.stack.cards.row(head).get("version", version):
            return False
        return self.stack.cards.write(Write(key, row, "attribute_not_exists(#key)")).done

    def _is_list(self, item: Item) -> bool:
        """Return whether a row lists an organization's contacts; the index of numbers follows from the cards."""
        return "members" in item and not self.keys and not is_number(item["key"]["S"])

    def _is_meant(self, key: str) -> bool:
        return not self.keys or key in self.keys

    def _erase(self, keys: Iterable[str]) -> int:
        """Leave tombstones where a person was erased and the table knows nothing of it."""
        keys = list(keys)
        missing = keys - self.stack.cards.read(keys).keys() if keys else ()
        return sum(self.stack.cards.erase(key, self.stack.clock()) for key in sorted(missing))

    def _restored(self, cards: list[Card], connection: str) -> Counter[str]:
        now = self.stack.clock()
        days = int(self.stack.environment.get("CARD_RETENTION_DAYS", "0"))
        if self.instead:
            return self._replaced(cards, expiry(days, now), now)
        merging = Merging(self.stack.cards, connection=connection, now=now, retention_days=days)
        return Counter(
            verdict
            for found in merging.merge({card.key: [card.fields] for card in cards}).verdicts.values()
            for verdict in found
        )

    def _replaced(self, cards: list[Card], expires_at: int | None, now: int) -> Counter[str]:
        """Let cards say what the backup says; what was newer is gone, and delivery knows what Ringostat holds."""
        known = self.stack.cards.read([card.key for card in cards])
        pairs = [(known.get(card.key, Card(card.key, connection=card.connection)), card) for card in cards]
        changed = [
            (before, apply(before._replace(fields={}), card.fields))
            for before, card in pairs
            if before.erased is None and before.fields != card.fields
        ]
        if notes := listings(self.stack.cards, changed, now):
            self.stack.cards.write_all(notes)
        writes = [merged(before, after, due_at=now, expires_at=expires_at) for before, after in changed]
        lost = self.stack.cards.write_all(writes) if writes else {}
        return Counter(replaced=len(writes) - len(lost), changed_meanwhile=len(lost))


@click.command(short_help="Bring the cards of a restored table back, merged with what came since.")
@click.argument("table")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only this card; may be given again.")
@click.option("--instead", is_flag=True, help="With --key: what came since the backup is dropped, for it is wrong.")
@click.option("--dry-run", is_flag=True, help="Say the cost and count the cards; nothing is written.")
@of_stack
def command(stack: Stack, table: str, keys: tuple[str, ...], *, instead: bool, dry_run: bool) -> int:
    """Merge the cards of TABLE, a restored backup, into the cards of the stack: of each field the newer value stays.

    Stored mappings and lists of employees come back where there are none. What changes a card makes it due. Persons
    who were erased stay erased.
    """
    if instead and not keys:
        raise click.UsageError("--instead drops what came since the backup: name the cards with --key")
    size = max(cost(stack, one) for one in (table, stack.ids["CardsTable"]))
    say(f"reading: {size.read()}")
    if not dry_run and not keys:
        say(f"merging: {size.written(A_SECOND)}")
    restoring = Restoring(stack, frozenset(keys), instead, dry_run, set())
    done = sum(scanned(stack, table, restoring.page), Counter[str]())
    for what, number in sorted(done.items()):
        say(f"{number} {what.replace('_', ' ')}")
    if missing := sorted(restoring.keys - restoring.found):
        raise click.ClickException(f"the backup has no card {', '.join(missing)}")
    return exits.FINE if done else exits.WRONG
