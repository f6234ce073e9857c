"""A deletion is a stamped field: later data revive the card, whatever the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cards.card import Card, absorb, apply, digest, is_left_behind, stamped
from cards.endpoints import compose, is_deleted
from cards.write import UNSHOWN, merged

KEY = "106#Pipedrive#contact:42"
PHONE = [{"value": "+380670000001", "name": None, "primary": False}]
WHOLE = {"externalId": "42", "fullName": "Olena", "phones.0": PHONE}
GONE = {"externalId": "42", "deleted": True}


def news(fields, at, received_at=None):
    return stamped(fields, changed_at=at, received_at=received_at or at)


changes = st.lists(
    st.builds(news, st.sampled_from([WHOLE, GONE, {"externalId": "42", "fullName": "New"}]), st.integers(1, 5)),
    min_size=1,
    max_size=6,
)


@given(changes, st.randoms())
def test_whatever_the_order_a_card_is_deleted_unless_newer_data_came(all_news, random):
    shuffled = random.sample(all_news, len(all_news)) + random.choices(all_news, k=2)
    times = {
        deleted: [one["externalId"][1] for one in all_news if ("deleted" in one) is deleted]
        for deleted in (True, False)
    }

    card, again = absorb(Card(KEY), all_news)[0], absorb(Card(KEY), shuffled)[0]

    assert (card.fields, card.hash, card.waiting) == (again.fields, again.hash, again.waiting)
    assert is_deleted(card.fields) == (max(times[True], default=0) >= max(times[False], default=1))
    assert not (is_deleted(card.fields) and card.hash)


@pytest.mark.parametrize(
    ("deletion", "deleted"),
    [
        (news(GONE, 4), False),  # without a time of the CRM's own; the record was restored before it was read
        (news(GONE, 3, 4), False),
        (news(GONE, 6), True),
        (news(GONE, 3, 6), True),  # it bears the time of the last edit, and came after the read
    ],
)
def test_a_record_that_was_read_is_there_until_a_deletion_comes_later(deletion, deleted):
    """It was changed at 2, and read at 5."""
    read = news(WHOLE, 2, 5) | news({"externalId": "42"}, 5)

    for order in ([read, deletion], [deletion, read]):
        assert is_deleted(absorb(apply(Card(KEY), news(WHOLE, 1)), order)[0].fields) is deleted


@pytest.mark.parametrize(
    ("known", "deletion", "verdict", "deleted"),
    [
        (news(WHOLE, 1), news(GONE, 2), "accepted", True),
        (news(WHOLE, 1, 1), news(GONE, 1, 2), "accepted", True),
        (news(WHOLE, 2), news(GONE, 1), "stale", False),
        ({**news(WHOLE, 1), **news(GONE, 2)}, news(GONE, 2), "unchanged", True),
    ],
)
def test_a_deletion_counts_unless_the_crm_said_something_later(known, deletion, verdict, deleted):
    card, verdicts = absorb(apply(Card(KEY), known), [deletion])

    assert (verdicts, is_deleted(card.fields)) == ([verdict], deleted)


def test_the_same_data_after_the_deletion_revive_the_card():
    known = apply(Card(KEY), news(WHOLE, 1))
    deleted = apply(known, news(GONE, 2))

    card, verdicts = absorb(deleted, [news(WHOLE, 3)])

    assert verdicts == ["accepted"]
    assert card.hash == known.hash


def test_the_name_of_its_organization_revives_no_contact():
    fields = {**news(WHOLE, 1), **news(GONE, 2), **news({"organizationName.9": "Acme"}, 3)}

    assert apply(Card(KEY), fields).waiting == "deleted-in-crm"


@pytest.mark.parametrize("gone", [GONE, {"phones.0": []}])
@pytest.mark.parametrize(
    ("known", "left"),
    [({"confirmed_hash": "x"}, True), ({"ambiguous": True}, True), ({"lease_id": "x"}, True), ({"due_at": 1}, False)],
)
def test_a_card_that_loses_its_content_is_left_behind_if_ringostat_may_show_it(gone, known, left):
    before = apply(Card(KEY), news(WHOLE, 1))._replace(**known)

    after = apply(before, news(gone, 2))
    write = merged(before, after, due_at=7, expires_at=None, since=5)

    assert write.changes["due"] == ("106#left-behind" if left else None)
    assert write.changes["due_at"] == (5 if left else None)  # since when: the next try is none of such a card
    assert write.changes.get("shown") == (
        {"name": "Olena", "link": None, "numbers": ["+380670000001"]} if left else None
    )
    assert (UNSHOWN in write.condition) is not left
    assert is_left_behind(after._replace(due_at=write.changes["due_at"])) is left


def test_what_stays_without_content_stays_left_behind_as_it_is():
    before = Card(KEY, fields=news(GONE, 2), rev=2, due_at=7)

    assert "due" not in merged(before, apply(before, news({"fullName": "x"}, 1)), due_at=None, expires_at=None).changes


MARKED = {"externalId": "42", "deleted": "[deleted]"}
SHOWN = [{"confirmed_hash": "x"}, {"ambiguous": True}, {"lease_id": "x"}]


@pytest.mark.parametrize("known", SHOWN)
def test_with_a_mark_a_deleted_card_that_ringostat_may_show_is_posted_with_its_name_marked(known):
    before = apply(Card(KEY), news(WHOLE, 1))._replace(**known)

    after = apply(before, news(MARKED, 2))

    body = compose(KEY, after.fields).payload
    assert (after.hash, after.waiting) == (digest(body), None)
    assert body == {**compose(KEY, before.fields).payload, "fullName": "[deleted] Olena"}
    assert merged(before, after, due_at=7, expires_at=None).changes["due"] == "106"


def test_a_card_that_ringostat_never_had_is_not_posted_to_be_marked():
    assert apply(apply(Card(KEY), news(WHOLE, 1)), news(MARKED, 2)).waiting == "deleted-in-crm"


def test_a_mark_ends_with_newer_data():
    known = apply(Card(KEY), news(WHOLE, 1))._replace(confirmed_hash="x")

    assert apply(apply(known, news(MARKED, 2)), news(WHOLE, 3)).hash == known.hash


def test_a_deletion_with_a_mark_takes_a_card_off_those_left_behind():
    left = apply(apply(Card(KEY), news(WHOLE, 1))._replace(confirmed_hash="x"), news(GONE, 2))

    changes = merged(left, apply(left, news(MARKED, 3)), due_at=7, expires_at=None).changes

    assert (changes["due"], changes["shown"]) == ("106", None)


def test_an_organization_is_marked_in_its_name():
    key = "106#Pipedrive#organization:9"
    known = apply(Card(key), news({"externalId": "9", "name": "Acme"}, 1))._replace(confirmed_hash="x")

    after = apply(known, news({"externalId": "9", "deleted": "×"}, 2))

    assert compose(key, after.fields).payload["name"] == "× Acme"
