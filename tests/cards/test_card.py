"""merge is a join; compose can only build bodies of Ringostat's contract."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.card import Card, absorb, apply, digest, merge, stamped
from cards.endpoints import Stamped, compose, endpoint_for
from cards.key import key_of

KEY = "106#Pipedrive#contact:42"
PHONE = [{"value": "+380670000001", "name": None, "primary": False}]
EMAIL = [{"value": "olena@example.com", "name": None, "primary": False}]

entries = st.fixed_dictionaries({"value": st.sampled_from(["+380670000001", "+380670000002"]), "name": st.none()})
texts, blocks = st.one_of(st.none(), st.text(max_size=2)), st.lists(entries, max_size=2)


def stamps(values):
    """Stamps, some with what a newer version put behind them."""
    of_today = st.tuples(values, st.integers(0, 3), st.integers(0, 3))
    newer = st.lists(st.integers(0, 2) | st.text(max_size=1), max_size=2)
    return st.builds(lambda stamp, more: tuple.__new__(Stamped, (*stamp, *more)), of_today, newer)


fields = st.fixed_dictionaries(
    {},
    optional={
        "fullName": stamps(texts),
        "dealLink": stamps(texts),
        "phones.0": stamps(blocks),
        "emails.0": stamps(blocks),
    },
)


@given(fields, fields)
def test_merge_is_commutative(a, b):
    assert merge(a, b) == merge(b, a)


@given(fields, fields, fields)
def test_merge_is_associative(a, b, c):
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(fields, fields)
def test_merge_is_idempotent(a, b):
    assert merge(merge(a, b), b) == merge(a, b)


@given(st.lists(fields, max_size=5), st.randoms())
def test_any_order_and_repetition_of_changes_gives_the_same_card(changes, random):
    shuffled = changes + random.choices(changes, k=3) if changes else []
    random.shuffle(shuffled)

    assert absorb(Card(KEY), shuffled)[0].fields == absorb(Card(KEY), changes)[0].fields


def test_each_field_keeps_its_newest_value():
    known = {"fullName": Stamped("new", 2, 2), "dealLink": Stamped("old", 1, 1)}

    assert merge(known, {"fullName": Stamped("x", 1, 9), "dealLink": Stamped("newer", 2, 2)}) == {
        "fullName": Stamped("new", 2, 2),
        "dealLink": Stamped("newer", 2, 2),
    }


def test_without_a_time_of_the_crm_arrival_counts():
    assert stamped({"fullName": "x"}, changed_at=None, received_at=7)["fullName"] == Stamped("x", 7, 7)


def test_a_time_in_the_future_counts_as_arrival():
    minute = 60_000

    assert stamped({"a": 1}, changed_at=5 * minute, received_at=0)["a"].changed_at == 5 * minute
    assert stamped({"a": 1}, changed_at=5 * minute + 1, received_at=0)["a"].changed_at == 0


@pytest.mark.parametrize(
    ("card", "key"),
    [
        ("contact:42", "106#Pipedrive#contact:42"),
        ("lead:a#b:c", "106#Pipedrive#lead:a#b:c"),
        ("contact:+380670000001", "106#Pipedrive#contact:sha256-"),
        ("contact:olena@example.com", "106#Pipedrive#contact:sha256-"),
        ("contact:" + "9" * 201, "106#Pipedrive#contact:sha256-"),
    ],
)
def test_a_key_never_is_a_phone_or_an_email(card, key):
    assert re.fullmatch(re.escape(key) + "([0-9a-f]{32})?", key_of(106, "Pipedrive", card))


def test_organizations_have_their_own_endpoint():
    assert endpoint_for("organization").name == "organizations"
    assert endpoint_for("contact").name == "contacts"


def test_a_contact_is_composed_with_every_key_of_the_contract():
    card = {
        "fullName": "Olena Koval",
        "externalId": "42",
        "responsible": "7",
        "contactLink": "https://acme.example.com/person/42",
        "phones.0": [*PHONE, {"value": "+380670000002", "name": "work", "primary": True}],
        "phones.1": PHONE,
        "emails.0": EMAIL,
        "organizations.0": [{"externalId": "9", "name": "Acme"}, {"externalId": "10", "name": None}],
    }

    payload = composed(card)

    assert payload == {
        "projectId": 106,
        "fullName": "Olena Koval",
        "origin": "Pipedrive",
        "externalId": "42",
        "leadId": None,
        "responsible": "7",
        "staffId": None,
        "contactLink": "https://acme.example.com/person/42",
        "leadLink": None,
        "dealLink": None,
        "googleClientId": None,
        "contactDirections": [
            {"type": "phone", "name": "work", "value": "+380670000002"},
            {"type": "phone", "name": "Olena Koval", "value": "+380670000001"},
            {"type": "email", "name": "Olena Koval", "value": "olena@example.com"},
        ],
        "organizations": [{"projectId": 106, "name": "Acme", "externalId": "9", "origin": "Pipedrive"}],
    }


@pytest.mark.parametrize(
    ("card", "name"),
    [
        ({"fullName": "Olena", "phones.0": PHONE}, "Olena"),
        ({"phones.0": PHONE, "organizations.0": [{"externalId": "9", "name": "Acme"}]}, "Acme"),
        ({"phones.0": PHONE, "emails.0": EMAIL}, "+380670000001"),
        ({"emails.0": EMAIL}, "olena@example.com"),
    ],
)
def test_the_name_is_never_empty(card, name):
    payload = composed(card | {"externalId": "42"})

    assert payload["fullName"] == name
    assert payload["responsible"] == "0"


@pytest.mark.parametrize(
    ("key", "card", "waiting"),
    [
        (KEY, {"fullName": "Olena", "externalId": "42", "phones.0": []}, "no-phone-or-email"),
        ("106#X#organization:9", {"externalId": "9", "name": None}, "no-name"),
    ],
)
def test_a_card_that_cannot_be_posted_says_what_it_waits_for(key, card, waiting):
    result = compose(key, stamped(card, changed_at=1, received_at=1))

    assert (result.payload, result.waiting) == (None, waiting)


def test_an_organization_is_composed():
    card = stamped({"externalId": "9", "name": "Acme"}, changed_at=1, received_at=1)

    assert compose("106#X#organization:9", card).payload == {
        "projectId": 106,
        "origin": "X",
        "name": "Acme",
        "externalId": "9",
    }


def news(changed_at=1, received_at=1, **values):
    return stamped({"externalId": "42", "phones.0": PHONE} | values, changed_at=changed_at, received_at=received_at)


def test_the_first_change_of_a_card_is_accepted():
    assert absorb(Card(KEY), [news(fullName="Olena")])[1] == ["accepted"]


def test_the_same_event_again_is_unchanged_but_its_stamp_is_kept():
    card, _ = absorb(Card(KEY), [news()])

    again, verdicts = absorb(card, [news(received_at=2)])

    assert verdicts == ["unchanged"]
    assert (again.rev, again.hash) == (card.rev + 1, card.hash)
    assert absorb(again, [news(received_at=2)])[0] is again


def test_an_older_version_is_stale():
    card, _ = absorb(Card(KEY), [news(changed_at=2, fullName="new")])

    after, verdicts = absorb(card, [news(changed_at=1, received_at=9, fullName="old")])

    assert verdicts == ["stale"]
    assert after is card


def test_a_late_partial_change_still_brings_its_news():
    card, _ = absorb(Card(KEY), [news(changed_at=2, fullName="new")])

    after, verdicts = absorb(card, [stamped({"dealLink": "https://x.example.com/1"}, changed_at=1, received_at=3)])

    assert verdicts == ["accepted"]
    assert after.fields["dealLink"].value == "https://x.example.com/1"


def test_an_erased_card_stays_erased():
    tombstone = Card(KEY, erased=1)

    assert absorb(tombstone, [news()]) == (tombstone, ["erased"])


def test_a_card_that_would_outgrow_its_row_is_refused():
    card, _ = absorb(Card(KEY), [news()])

    after, verdicts = absorb(card, [news(fullName="x" * 350_000)])

    assert (after, verdicts) == (card, ["too-large"])


def test_new_content_ends_a_refusal_and_new_stamps_do_not():
    refusal = ("hash", "400", "fullName", 1)
    card = absorb(Card(KEY), [news()])[0]
    card = card._replace(refused=type("R", (tuple,), {"hash": card.hash})(refusal))

    assert apply(card, news(received_at=2)).refused is card.refused
    assert apply(card, news(received_at=2, fullName="other")).refused is None


def test_equal_bodies_have_equal_hashes():
    assert digest({"a": 1, "b": "ї"}) == digest({"b": "ї", "a": 1}) != digest({"a": 2, "b": "ї"})


def composed(card):
    payload = compose(KEY, stamped(card, changed_at=1, received_at=1)).payload
    json.dumps(payload)
    return payload
