"""The index of phone numbers: whatever the cards say is in it, however events overtake each other and writers die."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from aws.client import Failure
from aws.table import Cards
from cards.card import stamped
from cards.endpoints import numbers
from cards.key import NUMBERS, key_of
from cards.write import Write
from intake.merging import Merging
from local.memory import Memory

CARDS = [key_of(106, "Pipedrive", f"contact:{number}") for number in (1, 2)]
PHONES = [f"+38067000000{number}" for number in (1, 2, 3)]
NOW = 1_800_000_000_000
EVENT = st.tuples(st.sampled_from(CARDS), st.lists(st.sampled_from(PHONES), max_size=3), st.integers(1, 9))


def merge(cards, key, phones, at=1, now=NOW):
    entries = [{"value": phone, "name": None, "primary": False} for phone in phones]
    news = stamped({"externalId": "1", "phones.0": entries}, changed_at=at, received_at=at)
    Merging(cards, connection="acme", now=now).merge({key: [news]})


def fresh():
    return Cards(Memory(lambda: NOW).client(), "cards")


def row(cards, number):
    return cards.row(cards.number_key(106, number))


def missing(cards):
    """Return the numbers that a card has and the index lacks."""
    return [
        (card.key, number)
        for card in cards.read(CARDS).values()
        for number in numbers(card.fields)
        if card.key not in row(cards, number).get("members", ())
    ]


class Died(Exception):
    """The writer ends here."""


class Overtaken:
    """A client before each of whose writes another event is merged, as long as there are any; then its user may die.

    It may cancel every transaction, without a reason: each row is written by itself then.
    """

    def __init__(self, client, others, *, dies, cancels):
        self._client = client
        self._others = others
        self._dies = dies
        self._cancels = cancels

    def call(self, operation, **params):
        if "Get" not in operation:
            if self._others:
                merge(Cards(self._client, "cards"), *self._others.pop())
            elif self._dies:
                raise Died
        if self._cancels and operation == "TransactWriteItems":
            raise Failure(operation, "TransactionCanceledException")
        return self._client.call(operation, **params)


@given(st.lists(st.tuples(EVENT, st.lists(EVENT, max_size=4), st.booleans(), st.booleans()), max_size=6))
def test_every_number_of_every_card_is_in_the_index_whoever_overtakes_and_dies(events):
    client = Memory(lambda: NOW).client()
    for event, others, dies, cancels in events:
        with suppress(Died):
            merge(Cards(Overtaken(client, others, dies=dies, cancels=cancels), "cards"), *event)

        assert missing(Cards(client, "cards")) == []


def test_a_card_that_lost_a_number_and_gets_it_back_is_listed_anew():
    cards = fresh()
    merge(cards, CARDS[0], PHONES[:1], 1)
    merge(cards, CARDS[0], [], 2)
    cards.unlist(cards.number_key(106, PHONES[0]), frozenset(CARDS[:1]), NOW)

    merge(cards, CARDS[0], PHONES[:1], 3, now=NOW + 9)

    assert missing(cards) == []
    assert row(cards, PHONES[0]).keys() == {"key", "at", "members"}, "it would expire"


def test_the_secret_of_the_hashes_is_made_once_in_a_tables_life():
    cards = fresh()
    key = cards.number_key(106, PHONES[0])
    made = cards.row(NUMBERS)["secret"]
    cards.forget()

    assert len(made) == 64
    assert cards.number_key(106, "380 67 000-00-01") == key
    assert cards.row(NUMBERS)["secret"] == made
    assert fresh().number_key(106, PHONES[0]) != key
    assert cards.number_key(107, PHONES[0]).startswith("107#number:")


def test_erasing_takes_a_card_off_its_numbers_and_off_those_that_ringostat_has_and_an_empty_row_expires():
    cards = fresh()
    for key in CARDS:
        merge(cards, key, PHONES[:1])
    merge(cards, CARDS[0], PHONES[2:], 2)
    cards.write(Write(CARDS[0], {"numbers": {PHONES[0]: 1}}))

    cards.erase(CARDS[0], NOW)

    assert row(cards, PHONES[0])["members"] == (CARDS[1],)
    assert row(cards, PHONES[2]).keys() == {"key", "at", "expires_at"}


def test_a_row_that_was_added_to_lately_is_left_alone():
    cards = fresh()
    merge(cards, CARDS[0], PHONES[:1])
    key = cards.number_key(106, PHONES[0])

    assert not cards.unlist(key, frozenset(CARDS), NOW + 10, rest_ms=10)
    assert cards.unlist(key, frozenset(CARDS), NOW + 11, rest_ms=10)
