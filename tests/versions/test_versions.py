"""A version reads and keeps what the one before and the next one wrote, and refuses what it cannot know."""

import json
from pathlib import Path

import pytest

from aws.table import Cards, card_of
from cards.card import Refusal, stamped
from cards.write import Write
from errors import NewerSchema
from event import queued, wrapped
from intake.merging import Merging
from local.in_process import START, aws
from lookup.rows import Row
from settings import SETTINGS
from tests.delivery.test_worker import change, key, names, woken

# What commit 20c6f65 wrote: cards confirmed, due, waiting, erased, ambiguous and refused, and an organization that is
# only wanted; a wake-up and an event that `api` kept.
PREDECESSOR = json.loads((Path(__file__).parent / "predecessor.json").read_text("utf-8"))
TEXT, NUMBER, LATER = {"S": "kept"}, {"N": "0.5"}, {"N": "2"}


def put(*rows):
    for row in rows:
        aws("dynamodb").put_item(TableName=SETTINGS.cards_table, Item=row)


def say(bridge, one, at, **fields):
    """Merge some fields of a card, changed at a time; they are heard of then, too."""
    news = {one: [stamped(fields, changed_at=at, received_at=at)]}
    Merging(bridge.cards, connection="acme", now=bridge.clock.now()).merge(news)


def item(one):
    return aws("dynamodb").get_item(TableName=SETTINGS.cards_table, Key={"key": {"S": one}})["Item"]


def rewritten(one, **attributes):
    """Let the next version write further attributes to a row, or others; None takes one away."""
    row = {**item(one), **attributes}
    put({name: value for name, value in row.items() if value is not None})


@pytest.fixture
def upgraded(bridge):
    bridge.clock.time = PREDECESSOR["clock"]
    put(*PREDECESSOR["rows"])
    return bridge


def test_a10_what_the_version_before_owed_is_delivered(upgraded, ringostat):
    upgraded.clock.pass_(61)
    upgraded.sweep()
    upgraded.settle()

    assert names(ringostat) == {
        "1": "Olena Newer", "2": "Olena 2", "6": "Olena 6", "8": "Olena 8", "9": "Olena 9", None: "Lead 10"
    }  # fmt: skip
    assert upgraded.card(key(4)).waiting == "no-phone-or-email"
    assert upgraded.card(key(5)).erased
    assert upgraded.card(key(7)).refused.code == "400"


def test_a10_its_cards_are_merged_with_news_and_forget_nothing(upgraded):
    before = upgraded.card(key(3))

    say(upgraded, key(3), START, fullName="Older")
    say(upgraded, key(3), upgraded.clock.now(), dealLink="https://acme.example.com/deal/1")
    change(upgraded, 5)

    after = upgraded.card(key(3))
    assert after.fields["fullName"] == before.fields["fullName"]
    assert (after.confirmed_hash, after.rev) == (before.confirmed_hash, before.rev + 1)
    assert upgraded.card(key(5)).fields == {}


def test_a10_a_row_that_was_born_as_a_wish_gets_the_connection_of_its_card(upgraded):
    """Two births of a row (review N1): the predecessor's wish for a name, and a tombstone before its card."""
    organization = "106#Pipedrive#organization:50"
    upgraded.cards.erase(key(11), upgraded.clock.now())
    upgraded.cards.write(Write(key(11), {"erased": None}))

    say(upgraded, organization, upgraded.clock.now(), externalId="50", name="Acme")
    change(upgraded, 8)
    change(upgraded, 11)

    assert [upgraded.card(one).connection for one in (organization, key(11))] == ["acme", "acme"]
    assert upgraded.card(key(8)).fields["organizationName.50"].value == "Acme"


def test_a10_its_messages_are_understood(upgraded, ringostat):
    upgraded.put(PREDECESSOR["inbox"])
    aws("sqs").send_message(QueueUrl=SETTINGS.delivery_queue_url, MessageBody=PREDECESSOR["wakeup"])

    assert upgraded.take_inbox() == 0
    assert upgraded.deliver() == 0
    assert names(ringostat) == {"1": "Olena Newer", "2": "Olena 2", "C-11": "Olena Queued"}


def further(one, *elements):
    """Let the next version put elements behind each stamp of a row."""
    fields = json.loads(item(one)["fields"]["S"])
    rewritten(one, fields={"S": json.dumps({name: [*stamp, *elements] for name, stamp in fields.items()})})


def test_a10_what_the_next_version_put_beside_is_kept_by_every_writer(bridge, ringostat):
    change(bridge)
    further(key(), "mapping-2", {"more": 1})
    rewritten(key(), invented={"M": {"deep": NUMBER}}, ratio=NUMBER)

    say(bridge, key(), bridge.clock.now(), fullName="Olena Koval")
    woken(bridge, [key()])

    stamps = json.loads(item(key())["fields"]["S"])
    assert names(ringostat) == {"42": "Olena Koval"}
    assert stamps["phones.0"][3:] == ["mapping-2", {"more": 1}]
    assert stamps["fullName"][3:] == []
    assert (item(key())["invented"], item(key())["ratio"]) == ({"M": {"deep": NUMBER}}, NUMBER)


def test_a10_a_repetition_does_not_take_away_what_the_next_version_said_of_a_stamp(bridge):
    say(bridge, key(), START, fullName="Olena")
    further(key(), "mapping-2")
    before = item(key())

    say(bridge, key(), START, fullName="Olena")

    assert item(key()) == before


