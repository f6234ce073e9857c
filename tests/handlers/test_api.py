"""What a CRM is told, and what became of what it sent."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intake.flood import SAMPLE, WHOLE, Flood
from local.in_process import connection, counted, overheard, unreachable

EVENTS = Path(__file__).parents[2] / "events"
KEY = "106#Pipedrive#contact:42"


def person(number=42, name="Olena Koval", when="2026-03-01T10:00:00Z", **data):
    return {
        "meta": {"action": "change", "entity": "person", "id": f"event-{number}", "timestamp": when, "version": "2.0"},
        "data": {
            "id": number,
            "name": name,
            "owner_id": 7,
            "phones": [{"label": "mobile", "value": "067 000 00 01", "primary": True}],
            "emails": [{"label": "work", "value": "olena@example.com", "primary": True}],
            **data,
        },
        "previous": None,
    }


def test_an_event_becomes_a_card_and_a_ring(nowhere):
    answer = nowhere.post("acme", person())

    assert answer.status == 202
    assert answer.body == {
        "request_id": "request-1",
        "accepted": 1,
        "unchanged": 0,
        "stale": 0,
        "lookup": 0,
        "skipped": [],
        "rejected": [],
    }
    assert nowhere.card(KEY).fields["fullName"].value == "Olena Koval"
    assert nowhere.wakeups() == [[KEY]]


def test_the_body_may_come_base64_encoded(nowhere):
    sent = json.dumps(person(name="Олена")).encode()

    assert nowhere.post("acme", sent, content_type="application/octet-stream").body["accepted"] == 1
    assert nowhere.card(KEY).fields["fullName"].value == "Олена"


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=windows-1251", "text/plain"])
def test_a_text_that_is_no_utf_8_is_rejected_and_kept(nowhere, content_type):
    sent = json.dumps(person(name="Олена"), ensure_ascii=False).encode("cp1251")

    answer = nowhere.post("acme", sent, content_type=content_type)

    [rejected] = answer.body["rejected"]
    assert (answer.status, rejected["code"], rejected["field"]) == (202, "bad-encoding", "fullName")
    assert nowhere.wakeups() == []
    [(attributes, event)] = nowhere.rejected()
    assert attributes["code"] == "bad-encoding"
    assert "\ufffd" * 5 in base64.b64decode(event["body"]).decode()


def test_a_form_in_windows_1251_arrives_byte_for_byte(nowhere):
    sent = "id=5&name=Олена&phone=0670000001".encode("cp1251")

    answer = nowhere.post("acme-generic", sent, content_type="application/x-www-form-urlencoded; charset=windows-1251")

    assert answer.body["accepted"] == 1


def test_repeated_and_older_events_change_nothing(nowhere):
    nowhere.post("acme", person(name="new", when="2026-03-02T10:00:00Z"))
    nowhere.wakeups()

    repeated = nowhere.post("acme", person(name="new", when="2026-03-02T10:00:00Z"))
    older = nowhere.post("acme", person(name="old", when="2026-03-01T10:00:00Z"))

    assert repeated.body["unchanged"] == 1
    assert older.body["stale"] == 1
    assert nowhere.card(KEY).fields["fullName"].value == "new"


def test_a_card_that_is_still_due_is_rung_again(nowhere):
    nowhere.post("acme", person())
    nowhere.wakeups()

    nowhere.post("acme", person())

    assert nowhere.wakeups() == [[KEY]]


def test_a_deletion_is_stamped_on_its_card(nowhere):
    body = {"meta": {"action": "delete", "entity": "person", "entity_id": "42"}, "data": None, "previous": {"id": 42}}

    answer = nowhere.post("acme", body)

    assert (answer.status, answer.body["accepted"]) == (202, 1)
    assert nowhere.card("106#Pipedrive#contact:42").waiting == "deleted-in-crm"
    assert nowhere.rejected() == []


def test_a_rejected_record_keeps_the_event_whole_in_the_rejected_queue(nowhere):
    answer = nowhere.post("acme", person(number=None))

    assert (answer.status, answer.body["rejected"][0]["code"]) == (202, "no-id")
    [(attributes, event)] = nowhere.rejected()
    assert (attributes["connection"], attributes["code"]) == ("acme", "no-id")
    assert event["receivedAt"] > 0
    assert event["isBase64Encoded"]


@pytest.mark.parametrize(
    ("connection", "token", "headers"),
    [
        ("acme", "wrong", {}),
        ("acme", "", {}),
        ("nobody", "local", {}),
        ("basic", "", {}),
        ("header", "", {"x-token": "wrong"}),
        ("shop", "", {}),
    ],
)
def test_every_failure_of_access_is_the_same_answer(nowhere, connection, token, headers):
    answer = nowhere.post(connection, person(), token, headers=headers)

    assert answer.status == 401
    assert answer.body == {
        "type": "urn:ringostat-bridge:not-allowed",
        "title": "Not allowed",
        "status": 401,
        "code": "not-allowed",
        "detail": "The connection is unknown or the request does not prove that it comes from it.",
    }
    assert nowhere.cards.read([KEY]) == {}


def test_other_schemes_admit_too(nowhere):
    assert nowhere.post("header", person(), "", headers={"X-Token": "secret"}).status == 202
    assert nowhere.post("basic", person(), "", headers={"authorization": "Basic Y3JtOnA6w6Q="}).status == 202
    assert nowhere.post("shop", person(), "old").status == nowhere.post("shop", person(), "new").status == 202


def test_the_project_comes_from_the_connection(nowhere):
    nowhere.post("shop", {**person(), "projectId": 106, "project": 106}, "old", headers={"x-project-id": "106"})

    assert nowhere.cards.read([KEY]) == {}
    assert nowhere.card("107#Pipedrive#contact:42")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_address_opened_in_a_browser_explains_itself_and_nothing_more(nowhere, method):
    known, unknown = (nowhere.request(method, f"/crm/{name}/x") for name in ("acme", "nobody"))

    assert known.status == 200
    assert "POST" in known.body
    assert known.body == unknown.body


def test_a_query_is_an_event_only_where_the_mapping_says_so(nowhere):
    nowhere.put_connections({name: connection(name) for name in ("keycrm", "pipedrive")})

    event = nowhere.request("GET", "/crm/keycrm/local", query={"event": "order.change_order_status"})
    page, forged = (
        nowhere.request("GET", path, query={"event": "order.change_order_status"})
        for path in ("/crm/pipedrive/local", "/crm/keycrm/wrong")
    )

    assert (event.status, event.body) == (200, "OK")
    assert nowhere.rejected()[0][0]["code"] == "no-id"
    assert page.body == forged.body == nowhere.request("GET", "/crm/keycrm/local").body


@pytest.mark.parametrize(
    ("preset", "event", "status", "content_type", "told"),
    [
        ("monday", "challenge.json", 200, "application/json", '"challenge"'),
        ("salesforce", "lead.xml", 200, "text/xml", "<Ack>true</Ack>"),
    ],
)
def test_a_crm_that_insists_on_an_answer_gets_it(nowhere, preset, event, status, content_type, told):
    nowhere.put_connections({preset: connection(preset)})
    sent = (EVENTS / preset / event).read_bytes()

    answer = nowhere.post(preset, sent, content_type="text/xml" if event.endswith("xml") else "application/json")

    assert answer.status == status
    assert answer.headers["Content-Type"].startswith(content_type)
    assert told in json.dumps(answer.body, ensure_ascii=False)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PUT", "/crm/acme/local", 405, "method-not-allowed"),
        ("POST", "/", 404, "not-found"),
        ("POST", "/crm/acme/local/more", 404, "not-found"),
    ],
)
def test_other_requests_get_a_problem_with_a_stable_code(nowhere, method, path, status, code):
    answer = nowhere.request(method, path, person())

    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


NAMES_AND_TOKENS = [
    "\0", "\t", "\n", "\r\n", "\x85", "\u2028", " ", "%", "%00", "%0a", "%2F", "%2f..", "..", ".", "?", "#", "\\",
    '"', "<script>", "*", "ключ", "🌻", "\ufeff", "\ud800", "é", "e\u0301", "x" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("odd", NAMES_AND_TOKENS, ids=ascii)
def test_a_name_and_a_token_are_compared_as_they_came(nowhere, odd):
    wrong = nowhere.post("nobody", person())
    names = [odd, f"acme{odd}", f"{odd}acme"]

    answers = [nowhere.post(name, person()) for name in names]
    answers += [nowhere.post(name, person(), "") for name in names]
    answers += [nowhere.post("acme", person(), token) for token in (odd, f"local{odd}", f"{odd}local", f"lo{odd}cal")]

    assert wrong.status == 401
    assert {(answer.status, json.dumps(answer.body)) for answer in answers} == {(401, json.dumps(wrong.body))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(blacklist_characters="/"), min_size=1), st.text(st.characters(blacklist_characters="/")))
def test_whatever_the_address_is_a_denial_is_the_same(nowhere, name, token):
    assert nowhere.post(f"x{name}", person(), token).status == 401
    assert nowhere.post("acme", person(), f"x{token}").status == 401


@pytest.mark.parametrize(
    "path",
    ["/crm", "/crm/", "/crm//local", "/crm/acme/", "/crm/acme/local/", "/crm/acme//", "/crm\n/acme/local", "/CRM/acme"],
)
def test_a_path_that_is_no_webhook_address_is_not_found_whatever_it_names(nowhere, path):
    answers = [nowhere.request("POST", where, person()) for where in (path, path.replace("acme", "nobody"))]

    assert [(answer.status, answer.body["code"]) for answer in answers] == [(404, "not-found")] * 2


@pytest.mark.parametrize("odd", NAMES_AND_TOKENS, ids=ascii)
def test_a_browser_sees_the_same_page_whatever_the_name(nowhere, odd):
    assert nowhere.request("GET", f"/crm/{odd}").body == nowhere.request("GET", "/crm/acme").body


def test_the_crms_own_id_of_an_event_is_logged(nowhere, caplog):
    nowhere.post("acme", person())

    assert [record.event_ids for record in caplog.records if record.msg == "ingested"] == [["event-42"]]


@pytest.mark.parametrize(
    "identity",
    [
        "Olena",
        "Коваль",
        "olena@example.com",
        "+380670000001",
        "067 000 00 01",
        "380670000001",
        "0670000001",
        "tel:0670000001",
        "067-000-00-01",
        "id 1",
        "1" * 65,
        "a/38067000001/b",
        "067.000.00.01:1",
    ],
)
def test_an_id_of_an_event_that_may_be_a_person_is_not_logged(nowhere, caplog, identity):
    event = person()
    event["meta"]["id"] = identity
    nowhere.post("acme", event)

    assert not [record for record in caplog.records if hasattr(record, "event_ids")]


def test_a_wrong_method_is_told_the_right_ones(nowhere):
    assert nowhere.request("PUT", "/crm/acme/local").headers["Allow"] == "POST, GET, HEAD"


def test_health_says_nothing_but_ok(nowhere):
    assert nowhere.request("GET", "/healthz").body == "ok"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("{broken", "application/json", 400, "bad-body"),
        ("", "application/json", 400, "bad-body"),
        (b"\xff\xfe\xfa", "application/json", 400, "bad-body"),
        ("x" * 524_289, "application/json", 413, "too-large"),
        ("{}", "image/png", 415, "unsupported-body"),
    ],
)
def test_an_unreadable_body_is_the_senders_to_fix(nowhere, body, content_type, status, code):
    answer = nowhere.post("acme", body, content_type=content_type)

    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.body["request_id"] == "request-1"
    assert nowhere.rejected() == []


def test_the_programmer_behind_direct_is_told_what_is_wrong(nowhere):
    answer = nowhere.post("acme-direct", {"fullName": "Olena", "phones": ["067 000 00 01"]})

    assert answer.status == 422
    assert answer.body["errors"][0]["index"] == 0
    assert nowhere.rejected() == []


def test_when_the_table_fails_the_event_is_kept_whole_and_taken_later(nowhere):
    with overheard(unreachable("dynamodb", "GetItem")):
        answer = nowhere.post("acme", person())

    assert (answer.status, answer.body) == (202, {"request_id": "request-1", "queued": True})
    assert nowhere.cards.read([KEY]) == {}

    assert nowhere.take_inbox() == 0
    assert nowhere.cards.read([KEY]).keys() == {KEY}


def test_what_was_kept_becomes_the_card_with_its_first_time_of_arrival(nowhere):
    arrived = nowhere.clock.time + 1
    with overheard(unreachable("dynamodb", "UpdateItem")):
        nowhere.post("acme", person(when=None))
    nowhere.clock.pass_(3600)

    assert nowhere.take_inbox() == 0

    assert nowhere.card(KEY).fields["fullName"][1:] == (arrived, arrived)


def test_when_both_stores_fail_the_crm_is_told_to_come_again(nowhere):
    with overheard(unreachable("dynamodb")), overheard(unreachable("sqs")):
        answer = nowhere.post("acme", person())

    assert (answer.status, answer.body["code"], answer.headers["Retry-After"]) == (503, "unavailable", "30")


def test_a_wake_up_that_cannot_be_sent_loses_nothing(nowhere):
    with overheard(unreachable("sqs")):
        answer = nowhere.post("acme", person())

    assert answer.body["accepted"] == 1
    assert nowhere.due() == [KEY]


def test_a_request_meets_three_calls_whether_or_not_a_number_is_new_to_its_card(nowhere):
    nowhere.post("acme", person(1))
    with counted() as new:
        nowhere.post("acme", person())
    with counted() as known:
        nowhere.post("acme", person(name="Олена Мельник", when="2026-03-02T10:00:00Z"))

    assert known == ["GetItem", "UpdateItem", "SendMessage"]
    assert new == ["GetItem", "TransactWriteItems", "SendMessage"]


def test_the_programmer_behind_direct_is_told_what_was_cut_and_others_are_not(nowhere):
    phones = [f"+38067{number:07}" for number in range(1, 1001)]
    body = {"externalId": "1", "fullName": "x" * 300, "phones": [*phones, "067 CALL ME"]}

    told = nowhere.post("acme-direct", body)
    untold = nowhere.post("acme", person(name="x" * 300))

    assert (told.status, told.body["accepted"]) == (202, 1)
    assert {warning["index"] for warning in told.body["warnings"]} == {0}
    assert any("100" in warning["reason"] for warning in told.body["warnings"])
    assert "warnings" not in untold.body


def test_of_a_flood_of_rejected_events_a_sample_is_kept_and_the_log_says_how_many_were_not(nowhere, caplog):
    for _ in range(WHOLE + SAMPLE + 1):
        assert nowhere.post("acme", {"unknown": True}).body["rejected"]
    kept = 0
    while messages := nowhere.rejected():
        kept += len(messages)

    assert kept == WHOLE + 1
    assert [record.number for record in caplog.records if hasattr(record, "number")] == [SAMPLE - 1]


def test_a_flood_counts_by_connection_code_and_minute():
    flood = Flood()
    kept = [flood.keeps("acme", "no-record", 0) for _ in range(WHOLE + 3)]

    assert kept == [True] * WHOLE + [False] * 3
    assert flood.keeps("acme", "no-data", 0)
    assert flood.keeps("shop", "no-record", 0)
    assert flood.keeps("acme", "no-record", 60_000)
