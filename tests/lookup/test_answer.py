"""What answers of a CRM's API mean: every class, by status, by the mapping's own conditions, and by their records."""

# ruff: noqa: E501 - a table of one line for each answer

import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup import answer
from lookup.answer import judged
from mapping.language import loader
from wire import Answer

NOW = 1_772_013_000.0
OWN = """\
format = 1
crm = "Good"
[api]
url = "https://api.good.example"
wait = "body.errors[0].code == 'DAILY_LIMIT' || status == `423`"
waitSeconds = "headers.\\"x-reset\\" || (body.errors && `1800`)"
key = "body.error == 'insufficient_scope'"
gone = "body.error == 'NOT_FOUND'"
error = "body.errors"
[lookup.contact]
post = "/people"
json = { ids = "{$ids}" }
max = 50
records = "data"
[lookup.order]
get = "/orders/{$id}"
ids = "[1-9][0-9]*"
records = "@"
[[record]]
do = "skip"
message = "not of interest here"
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("api") / "own.toml"
    path.write_text(OWN, "utf-8")
    return loader.load_file(path)


def of(status=200, body=b"", **more):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {"content-length": str(len(raw)), **more.pop("headers", {})}, raw, complete=True, **more)


def read(own, given_answer, asked=("7",), lookup="contact"):
    return judged(given_answer, own.api, own.calls.get(lookup), asked, NOW)


LIST = {"data": [{"id": 7}, {"id": "8"}]}
TABLE = [
    ("both are there", of(200, LIST), ("7", "8"), "ok", ""),
    ("one is not there", of(200, LIST), ("7", "9"), "ok", ""),
    ("none is there", of(200, {"data": []}), ("7",), "ok", ""),
    ("nothing is an empty 204", of(204), ("7",), "ok", ""),
    ("in part, told so", of(207, LIST), ("7",), "ok", ""),
    ("not what the mapping says", of(200, {"date": []}), ("7",), "retry", "unreadable"),
    ("not JSON", of(200, b"<html>"), ("7",), "retry", "unreadable"),
    ("nested too deep", of(200, b"[" * 10_000), ("7",), "retry", "unreadable"),
    ("the same key twice", of(200, b'{"data": [], "data": [{"id": 7}]}'), ("7",), "retry", "unreadable"),
    ("not UTF-8", of(200, b'{"data": ["\xff"]}'), ("7",), "retry", "unreadable"),
    ("an empty 200 without its length", Answer(200, {}, b"", complete=True), ("7",), "retry", "truncated"),
    ("cut", Answer(200, {}, b'{"data": [', complete=False, error="truncated"), ("7",), "retry", "truncated"),
    ("too long", Answer(200, {}, b"x", complete=False, error="too-long"), ("7",), "bad", "answer-too-large"),
    ("reset", Answer(None, error="reset"), ("7",), "retry", "reset"),
    ("time-out", Answer(None, error="timeout"), ("7",), "retry", "timeout"),
    ("a private address", Answer(None, error="address", sent=False), ("7",), "key", "address"),
    ("a key that is no header", Answer(None, error="key", sent=False), ("7",), "key", "key"),
    *((f"{status}", of(status, {}), ("7",), "wait", f"{status}") for status in (429, 503)),
    *((f"{status}", of(status, {}), ("7",), "key", f"{status}") for status in (301, 302, 307, 401, 402, 403, 404, 405, 410)),
    *((f"{status}", of(status, {}), ("7",), "retry", f"{status}") for status in (408, 425, 500, 502, 504, 520, 599, 199, 600)),
    *((f"{status}", of(status, {}), ("7", "8"), "bad", f"{status}") for status in (400, 409, 413, 414, 422)),
    ("a day's limit inside 200", of(200, {"errors": [{"code": "DAILY_LIMIT"}]}), ("7",), "wait", "200"),
    ("locked", of(423, {}), ("7",), "wait", "423"),
    ("a right that lacks, as 400", of(400, {"error": "insufficient_scope"}), ("7",), "key", "400"),
    ("an error inside 200", of(200, {"errors": [{"code": "x"}], "data": []}), ("7",), "bad", "error"),
    ("one not there, as 400", of(400, {"error": "NOT_FOUND"}), ("7",), "gone", "gone"),
    ("one of several not there, as 400", of(400, {"error": "NOT_FOUND"}), ("7", "8"), "bad", "gone"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given_answer", "asked", "kind", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_class_of_an_answer(own, given_answer, asked, kind, code):
    found = read(own, given_answer, asked)

    assert (found.kind, found.code, found.status) == (kind, code, given_answer.status or 0)


def test_an_id_that_a_good_list_lacks_is_missing(own):
    found = read(own, of(200, LIST), ("7", "9"))

    assert (found.found, found.missing) == (("7", "8"), ("9",))
    assert read(own, of(204), ("7", "9")).missing == ("7", "9")


def test_a_record_that_was_merged_is_found_under_its_new_id(own):
    found = read(own, of(200, {"data": [{"id": 99}]}), ("7",))

    assert (found.found, found.missing) == (("99",), ("7",))


@pytest.mark.parametrize("status", [404, 410])
def test_one_record_that_is_not_there(own, status):
    found = read(own, of(status, {"message": "not found"}), ("7",), "order")

    assert (found.kind, found.missing) == ("gone", ("7",))


def test_one_record_is_no_list(own):
    assert read(own, of(200, {"id": 7, "phone": "x"}), ("7",), "order").found == ("7",)
    assert read(own, of(200, {}), ("7",), "order").missing == ("7",)


def test_an_id_that_fits_no_pattern_is_not_told(own):
    answered = of(200, [{"id": 7}, {"id": "../x"}, {"id": None}, {"id": "0"}, "text", {"id": {"a": 1}}])

    assert read(own, answered, (), "order").found == ("7",)


def test_a_harmless_request_is_fine_or_not(own):
    assert read(own, of(200, {"me": 1}), (), "").kind == "ok"
    assert read(own, of(401, {}), (), "").kind == "key"
    assert read(own, of(404, {}), (), "").kind == "key"


WAITS = [
    ({"retry-after": "30"}, {}, 30),
    ({"retry-after": "0"}, {}, 1),
    ({"retry-after": formatdate(NOW + 90, usegmt=True)}, {}, 90),
    ({"retry-after": "999999"}, {}, 3600),
    ({"retry-after": "soon", "x-reset": "7"}, {}, 7),
    ({"x-reset": "7.2"}, {}, 8),
    ({"x-reset": "-1"}, {}, 1),
    ({"x-reset": "1e999"}, {}, 60),
    ({"x-reset": "soon"}, {}, 60),
    ({}, {"errors": [{}]}, 1800),
    ({}, {}, 60),
]


@pytest.mark.parametrize(("headers", "body", "seconds"), WAITS)
def test_how_long_a_connection_waits(own, headers, body, seconds):
    found = read(own, of(429, body, headers=headers))

    assert (found.kind, found.seconds) == ("wait", seconds)


def test_what_is_tried_again_says_when_only_if_the_crm_does(own):
    assert read(own, of(502, {}, headers={"retry-after": "30"})).seconds == 30
    assert read(own, of(502, {})).seconds == 0


@pytest.mark.parametrize(
    ("status", "body", "kind", "seconds"),
    [
        (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}, "wait", 10),
        (429, {"error": "OPERATION_TIME_LIMIT", "error_description": "x"}, "wait", 60),
        (503, {"error": "OVERLOAD_LIMIT"}, "wait", 60),
        (401, {"error": "NO_AUTH_FOUND"}, "key", 0),
        (400, {"error": "ACCESS_DENIED"}, "key", 0),
        (403, {"error": "insufficient_scope"}, "key", 0),
        (500, {"error": "PORTAL_DELETED"}, "key", 0),
        (500, {"error": "INTERNAL_SERVER_ERROR"}, "retry", 0),
        (200, {"result": {"items": [{"id": 89}]}, "time": {}}, "ok", 0),
        (200, {"result": [], "time": {}}, "retry", 0),
    ],
)
def test_what_bitrix24_answers(status, body, kind, seconds):
    mapping = loader.load("bitrix24-api")

    found = judged(of(status, body), mapping.api, mapping.calls["contact"], ("89",), NOW)

    assert (found.kind, found.seconds) == (kind, seconds)


BODIES = st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**20) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "id", "error", "errors", "code"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    status=st.none() | st.integers(100, 700),
    body=BODIES,
    headers=st.dictionaries(st.sampled_from(["retry-after", "x-reset", "content-length"]), st.text(max_size=8)),
    complete=st.booleans(),
    asked=st.lists(st.sampled_from("123456"), max_size=4, unique=True),
    name=st.sampled_from(["contact", "order", ""]),
)
def test_whatever_comes_has_a_class_and_no_id_is_lost(own, status, body, headers, complete, asked, name):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    found = judged(Answer(status, headers, raw, complete), own.api, own.calls.get(name), asked, NOW)

    assert 0 <= found.seconds <= 3600
    assert found.seconds or found.kind != "wait"
    if found.kind == "ok" and name:
        assert set(asked) <= set(found.found) | set(found.missing)
        assert not set(found.found) & set(found.missing)
    elif found.kind == "gone":
        assert len(asked) <= 1
        assert found.missing == tuple(asked)
    else:
        assert (found.found, found.missing) == ((), ())


def test_an_access_token_and_how_long_it_is_good():
    given_token = answer.token(of(200, {"access_token": "CANARY", "expires_in": 3600, "api_domain": "https://x"}))

    assert given_token == ("CANARY", 3600)
    assert "CANARY" not in repr(given_token)
    assert answer.token(of(200, {"access_token": "x", "expires_in": "900"})).seconds == 900
    assert answer.token(of(200, {"access_token": "x"})).seconds == 300
    assert answer.token(of(200, {"access_token": "x", "expires_in": -1})).seconds == 300
    assert answer.token(of(200, {"access_token": "x", "expires_in": 10**400})).seconds == 300


@pytest.mark.parametrize(
    "given_answer",
    [of(400, {"access_token": "x"}), of(200, {"error": "invalid_code"}), of(200, b"x"), of(200, {"access_token": ""}),
     of(200, {"access_token": "x" * 10_000}), of(200, []), Answer(None), Answer(200, {}, b'{"access_token": "x"}')],
)  # fmt: skip
def test_what_holds_no_access_token(given_answer):
    assert answer.token(given_answer) is None