def test_a10_a_refusal_with_more_to_say_is_read():
    row = {"key": {"S": key()}, "refused": {"S": '["hash", "400", "fullName", 7, 3, "more"]'}}

    assert card_of(row).refused == Refusal("hash", "400", "fullName", 7)


def test_a10_other_rows_of_the_next_version_are_read(nowhere):
    put({"key": {"S": "106#throttle"}, "circuit": {"S": "weather"}, "rests_until": {"N": "1"}, "half": NUMBER})
    put({"key": {"S": "wanted#acme#contact:1"}, "due": {"S": "wanted#acme"}, "due_at": {"N": "1"}, "since": {"N": "1"},
         "wanted_at": {"N": "1"}, "invented": {"L": [NUMBER]}})  # fmt: skip
    now = nowhere.clock.now()

    assert nowhere.throttles.admits(106, now)
    assert nowhere.wanted("acme") == [Row("wanted#acme#contact:1", "contact", "1", 1, 1, 1)]


def test_a10_a_card_of_a_greater_schema_is_left_to_the_next_version(bridge, ringostat, caplog):
    for number in (1, 2, 3):
        change(bridge, number)
    rewritten(key(2), schema=LATER)
    before = item(key(2))

    failures = woken(bridge, [key(1), key(2), key(3)])

    assert names(ringostat) == {"1": "Olena 1", "3": "Olena 3"}
    assert failures == [{"itemIdentifier": "message"}]
    assert item(key(2)) == before
    assert woken(bridge, [key(2)]) == [{"itemIdentifier": "message"}]
    with pytest.raises(NewerSchema):
        bridge.cards.erase(key(2), bridge.clock.now())
    assert item(key(2)) == before


def test_a10_an_event_of_such_a_card_waits_in_the_inbox_queue(bridge):
    person = [{"externalId": "1", "fullName": "Olena", "phones": ["+380670000001"]}]
    bridge.post("acme-direct", person)
    rewritten("106#Direct#contact:1", schema=LATER)
    before = item("106#Direct#contact:1")

    answer = bridge.post("acme-direct", person)

    assert (answer.status, answer.body) == (202, {"request_id": "request-2", "queued": True})
    assert bridge.take_inbox() == 1
    assert item("106#Direct#contact:1") == before
    assert bridge.rejected() == []


def test_a10_the_sweep_goes_on_beside_such_cards(bridge, ringostat):
    change(bridge, 1)
    change(bridge, 2)
    rewritten(key(2), schema=LATER)
    bridge.clock.pass_(61)

    bridge.sweep()
    bridge.deliver()

    assert names(ringostat) == {"1": "Olena 1"}


def test_a10_a_plain_row_of_a_greater_schema_is_not_read_as_if_known(nowhere):
    put({"key": {"S": "lookup#acme"}, "schema": LATER})

    for read in (lambda cards: cards.row("lookup#acme"), lambda cards: cards.rows(["lookup#acme"])):
        with pytest.raises(NewerSchema):
            read(Cards(nowhere.cards._client, SETTINGS.cards_table))


@pytest.mark.parametrize("queue", ["delivery", "lookup"])
def test_a10_a_wake_up_of_a_greater_schema_stays_in_its_queue(bridge, queue):
    url = {"delivery": SETTINGS.delivery_queue_url, "lookup": SETTINGS.lookup_queue_url}[queue]
    body = json.dumps({"schema": 2, "keys": [key()], "connection": "acme"})
    aws("sqs").send_message(QueueUrl=url, MessageBody=body)

    assert (bridge.deliver() if queue == "delivery" else bridge.take_lookups()) == 1


def test_a10_further_fields_of_a_wake_up_are_ignored(bridge, ringostat):
    change(bridge)
    message = json.dumps({"schema": 1, "keys": [key()], "sent_by": "api"})
    aws("sqs").send_message(QueueUrl=SETTINGS.delivery_queue_url, MessageBody=message)

    bridge.deliver()

    assert names(ringostat) == {"42": "Olena 42"}


NEXT = {"connection": "nobody", "body": {"contacts": []}, "tenant": "+380670000001", "mapping": {"version": 7}}


def test_a10_further_fields_of_an_inbox_message_survive_its_rejection(nowhere):
    nowhere.put(NEXT)
    nowhere.take_inbox()

    [(attributes, message)] = nowhere.rejected()
    assert attributes["code"] == "unknown-connection"
    assert {name: message[name] for name in ("tenant", "mapping")} == {
        name: NEXT[name] for name in ("tenant", "mapping")
    }
    assert "380" not in json.dumps(attributes)


def test_a10_an_inbox_message_of_a_greater_schema_stays_in_its_queue(nowhere):
    nowhere.put({"schema": 2, "anything": "else"})

    assert nowhere.take_inbox() == 1
    assert nowhere.rejected() == []


def test_a10_what_api_keeps_is_read_by_the_version_before():
    """It forbids fields that it does not know."""
    message = {"messageId": "m", "attributes": {"SentTimestamp": "1"}, "messageAttributes": {}}
    event = queued({**message, "body": PREDECESSOR["inbox"]})

    assert json.loads(wrapped(event)).keys() == json.loads(PREDECESSOR["inbox"]).keys()
