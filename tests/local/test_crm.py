"""The emulator of the CRMs: each answers as its vendor documents, sends its own events, and fails on demand."""

import http.client
import json
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from local.crm import KEY, Crms
from local.crm.dialects import CRMS
from local.crm.records import BARE, Records

NOW = 1_790_000_000.25
SHAPES = json.loads(Path(__file__).with_name("crm_shapes.json").read_text())  # keys and types of documented answers
BEARER = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}
COPPER = {"X-PW-AccessToken": KEY, "X-PW-Application": "developer_api", "X-PW-UserEmail": "crm@example.com"}
HEADERS = {
    "bitrix24": {},
    "hubspot": BEARER,
    "keycrm": BEARER,
    "copper": COPPER,
    "kommo": BEARER,
    "pipedrive": {"X-API-Token": KEY},
    "monday": {"Authorization": KEY},
}
HEALTHY = {
    "bitrix24": ("POST", f"/rest/1/{KEY}/profile.json", {}),
    "hubspot": ("GET", "/crm/owners/2026-09?limit=1", None),
    "keycrm": ("GET", "/v1/users?limit=1", None),
    "copper": ("GET", "/developer_api/v1/account", None),
    "kommo": ("GET", "/api/v4/account", None),
    "pipedrive": ("GET", "/api/v2/persons?limit=1", None),
    "monday": ("POST", "/v2", {"query": "{ me { id } }"}),
}


@pytest.fixture(scope="module")
def clock():
    return [NOW]


@pytest.fixture(scope="module")
def started(clock):
    with Crms(clock=lambda: clock[0], contacts=0) as crms:
        yield crms


@pytest.fixture
def crms(started, clock):
    """All CRMs as on a first day: 120 contacts each, nothing fails, nothing was asked yet."""
    clock[0] += 100_000
    for name in CRMS:
        started.fill(name, 120)
        started.faults(name)
        started.limited(name, on=True)
    return started


def ask(crms, crm, method, path, body=None, **headers):
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", crms.port, timeout=5)) as connection:
        connection.request(method, path, data, HEADERS[crm] | headers)
        with connection.getresponse() as response:
            received = response.read()
    is_json = "json" in response.headers.get("Content-Type", "") and received
    return response.status, json.loads(received) if is_json else received, response.headers


def healthy(crms, crm):
    return ask(crms, crm, *HEALTHY[crm])


def item_list(crms, **given):
    defaults = {"entityTypeId": 3, "select": ["*"], "order": {"id": "ASC"}, "start": -1}
    return ask(crms, "bitrix24", "POST", f"/rest/1/{KEY}/crm.item.list.json", defaults | given)[:2]


def batch(crms, *ids, kind="contacts", properties=("firstname", "phone", "nothing")):
    body = {"inputs": [{"id": str(one)} for one in ids], "properties": [*properties], "propertiesWithHistory": []}
    return ask(crms, "hubspot", "POST", f"/crm/objects/2026-09/{kind}/batch/read", body)[:2]


def get(crms, crm, path, **query):
    return ask(crms, crm, "GET", path + ("?" + urlencode(query, doseq=True) if query else ""))


def people(crms, **body):
    return ask(crms, "copper", "POST", "/developer_api/v1/people/search", body)


FIELDS = "id name state url updated_at board { id } column_values { id type text value }"
QUERY = f"query ($ids: [ID!]) {{ items(ids: $ids, limit: 100) {{ {FIELDS} }} }}"


def items(crms, *ids):
    return ask(crms, "monday", "POST", "/v2", {"query": QUERY, "variables": {"ids": ids}})[:2]


def differences(shape, value, place=""):
    """Yield where an answer is not of the documented shape: another key, another type; null may stand anywhere."""
    if isinstance(shape, dict) and isinstance(value, dict):
        yield from (f"{place}.{name} is not documented" for name in value.keys() - shape.keys())
        yield from (f"{place}.{name} is missing" for name in shape.keys() - value.keys())
        for name in shape.keys() & value.keys():
            yield from differences(shape[name], value[name], f"{place}.{name}")
    elif isinstance(shape, list) and isinstance(value, list):
        for one in value if shape else ():
            yield from differences(shape[0], one, f"{place}[]")
    elif value is not None:
        names = {bool: "bool", int: "number", float: "number", str: "text"}
        if not isinstance(shape, str) or (shape != "null" and names.get(type(value)) not in shape.split("|")):
            yield f"{place} is {type(value).__name__}, documented {shape}"


