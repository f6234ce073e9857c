"""The presets that ask a CRM's API: what leaves, what its answers mean, and that both mappings fill one card."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from lookup import answer, paging, request
from mapping.language import loader
from tests.mapping.cases import CASES
from wire import Answer

ASKING = [name for name in loader.mappings() if loader.load(name).api]
LOOKUPS = [(name, lookup) for name in ASKING for lookup in loader.load(name).calls]
ANSWERS = [case for case in CASES if case.request.get("lookup")]
REQUESTS = Path(__file__).with_name("requests.json")  # this file, run as a module, writes it

SECRET = {
    "token": "KEY",
    "email": "owner@example.com",
    "client_id": "CLIENT",
    "client_secret": "SECRET",
    "refresh_token": "REFRESH",
    "accounts_url": "https://accounts.zoho.eu",
}
URLS = {
    "bitrix24-api": "https://acme.bitrix24.eu/rest/1/CODE/",
    "zoho-api": "https://www.zohoapis.eu",
    "salesforce-api": "https://acme.my.salesforce.com",
    "activecampaign-api": "https://acme.api-us1.com",
    "twenty-api": "https://api.twenty.com",
}
CRM_URLS = {
    "pipedrive-api": "https://acme.pipedrive.com",
    "kommo-api": "https://acme.kommo.com",
    "retailcrm-api": "https://acme.retailcrm.ru",
    "espocrm-api": "https://crm.example.com",
    "odoo-api": "https://acme.odoo.com",
}
IDS = {
    "twenty-api": ["00000000-0000-4000-8000-000000000051", "00000000-0000-4000-8000-000000000052"],
    "salesforce-api": ["003000000000001AAA", "003000000000009AAA"],
    "close-api": ["cont_01", "lead_01"],
}
FIRST = {"page": 1, "now": 1_741_079_435_000}
LATER = {"page": 2, "last": "99", "next": "CURSOR", "since": 1_741_000_000_000, "now": 1_741_079_435_000}


def secret(name):
    return {**SECRET, "url": URLS.get(name, "")}


def settings(name):
    return {"crm_url": CRM_URLS.get(name, ""), "board_id": "1770000001"}


def built(name, call, ids=(), **known):
    api = loader.load(name).api
    return request.build(
        api, call, secret=secret(name), settings=settings(name), ids=ids, known={"token": "TOKEN", **known}
    )


def shown(sent):
    """A request in words that a reviewer can compare with the vendor's page."""
    parts = urlsplit(sent.url)
    query = [f"{key}={value}" for key, value in parse_qsl(parts.query)]
    return [f"{sent.method} {parts.scheme}://{parts.netloc}{parts.path}", *query] + (
        [json.loads(sent.body)] if sent.body else []
    )


def asked(name, lookup):
    call = loader.load(name).calls[lookup]
    fitting = [one for one in IDS.get(name, ["22", "23"]) if call.ids.fullmatch(one)][: call.most]
    found = {"ids": shown(built(name, call.call, fitting))}
    if call.sync:
        found["first page"] = shown(built(name, call.sync.call, **FIRST, size=call.sync.most))
        found["later page"] = shown(built(name, call.sync.call, **LATER, size=call.sync.most))
        if call.sync.counting:
            found["number"] = shown(built(name, call.sync.counting))
    return found


def all_asked():
    return {name: {lookup: asked(name, lookup) for lookup in loader.load(name).calls} for name in ASKING}


@pytest.mark.parametrize(("name", "lookup"), LOOKUPS)
def test_what_leaves_for_a_crm_is_what_was_looked_at(name, lookup):
    assert asked(name, lookup) == json.loads(REQUESTS.read_text("utf-8"))[name][lookup]


@pytest.mark.parametrize("name", ASKING)
def test_a_check_needs_nothing_but_the_key_and_the_settings(name):
    api = loader.load(name).api

    assert api.check is not None
    assert built(name, api.check).url.startswith("https://")
    assert set(request.needs(api)) <= {*SECRET, "url"}


@pytest.mark.parametrize("name", ASKING)
def test_a_mapping_of_answers_belongs_to_a_preset_of_the_same_crm(name):
    askers = [preset for preset in loader.presets() if loader.load(preset).api_name == name]

    assert name.removesuffix("-api") in askers or name == "salesforce-api"
    assert {loader.load(asker).crm for asker in askers} == {loader.load(name).crm}


def judged(case, asked_for=()):
    mapping = loader.load(case.mapping)
    body = case.body.read_bytes()
    return answer.judged(
        Answer(200, {}, body, complete=True), mapping.api, mapping.calls[case.request["lookup"]], asked_for, 0.0
    )


