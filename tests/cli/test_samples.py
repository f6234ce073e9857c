"""A sample may be what the CRM sent, or what AWS made of it."""

import base64
import json

import pytest

from handlers import inbox
from local.in_process import Context, receive
from ops.rejected_queue import rejection_of
from ops.samples import TYPES, samples_of
from settings import SETTINGS
from tests.cli.people import person

FORM = b"contacts[update][0][id]=5001&contacts[update][0][name]=Olena"
HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "X-Source": "kommo"}


def request(body, **changes):
    envelope = {
        "version": "2.0",
        "headers": HEADERS,
        "queryStringParameters": {"event": "x"},
        "requestContext": {"timeEpoch": 1, "requestId": "r", "http": {"method": "POST"}},
        "body": body,
        "isBase64Encoded": False,
    }
    return {**envelope, **changes}


def wrapped(**changes):
    envelope = {
        "connection": "acme",
        "body": base64.b64encode(FORM).decode(),
        "isBase64Encoded": True,
        "headers": HEADERS,
        "query": {"event": "x"},
        "receivedAt": 1,
        "requestId": "r",
    }
    return {**envelope, **changes}


def message(body, **attributes):
    given = {name: {"stringValue": text, "dataType": "String"} for name, text in attributes.items()}
    return {"messageId": "m", "receiptHandle": "h", "body": body, "messageAttributes": given, "eventSource": "aws:sqs"}


def received(body, **attributes):
    given = {name: {"StringValue": text, "DataType": "String"} for name, text in attributes.items()}
    return {"Messages": [{"MessageId": "m", "ReceiptHandle": "h", "Body": body, "MessageAttributes": given}]}


@pytest.mark.parametrize(
    "document",
    [
        request(FORM.decode()),
        request(base64.b64encode(FORM).decode(), isBase64Encoded=True),
        wrapped(),
        wrapped(body=FORM.decode(), isBase64Encoded=False),
        message(json.dumps(wrapped())),
        {"Records": [message(json.dumps(wrapped()))]},
        {"Records": [message(json.dumps(wrapped()), connection="acme", code="no-id")]},  # from the rejected queue
        received(json.dumps(wrapped())),
    ],
)
def test_an_envelope_is_taken_off(document):
    (sample,) = samples_of(json.dumps(document, indent=1).encode(), "application/json")

    assert sample.body == FORM
    assert sample.content_type == "application/x-www-form-urlencoded"
    assert sample.headers["x-source"] == "kommo"
    assert sample.query == {"event": "x"}
    assert sample.came_as


@pytest.mark.parametrize("pack", [lambda *a, **k: {"Records": [message(*a, **k)]}, received])
def test_a_message_with_attributes_holds_the_body_itself(pack):
    document = pack(FORM.decode(), **{"connection": "acme", "content-type": "application/x-www-form-urlencoded"})

    (sample,) = samples_of(json.dumps(document).encode(), "")

    assert (sample.body, sample.content_type) == (FORM, "application/x-www-form-urlencoded")


def test_a_message_without_a_type_is_json():
    (sample,) = samples_of(json.dumps({"Records": [message('{"id": 1}', connection="acme")]}).encode(), "")

    assert (sample.body, sample.content_type) == (b'{"id": 1}', "application/json")


def test_a_batch_of_messages_is_as_many_events():
    document = {"Records": [message(json.dumps(wrapped())), message("{}", connection="acme")]}

    assert [sample.body for sample in samples_of(json.dumps(document).encode(), "")] == [FORM, b"{}"]


def test_a_body_given_as_json_inside_a_message_is_that_json():
    (sample,) = samples_of(json.dumps(wrapped(body={"id": 1}, headers={}, isBase64Encoded=False)).encode(), "")

    assert json.loads(sample.body) == {"id": 1}
    assert sample.content_type == "application/json"


