"""The rules of delivery as tables: what may be done with a card, and what an answer makes of it."""

import re
from itertools import product

import pytest

from aws.chunks import chunks
from cards.card import Card, Refusal, is_confirmed
from delivery import state
from delivery.classify import Judgement
from delivery.policy import Policy
from local.in_process import aws
from settings import SETTINGS

POLICY = Policy.of(SETTINGS._asdict())
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
    assert state.step(card, NOW, POLICY.quiet_ms) == step


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


def test_a_card_is_confirmed_while_ringostat_surely_holds_its_present_content():
    card = Card(DUE.key, hash="new", confirmed_hash="new")

    assert is_confirmed(card)
    assert not is_confirmed(card._replace(ambiguous=True))
    assert not is_confirmed(card._replace(hash="newer"))
    assert not is_confirmed(Card(DUE.key)), "there is no content to confirm"


def rows():
    """Every row that the rules of claiming can tell apart."""
    choices = {
        "due_at": (None, NOW),
        "hash": (None, "new"),
        "erased": (None, 1),
        "lease_id": (None, "x"),
        "not_before": (None, NOW, NOW + 1),
        "confirmed_hash": (None, "new", "old"),
        "ambiguous": (False, True),
        "assert_at": (None, NOW, NOW + 1),
    }
    for number, values in enumerate(product(*choices.values())):
        yield Card(f"106#X#contact:{number}", **dict(zip(choices, values, strict=True)))


def test_the_condition_of_dynamodb_and_the_pure_rule_agree_on_every_row(nowhere):
    cards = list(rows())
    for chunk in chunks(cards, 25):
        put = [{"PutRequest": {"Item": item_of(card)}} for card in chunk]
        aws("dynamodb").batch_write_item(RequestItems={SETTINGS.cards_table: put})

    # A filter is written, and judged, as the condition of a write is: one call instead of 864.
    claim = state.claim("", state.Lease("mine", NOW), NOW)
    pages = (
        aws("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=SETTINGS.cards_table,
            FilterExpression=claim.condition,
            ExpressionAttributeNames={name: name[1:] for name in re.findall(r"#\w+", claim.condition)},
            ExpressionAttributeValues={f":{name}": typed(value) for name, value in claim.values.items()},
        )
    )
    claimable = {item["key"]["S"] for page in pages for item in page["Items"]}

    assert len(cards) == 864
    assert claimable == {card.key for card in cards if state.step(card, NOW, POLICY.quiet_ms) == "claim"}


def item_of(card):
    values = {name: value for name, value in card._asdict().items() if value and name != "fields"}
    due = {} if card.due_at is None else {"due": {"S": "106"}}
    return {name: typed(value) for name, value in values.items()} | due


def typed(value):
    return {"BOOL": value} if value is True else {"S": value} if isinstance(value, str) else {"N": str(value)}


@pytest.mark.parametrize(
    ("judgement", "again_after"),
    [
        (Judgement("confirmed"), None),
        (Judgement("bad-data", "400"), None),
        (Judgement("auth", "401"), None),
        (Judgement("ambiguous", "503"), 60_000),
        (Judgement("not-sent", "dns"), 15_000),
        (Judgement("slow-down", "429", wait_seconds=100), 105_000),
        (Judgement("unposted", "no-time"), 0),
        (Judgement("unposted", "ambiguous"), 30_000),
        (Judgement("unposted", "circuit-open"), None),
    ],
)
def test_a_wakeup_comes_again_only_for_what_may_be_tried_soon(judgement, again_after):
    result = state.judged(DUE, judgement, NOW, POLICY, jitter=0.5)

    assert result.again_at == (None if again_after is None else NOW + again_after)


def test_content_that_was_due_for_fourteen_days_is_given_up():
    old = DUE._replace(due_since=NOW - 14 * 86_400_000 - 1)

    assert (
        state.judged(old, Judgement("ambiguous", "503"), NOW, POLICY, 0.5).record.changes["refused"].code == "expired"
    )
    assert state.judged(old, Judgement("confirmed"), NOW, POLICY, 0.5).record.changes["refused"] is None


def test_a_retry_lets_a_refused_card_be_posted_again():
    write = state.retry(DUE._replace(due_at=None, refused=Refusal("new", "400", "", 1)), NOW)

    assert (write.changes["refused"], write.changes["due_at"], write.changes["due_since"]) == (None, NOW, NOW)
    assert write.condition == "attribute_exists(#refused)"