def with_company(crms, crm):
    return next(number for number in range(1, 120) if crms.record(crm, "contact", number).company)


def with_client(crms):
    crms.edit("keycrm", "lead", 2, contact=3, send_event=False)
    return 2


def event(crms, crm, kind, number, **changes):
    crms.edit(crm, kind, number, **changes)
    sent_event = crms.events()[-1].event
    return sent_event and (
        json.loads(sent_event.body) if "json" in sent_event.content_type else dict(parse_qsl(sent_event.body.decode()))
    )


ALL = (
    "firstname",
    "lastname",
    "phone",
    "mobilephone",
    "email",
    "hubspot_owner_id",
    "associatedcompanyid",
    "company",
    "jobtitle",
)
WHOLE = {"include": "manager,company", "limit": 50}
# What is documented and no mapping reads: free texts, money, marketing, and the times of stages.
LEFT_OUT = {
    "bitrix24 lead": 33,
    "hubspot company": 4,
    "keycrm event": 24,
    "pipedrive persons": 6,
    "pipedrive person": 6,
    "pipedrive deal": 18,
    "monday items": 3,
}
ANSWERS = {
    "bitrix24 contacts": lambda crms: item_list(crms)[1],
    "bitrix24 lead": lambda crms: ask(
        crms, "bitrix24", "POST", f"/rest/1/{KEY}/crm.item.get.json", {"entityTypeId": 1, "id": 3}
    )[1],
    "bitrix24 error": lambda crms: item_list(crms, entityTypeId=99)[1],
    "hubspot batch": lambda crms: batch(crms, *range(1, 100), properties=ALL)[1],
    "hubspot missing": lambda crms: batch(crms, 999, properties=ALL)[1],
    "hubspot company": lambda crms: batch(crms, 1, kind="companies", properties=("name", "phone", "domain"))[1][
        "results"
    ][0],
    "hubspot owner": lambda crms: healthy(crms, "hubspot")[1]["results"][0],
    "keycrm buyers": lambda crms: get(crms, "keycrm", "/v1/buyer", **WHOLE)[1],
    "keycrm buyer": lambda crms: get(crms, "keycrm", f"/v1/buyer/{with_company(crms, 'keycrm')}", **WHOLE)[1],
    "keycrm order": lambda crms: get(crms, "keycrm", "/v1/order/3", include="buyer,manager")[1],
    "keycrm card": lambda crms: get(
        crms, "keycrm", f"/v1/pipelines/cards/{with_client(crms)}", include="contact.client,manager"
    )[1],
    "keycrm event": lambda crms: event(crms, "keycrm", "deal", 2),
    "copper people": lambda crms: people(crms, page_size=200)[1],
    "kommo contacts": lambda crms: get(crms, "kommo", "/api/v4/contacts", **{"with": "leads", "limit": 50})[1],
    "kommo lead": lambda crms: get(crms, "kommo", "/api/v4/leads/2", **{"with": "contacts"})[1],
    "pipedrive persons": lambda crms: get(crms, "pipedrive", "/api/v2/persons", limit=50)[1],
    "pipedrive person": lambda crms: get(crms, "pipedrive", "/api/v2/persons/3")[1],
    "pipedrive deal": lambda crms: get(crms, "pipedrive", "/api/v2/deals/3")[1],
    "monday items": lambda crms: items(crms, 1, 2, 3)[1],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_has_the_keys_and_types_that_are_documented(crms, name):
    found = set(differences(SHAPES[name], ANSWERS[name](crms)))

    assert {one for one in found if not one.endswith("is missing")} == set()
    assert len(found) == LEFT_OUT.get(name, 0)


@pytest.mark.parametrize("crm", CRMS)
def test_the_harmless_call_needs_the_key_and_no_request_shows_it(crms, crm):
    method, path, body = HEALTHY[crm]

    assert healthy(crms, crm)[0] == 200
    wrong = dict.fromkeys(HEADERS[crm], "wrong") | {"Accept": "application/json"}
    assert ask(crms, crm, method, path.replace(KEY, "wrong"), body, **wrong)[0] == 401
    shown = crms.requests()[-2]
    assert shown.status == 200
    assert KEY not in repr(shown)


# What each lets in at once, and the seconds after which the next one passes.
LIMITS = {
    "bitrix24": (50, 0.5, 503),
    "hubspot": (100, 10, 429),
    "keycrm": (60, 60, 429),
    "copper": (180, 60, 429),
    "kommo": (7, 1, 429),
    "pipedrive": (80, 2, 429),
    "monday": (1_000, 86_400, 429),
}


@pytest.mark.parametrize("crm", [crm for crm in CRMS if crm != "monday"])
def test_each_has_its_pace(crms, clock, crm):
    calls, seconds, status = LIMITS[crm]

    assert [healthy(crms, crm)[0] for _ in range(calls)] == [200] * calls
    refused, body, headers = healthy(crms, crm)
    assert (refused, "Retry-After" in headers) == (status, crm == "keycrm")
    assert body == CRMS[crm].faults["limit"]["body"]
    clock[0] += seconds
    assert healthy(crms, crm)[0] == 200


def test_the_pace_is_told_in_headers_and_can_be_switched_off(crms):
    assert healthy(crms, "hubspot")[2]["X-HubSpot-RateLimit-Remaining"] == "99"
    assert healthy(crms, "pipedrive")[2]["X-RateLimit-Remaining"] == "79"
    crms.limited("kommo", on=False)
    assert [healthy(crms, "kommo")[0] for _ in range(20)] == [200] * 20


@pytest.mark.parametrize(("crm", "fault"), [(crm, name) for crm, one in CRMS.items() for name in one.faults])
def test_its_own_errors_can_be_asked_for_by_name(crms, crm, fault):
    described = CRMS[crm].faults[fault]
    crms.faults(crm, fault)

    for _ in range(2):
        status, body, _ = healthy(crms, crm)
        assert (status, body) == (described["status"], described.get("body", b""))
    crms.faults(crm)
    assert healthy(crms, crm)[0] == 200


@pytest.mark.parametrize("crm", CRMS)
def test_every_crm_can_fail_in_every_other_way(crms, crm):
    def after(*faults):
        crms.faults(crm, *faults)
        return healthy(crms, crm)

    assert after("limit with Retry-After: 30")[2]["Retry-After"] == "30"
    assert after("down")[0] == 503
    assert after("HTML error page")[2]["Content-Type"].startswith("text/html")
    assert after("redirect to the metadata address")[2]["Location"].startswith("http://169.254.169.254/")
    assert int(after("answer of 3 MiB")[2]["Content-Length"]) > 3_000_000
    with pytest.raises(http.client.IncompleteRead):
        after("answer cut")
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        after("hangs up")
    assert after({"status": 404, "times": 1})[0] == 404
    assert healthy(crms, crm)[0] == 200
    with pytest.raises(ValueError, match="has no fault 'sometimes'; it has limit"):
        crms.faults(crm, "sometimes")


def test_what_an_api_does_not_have_or_cannot_read_is_refused(crms):
    assert ask(crms, "bitrix24", "GET", "/nothing")[0] == 404
    assert ask(crms, "bitrix24", "POST", f"/rest/1/{KEY}/crm.contact.add.json", {})[0] == 404
    assert ask(crms, "copper", "POST", "/developer_api/v1/people/search", {"page_size": "many"})[0] == 400
    assert item_list(crms, filter=[1])[0] == 400
    assert ask(crms, "hubspot", "GET", "/crm/objects/2026-09/contacts/batch/read")[0] == 405
    assert ask(crms, "pipedrive", "GET", "/api/v2/persons?cursor=broken")[0] == 400
    assert ask(crms, "monday", "POST", "/v2", b"no JSON")[1]["errors"]


def test_bitrix24_lists_whom_it_has_and_may_show(crms):
    crms.edit("bitrix24", "contact", 4, visible=False, send_event=False)

    status, body = item_list(crms, filter={"@id": [3, 4, "5", 999]})

    assert status == 200
    assert [one["id"] for one in body["result"]["items"]] == [3, 5]


def test_bitrix24_gives_pages_of_fifty_behind_an_id_and_counts_only_if_asked_to(crms):
    ids, last = [], 0
    while page := item_list(crms, filter={">id": last})[1]["result"]["items"]:
        assert len(page) <= 50
        ids += [one["id"] for one in page]
        last = ids[-1]
    counted = item_list(crms, start=50)[1]

    assert ids == list(range(1, 121))
    assert (counted["total"], counted["next"], counted["result"]["items"][0]["id"]) == (120, 100, 51)
    assert "next" not in item_list(crms, start=100)[1]
    assert item_list(crms)[1]["total"] == 0


def test_bitrix24_finds_what_changed_since_a_second(crms, clock):
    crms.edit("bitrix24", "contact", 8, last="Новенька", send_event=False)
    (changed,) = item_list(crms, filter={"@id": [8]})[1]["result"]["items"]
    since = changed["updatedTime"]

    assert ".25" not in since
    found = item_list(crms, filter={">=updatedTime": since})[1]["result"]["items"]
    assert [one["id"] for one in found] == [8]
    assert item_list(crms, filter={">updatedTime": since})[1]["result"]["items"] == []
    newest = item_list(crms, order={"updatedTime": "DESC"})[1]["result"]["items"]
    assert newest[0]["id"] == 8


def test_bitrix24_gives_phones_with_all_fields_only(crms):
    (whole,) = item_list(crms, filter={"@id": [1]})[1]["result"]["items"]
    (chosen,) = item_list(crms, filter={"@id": [1]}, select=["id", "name", "fm"])[1]["result"]["items"]

    assert whole["fm"][0]["value"] == "+380670000001"
    assert chosen.keys() == {"id", "name"}


@pytest.mark.parametrize(
    ("method", "given", "status", "code"),
    [
        ("crm.item.list", {"entityTypeId": 3, "filter": {"@nothing": [1]}}, 400, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 3, "filter": {"@id": ["1 OR 1"]}}, 400, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 3, "filter": {">updatedTime": "soon"}}, 400, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 3, "order": {"phone": "ASC"}}, 400, "INVALID_ARG_VALUE"),
        ("crm.item.list", {"entityTypeId": 99}, 400, "NOT_FOUND"),
        ("crm.item.get", {"entityTypeId": 3, "id": 999}, 400, "NOT_FOUND"),
        ("nothing", {}, 404, "ERROR_METHOD_NOT_FOUND"),
    ],
)
def test_bitrix24_names_what_it_does_not_take(crms, method, given, status, code):
    answer = ask(crms, "bitrix24", "POST", f"/rest/1/{KEY}/{method}.json", given)

    assert (answer[0], answer[1]["error"]) == (status, code)


