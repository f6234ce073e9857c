"""The rules of delivery as tables: what may be done with a card, and what an answer makes of it."""

import re
from itertools import product

import pytest

from aws.chunks import chunks
from cards.card import Card, LastFailure, Refusal, is_confirmed, refusals
from cards.endpoints import Stamped
from delivery import state
from delivery.classify import Judgement
from delivery.policy import Policy
from local.in_process import aws
from settings import SETTINGS

POLICY = Policy.of(SETTINGS._asdict())
NOW = 1_000_000
DUE = Card("106#X#contact:1", rev=1, hash="new", due_at=NOW)
TAKEN = Judgement("confirmed", begun_at=NOW)


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
    changes = state.confirmed(DUE, TAKEN, NOW, POLICY)

    assert changes["confirmed_hash"] == "new"
    assert (changes["due"], changes["due_at"], changes["assert_at"], changes["lease_id"]) == (None, None, None, None)


def test_after_an_ambiguous_attempt_the_state_is_asserted_once_more():
    changes = state.confirmed(DUE._replace(ambiguous=True), TAKEN, NOW, POLICY)

    assert changes["assert_at"] == changes["due_at"] == NOW + 300_000
    assert changes["ambiguous"] is None


def test_the_assertion_itself_ends_it():
    changes = state.confirmed(DUE._replace(confirmed_hash="new", assert_at=NOW), TAKEN, NOW, POLICY)

    assert (changes["assert_at"], changes["due_at"]) == (None, None)


def test_news_in_between_does_not_use_up_the_assertion():
    changes = state.confirmed(DUE._replace(confirmed_hash="old", assert_at=NOW + 1), TAKEN, NOW, POLICY)

    assert changes["assert_at"] == changes["due_at"] == NOW + 1


def test_a_post_that_was_begun_before_the_assertion_was_owed_is_not_the_assertion():
    begun = TAKEN._replace(begun_at=NOW - 1)

    changes = state.confirmed(DUE._replace(assert_at=NOW), begun, NOW + 5, POLICY)

    assert changes["assert_at"] == changes["due_at"] == NOW


def test_after_an_ambiguous_answer_there_is_quiet():
    changes = state.ambiguous(DUE, Judgement("ambiguous", "timeout"), NOW, POLICY, jitter=0.0)

    assert changes["not_before"] == changes["due_at"] == NOW + 60_000
    assert changes["ambiguous"] is True


def test_after_an_answer_that_is_over_there_is_half_the_quiet():
    changes = state.ambiguous(DUE, Judgement("ambiguous", "503", is_over=True), NOW, POLICY, jitter=0.0)

    assert changes["not_before"] == changes["due_at"] == NOW + 30_000
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


REFUSED = Judgement("bad-data", "400", "fullName", status=400)


def refused(card, now=NOW):
    """Return the card after a refusal."""
    changes = state.judged(card, REFUSED, now, POLICY, 0.0).record.changes
    return Card(
        **{name: value for name, value in {**card._asdict(), **changes}.items() if name in Card._fields and value}
    )


def test_a_card_that_is_refused_alone_is_tried_again_after_a_minute_an_hour_and_a_day_and_not_after_that():
    card, now = DUE, NOW
    for number, seconds in enumerate((60, 3600, 86_400), start=1):
        card = refused(card, now)
        at = now + seconds * 1000
        assert (card.refused, refusals(card), card.due_at) == (None, number, at)
        assert state.step(card, at - 1, POLICY.quiet_ms) == "wait", "also if a stray wake-up comes"
        assert state.step(card, at, POLICY.quiet_ms) == "claim"
        now = at

    card = refused(card, now)
    assert (card.due_at, card.refused, refusals(card)) == (None, Refusal("new", "400", "fullName", now), 0)


def test_a_card_that_an_earlier_version_refused_stays_refused_until_its_content_changes():
    card = DUE._replace(due_at=None, refused=Refusal("new", "400", "", 1))

    assert state.step(card, NOW, POLICY.quiet_ms) == "leave"
    assert state.step(card._replace(hash="newer", due_at=NOW, refused=None), NOW, POLICY.quiet_ms) == "claim"


def test_new_content_of_a_refused_card_starts_anew():
    card = refused(refused(DUE), NOW + 60_000)._replace(hash="newer")

    assert state.step(card, NOW + 60_000, POLICY.quiet_ms) == "claim"
    assert refusals(refused(card, NOW + 60_000)) == 1


