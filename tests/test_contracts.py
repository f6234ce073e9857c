"""The published contracts are what the code does: made of it, valid, and true of every answer that the tests see."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from access.schemes import PROOFS, SCHEMES
from errors import BadBody, BridgeError, OperatorError
from inbox_message import parse
from local import template
from tests.handlers.test_api import person
from tools.contracts import asyncapi, openapi
from tools.contracts.__main__ import contracts

DOCUMENT = openapi.openapi()
MESSAGE = Draft202012Validator(asyncapi.inbox_message())


@pytest.mark.parametrize(("path", "text"), contracts().items(), ids=lambda value: getattr(value, "name", ""))
def test_the_file_is_up_to_date(path, text):
    assert path.read_text("utf-8") == text, "run make contracts"


@pytest.mark.parametrize("name", DOCUMENT["components"]["schemas"])
def test_a_schema_is_of_the_dialect_of_openapi(name):
    Draft202012Validator.check_schema(DOCUMENT["components"]["schemas"][name])


@pytest.mark.parametrize("document", [openapi.openapi(), asyncapi.asyncapi()], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document):
    pointers = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))

    assert pointers
    for pointer in pointers:
        assert openapi.followed(document, pointer) is not None


def examples(value, path=""):
    """Yield every example of the document with its schema."""
    if isinstance(value, dict):
        if "schema" in value:
            for name, example in value.get("examples", {"": {"value": value.get("example")}}).items():
                yield f"{path} {name}", value["schema"], example["value"]
        for name, part in value.items():
            yield from examples(part, f"{path}/{name}")


@pytest.mark.parametrize(
    ("schema", "example"),
    [
        pytest.param(schema, example, id=where.split("/crm/")[-1])
        for where, schema, example in examples(DOCUMENT)
        if example is not None
    ],
)
def test_an_example_is_of_its_schema(schema, example):
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def subclasses(kind):
    return {kind} | {below for one in kind.__subclasses__() for below in subclasses(one)}


def test_every_error_that_a_sender_may_meet_has_its_answer():
    codes = {error.code for error in subclasses(BridgeError) - subclasses(OperatorError)} - {
        "error",
        "unknown-connection",
    }
    schemas = DOCUMENT["components"]["schemas"]

    assert {
        schema["properties"]["code"]["const"] for name, schema in schemas.items() if name.endswith("Problem")
    } == codes


def test_the_document_has_the_routes_of_the_template_and_no_others():
    routes = {route.partition(" ")[2] for route, _ in template.routes(template.load())}

    assert set(DOCUMENT["paths"]) == routes


def test_every_scheme_is_in_the_document_or_cannot_be():
    assert SCHEMES.keys() - openapi.SECURITY.keys() == {"path-token", "body-token"}


def test_the_headers_of_schemes_are_those_that_events_lose():
    named = {scheme["name"].lower() for scheme in openapi.SECURITY.values() if "name" in scheme}

    assert named - {"x-api-key"} <= PROOFS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"statusCode": 418}, "status 418"),
        ({"headers": {"Content-Type": "text/plain"}}, "as text/plain"),
        ({"body": json.dumps({"accepted": 1})}, "is not valid under any"),
        (
            {"statusCode": 503, "headers": {"Content-Type": "application/problem+json"}, "body": "{}"},
            "is a required property",
        ),
        (
            {"statusCode": 503, "headers": {"Content-Type": "application/problem+json"}, "body": "{}"},
            "503 without Retry-After",
        ),
    ],
)
def test_an_answer_that_the_document_does_not_say_is_heard(documented, change, told):
    event = {"requestContext": {"http": {"method": "POST"}}, "rawPath": "/crm/acme"}
    good = {
        "statusCode": 202,
        "headers": {"Content-Type": "application/json"},
        "body": '{"request_id": "", "queued": true}',
    }

    documented.overhear(lambda *_: good)(event, None)
    assert documented.undocumented == []
    documented.overhear(lambda *_: good | change)(event, None)

    assert any(told in problem for problem in documented.undocumented)
    documented.forget()


@pytest.mark.parametrize(
    "body",
    [person(), person(number=None), "{broken", {"connection": "acme"}],
    ids=["a person", "without id", "broken", "half a message"],
)
def test_what_the_bridge_puts_on_queues_is_of_the_published_schema(nowhere, body):
    nowhere.put(body, connection="nobody")
    nowhere.take_inbox()

    [(attributes, message)] = nowhere.rejected()
    MESSAGE.validate(message)
    told = asyncapi.asyncapi()["components"]["messages"]["rejected"]["headers"]
    Draft202012Validator(told | {"additionalProperties": False}).validate(attributes)


@pytest.mark.parametrize(
    "message",
    [
        {"connection": "acme"},
        {"connection": "", "body": {}},
        {"connection": "x" * 129, "body": {}},
        {"connection": "acme", "body": {}, "headers": {"x": 1}},
        {"connection": "acme", "body": {}, "receivedAt": "yesterday"},
        {"connection": "acme", "body": {}, "requestId": "a b"},
        {"connection": "acme", "body": {}},
        {"connection": "acme", "body": "text", "isBase64Encoded": False, "query": {"a": "b"}, "receivedAt": 1},
        {"connection": "acme", "body": [1, None], "requestId": None},
        asyncapi.EXAMPLE,
    ],
)
def test_the_published_schema_agrees_with_the_model(message):
    try:
        parse(json.dumps(message))
    except BadBody:
        assert not MESSAGE.is_valid(message)
    else:
        MESSAGE.validate(message)


def test_a_field_that_is_not_published_is_for_newer_versions_alone():
    message = {"connection": "acme", "body": {}, "more": 1}

    assert parse(json.dumps(message)).model_extra == {"more": 1}
    assert not MESSAGE.is_valid(message)


def test_the_example_of_the_queue_is_taken(nowhere):
    nowhere.put(asyncapi.EXAMPLE)

    assert nowhere.take_inbox() == 0
    assert nowhere.due() == ["106#Direct#contact:C-1"]