def test_hubspot_names_ids_that_it_does_not_find_and_answers_a_merged_one_by_its_winner(crms):
    crms.drop("hubspot", "contact", 2, into=3)

    status, body = batch(crms, 1, 2, 999)

    assert status == 207
    assert [one["id"] for one in body["results"]] == ["1", "3"]
    assert body["errors"][0]["context"]["ids"] == ["999"]
    assert batch(crms, 1)[0] == 200


def test_hubspot_gives_the_properties_that_were_asked_for(crms):
    (one,) = batch(crms, 1, properties=("phone", "mobilephone", "nothing"))[1]["results"]

    assert one["properties"].keys() == {"phone", "mobilephone", "createdate", "lastmodifieddate", "hs_object_id"}
    assert one["properties"]["phone"] == "+380670000001"


def test_hubspot_takes_a_hundred_ids_and_all_three_keys(crms):
    path = "/crm/objects/2026-09/contacts/batch/read"

    assert batch(crms, *range(1, 101))[0] == 200
    assert batch(crms, *range(1, 102))[0] == 400
    assert ask(crms, "hubspot", "POST", path, {"inputs": [{"id": "1"}], "properties": []})[0] == 400


def follow(first, page_of, ids_of, next_of):
    """Read page after page until none is named."""
    ids, page = [], first
    for _ in range(500):
        body = page_of(page)
        ids += ids_of(body)
        page = next_of(body)
        if not page:
            return ids
    raise AssertionError("endless")


