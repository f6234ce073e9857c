"""The index of phone numbers: which cards have a number, since when Ringostat knows it, and the index made anew."""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from threading import Lock
from typing import Any, NamedTuple

from aws.table import BATCH, Item, card_of
from cards.card import Card, is_confirmed
from cards.endpoints import numbers
from cards.key import NUMBERS, is_number, number_key, project_of
from cards.write import listed
from connections import connection_of
from errors import BadConnection
from mapping.identity import COUNTRY
from mapping.normalize import phones
from ops.card_text import state
from ops.scan import cost, scanned
from ops.stack import Stack
from ops.times import shown
from ops.views import is_card

REST_MS = 10 * 60_000  # a writer that listed a card has written it by then, or never will
TYPED = re.compile(r"[\s()+./-]*\d[\d\s()+./-]{2,}(\D{1,15}\d{1,7}\D?)?")  # how people write numbers; an extension


class Found(NamedTuple):
    """A card, and the number that was looked for as the card has it."""

    card: Card
    number: str


def found(stack: Stack, text: str, project: int | None = None) -> list[Found]:
    """Return the cards that have a number, typed as people do: a few calls of AWS, however many cards there are."""
    secret = stack.cards.row(NUMBERS).get("secret")
    if not secret or not _digits(text):
        return []
    projects = [project] if project is not None else stack.cards.projects()
    meant = _readings(stack.secret("ConnectionsSecret"), projects, text)
    keys = [number_key(each, number, secret) for each, typed in meant.items() for number in sorted(typed)]
    rows = stack.cards.rows(keys).values()
    cards = stack.cards.read(sorted({key for row in rows for key in row.get("members", ())})).values()
    return [
        Found(card, number)
        for card in cards
        for number in sorted(_anywhere(card))
        if _digits(number) in meant[project_of(card.key)]
    ]


def _readings(entries: Mapping[str, Any], projects: Sequence[int], text: str) -> dict[int, set[str]]:
    """Return by project the digits that a text may mean: as it is, and as a number of its connections' countries."""
    countries: dict[int, set[str]] = {each: set() for each in projects}
    for name in entries:
        with suppress(BadConnection):
            connection = connection_of(entries, name)
            if connection and connection.project in countries:
                countries[connection.project].add(connection.settings.get("country") or COUNTRY)
    return {
        each: {_digits(text)} | {_digits(phone.value) for one in of_it or {COUNTRY} for phone in phones(text, one)[0]}
        for each, of_it in countries.items()
    }


def _anywhere(card: Card) -> set[str]:
    """Return the numbers of a card, and those that Ringostat still has of it."""
    return numbers(card.fields).union(card.numbers or ())


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def known_since(card: Card, number: str) -> tuple[int | None, bool]:
    """Return since when Ringostat has a number of a card (None: it has not), and whether that is exact.

    Cards that were confirmed before the bridge noted it for each number say when their newest content was.
    """
    since = (card.numbers or {}).get(number)
    return (since, True) if since else (card.confirmed_at if is_confirmed(card) else None, False)


def knowledge(card: Card, number: str, held: Sequence[str], now: int) -> str:
    """Say since when Ringostat knows a number of a card, or why it does not yet; `held` is what holds the project."""
    since, is_exact = known_since(card, number)
    if since and is_exact and number not in numbers(card.fields):
        return f"Ringostat still has it, since {shown(since, now)}; the card does not: {state(card)}"
    if since is None:
        why = "; ".join([state(card), *held]) if card.due_at is not None else state(card)
        return f"Ringostat does not have it yet: {why}"
    when = shown(since, now) + ("" if is_exact else " at the latest")
    return f"Ringostat knows this number since {when}; calls before that show no name"


