"""What an answer means: one row, one fact."""

import json
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.classify import Judgement, classify, shape
from wire import Answer

NOW = 1_790_000_000.0
JSON = {"content-type": "application/json"}


def answer(status=200, body=b'{"success": true}', headers=JSON, **changes):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(**{"status": status, "headers": headers, "body": body, "complete": True, **changes})


def judge(*arguments, **changes):
    return classify(answer(*arguments, **changes), NOW)


STATUSES = {
    "bad-data": [400, 409, 422],
    "too-big": [413],
    "auth": [401, 403],
    "slow-down": [408, 425, 429],
    "configuration": [300, 301, 302, 303, 304, 307, 308, 399, 404, 405, 410, 415, 501, 505],
    "ambiguous": [100, 103, 402, 406, 418, 451, 499, 500, 502, 503, 504, 520, 522, 524, 529, 530, 599, 999],
}


@pytest.mark.parametrize(("status", "expected"), [(s, name) for name, group in STATUSES.items() for s in group])
def test_a_status_has_its_class_whether_or_not_the_body_is_whole(status, expected):
    assert judge(status, b"<html>gateway</html>", {}).answer_class == expected
    assert judge(status, b"", {}, complete=False, error="truncated").answer_class == expected


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (Answer(None, sent=False, error="dns"), Judgement("not-sent", "dns", circuit="transport")),
        (Answer(None, sent=False, error="connect"), Judgement("not-sent", "connect", circuit="transport")),
        (Answer(None, sent=False, error="certificate"), Judgement("not-sent", "certificate", circuit="transport")),
        (Answer(None, sent=False, error="timeout"), Judgement("not-sent", "timeout", circuit="transport")),
        (Answer(None, sent=False, error="key"), Judgement("auth", "key", circuit="auth")),
        (Answer(None, error="timeout"), Judgement("ambiguous", "timeout", circuit="transport")),
        (Answer(None, error="reset"), Judgement("ambiguous", "reset", circuit="transport")),
        (Answer(200, JSON, error="truncated"), Judgement("ambiguous", "truncated", circuit="transport")),
        (Answer(200, JSON, b"x", error="too-long"), Judgement("ambiguous", "too-long", circuit="transport")),
    ],
)
def test_an_answer_that_did_not_come_is_not_sent_or_ambiguous(answered, expected):
    assert classify(answered, NOW) == expected


@pytest.mark.parametrize(
    ("status", "circuit"),
    [
        (200, ""),
        (400, ""),
        (413, ""),
        (503, "transport"),
        (529, "transport"),
        (530, "contract"),
        (429, "transport"),
        (404, "contract"),
        (418, "contract"),
        (401, "auth"),
    ],
)
def test_each_class_counts_for_its_breaker(status, circuit):
    assert judge(status).circuit == circuit


SUCCESSES = {
    "an object": (b'{"success": true}', JSON),
    "an empty object": (b"{}", JSON),
    "an empty list": (b"[]", JSON),
    "true": (b"true", JSON),
    "null": (b"null", JSON),
    "a JSON string": (b'"OK"', JSON),
    "plain OK": (b"OK", {"content-type": "text/plain"}),
    "plain OK of PHP, which calls everything HTML": (b"OK", {"content-type": "text/html; charset=UTF-8"}),
    "plain OK without a type": (b"OK\r\n", {}),
    "JSON called HTML": (b'{"status": "ok"}', {"content-type": "text/html"}),
    "no error": (b'{"error": null, "errors": [], "code": 0, "status": "success"}', JSON),
    "a code that is a status of success": (b'{"code": 200, "message": "OK"}', JSON),
    "an empty answer that says so": (b"", {"content-length": "0"}),
    "ids in a list": (b'{"data": [{"id": 1005, "code": 1005}]}', JSON),
    "a byte order mark": (b'\xef\xbb\xbf{"success": true}', JSON),
    "words of a success": ("Контакти прийнято".encode(), {}),
}


@pytest.mark.parametrize(("body", "headers"), SUCCESSES.values(), ids=SUCCESSES.keys())
def test_a_complete_2xx_without_an_error_is_confirmed(body, headers):
    assert judge(200, body, headers) == Judgement("confirmed")


def test_no_content_and_other_2xx_are_confirmed():
    assert judge(204, b"", {}) == Judgement("confirmed")
    assert judge(201) == judge(202) == Judgement("confirmed")