def test_all_pages_of_every_other_crm_give_each_record_once(crms):
    everybody = list(range(1, 121))

    def path(base, parameter):
        return lambda page: f"{base}&{parameter}={page}" if page else base

    def read(crm, page_path, ids_of, next_of):
        return follow("", lambda page: ask(crms, crm, "GET", page_path(page))[1], ids_of, next_of)

    hubspot = read(
        "hubspot",
        path("/crm/objects/2026-09/contacts?limit=50", "after"),
        lambda body: [int(one["id"]) for one in body["results"]],
        lambda body: body.get("paging", {}).get("next", {}).get("after"),
    )
    pipedrive = read(
        "pipedrive",
        path("/api/v2/persons?limit=50", "cursor"),
        lambda body: [one["id"] for one in body["data"]],
        lambda body: body["additional_data"]["next_cursor"],
    )
    keycrm = read(
        "keycrm",
        path("/v1/buyer?limit=50", "page"),
        lambda body: [one["id"] for one in body["data"]],
        lambda body: body["next_page_url"] and body["current_page"] + 1,
    )
    kommo = read(
        "kommo",
        path("/api/v4/contacts?limit=50", "page"),
        lambda body: [one["id"] for one in body["_embedded"]["contacts"]],
        lambda body: "next" in body["_links"] and body["_page"] + 1,
    )
    copper = follow(
        1,
        lambda page: (page, people(crms, page_number=page, page_size=50)[1]),
        lambda answer: [one["id"] for one in answer[1]],
        lambda answer: answer[1] and answer[0] + 1,
    )
    fields = "cursor items { id }"
    monday = follow(
        None,
        lambda page: ask(
            crms,
            "monday",
            "POST",
            "/v2",
            {"query": f'{{ next_items_page(limit: 50, cursor: "{page}") {{ {fields} }} }}'}
            if page
            else {"query": f"{{ boards(ids: 1) {{ items_page(limit: 50) {{ {fields} }} }} }}"},
        )[1]["data"],
        lambda data: [int(one["id"]) for one in page_of_items(data)["items"]],
        lambda data: page_of_items(data)["cursor"],
    )

    assert hubspot == pipedrive == keycrm == kommo == copper == monday == everybody