def test_a_success_ends_what_was_refused():
    changes = state.confirmed(refused(DUE), TAKEN, NOW, POLICY)

    assert {changes[name] for name in ("refused", "refused_hash", "refusals", "retry_at", "failure")} == {None}


def test_a_refusal_of_old_content_is_moot_and_the_card_stays_due():
    for times in ((), POLICY.tried_again_after_ms):
        policy = POLICY._replace(tried_again_after_ms=times)
        changes = state.record_moved(DUE._replace(lease_id="mine"), state.refused(DUE, REFUSED, NOW, policy)).changes

        assert not {"due", "due_at", "refused"} & set(changes)
        assert changes["lease_id"] is None
        assert changes["not_before"] is None, "newer content does not wait for it"


def test_a_refusal_does_not_use_up_the_assertion():
    changes = state.refused(DUE._replace(assert_at=NOW + 1), REFUSED, NOW, POLICY)

    assert "assert_at" not in changes


def test_a_refusal_leaves_unknown_what_was_unknown():
    for policy in (POLICY, POLICY._replace(tried_again_after_ms=())):
        assert state.refused(DUE._replace(ambiguous=True), REFUSED, NOW, policy)["ambiguous"] is True
        assert state.refused(DUE, REFUSED, NOW, policy)["ambiguous"] is None


def test_the_last_failure_is_kept_with_the_time_of_the_first():
    first = state.judged(DUE, Judgement("not-sent", "dns"), NOW, POLICY, 0.0).record.changes["failure"]
    card = DUE._replace(failure=first)
    second = state.judged(card, REFUSED, NOW + 5, POLICY, 0.0).record.changes["failure"]

    assert first == LastFailure("not-sent", None, "dns", "", NOW, NOW)
    assert second == LastFailure("bad-data", 400, "400", "fullName", NOW + 5, NOW)
    assert "failure" not in state.judged(card, Judgement("unposted", "no-time"), NOW, POLICY, 0.0).record.changes


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
    refusals = ((None, 0, None), *product(("new", "old"), (1,), (NOW, NOW + 1)))
    for number, (*values, refusal) in enumerate(product(*choices.values(), refusals)):
        refused = dict(zip(("refused_hash", "refusals", "retry_at"), refusal, strict=True))
        yield Card(f"106#X#contact:{number}", **dict(zip(choices, values, strict=True)), **refused)


def test_the_condition_of_dynamodb_and_the_pure_rule_agree_on_every_row(nowhere):
    cards = list(rows())
    for chunk in chunks(cards, 25):
        put = [{"PutRequest": {"Item": item_of(card)}} for card in chunk]
        aws("dynamodb").batch_write_item(RequestItems={SETTINGS.cards_table: put})

    # A filter is written, and judged, as the condition of a write is: one call instead of thousands.
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

    assert len(cards) == 4320
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
        (Judgement("bad-data", "400"), 60_000),
        (Judgement("auth", "401"), None),
        (Judgement("ambiguous", "503"), 60_000),
        (Judgement("not-sent", "dns"), 15_000),
        (Judgement("slow-down", "429", wait_seconds=100), 105_000),
        (Judgement("unposted", "no-time"), 0),
        (Judgement("unposted", "ambiguous"), 30_000),
        (Judgement("unposted", "circuit-open"), 30_000),
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
    assert write.condition == "attribute_exists(#refused) OR #refused_hash = #hash"


def test_a_number_is_known_since_the_first_body_with_it_was_confirmed_and_no_longer_than_it_is_in_the_body():
    fields = {"phones.0": Stamped([{"value": "+380670000001"}, {"value": "+380670000002"}], 1, 1)}
    card = DUE._replace(fields=fields, numbers={"+380670000001": 7, "+380670000003": 8})

    changes = state.confirmed(card, TAKEN, NOW, POLICY)

    assert changes["numbers"] == {"+380670000001": 7, "+380670000002": NOW}
    assert "numbers" not in state.confirmed(card._replace(numbers=changes["numbers"]), TAKEN, NOW + 1, POLICY)
    assert "numbers" not in state.confirmed(DUE, TAKEN, NOW, POLICY)
    assert state.confirmed(card._replace(fields={}), TAKEN, NOW, POLICY)["numbers"] is None
