"""What Ringostat's answer says of its employees. The documented fields, with invented persons."""

import json

import pytest

from ops import staff
from ops.staff import Unreadable
from wire import Answer

# https://help.ringostat.com/en/articles/9188142 names the fields; that `result` is keyed by staffId is only seen.
RESULT = {
    "501": {
        "id": 9001,
        "staffId": 501,
        "fio": "Олена Коваль",
        "email": "Olena@Example.com",
        "phone": "380670000001",
        "extensionNumber": "101",
        "departments": [7],
        "directions": {"main": [{"direction": "acme_olena", "type": "sip"}], "additional": []},
    },
    "502": {"id": 9002, "staffId": 502, "fio": "Іван Мельник", "email": None, "extensionNumber": "102"},
}


def answer(body, status=200, error=""):
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {}, text, complete=not error, error=error)


def result(value):
    return answer({"jsonrpc": "2.0", "id": 1, "result": value})


def test_the_documented_answer_gives_ids_by_e_mail():
    found = staff.employees_of(result(RESULT))

    assert found == staff.Employees({"olena@example.com": "501"}, number=2, without_email=1, shared=0)


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ([{"staffId": "501", "email": "olena@example.com"}], {"olena@example.com": "501"}),
        ({"501": {"email": "olena@example.com"}}, {"olena@example.com": "501"}),
        ({"x": {"id": 9001, "email": "olena@example.com"}}, {}),  # a staffId is a number
        ([{"id": 9001, "email": "olena@example.com"}], {}),  # `id` is another number than staffId
        ([{"staffId": 0, "email": "olena@example.com"}], {}),
        ({"501": {"staffId": 501, "email": "no address"}, "502": "text", "503": None}, {}),
        ({"501": {"staffId": 501, "email": ["olena@example.com"]}}, {}),
        ([], {}),  # PHP writes an empty table so
        ({}, {}),
    ],
)
def test_other_shapes_are_borne(value, ids):
    assert staff.employees_of(result(value)).ids == ids


def test_an_address_of_two_employees_is_none_of_either():
    found = staff.employees_of(
        result({"1": {"staffId": 1, "email": "a@example.com"}, "2": {"staffId": 2, "email": "A@example.com"}})
    )

    assert (found.ids, found.number, found.shared) == ({}, 2, 1)


def test_the_same_employee_twice_is_one():
    found = staff.employees_of(result([{"staffId": 1, "email": "a@example.com"}] * 2))

    assert (found.ids, found.shared) == ({"a@example.com": "1"}, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Answer(None, sent=False, error="dns"), "Ringostat does not answer (dns)"),
        (answer(b"", error="timeout"), "Ringostat does not answer (timeout)"),
        (answer({}, 401), "Ringostat does not know this auth key"),
        (answer({}, 403), "Ringostat does not know this auth key"),
        (answer({}, 503), "Ringostat answers 503"),
        (answer(b"<html>olena@example.com"), "an answer of another form: markup"),
        (answer(b'{"result": '), "an answer of another form: broken-json"),
        (answer({"jsonrpc": "2.0", "error": {"code": -32602, "message": "olena@example.com"}}), "error -32602"),
        (answer({"error": "olena@example.com"}), "an error"),
        (result("olena@example.com"), "{id: number, jsonrpc: string, result: string}"),
        (answer([{"email": "olena@example.com"}]), "[{email: string}]"),
    ],
)
def test_what_cannot_be_read_is_told_without_quoting_it(given, words):
    with pytest.raises(Unreadable) as told:
        staff.employees_of(given)

    assert words in str(told.value)
    assert "olena" not in str(told.value)