@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_the_records_of_an_answer_are_found_and_each_has_an_outcome(case):
    read = judged(case)

    assert read.kind == "ok"
    assert read.found
    assert len(case.outcomes()) >= len(read.found)
    assert "no-record" not in {outcome.code for outcome in case.outcomes()}


@pytest.mark.parametrize("case", ANSWERS, ids=str)
def test_an_id_that_an_answer_lacks_is_missing(case):
    name, lookup = case.mapping, loader.load(case.mapping).calls[case.request["lookup"]]
    nobody = {"twenty-api": "00000000-0000-4000-8000-0000000000ff", "salesforce-api": "003000000000000ZZZ"}
    other = nobody.get(name, "cont_zz" if name == "close-api" else "987654")

    assert judged(case, (*judged(case).found[: lookup.most], other)).missing == (other,)


def said(name, status, body, **headers):
    mapping = loader.load(name)
    lookup = next(iter(mapping.calls.values()))
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer.judged(Answer(status, headers, raw, complete=True), mapping.api, lookup, ["22", "23"], 0.0)


MONDAY_DAY = {"data": None, "errors": [{"message": "…", "extensions": {"code": "DAILY_LIMIT_EXCEEDED"}}]}
MONDAY_KEY = {"data": [], "errors": [{"message": "…", "extensions": {"code": "UserUnauthorizedException"}}]}
MONDAY_BAD = {"data": [], "errors": [{"message": "…", "extensions": {"code": "undefinedField"}}]}
MONDAY_COST = {"error_code": "ComplexityException", "status_code": 429, "errors": ["… reset in 3 seconds"]}
NOBODY = {"status": "COMPLETE", "results": [], "errors": [{"category": "OBJECT_NOT_FOUND", "context": {"ids": ["22"]}}]}


@pytest.mark.parametrize(
    ("name", "status", "body", "kind", "seconds"),
    [
        ("hubspot-api", 429, {"policyName": "DAILY", "errorType": "RATE_LIMIT"}, "wait", 3600),
        ("hubspot-api", 429, {"policyName": "TEN_SECONDLY_ROLLING", "errorType": "RATE_LIMIT"}, "wait", 60),
        ("hubspot-api", 423, {"status": "error"}, "wait", 60),
        ("hubspot-api", 403, {"category": "MISSING_SCOPES"}, "key", 0),
        ("hubspot-api", 207, NOBODY, "ok", 0),
        ("keycrm-api", 401, {"message": "Unauthenticated."}, "key", 0),
        ("keycrm-api", 422, {"message": "…"}, "bad", 0),
        ("copper-api", 429, b"", "wait", 60),
        ("pipedrive-api", 429, {"success": False}, "wait", 60),
        ("kommo-api", 204, b"", "ok", 0),
        ("kommo-api", 401, {"title": "Unauthorized", "status": 401}, "key", 0),
        ("monday-api", 200, MONDAY_DAY, "wait", 60),
        ("monday-api", 429, MONDAY_COST, "wait", 60),
        ("monday-api", 200, MONDAY_KEY, "key", 0),
        ("monday-api", 200, MONDAY_BAD, "bad", 0),
        ("monday-api", 429, {"errors": [{"message": "…"}]}, "wait", 60),
        ("monday-api", 502, {"errors": [{"message": "…"}]}, "retry", 0),
        ("zoho-api", 204, b"", "ok", 0),
        ("salesforce-api", 403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "…"}], "wait", 3600),
        ("salesforce-api", 401, [{"errorCode": "INVALID_SESSION_ID", "message": "…"}], "key", 0),
        ("salesforce-api", 400, [{"errorCode": "INVALID_FIELD", "message": "…"}], "bad", 0),
        ("salesforce-api", 200, [None, None], "ok", 0),
        ("retailcrm-api", 503, {"success": False}, "wait", 60),
        ("retailcrm-api", 200, {"success": False, "errorMsg": "…"}, "bad", 0),
        ("odoo-api", 200, [], "ok", 0),
        ("odoo-api", 500, {"name": "builtins.ValueError"}, "retry", 0),
    ],
)
def test_what_a_crm_answers_beside_records_has_its_class(name, status, body, kind, seconds):
    read = said(name, status, body)

    assert (read.kind, read.seconds) == (kind, seconds)
    assert read.missing == (("22", "23") if kind == "ok" else ())


@pytest.mark.parametrize("name", ["espocrm-api", "close-api", "keycrm-api"])
def test_a_single_record_that_is_not_there_is_gone(name):
    mapping = loader.load(name)
    lookup = mapping.calls.get("order") or mapping.calls["contact"]

    assert answer.judged(Answer(404, {}, b"{}", complete=True), mapping.api, lookup, ["22"], 0.0).kind == "gone"


