"""A copied name knows its copies: the organization's newest name is on every contact that names it by its id."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws.client import Failure
from aws.table import Cards
from cards.card import stamped
from cards.endpoints import ORGANIZATION_NAME, compose
from cards.key import key_of, renaming_key
from cards.write import RENAMED_AFTER_MS
from intake.merging import Merging
from intake.spreading import Spreader
from local.memory import Memory


class Wakeups:
    """The delivery queue, which these tests do not read."""

    def send_all(self, messages):
        pass


def contact_key(number):
    return key_of(106, "X", f"contact:{number}")


def organization_key(identity):
    return key_of(106, "X", f"organization:{identity}")


def merge(cards, kind, number, at, values, now=1):
    fields = stamped({"externalId": str(number), **values}, changed_at=at, received_at=at)
    key = contact_key(number) if kind == "contact" else organization_key(number)
    return Merging(cards, connection="acme", now=now).merge({key: [fields]})


def contact(cards, number, at, employer, now=1):
    phone = [{"value": "+380670000001", "name": None, "primary": True}]
    organizations = [{"externalId": str(employer), "name": None}] if employer else []
    return merge(cards, "contact", number, at, {"phones.0": phone, "organizations.0": organizations}, now)


def employer_of(cards, number):
    card = cards.read([contact_key(number)])[contact_key(number)]
    named = compose(card.key, card.fields).payload["organizations"]
    return named[0]["name"] if named else None


def spread(cards, now):
    for again in range(40):
        Spreader(cards, Wakeups(), 0).spread(now + RENAMED_AFTER_MS + again)


def fresh():
    return Cards(Memory(lambda: 1).client(), "cards")


events = st.lists(
    st.one_of(
        st.tuples(st.just("contact"), st.integers(1, 3), st.sampled_from([None, 7, 8])),
        st.tuples(
            st.just("organization"), st.sampled_from([7, 8]), st.sampled_from([None, "First", "Second", "Third"])
        ),
        st.tuples(st.just("erase"), st.sampled_from([7, 8]), st.none()),
    ),
    min_size=1,
    max_size=12,
)


@given(events, st.randoms())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_the_order_every_contact_has_the_newest_name(made, random):
    cards, timed = fresh(), list(enumerate(made, 1))
    random.shuffle(timed)
    for at, (kind, number, value) in timed:
        if kind == "erase":
            cards.erase(organization_key(number), 1)
        elif kind == "contact":
            contact(cards, number, at, value)
        else:
            merge(cards, "organization", number, at, {"name": value})
    spread(cards, 1)

    erased = {number for _, (kind, number, _) in timed if kind == "erase"}
    newest = {(kind, number): value for _, (kind, number, value) in sorted(timed) if kind != "erase"}
    for (kind, number), employer in newest.items():
        if kind == "contact":
            name = None if employer in erased else newest.get(("organization", employer))
            assert employer_of(cards, number) == (name if employer else None)


@pytest.mark.parametrize("first", ["contacts", "organization"])
def test_however_many_contacts_there_are_each_gets_the_new_name(first):
    cards = fresh()
    if first == "organization":
        merge(cards, "organization", 7, 1, {"name": "First"})
    for number in range(1, 151):
        contact(cards, number, 1, 7)

    merge(cards, "organization", 7, 2, {"name": "Second"})
    spread(cards, 1)

    assert {employer_of(cards, number) for number in range(1, 151)} == {"Second"}


def test_of_very_many_contacts_a_sweep_does_a_thousand_and_the_next_the_rest():
    cards = fresh()
    values = {"externalId": "1", "organizations.0": [{"externalId": "7", "name": None}]}
    values["phones.0"] = [{"value": "+380670000001", "name": None, "primary": True}]
    news = {contact_key(number): [stamped(values, changed_at=1, received_at=1)] for number in range(2_500)}
    Merging(cards, connection="acme", now=1).merge(news)
    merge(cards, "organization", 7, 2, {"name": "Late"})

    def named():
        found = cards.read(list(news)).values()
        return sum(card.fields[ORGANIZATION_NAME + "7"].value == "Late" for card in found)

    Spreader(cards, Wakeups(), 0).spread(1 + RENAMED_AFTER_MS)
    at_first = named()
    spread(cards, 1)

    assert 500 <= at_first <= 1_100
    assert named() == 2_500
    assert cards.renamed(10**12, 10) == []


def test_the_names_of_organizations_that_a_contact_left_are_forgotten():
    cards = fresh()
    for number in range(1, 61):
        merge(cards, "organization", number, 1, {"name": "Employer"})
        contact(cards, 1, number, number)

    fields = cards.read([contact_key(1)])[contact_key(1)].fields
    assert [name for name in fields if name.startswith(ORGANIZATION_NAME)] == [ORGANIZATION_NAME + "60"]


def test_a_contact_that_was_being_written_with_the_old_name_gets_the_new_one():
    cards = fresh()
    merge(cards, "organization", 7, 1, {"name": "First"})

    class Slow(Merging):
        """A merge of a contact, while its organization is renamed between the reading and the writing."""

        def _read(self, keys):
            super()._read(keys)
            if not getattr(self, "late", False):
                self.late = True
                merge(cards, "organization", 7, 2, {"name": "Second"})

    values = {"externalId": "1", "organizations.0": [{"externalId": "7", "name": None}]}
    values["phones.0"] = [{"value": "+380670000001", "name": None, "primary": True}]
    news = {contact_key(1): [stamped(values, changed_at=1, received_at=1)]}
    Slow(cards, connection="acme", now=1).merge(news)
    before = employer_of(cards, 1)
    spread(cards, 1)

    assert (before, employer_of(cards, 1)) == ("First", "Second")


def test_a_contact_whose_organization_is_known_takes_no_further_call_once_it_is_a_member():
    memory = Memory(lambda: 1).client()
    calls = []

    class Counted:
        """A client that counts its calls."""

        def call(self, operation, **params):
            calls.append(operation)
            return memory.call(operation, **params)

    cards = Cards(Counted(), "cards")
    merge(cards, "organization", 7, 1, {"name": "First"})
    contact(cards, 1, 1, 7)
    calls.clear()

    contact(cards, 1, 2, 7)

    assert calls == ["BatchGetItem", "UpdateItem"]


class Troubled:
    """A client that cannot read one row."""

    def __init__(self, client, key):
        self._client = client
        self._key = key

    def call(self, operation, **params):
        if operation in ("GetItem", "BatchGetItem") and self._key in json.dumps(params):
            raise Failure(operation, "InternalServerError")
        return self._client.call(operation, **params)


class Full:
    """A client of a table in which the rows of members are full."""

    def __init__(self, memory):
        self._memory = memory

    def call(self, operation, **params):
        if "ADD #members" in params.get("UpdateExpression", ""):
            raise Failure(operation, "ValidationException")
        return self._memory.call(operation, **params)


def test_a_contact_of_an_organization_with_a_full_list_is_written_all_the_same():
    cards = Cards(Full(Memory(lambda: 1).client()), "cards")
    merge(cards, "organization", 7, 1, {"name": "First"})

    contact(cards, 1, 1, 7)

    assert employer_of(cards, 1) == "First"


def test_the_trouble_of_one_organization_stops_no_others_name(caplog):
    client = Memory(lambda: 1).client()
    cards = Cards(client, "cards")
    for number in (7, 8):
        contact(cards, number, 1, number)
        merge(cards, "organization", number, 2, {"name": "New"})
    spread(Cards(Troubled(client, renaming_key(organization_key(7))), "cards"), 1)

    assert cards.renamed(10**12, 100) == [organization_key(7)]
    assert {line.organization for line in caplog.records if line.levelname == "ERROR"} == {organization_key(7)}
    spread(cards, 2)
    assert cards.renamed(10**12, 100) == []


def test_an_import_of_organizations_without_contacts_does_not_hold_up_the_others_for_long():
    cards = fresh()
    for number in range(90):
        merge(cards, "organization", number, 1, {"name": "Acme"})
    merge(cards, "organization", 99, 1, {"name": "Acme"}, now=2)

    Spreader(cards, Wakeups(), 0).spread(2 + RENAMED_AFTER_MS)

    assert cards.renamed(10**12, 100) == []
