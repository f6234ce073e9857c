"""The cards table: conditions hold, unknown attributes survive, calls grow with batches."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws.client import Failure
from aws.clients import PATIENT, dynamodb
from aws.table import BATCH, Cards
from cards import write
from cards.card import Card, Refusal, absorb, stamped
from cards.key import key_of
from cards.write import Write
from delivery import state
from delivery.state import Lease
from errors import NewerSchema, Unavailable
from local.in_process import counted
from settings import SETTINGS

PHONE = [{"value": "+380670000001", "name": None, "primary": False}]


NEW = Card("")  # revision 0: no row yet


def key(number=42):
    return key_of(106, "Pipedrive", f"contact:{number}")


def filled(number=42, changed_at=1, **values):
    news = stamped({"externalId": str(number), "phones.0": PHONE, **values}, changed_at=changed_at, received_at=1)
    return absorb(Card(key(number), connection="acme"), [news])[0]


def put_newer(key):
    row = {"key": {"S": key}, "schema": {"N": str(write.SCHEMA + 1)}}
    dynamodb(PATIENT).call("PutItem", TableName=SETTINGS.cards_table, Item=row)


def save(bridge, card, before=NEW, due_at=5):
    return bridge.cards.write_all([write.merged(before, card, due_at=due_at, expires_at=None)])


def test_a_card_is_read_as_it_was_written(nowhere):
    card = filled(fullName="Олена «Коваль»")

    save(nowhere, card)

    assert nowhere.card(card.key) == card._replace(due_at=5, due_since=5)


def test_a_refusal_is_read_as_it_was_written(nowhere):
    refused = Refusal("hash", "400", "fullName", 7)
    nowhere.cards.write(Write(key(), {"refused": refused}))

    assert nowhere.card(key()).refused == refused


def test_a_missing_card_is_not_read(nowhere):
    assert nowhere.cards.read([key()]) == {}
    assert nowhere.cards.read([key(1), key(2)]) == {}


def test_a_first_write_fails_when_somebody_else_was_first(nowhere):
    first, second = filled(fullName="first"), filled(fullName="second")
    save(nowhere, first)

    conflicts = save(nowhere, second)

    assert conflicts == {first.key: first._replace(due_at=5, due_since=5)}


def test_a_write_fails_when_the_card_has_changed_since_it_was_read(nowhere):
    card = filled()
    save(nowhere, card)
    save(nowhere, card._replace(rev=2), before=card)

    conflicts = save(nowhere, card._replace(rev=2, hash="lost"), before=card)

    assert conflicts[card.key].hash == card.hash


def test_a_write_does_not_bring_back_an_erased_card(nowhere):
    card = filled()
    save(nowhere, card)
    nowhere.cards.write(Write(card.key, {"erased": 1}, "attribute_exists(#rev)"))

    assert list(save(nowhere, card._replace(rev=2), before=card)) == [card.key]


def test_an_erased_card_keeps_nothing_but_its_key(nowhere):
    card = filled(fullName="Olena Koval")
    save(nowhere, card)
    nowhere.cards.write(Write(card.key, {"invented_later": "+380670000001"}))

    nowhere.cards.erase(card.key, 7)

    row = dynamodb(PATIENT).call("GetItem", TableName=SETTINGS.cards_table, Key={"key": {"S": card.key}})["Item"]
    assert set(row) == {"key", "connection", "schema", "rev", "erased"}
    assert nowhere.due() == []


def test_a_card_erased_before_it_came_stays_away(nowhere):
    nowhere.cards.erase(key(), 7)

    assert list(save(nowhere, filled())) == [key()]


def test_attributes_of_a_newer_version_survive_a_write(nowhere):
    card = filled()
    save(nowhere, card)
    nowhere.cards.write(Write(card.key, {"invented_later": "kept"}, "attribute_exists(#rev)"))

    save(nowhere, card._replace(rev=2), before=card)

    row = dynamodb(PATIENT).call("GetItem", TableName=SETTINGS.cards_table, Key={"key": {"S": card.key}})["Item"]
    assert row["invented_later"] == {"S": "kept"}
    assert nowhere.card(card.key).rev == 2


def test_a_refusal_recorded_since_the_card_was_read_outlives_news_that_change_no_content(nowhere):
    card = filled(fullName="Olena")
    save(nowhere, card)
    nowhere.cards.write(Write(card.key, {"refused": Refusal(card.hash, "400", "", 7), **write.due(card.key, None)}))
    again, _ = absorb(card, [stamped({"fullName": "Olena"}, changed_at=2, received_at=2)])

    save(nowhere, again, before=card, due_at=None)

    assert nowhere.card(card.key).rev == 2
    assert nowhere.card(card.key).refused is not None


def test_only_the_writes_in_conflict_are_returned(nowhere):
    save(nowhere, filled(2))
    writes = [write.merged(Card(""), filled(number), due_at=5, expires_at=None) for number in range(101)]

    conflicts = nowhere.cards.write_all(writes)

    assert list(conflicts) == [key(2)]
    assert len(nowhere.cards.read([key(number) for number in range(101)])) == 101


def test_calls_grow_with_hundreds_not_with_cards(nowhere):
    with counted() as calls:
        nowhere.cards.write_all(
            [write.merged(Card(""), filled(number), due_at=5, expires_at=None) for number in range(101)]
        )
        nowhere.cards.read([key(number) for number in range(101)])

    assert calls == ["TransactWriteItems"] * 2 + ["BatchGetItem"] * 2


@pytest.mark.parametrize(("notes", "calls"), [(50, 1), (51, 2)])
def test_what_must_come_first_is_one_transaction_with_the_rest_where_both_fit(nowhere, notes, calls):
    first = [Write(f"note:{number}", {"at": 1}) for number in range(notes)]
    writes = [Write(key(number), {"rev": 1}) for number in range(50)]
    with counted() as called:
        nowhere.cards.write_all(writes, first=first)

    assert called == ["TransactWriteItems"] * calls
    assert len(nowhere.cards.rows([write.key for write in first + writes])) == notes + 50


def test_nothing_is_written_before_what_must_come_first_nor_after_the_time_is_up(nowhere):
    first, writes = [Write("note", {"at": 1})], [Write(key(), {"rev": 1})]
    with pytest.raises(Unavailable):
        nowhere.cards.write_all(writes, 0, first=first)
    put_newer("note")
    with pytest.raises(NewerSchema):
        nowhere.cards.write_all(writes, first=first)

    assert nowhere.cards.row(key()) == {}


def test_a_write_that_cannot_happen_stops_no_other_however_many_there_are(nowhere):
    put_newer(key(0))
    writes = [Write(key(number), {"rev": 1}) for number in range(BATCH + 1)]
    with pytest.raises(NewerSchema):
        nowhere.cards.write_all(writes)

    assert len(nowhere.cards.rows([write.key for write in writes[1:]])) == BATCH


def test_due_cards_come_in_the_order_in_which_they_became_due(nowhere):
    for number, due_at in ((1, 30), (2, 10), (3, 20), (4, 99)):
        save(nowhere, filled(number), due_at=due_at)

    assert nowhere.cards.due(106, 50, 10) == [key(2), key(3), key(1)]
    assert nowhere.cards.due(106, 50, 2) == [key(2), key(3)]


def test_a_card_with_nothing_to_post_is_not_due(nowhere):
    card = filled()
    save(nowhere, card)
    waiting, _ = absorb(card, [stamped({"phones.0": []}, changed_at=2, received_at=2)])

    save(nowhere, waiting, before=card)

    assert nowhere.card(card.key).waiting == "no-phone-or-email"
    assert nowhere.cards.due(106, 50, 10) == []


def test_a_broken_table_is_not_taken_for_a_conflict(aws):
    cards = Cards(dynamodb(PATIENT), "no-such-table")

    with pytest.raises(Failure):
        cards.write(write.merged(Card(""), filled(), due_at=5, expires_at=None))
    with pytest.raises(Failure):
        cards.write_all([write.merged(Card(""), filled(number), due_at=5, expires_at=None) for number in (1, 2)])


maybe = st.one_of(st.none(), st.integers(8, 12))
hashes = st.sampled_from([None, "a", "b"])
rows = st.fixed_dictionaries(
    {
        "due_at": maybe,
        "hash": hashes,
        "confirmed_hash": hashes,
        "lease_id": st.sampled_from([None, "other"]),
        "not_before": maybe,
        "ambiguous": st.sampled_from([None, True]),
        "assert_at": maybe,
        "erased": st.sampled_from([None, 1]),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(rows)
def test_dynamodb_claims_exactly_what_the_step_claims(nowhere, row):
    """The condition of the claim and `state.step` are the same rule in two languages."""
    due = "106" if row["due_at"] is not None else None
    nowhere.cards.write(Write(key(), {"rev": 1, "due": due, **row}, "attribute_not_exists(#never)"))
    card = nowhere.card(key())

    claimed = nowhere.cards.write(state.claim(key(), Lease("mine", 99), 10))

    assert claimed.done == (state.step(card, 10, 1000) == "claim")
    nowhere.cards.write(Write(key(), {"lease_id": None, "lease_until": None}, "attribute_not_exists(#never)"))