def page_of_items(data):
    return data.get("next_items_page") or data["boards"][0]["items_page"]


def test_what_changed_is_found_by_its_second(crms, clock):
    for crm in ("keycrm", "copper", "kommo", "pipedrive"):
        crms.edit(crm, "contact", 9, last="Новенька", send_event=False)
    second = int(clock[0])

    keycrm = get(crms, "keycrm", "/v1/buyer", **{"filter[updated_between]": f"{utc(second)},{utc(second + 60)}"})[1]
    copper = people(crms, minimum_modified_date=second)
    kommo = get(crms, "kommo", "/api/v4/contacts", **{"filter[updated_at][from]": second})[1]
    pipedrive = get(crms, "pipedrive", "/api/v2/persons", updated_since=f"{utc(second).replace(' ', 'T')}Z")[1]

    assert [one["updated_at"] for one in keycrm["data"]] == [utc(second)]
    assert [one["date_modified"] for one in copper[1]] == [second]
    assert copper[2]["X-PW-Total"] == "1"
    assert [one["updated_at"] for one in kommo["_embedded"]["contacts"]] == [second]
    assert [one["id"] for one in pipedrive["data"]] == [9]
    assert get(crms, "kommo", "/api/v4/contacts", **{"filter[updated_at][from]": second + 1})[:2] == (204, b"")


def utc(second):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(second))


def test_a_search_of_hubspot_comes_late_and_ends_at_ten_thousand(crms, clock):
    path = "/crm/objects/2026-09/contacts/search"
    test = {"propertyName": "lastmodifieddate", "operator": "GTE", "value": str(int(clock[0] * 1000))}
    wanted = {"filterGroups": [{"filters": [test]}], "properties": ["phone"], "limit": 100}
    crms.edit("hubspot", "contact", 5, last="Новенька", send_event=False)

    assert ask(crms, "hubspot", "POST", path, wanted)[1]["total"] == 0
    clock[0] += 4
    assert [one["id"] for one in ask(crms, "hubspot", "POST", path, wanted)[1]["results"]] == ["5"]
    assert ask(crms, "hubspot", "POST", path, wanted | {"after": "9901"})[0] == 400


def test_ids_that_are_not_there_are_left_out_everywhere(crms):
    crms.edit("kommo", "contact", 2, visible=False, send_event=False)
    kommo = get(crms, "kommo", "/api/v4/contacts", **{"filter[id][]": [1, 2, 999]})[1]

    assert [one["id"] for one in kommo["_embedded"]["contacts"]] == [1]
    assert get(crms, "kommo", "/api/v4/contacts", **{"filter[id][]": [999]})[:2] == (204, b"")
    assert [one["id"] for one in get(crms, "keycrm", "/v1/buyer", **{"filter[buyer_id]": "1,999"})[1]["data"]] == [1]
    assert [one["id"] for one in people(crms, ids=[1, 999])[1]] == [1]
    assert [one["id"] for one in get(crms, "pipedrive", "/api/v2/persons", ids="1,999")[1]["data"]] == [1]
    assert get(crms, "pipedrive", "/api/v2/persons", ids="999")[1]["data"] == []
    assert [one["id"] for one in items(crms, "1", "999")[1]["data"]["items"]] == ["1"]


