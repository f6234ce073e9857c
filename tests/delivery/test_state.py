"""The rules of delivery as tables: what may be done with a card, and what an answer makes of it."""

import pytest

from cards.card import Card, Refusal
from delivery import state
from delivery.state import Policy

POLICY = Policy.of(quiet_seconds=60, assert_after_seconds=300, retry_cap_seconds=21_600)
NOW = 1_000_000
DUE = Card("106#X#contact:1", rev=1, hash="new", due_at=NOW)


@pytest.mark.parametrize(
    ("card", "step"),
    [
        (None, "leave"),
        (DUE, "claim"),
        (DUE._replace(due_at=None), "leave"),
        (DUE._replace(hash=None), "leave"),
        (DUE._replace(erased=1), "leave"),
        (DUE._replace(confirmed_hash="old"), "claim"),
        (DUE._replace(confirmed_hash="new"), "settle"),
        (DUE._replace(confirmed_hash="new", ambiguous=True), "claim"),
        (DUE._replace(confirmed_hash="new", assert_at=NOW), "claim"),
        (DUE._replace(confirmed_hash="new", assert_at=NOW + 1), "settle"),
        (DUE._replace(not_before=NOW), "claim"),
        (DUE._replace(not_before=NOW + 1), "wait"),
        (DUE._replace(lease_id="x", lease_until=NOW + 1), "leave"),
        (DUE._replace(lease_id="x", lease_until=NOW - 59_999), "leave"),
        (DUE._replace(lease_id="x", lease_until=NOW - 60_000), "reclaim"),
    ],
)
def test_what_a_worker_may_do_with_a_card(card, step):
    assert state.step(card, NOW, POLICY.quiet) == step


def test_a_confirmed_card_is_no_longer_due():
    changes = state.confirmed(DUE, NOW, POLICY)

    assert changes["confirmed_hash"] == "new"
    assert (changes["due"], changes["due_at"], changes["assert_at"], changes["lease_id"]) == (None, None, None, None)


def test_after_an_ambiguous_attempt_the_state_is_asserted_once_more():
    changes = state.confirmed(DUE._replace(ambiguous=True), NOW, POLICY)

    assert changes["assert_at"] == changes["due_at"] == NOW + 300_000
    assert changes["ambiguous"] is None


def test_the_assertion_itself_ends_it():
    changes = state.confirmed(DUE._replace(confirmed_hash="new", assert_at=NOW), NOW, POLICY)

    assert (changes["assert_at"], changes["due_at"]) == (None, None)


def test_news_in_between_does_not_use_up_the_assertion():
    changes = state.confirmed(DUE._replace(confirmed_hash="old", assert_at=NOW + 1), NOW, POLICY)

    assert changes["assert_at"] == changes["due_at"] == NOW + 1


def test_after_an_ambiguous_answer_there_is_quiet():
    changes = state.ambiguous(DUE, NOW, POLICY, jitter=0.0)

    assert changes["not_before"] == changes["due_at"] == NOW + 60_000
    assert changes["ambiguous"] is True


@pytest.mark.parametrize(
    ("attempts", "jitter", "seconds"),
    [(0, 1, 30), (1, 1, 60), (2, 0.5, 60), (9, 1, 15_360), (10, 1, 21_600), (99, 1, 21_600)],
)
def test_retries_spread_below_a_bound_that_doubles(attempts, jitter, seconds):
    changes = state.retried(DUE._replace(attempts=attempts), NOW, POLICY, jitter)

    assert changes["not_before"] == NOW + seconds * 1000
    assert changes["attempts"] == attempts + 1
    assert "ambiguous" not in changes


def test_a_refused_card_is_not_due_before_its_content_changes():
    changes = state.refused(DUE, Refusal("new", "400", "fullName", NOW))

    assert (changes["due"], changes["refused"].code) == (None, "400")


def test_a_refusal_of_old_content_is_moot_and_the_card_stays_due():
    changes = state.record_moved(
        DUE._replace(lease_id="mine"), state.refused(DUE, Refusal("new", "400", "", NOW))
    ).changes

    assert not {"due", "due_at", "refused"} & set(changes)
    assert changes["lease_id"] is None


def test_a_refusal_does_not_use_up_the_assertion():
    changes = state.refused(DUE._replace(assert_at=NOW + 1), Refusal("new", "400", "", NOW))

    assert "assert_at" not in changes


def test_a_refusal_leaves_unknown_what_was_unknown():
    assert state.refused(DUE._replace(ambiguous=True), Refusal("new", "400", "", NOW))["ambiguous"] is True
    assert state.refused(DUE, Refusal("new", "400", "", NOW))["ambiguous"] is None