class Pairs:
    """Pairs of a number's row and a card, as the cards say and as the index says, in a file that nothing else sees.

    It holds hashes in place of numbers, and is gone when it is closed.
    """

    def __init__(self) -> None:
        self._lock = Lock()  # the table is read in threads
        self._file = sqlite3.connect("", check_same_thread=False)  # https://www.sqlite.org/inmemorydb.html#temp_db
        for name in ("said", "listed"):
            self._file.execute(
                f"CREATE TABLE {name} (number TEXT, card TEXT, PRIMARY KEY (number, card)) WITHOUT ROWID"
            )

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def read(self, stack: Stack) -> int:
        """Read a whole table; return how many cards it has."""
        stack.cards.number_key(0, "")  # the secret is there before the threads need it
        attributes = ("key", "schema", "fields", "numbers", "members")
        request = {
            "ProjectionExpression": ", ".join(f"#{name}" for name in attributes),
            "ExpressionAttributeNames": {f"#{name}": name for name in attributes},
        }
        return sum(scanned(stack, stack.ids["CardsTable"], lambda items: self._add(stack, items), **request))

    def _add(self, stack: Stack, items: list[Item]) -> int:
        cards = [card_of(item) for item in items if is_card(item["key"]["S"])]
        said = [
            (stack.cards.number_key(project_of(card.key), number), card.key)
            for card in cards
            for number in _anywhere(card)
        ]
        rows = [item for item in items if is_number(item["key"]["S"]) and "members" in item]
        entries = [(item["key"]["S"], card) for item in rows for card in item["members"]["SS"]]
        with self._lock:
            self._file.executemany("INSERT OR IGNORE INTO said VALUES (?, ?)", said)
            self._file.executemany("INSERT OR IGNORE INTO listed VALUES (?, ?)", entries)
        return len(cards)

    def doubles(self, project: int | None) -> Iterator[tuple[str, list[str]]]:
        """Yield each number of several cards, by the key of its row, with the cards."""
        start = "" if project is None else f"{project}#"
        rows = self._file.execute(
            "SELECT number, json_group_array(card) FROM said WHERE substr(number, 1, ?) = ?"
            " GROUP BY number HAVING count(*) > 1",
            (len(start), start),
        )
        return ((number, sorted(json.loads(cards))) for number, cards in rows)

    def only(self, one: str, other: str) -> Iterator[tuple[str, frozenset[str]]]:
        """Yield rows of numbers with the cards that are in `one` (`said` or `listed`) and not in the other."""
        pairs = f"SELECT * FROM {one} EXCEPT SELECT * FROM {other}"  # noqa: S608 - two names of ours
        rows = self._file.execute(f"SELECT number, json_group_array(card) FROM ({pairs}) GROUP BY number")  # noqa: S608
        return ((number, frozenset(json.loads(cards))) for number, cards in rows)


class Double(NamedTuple):
    """A number of several cards."""

    number: str
    cards: list[Card]


def doubles(stack: Stack, project: int | None) -> Iterator[Double]:
    """Yield the numbers that several cards of a project have, each as the cards say now; it reads the whole table."""
    with closing(Pairs()) as pairs:
        pairs.read(stack)
        rows = pairs.doubles(project)
        while some := list(islice(rows, BATCH)):
            cards = stack.cards.read(sorted({key for _, keys in some for key in keys}))
            for row, keys in some:
                yield from _double(stack, row, [cards[key] for key in keys if key in cards])


def _double(stack: Stack, row: str, cards: Sequence[Card]) -> Iterator[Double]:
    having: dict[str, list[Card]] = {}
    for card in cards:
        for number in numbers(card.fields):
            if stack.cards.number_key(project_of(card.key), number) == row:
                having.setdefault(number, []).append(card)
    yield from (Double(number, of_it) for number, of_it in having.items() if len(of_it) > 1)


class Rebuilt(NamedTuple):
    """What was wrong with the index: how many entries were added, taken off, and left because they are too young."""

    cards: int
    added: int
    removed: int
    young: int


def rebuild(stack: Stack) -> Rebuilt:
    """Add to the index what the cards say, and take off what they do not say; it reads the whole table.

    It may be interrupted and done again.
    """
    begun = stack.clock()
    with closing(Pairs()) as pairs:
        cards = pairs.read(stack)
        added = removed = young = 0
        missing = pairs.only("said", "listed")
        while some := list(islice(missing, BATCH)):
            stack.cards.write_all([listed(row, keys, begun) for row, keys in some])
            added += sum(len(keys) for _, keys in some)
        for row, keys in pairs.only("listed", "said"):
            if stack.cards.unlist(row, keys, begun, REST_MS):
                removed += len(keys)
            else:
                young += len(keys)
    return Rebuilt(cards, added, removed, young)


def said_cost(stack: Stack) -> str:
    """Say what reading the table costs."""
    return cost(stack, stack.ids["CardsTable"]).read()