def test_keycrm_answers_errors_as_a_page_to_who_does_not_ask_for_json(crms):
    status, _, headers = ask(crms, "keycrm", "GET", "/v1/buyer/999", Accept="*/*")

    assert (status, headers["Content-Type"]) == (404, "text/html; charset=UTF-8")
    assert ask(crms, "keycrm", "GET", "/v1/buyer/999")[1] == {"message": "Not found"}


def test_an_edit_is_told_as_each_crm_tells_it(crms):
    bitrix24 = event(crms, "bitrix24", "contact", 7, last="Новенька")
    hubspot = event(crms, "hubspot", "contact", 7, phones=["067 000 00 77"], last="Новенька")
    copper = event(crms, "copper", "contact", 7, last="Новенька")
    kommo = event(crms, "kommo", "deal", 7, name="Нова угода")
    pipedrive = event(crms, "pipedrive", "deal", 7, name="Нова угода")
    monday = event(crms, "monday", "contact", 7, last="Новенька")

    assert (bitrix24["event"], bitrix24["data[FIELDS][ID]"]) == ("ONCRMCONTACTUPDATE", "7")
    assert bitrix24["auth[application_token]"] == "local"
    assert "Новенька" not in str(bitrix24)
    assert {(one["subscriptionType"], one["propertyName"], one["objectId"]) for one in hubspot} == {
        ("contact.propertyChange", "phone", 7),
        ("contact.propertyChange", "lastname", 7),
    }
    assert (copper["ids"], copper["type"], copper["event"]) == ([7], "person", "update")
    assert kommo["leads[update][0][id]"] == "7"
    assert not any("contact" in name for name in kommo)
    assert (pipedrive["meta"]["entity"], pipedrive["data"]["title"]) == ("deal", "Нова угода")
    assert pipedrive["data"]["person_id"] == crms.record("pipedrive", "deal", 7).contact
    assert (monday["event"]["pulseId"], monday["event"]["type"]) == (7, "update_column_value")


def test_keycrm_tells_of_orders_and_cards_only_and_names_the_client_of_every_second_order(crms):
    assert event(crms, "keycrm", "contact", 7, last="Новенька") is None
    assert event(crms, "keycrm", "deal", 3)["context"]["client_id"] is None
    assert event(crms, "keycrm", "deal", 4)["context"]["client_id"] == crms.record("keycrm", "deal", 4).contact
    assert event(crms, "keycrm", "lead", 4)["event"] == "lead.change_lead_status"


@pytest.mark.parametrize("crm", CRMS)
@pytest.mark.parametrize("kind", ["contact", "company", "deal", "lead"])
def test_every_change_of_every_record_can_be_made(crms, crm, kind):
    made = crms.edit(crm, kind, None, name="Нова", owner=2)
    crms.edit(crm, kind, made.id, name="Новіша")
    crms.resend(crm, kind, made.id)
    crms.drop(crm, kind, made.id)

    assert crms.record(crm, kind, made.id) is None
    assert [one.what.partition(": ")[2] for one in crms.events()[-4:]] == ["add", "update", "update", "delete"]
    assert crms.edit(crm, kind, None, name="Інша").id == made.id + 1


def test_events_go_to_the_bridge_and_can_be_lost_on_the_way(crms):
    sent = []
    crms.send = lambda crm, sent_event: (sent.append((crm, sent_event.content_type)), (202, "taken"))[1]
    try:
        crms.edit("bitrix24", "contact", 1, last="Одна")
        crms.edit("bitrix24", "contact", 1, last="Друга", send_event=False)
    finally:
        crms.send = None

    assert sent == [("bitrix24", "application/x-www-form-urlencoded")]
    assert (crms.events()[-1].status, crms.events()[-1].answer) == (202, "taken")
    assert crms.record("bitrix24", "contact", 1).last == "Друга"