UNREADABLE = {
    "empty without a length": (b"", {}, "truncated"),
    "broken JSON": (b'{"success": tr', JSON, "broken-json"),
    "broken JSON called text": (b' [{"id": 1}, ', {"content-type": "text/plain"}, "broken-json"),
    "text called JSON": (b"OK", JSON, "broken-json"),
    "JSON too deep": (b"[" * 60_000, JSON, "broken-json"),
    "a number of 5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", JSON, "broken-json"),
    "an HTML page": (b"<!DOCTYPE html><html>Welcome</html>", {"content-type": "text/html"}, "markup"),
    "an HTML page called JSON": (b"\n<html></html>", JSON, "markup"),
    "gzip": (b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"}, "encoded"),
    "binary": (b"\xff\xfe\x00\x80", {}, "binary"),
}


@pytest.mark.parametrize(("body", "headers", "code"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_2xx_that_cannot_be_read_is_ambiguous(body, headers, code):
    assert judge(200, body, headers) == Judgement("ambiguous", code, circuit="contract")


INSIDE = {
    "error text": ({"error": "Bad request"}, "bad-data", "error"),
    "error object": ({"error": {"message": "x"}}, "bad-data", "error"),
    "errors list": ({"errors": [{"message": "x"}]}, "bad-data", "error"),
    "errors by field": ({"errors": {"contacts.0.fullName": ["The field is required."]}}, "bad-data", "error"),
    "success false": ({"success": False}, "bad-data", "error"),
    "success 0": ({"success": 0}, "bad-data", "error"),
    "Success false": ({"Success": False}, "bad-data", "error"),
    "ok false": ({"ok": False}, "bad-data", "error"),
    "status error": ({"status": "ERROR"}, "bad-data", "error"),
    "a bare false": (False, "bad-data", "false"),
    "code 400": ({"code": 400, "message": "x"}, "bad-data", "400"),
    "code 422 as text": ({"code": "422"}, "bad-data", "422"),
    "code of its own": ({"code": 1005, "message": "x"}, "bad-data", "1005"),
    "code 401": ({"code": 401}, "auth", "401"),
    "code 403 in the error": ({"error": {"code": 403}}, "auth", "403"),
    "code 429": ({"code": 429}, "slow-down", "429"),
    "code 503": ({"success": False, "code": 503}, "ambiguous", "503"),
    "code 404": ({"error": {"code": 404}}, "configuration", "404"),
    "code 413": ({"code": 413}, "too-big", "413"),
    "words of a wrong key": ({"error": "Wrong auth-key"}, "auth", "error"),
    "words of no access": ({"success": False, "message": "Access denied"}, "auth", "error"),
    "words of too many": ({"error": "Too Many Requests"}, "slow-down", "error"),
    "words of a crash": ({"error": "Internal error, try again"}, "ambiguous", "error"),
    "JSON-RPC parameters": ({"jsonrpc": "2.0", "error": {"code": -32602, "message": "x"}}, "bad-data", "-32602"),
    "JSON-RPC internal": ({"jsonrpc": "2.0", "error": {"code": -32603, "message": "x"}}, "ambiguous", "-32603"),
    "JSON-RPC method": ({"jsonrpc": "2.0", "error": {"code": -32601, "message": "x"}}, "configuration", "-32601"),
    "a list per item": ([{"id": 1, "success": True}, {"id": 2, "error": "x"}], "bad-data", "error"),
    "a list per item, wrapped": ({"results": [{"status": 200}, {"status": 422}]}, "bad-data", "422"),
    "a map per item": ({"data": {"7": {"status": "failed"}}}, "bad-data", "error"),
}


@pytest.mark.parametrize(("body", "expected", "code"), INSIDE.values(), ids=INSIDE.keys())
def test_an_error_inside_a_2xx_has_the_class_of_that_error(body, expected, code):
    judgement = judge(200, body)

    assert (judgement.answer_class, judgement.code) == (expected, code)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"incorrect field", "bad-data"),
        (b"Error: fullName is empty", "bad-data"),
        (b"Access denied", "auth"),
        (b"rate limit exceeded", "slow-down"),
        (b"Service unavailable", "ambiguous"),
    ],
)
def test_a_plain_text_that_speaks_of_an_error_is_that_error(text, expected):
    assert judge(200, text, {"content-type": "text/plain"}).answer_class == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", 60),
        ("120", 120),
        ("5", 5),
        ("0", 1),
        ("-5", 60),
        ("1.5", 60),
        ("soon", 60),
        ("٣٠", 60),
        ("3600", 3600),
        ("86400", 3600),
        ("9" * 5000, 3600),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW + 90_000, usegmt=True), 3600),
        (formatdate(NOW - 90, usegmt=True), 1),
        ("Wed, 21 Oct 2026 07:28:00 -0000", 3600),
        ("Wed, 99 Oct 2026 07:28:00 GMT", 60),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value, seconds):
    assert judge(429, b"", {"retry-after": value} if value else {}).wait_seconds == seconds