@pytest.mark.parametrize(
    "body",
    [
        FORM,
        b"<a/>",
        b"",
        b"[1]",
        b"{",
        b"{" * 200_000,
        b'{"Records": []}',
        b'{"Records": [{"eventName": "ObjectCreated"}]}',
        b'{"connection": "mobile", "body": "x", "number": "1"}',
        b'{"body": "of a letter"}',
        '{"імʼя": 1}'.encode("cp1251", "replace"),
    ],
)
def test_anything_else_is_the_body_itself(body):
    (sample,) = samples_of(body, "text/plain")

    assert (sample.body, sample.content_type, sample.came_as) == (body, "text/plain", "")


def test_base64_that_is_none_is_a_rejected_record(explained):
    document = json.dumps(wrapped(body="%%%"))

    told = explained("--mapping", "kommo", "-", input=document)

    assert [(one["result"], one["code"]) for one in told["outcomes"]] == [("reject", "bad-body")]


@pytest.mark.parametrize(("suffix", "content_type"), TYPES.items())
def test_the_file_name_tells_the_type(explained, tmp_path, suffix, content_type):
    path = tmp_path / f"sample{suffix.upper()}"
    path.write_bytes(b"id=1&phone=0670000001")

    told = explained("--mapping", "generic", path)["outcomes"]

    assert told[0]["result"] == ("change" if suffix == ".form" else "reject"), content_type


def test_the_content_tells_the_type_where_the_name_does_not(explained):
    told = explained("--mapping", "generic", "-", input="id=1&phone=0670000001")["outcomes"]

    assert told[0]["card"] == "contact:1"


def test_given_options_go_before_what_the_sample_says(explained):
    document = json.dumps(request('{"id": 1, "phone": "0670000001"}'))
    words = ("--mapping", "generic", "--content-type", "application/json", "--query", "carries=partial")
    document = document.replace('"event": "x"', '"carries": "full"')

    told = explained(*words, "-", input=document)["outcomes"]

    assert (told[0]["result"], told[0]["carries"]) == ("change", "partial")


def odd(**changes):
    wrapper = {"connection": "acme", "body": person()} | changes
    return {name: value for name, value in wrapper.items() if value is not ...}


ODD = {
    "nothing odd": odd(),
    "a number as a header": odd(headers={"x-retry": 1}),
    "a flag as a text": odd(body=json.dumps(person()), isBase64Encoded="false"),
    "no base64": odd(body="%%%", isBase64Encoded=True),
    "a body that is null": odd(body=None),
    "no body": odd(body=...),
    "an empty connection": odd(connection=""),
    "no connection": odd(connection=...),
    "a blank in the id of the request": odd(requestId="a b"),
    "a time that is none": odd(receivedAt="soon"),
    "an unknown key": odd(phone="067 000 00 01"),
    "an odd content type": odd(body="a=1", headers={"Content-Type": "image/png"}),
    "a query that is none": odd(query=[]),
    "a list": [],
    "no id": odd(body=person(None)),
}


@pytest.mark.parametrize(
    "attributes", [{}, {"code": "bad-body"}, {"connection": "acme"}, {"connection": "acme", "code": "x"}]
)
@pytest.mark.parametrize("name", ODD)
def test_a_message_gets_the_verdict_of_production(explained, nowhere, name, attributes):
    body = json.dumps(ODD[name])
    record = message(body, **attributes) | {"attributes": {"SentTimestamp": "1780000000000"}}

    told = explained("--mapping", "pipedrive", "-", input=json.dumps({"Records": [record]}))["outcomes"]

    assert inbox.lambda_handler({"Records": [record]}, Context()) == {"batchItemFailures": []}
    kept = [rejection_of(kept) for kept in receive(SETTINGS.rejected_queue_url)]
    assert [(one["code"], one["reason"]) for one in told if one["result"] == "reject"] == [
        (one.code, one.reason) for one in kept
    ]
    assert [f"106#Pipedrive#{one['card']}" for one in told if one["result"] == "change"] == nowhere.due()
