"""Events from the queue take the same way; what can never be mapped lies whole in the rejected queue."""

import base64
import json

import pytest

from aws.clients import PATIENT, secretsmanager
from aws.secrets import Secret
from handlers import inbox
from local.in_process import CONNECTIONS, aws, counted, overheard, receive
from settings import SETTINGS
from tests.handlers.test_api import KEY, person


def test_a_raw_body_with_its_connection_as_attribute(nowhere):
    nowhere.put(person(), connection="acme")

    assert nowhere.take_inbox() == 0
    assert nowhere.card(KEY).fields["fullName"].value == "Olena Koval"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda body: {"connection": "acme", "body": body},
        lambda body: {"connection": "acme", "body": json.dumps(body)},
        lambda body: {
            "connection": "acme",
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "isBase64Encoded": True,
            "headers": {"Content-Type": "application/json"},
            "query": {},
        },
    ],
)
def test_an_event_wrapped_in_json(nowhere, wrap):
    nowhere.put(wrap(person()))

    assert nowhere.take_inbox() == 0
    assert nowhere.card(KEY).fields["fullName"].value == "Olena Koval"


def test_the_content_type_may_be_an_attribute(nowhere):
    form = "contacts[update][0][id]=7&contacts[update][0][name]=Olena&contacts[update][0][last_modified]=1700000000"

    nowhere.put(form, connection="acme-kommo", content_type="application/x-www-form-urlencoded")

    assert nowhere.take_inbox() == 0
    assert nowhere.card("106#Kommo#contact:7").waiting == "no-phone-or-email"


@pytest.mark.parametrize(
    ("body", "attributes", "code"),
    [
        (person(number=None), {"connection": "acme"}, "no-id"),
        ("{broken", {"connection": "acme"}, "bad-body"),
        (person(), {"connection": "nobody"}, "unknown-connection"),
        ({"fullName": "nobody"}, {"connection": "acme-direct"}, "all-rejected"),
    ],
)
def test_what_cannot_be_mapped_is_kept_whole_with_code_and_reason(nowhere, body, attributes, code):
    nowhere.put(body, **attributes)

    assert nowhere.take_inbox() == 0

    [(told, event)] = nowhere.rejected()
    sent = body if isinstance(body, str) else json.dumps(body)
    assert told["code"] == code
    assert told["reason"]
    assert base64.b64decode(event["body"]).decode() == sent


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"connection": "acme"}),
        json.dumps({"connection": "acme", "body": "!", "isBase64Encoded": True}),
        json.dumps({"connection": "", "body": person()}),
        "no JSON at all",
    ],
)
def test_a_message_that_wraps_no_event_is_kept_as_it_came_however_often_it_is_put_back(nowhere, body):
    nowhere.put(body)
    for _ in range(2):
        assert nowhere.take_inbox() == 0

        [message] = receive(SETTINGS.rejected_queue_url)
        told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        assert (message["Body"], told["code"]) == (body, "bad-body")
        assert told["reason"]
        aws("sqs").delete_message(QueueUrl=SETTINGS.rejected_queue_url, ReceiptHandle=message["ReceiptHandle"])
        nowhere.put(message["Body"], **told)


def test_a_rejected_event_can_be_put_back_as_it_is(nowhere):
    nowhere.put(person(), connection="nobody")
    nowhere.take_inbox()
    [(attributes, event)] = nowhere.rejected()

    nowhere.put({**event, "connection": "acme"}, **attributes)

    assert nowhere.take_inbox() == 0
    assert nowhere.card(KEY).fields["fullName"].received_at == event["receivedAt"]


def test_one_bad_message_does_not_hold_up_the_others(nowhere):
    for number in range(5):
        nowhere.put(person(number) if number != 2 else "{broken", connection="acme")

    assert nowhere.take_inbox() == 0
    assert len(nowhere.cards.read([f"106#Pipedrive#contact:{number}" for number in range(1, 5)])) == 3


def test_ten_messages_cost_one_read_one_write_and_one_wake_up_with_their_new_numbers(nowhere):
    nowhere.put(person(99), connection="acme")
    nowhere.take_inbox()
    with counted() as calls:
        for number in range(1, 11):
            nowhere.put(person(number), connection="acme")
        nowhere.take_inbox()

    assert calls == ["BatchGetItem", "TransactWriteItems", "SendMessage"]
    assert len(nowhere.cards.read([f"106#Pipedrive#contact:{number}" for number in range(1, 11)])) == 10


def test_messages_of_one_card_are_merged_in_one_batch_whatever_their_order(nowhere):
    for day in (1, 3, 2):
        nowhere.put(person(name=f"Olena {day}", when=f"2026-03-0{day}T10:00:00Z"), connection="acme")

    assert nowhere.take_inbox() == 0
    assert nowhere.card(KEY).fields["fullName"].value == "Olena 3"
    assert nowhere.wakeups() == [[KEY]]


def test_a_connection_that_is_new_is_found_before_a_message_of_it_is_rejected(nowhere, monkeypatch):
    seconds = [100.0]
    known = Secret(secretsmanager(PATIENT), SETTINGS.connections_secret, lambda: seconds[0])
    monkeypatch.setattr(inbox, "CONNECTIONS", known)
    known.read()
    seconds[0] += 30
    aws("secretsmanager").put_secret_value(
        SecretId=SETTINGS.connections_secret, SecretString=json.dumps({"fresh": CONNECTIONS["acme"]})
    )
    for name in ("fresh", "nobody"):
        nowhere.put(person(), connection=name)

    assert nowhere.take_inbox() == 2  # the secret was read half a minute before they were sent
    assert nowhere.rejected() == []
    seconds[0] += 60
    for name in ("fresh", "nobody"):
        nowhere.put(person(), connection=name)
    assert nowhere.take_inbox() == 0
    assert nowhere.card(KEY).connection == "fresh"
    assert [told["code"] for told, _ in nowhere.rejected()] == ["unknown-connection"]


def test_a_message_whose_card_cannot_be_written_leaves_the_others_in_peace(nowhere):
    def fail(_, __, parameters):
        if 'contact:2"' in json.dumps(parameters):
            raise ConnectionError

    with overheard(fail):
        for number in range(1, 5):
            nowhere.put(person(number), connection="acme")
        left = nowhere.take_inbox()

    assert left == 1
    assert nowhere.cards.read([f"106#Pipedrive#contact:{number}" for number in range(1, 5)]).keys() == {
        f"106#Pipedrive#contact:{number}" for number in (1, 3, 4)
    }


def test_a_body_too_large_to_wrap_is_left_to_the_redrive(nowhere):
    nowhere.put("x" * 600_000, connection="acme")

    assert nowhere.take_inbox() == 1
    assert nowhere.rejected() == []


def test_problems_of_a_message_name_the_field_and_quote_nothing(nowhere):
    nowhere.put({"connection": "acme", "body": "{}", "headers": {"x": 5}, "query": "+380670000001"})

    nowhere.take_inbox()

    [(told, _)] = nowhere.rejected()
    assert "headers.x" in told["reason"]
    assert "query: " in told["reason"]
    assert "380" not in told["reason"]