def test_an_answer_is_over_where_what_handles_the_request_gave_it():
    assert judge(500, b"", {}).is_over
    assert judge(200, b'{"error": {"code": -32603}}').is_over
    assert not any(judge(status, b"", {}).is_over for status in (502, 504, 520, 524))
    assert not classify(Answer(503, error="truncated"), NOW).is_over


def test_retry_after_is_told_with_any_failure_that_sends_it():
    assert judge(503, b"", {"retry-after": "120"}) == Judgement(
        "ambiguous", "503", "", 120.0, "transport", is_over=True
    )
    assert judge(503, b"", {}).wait_seconds == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"errors": {"contacts.0.fullName": ["The full name field is required."]}}, "fullName"),
        ({"fields": [{"field": "contacts[6].contactDirections[0].value", "reason": "x"}]}, "contactDirections.value"),
        ({"errors": [{"path": ["contacts", 0, "organizations", 0, "externalId"]}]}, "organizations"),
        ({"message": "externalid is required"}, "externalId"),
        ({"message": "lead_id or external_id must be set"}, "leadId"),
        ({"error": {"data": {"param": "/contacts/3/staffId"}}}, "staffId"),
        ({"message": "Олена Коваль is not valid", "contact": {"fullName": "x"}}, ""),
        ({"field": "+380670000007"}, ""),
        ("nothing", ""),
    ],
)
def test_bad_data_names_a_field_of_the_contract_and_nothing_else(body, field):
    assert judge(422, body) == Judgement("bad-data", "422", field)


def test_an_error_page_names_no_field():
    assert judge(400, b"<html>fullName</html>", {}) == Judgement("bad-data", "400")


TEXTS = st.sampled_from(["error", "errors", "success", "ok", "code", "status", "message", "Олена", "results"])
LEAVES = st.sampled_from(
    [None, True, False, 0, 1, 200, 400, 401, 429, 503, 1005, -32602, 1e400, "OK", "error", "Олена"]
)
OBJECTS = st.dictionaries(TEXTS, LEAVES, max_size=3)
VALUES = (
    LEAVES | OBJECTS | st.lists(OBJECTS, max_size=2) | st.dictionaries(TEXTS, OBJECTS | st.lists(OBJECTS), max_size=3)
)
BODIES = st.binary(max_size=30) | VALUES.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["content-type", "content-length", "content-encoding", "retry-after"]),
    st.sampled_from(["application/json", "0", "gzip", "Wed, 21 Oct 2026 07:28:00 GMT"])
    | st.text("0123456789 :-GMT", max_size=20),
)
ANSWERS = st.builds(
    Answer,
    st.none() | st.integers(0, 999),
    HEADERS,
    BODIES,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "", "timeout", "truncated", "dns", "key"]),
)


@given(ANSWERS)
def test_every_answer_has_a_class_and_only_a_complete_2xx_is_confirmed(answered):
    judgement = classify(answered, NOW)

    assert judgement.answer_class != "unposted"
    if judgement.answer_class == "confirmed":
        assert answered.complete
        assert answered.status in range(200, 300)
    if judgement.answer_class == "not-sent":
        assert not answered.sent
    assert 0 <= judgement.wait_seconds <= 3600
    assert "Олена" not in repr(judgement) + shape(answered.body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "empty"),
        (b"OK", "text"),
        (b"<html>", "markup"),
        (b'{"a": ', "broken-json"),
        (b"\xff\xfe\x01", "text"),
        ("true", "boolean"),
        (b"null", "null"),
        (b'{"success": true, "data": [{"id": 7}, {"id": 8}]}', "{data: [{id: number}], success: boolean}"),
        (b'[1, "a", null, 1.5]', "[null | number | string]"),
        (b'{"+380670000007": "x", "olena@example.com": 1}', "{?: number, ?: string}"),
        (b'{"a": {"b": {"c": {"d": {"e": 1}}}}}', "{a: {b: {c: {d: {…}}}}}"),
    ],
)
def test_the_shape_of_a_body_is_its_keys_and_types(body, expected):
    assert shape(body if isinstance(body, bytes) else body.encode()) == expected


def test_a_shape_stays_short():
    assert len(shape(json.dumps({f"key{chr(97 + n)}": {"inner": n} for n in range(20)}).encode() * 1)) <= 500
    assert len(shape(json.dumps([[{f"k{n}{m}": [n] for n in range(9)}] for m in range(9)]).encode())) <= 500