def test_records_are_the_same_for_a_seed_and_their_numbers_are_plainly_fake():
    one, other = Records(lambda: NOW, 1_000), Records(lambda: NOW, 1_000)
    people = one.everything("contact")
    phones = [phone for person in people for phone in person.phones]

    assert people == other.everything("contact")
    assert people != Records(lambda: NOW, 1_000, seed=2).everything("contact")
    assert len(set(phones)) == len(phones)
    assert all(phone.removeprefix("+38").startswith("0670") for phone in phones)
    assert [person.id for person in people if not person.phones and not person.emails] == list(range(BARE, 1_001, BARE))


def test_fifty_thousand_contacts_are_read_page_by_page(crms):
    crms.fill("bitrix24", 50_000)
    last, seen = 0, 0
    started = time.monotonic()
    for _ in range(40):
        page = item_list(crms, filter={">id": last})[1]["result"]["items"]
        assert [one["id"] for one in page] == list(range(last + 1, last + 51))
        last, seen = page[-1]["id"], seen + 50

    assert time.monotonic() - started < 5
    assert item_list(crms, filter={">id": 49_980})[1]["result"]["items"][-1]["id"] == 50_000


def control(crms, method, path, body=None, **headers):
    return ask(crms, "bitrix24", method, f"/_emulator/{path}", body, **headers)[:2]


def test_the_page_edits_by_the_same_means(crms):
    where = {"crm": "bitrix24", "kind": "contact", "number": 6}
    status, saved = control(crms, "PUT", "record", {**where, "changes": {"last": "Новенька"}, "send_event": False})
    found = control(crms, "GET", "records?crm=bitrix24&kind=contact&q=%D0%BD%D0%BE%D0%B2%D0%B5%D0%BD")[1]

    assert (status, saved["last"]) == (200, "Новенька")
    assert [one["id"] for one in found["records"]] == [6]
    assert control(crms, "GET", "records?crm=bitrix24&q=380670000007")[1]["total"] == 1
    assert control(crms, "PUT", "faults", {"crm": "bitrix24", "faults": ["key"]})[0] == 200
    about = control(crms, "GET", "state")[1]["crms"][0]
    assert (about["name"], about["faults"], about["counts"]["contact"]) == ("bitrix24", ["key"], 120)
    assert control(crms, "PUT", "limited", {"crm": "bitrix24", "on": False})[0] == 200
    assert control(crms, "PUT", "fill", {"crm": "bitrix24", "contacts": 10})[0] == 200
    assert control(crms, "POST", "resend", where)[0] == 200
    assert control(crms, "DELETE", "record", where)[0] == 200
    assert control(crms, "GET", "state")[1]["crms"][0]["counts"]["contact"] == 9


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "record", {"crm": "nothing", "kind": "contact", "number": 1, "changes": {}}),
        ("PUT", "record", {"crm": "bitrix24", "kind": "task", "number": 1, "changes": {}}),
        ("PUT", "record", {"crm": "bitrix24", "kind": "contact", "number": 999, "changes": {}}),
        ("PUT", "record", {"crm": "bitrix24", "kind": "contact", "number": 1, "changes": {"phones": "067"}}),
        ("PUT", "record", {"crm": "bitrix24", "kind": "contact", "number": 1, "changes": {"id": 7}}),
        ("PUT", "record", {"crm": "bitrix24"}),
        ("DELETE", "record", {"crm": "bitrix24", "kind": "contact", "number": 999}),
        ("POST", "resend", {"crm": "bitrix24", "kind": "contact", "number": 999}),
        ("PUT", "faults", {"crm": "bitrix24", "faults": ["nothing"]}),
        ("PUT", "faults", {"crm": "bitrix24", "faults": [{"status": 7}]}),
        ("PUT", "faults", b"[" * 60_000),
        ("GET", "records?crm=nothing", None),
    ],
)
def test_a_request_of_the_page_that_makes_no_sense_is_refused(crms, method, path, body):
    status, answer = control(crms, method, path, body)

    assert status == 400
    assert answer["error"]


def test_only_its_own_page_controls_it(crms):
    assert control(crms, "GET", "state", Origin="https://example.com")[0] == 404
    assert control(crms, "GET", "nothing")[0] == 404


def test_a_port_that_is_taken_is_said_so(crms):
    with pytest.raises(OSError, match="in use"):
        Crms(crms.port)