def next_page(case):
    lookup = loader.load(case.mapping).calls[case.request["lookup"]]
    return paging.after(paging.State(), lookup, Answer(200, {}, case.body.read_bytes(), complete=True))


@pytest.mark.parametrize(
    ("case", "variable", "value", "more"),
    [
        ("hubspot/answer-page-of-a-search", "last", "243", False),
        ("monday/answer-page-of-the-board", "next", "MSw1MDk2OTgwNjUz", True),
        ("pipedrive/answer-person-emptied", "next", "eyJpZCI6OH0", True),
        ("pipedrive/answer-persons", "next", "", False),
        ("twenty/answer-person-emptied", "next", "ZW5k", True),
        ("twenty/answer-people", "next", "", False),
        ("zoho/answer-contact-emptied", "next", "c8582e1f", True),
        ("zoho/answer-contacts", "next", "", False),
        ("salesforce/answer-page-of-a-query", "last", "003000000000002AAA", True),
        ("espocrm/answer-page-of-contacts", "last", "65000000000000002", True),
        ("close/answer-page-of-a-search", "next", "", False),
        ("kommo/answer-contacts", "page", 2, False),
        ("keycrm/answer-buyers", "page", 2, False),
    ],
)
def test_a_page_says_how_the_next_is_asked_for(case, variable, value, more):
    [found] = [one for one in CASES if str(one) == case]

    state, goes_on = next_page(found)

    assert (getattr(state, variable), goes_on) == (value, more)


BLOCKS = ("phones.", "emails.", "organizations.")
# Fields that only a webhook has: the API does not know them, so what it knows stays beside them.
OF_WEBHOOKS = {
    "hubspot": {"emails.2"},  # all addresses of all identities
    "pipedrive": {"phones.1"},  # custom fields with their types
    "bitrix24": set(),
    "odoo": {"phones.0"},  # `mobile`, which version 19 has no more
    "retailcrm": {"emails.2", "organizations.1", "organizations.0"},
}


def blocks_of(cases):
    outcomes = [outcome for case in cases for outcome in case.outcomes() if outcome.card.startswith("contact:")]
    return {name for outcome in outcomes for name in outcome.fields if name.startswith(BLOCKS)}


@pytest.mark.parametrize("name", [name for name in ASKING if name != "salesforce-api"])
def test_what_an_event_sets_of_a_contact_its_answer_sets_too(name):
    """Each block is a field of the card: where the two mappings count differently, an old phone would stay for ever."""
    crm = name.removesuffix("-api")
    events = blocks_of([case for case in CASES if case.mapping == crm])
    answers = blocks_of([case for case in ANSWERS if case.mapping == name])

    assert events - answers <= OF_WEBHOOKS.get(crm, set())


EMPTIED = [case for case in ANSWERS if "emptied" in case.body.stem]


@pytest.mark.parametrize("case", EMPTIED, ids=str)
def test_an_answer_without_phones_empties_what_was_known(case):
    [full] = {one.mapping: one for one in reversed(ANSWERS) if one.mapping == case.mapping and has_phones(one)}.values()
    [outcome] = case.outcomes()
    phones = {name for name in outcome.fields if name.startswith("phones.")}

    assert phones >= {name for name in blocks_of([full]) if name.startswith("phones.")}
    assert not any(outcome.fields[name] for name in phones)


def has_phones(case):
    return any(outcome.fields.get(name) for outcome in case.outcomes() for name in outcome.fields if "phones" in name)


def test_each_api_has_an_answer_that_empties():
    assert {case.mapping for case in EMPTIED} | {"bitrix24-api"} == set(ASKING)


@pytest.mark.parametrize(("name", "lookup"), LOOKUPS)
def test_no_look_up_takes_an_id_that_could_bend_a_request(name, lookup):
    pattern = loader.load(name).calls[lookup].ids
    hostile = ["", "0x", "1&a=2", "1,2", "../1", "1/2", "') OR ('", "$result[x]", "1\n", "٤٢", "-1", "1" * 100, "{$id}"]

    assert not [one for one in hostile if pattern.fullmatch(one) and name != "espocrm-api"]
    assert not [one for one in hostile if pattern.fullmatch(one) and set(one) & set("&,/$'{\n٤")]


@pytest.mark.parametrize("name", ASKING)
def test_no_key_stands_in_a_query(name):
    mapping = loader.load(name)
    calls = [mapping.api.check, *(lookup.call for lookup in mapping.calls.values())]

    assert not any(scope == "secret" for call in calls for scope, _ in request.variables(dict(call.query)))


if __name__ == "__main__":
    REQUESTS.write_text(json.dumps(all_asked(), ensure_ascii=False, indent=1) + "\n", "utf-8")
