"""Requests to a CRM's API: what the variables can never change, and what never leaves."""

import base64
import json
import string
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import BadMapping, OperatorError
from lookup import request
from mapping import engine
from mapping.language import loader

API = """\
format = 1
crm = "Good"
[api]
url = "{URL}"
hosts = ["*.good.example", "good.example.org"]
headers = { Authorization = "Bearer {$secret.token}", X-Database = "{$settings.database}" }
check = { post = "me", json = { key = "{$secret.key}", ask = "{ me { id } }" } }
[lookup.contact]
CALL
records = "data"
[lookup.contact.sync]
post = "people/search"
query = { page = "{$page}" }
json = { since = "{$since}", until = "{$now.seconds}", where = [["date", ">=", "{$since.text}"]], page = "{$page}" }
[[record]]
do = "lookup"
lookup = "contact"
id = "id"
"""
URL = "https://api.good.example/v1"
MANY = """\
post = "people"
max = 50
query = { ids = "{$ids}", "filter[id][]" = "{$ids}", "limit" = "50" }
json = { ids = "{$ids}", numbers = "{$ids[].to_number(@)}", inputs = [{ id = "{$id}" }], query = "q($ids) { items }" }
"""
ONE = 'get = "people/{$id}/whole"\nquery = { include = "phones,emails" }'
SECRET = {"token": "CANARY-TOKEN", "key": "CANARY-KEY", "url": "https://acme.good.example/rest/CANARY-PATH/"}
NOW = 1_772_013_000_000


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    def loaded(call=MANY, url=URL):
        path = tmp_path_factory.mktemp("api") / "own.toml"
        path.write_text(API.replace("CALL", call).replace("{URL}", url), "utf-8")
        return loader.load_file(path)

    return loaded


def built(mapping, *, call=None, secret=SECRET, settings=None, **more):
    call = call or mapping.calls["contact"].call
    return request.build(mapping.api, call, secret=secret, settings=settings or {}, **more)


def test_several_ids_stand_where_the_mapping_says(load):
    made = built(load(), ids=["7", "8"])

    assert made.method == "POST"
    assert urlsplit(made.url)[:3] == ("https", "api.good.example", "/v1/people")
    assert parse_qsl(urlsplit(made.url).query) == [
        ("ids", "7,8"),
        ("filter[id][]", "7"),
        ("filter[id][]", "8"),
        ("limit", "50"),
    ]
    assert json.loads(made.body) == {
        "ids": ["7", "8"],
        "numbers": [7, 8],
        "inputs": [{"id": "7"}, {"id": "8"}],
        "query": "q($ids) { items }",
    }
    assert made.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "Authorization": "Bearer CANARY-TOKEN",
    }


def test_one_id_may_stand_in_the_path(load):
    made = built(load(ONE), ids=["7"])

    assert made.url == "https://api.good.example/v1/people/7/whole?include=phones%2Cemails"
    assert (made.method, made.body) == ("GET", None)


def test_what_is_not_set_falls_away(load):
    mapping = load()
    sync = mapping.calls["contact"].sync.call

    first = built(mapping, call=sync, known={"page": 1, "now": NOW})
    later = built(mapping, call=sync, known={"page": 2, "now": NOW, "since": NOW - 1000})

    assert json.loads(first.body) == {"query": "q($ids) { items }", "until": 1_772_013_000, "page": 1}
    assert json.loads(later.body) == {
        "query": "q($ids) { items }",
        "since": "2026-02-25T09:49:59Z",
        "until": 1_772_013_000,
        "where": [["date", ">=", "2026-02-25 09:49:59"]],
        "page": 2,
    }
    assert first.url.endswith("/people/search?limit=50&page=1")
    assert built(mapping, call=sync, settings={"database": "acme"}).headers["X-Database"] == "acme"


def test_a_segment_of_a_path_falls_away_with_its_variable(load):
    mapping = load('get = "query/{$next}"\nquery = { q = "WHERE Id IN (\'{$ids | join(`\\"\',\'\\"`, @)}\')" }')
    call = mapping.calls["contact"].call

    assert urlsplit(built(mapping, call=call, ids=["a", "b"]).url).path == "/v1/query"
    assert parse_qsl(urlsplit(built(mapping, call=call, ids=["a", "b"]).url).query) == [("q", "WHERE Id IN ('a','b')")]
    assert built(mapping, call=call, known={"next": "01g-2000"}).url == "https://api.good.example/v1/query/01g-2000"


TEXTS = st.text(st.characters(exclude_categories=[]), min_size=1, max_size=30)


@given(ids=st.lists(TEXTS, min_size=1, max_size=5), following=TEXTS, account=TEXTS)
def test_no_text_changes_host_path_names_of_the_query_or_shape_of_the_json(load, ids, following, account):
    """Ids fit a pattern before they come here; this holds for any."""
    try:
        made = built(load(), ids=ids, known={"next": following, "page": 1}, settings={"crm_url": account})
    except OperatorError:
        return
    parts = urlsplit(made.url)

    assert parts[:3] == ("https", "api.good.example", "/v1/people")
    assert [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)] in (
        ["ids", *["filter[id][]"] * len(ids), "limit"],
        [*["filter[id][]"] * sum(bool(one.strip()) for one in ids), "limit"],
        ["ids", *["filter[id][]"] * sum(bool(one.strip()) for one in ids), "limit"],
    )
    body = json.loads(made.body)
    assert set(body) <= {"ids", "numbers", "inputs", "query"}
    assert body["query"] == "q($ids) { items }"
    assert all(set(entry) == {"id"} for entry in body.get("inputs", []))


@given(identity=TEXTS)
def test_an_id_is_one_segment_of_a_path(load, identity):
    mapping = load(ONE)
    try:
        parts = urlsplit(built(mapping, ids=[identity]).url)
    except OperatorError:
        assert identity in (".", "..")
        return

    assert parts[:2] == ("https", "api.good.example")
    assert parts.query == "include=phones%2Cemails"
    segments = parts.path.split("/")
    if identity.strip():
        assert segments[:3] + segments[4:] == ["", "v1", "people", "whole"]
        assert unquote(segments[3]) == identity.encode(errors="replace").decode()


@pytest.mark.parametrize("identity", [".", ".."])
def test_an_id_of_dots_leads_to_no_other_path(load, identity):
    with pytest.raises(OperatorError, match="dots"):
        built(load(ONE), ids=[identity])


def test_what_stands_inside_an_address_adds_no_path_to_it(load):
    mapping = load(url="https://{$settings.account}.example.org")
    api = mapping.api._replace(hosts=("*",))

    assert built(mapping._replace(api=api), settings={"account": "acme"}, ids=["7"]).url.startswith("https://acme.")
    with pytest.raises(OperatorError):
        built(mapping._replace(api=api), settings={"account": "evil.example/x"}, ids=["7"])


def test_a_table_in_which_nothing_is_set_falls_away():
    mapping = loader.load("bitrix24-api")
    sync = mapping.calls["contact"].sync.call

    def sent(**known):
        return json.loads(built(mapping, call=sync, secret={"url": "https://a.bitrix24.eu/x"}, known=known).body)

    assert "filter" not in sent()
    assert sent(last="7", since=NOW)["filter"] == {">id": "7", ">=updatedTime": "2026-02-25T09:50:00Z"}
    assert (sent()["select"], sent()["entityTypeId"], sent()["start"]) == (["*"], 3, -1)


HOSTILE = ["89&entityTypeId=2", "$result[x]", "') OR Id != ('", "../users", "..", ".", "a" * 100, "٣٤", "0", "-5", "",
           "7\n8", "7 8", "7/8", "7%2F8", "{id}", "*", "1,2", "é", "\ud800", None, True, {"a": 1}, -5]  # fmt: skip


@pytest.mark.parametrize("identity", HOSTILE, ids=repr)
@pytest.mark.parametrize("preset", ["own", "bitrix24"])
def test_a_hostile_id_is_rejected_before_any_request(load, preset, identity):
    mapping = load() if preset == "own" else loader.load("bitrix24")
    body = {"id": identity, "event": "ONCRMCONTACTUPDATE", "data": {"FIELDS": {"ID": identity}}}

    (outcome,) = engine.run(mapping, body, {}, {}, {})

    assert (outcome.result, outcome.code, outcome.wants) == ("reject", "no-id", ())
    assert str(identity) not in outcome.reason or identity in ("", 0, "0", ".", True, None)


ALLOWED = string.ascii_letters + string.digits + "_-"


@given(identity=st.text(ALLOWED, min_size=1, max_size=70))
def test_an_id_is_wanted_as_it_is_or_not_at_all(load, identity):
    (outcome,) = engine.run(load(), {"id": identity}, {}, {}, {})

    wanted = [want.id for want in outcome.wants]
    assert wanted in ([], [identity])
    assert bool(wanted) == (identity[0] not in "_-" and len(identity) <= 64 and identity != "0")


HOSTS = [
    ("{$secret.url}", {"url": "https://acme.good.example/rest/1/CANARY"}, True),
    ("{$secret.url}", {"url": " https://acme.good.example/rest/1/CANARY/\n"}, True),
    ("{$secret.url}", {"url": "https://acme.good.example:443/rest"}, True),
    ("{$secret.url}", {"url": "https://good.example.org"}, True),
    ("{$secret.url}", {"url": "https://evil.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://good.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://a.b.good.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://good.example.evil.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example.evil.example/CANARY"}, False),
    ("{$secret.url}", {"url": "http://acme.good.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example:8443/CANARY"}, False),
    ("{$secret.url}", {"url": "https://CANARY@acme.good.example/"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example/../CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example/?CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example/#CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example\\@evil.example/CANARY"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example/CAN ARY"}, False),
    ("{$secret.url}", {"url": "https://169.254.169.254/CANARY"}, False),
    ("{$secret.url}", {"url": "https://[::1]/CANARY"}, False),
    ("{$secret.url}", {"url": "https://[CANARY/"}, False),
    ("{$secret.url}", {"url": "https://acme.good.example:CANARY/"}, False),
    ("{$secret.url}", {"url": "https://аcme.good.example/CANARY"}, False),
    ("{$secret.url}", {"url": "CANARY"}, False),
    ("{$secret.url}", {"url": "http://127.0.0.1:8082/CANARY"}, False),
    ("{$secret.url}", {"token": "CANARY"}, False),
    ("https://{$secret.account}.good.example", {"account": "acme"}, True),
    ("https://{$secret.account}.good.example", {"account": "evil.example/CANARY"}, False),
    ("https://{$secret.account}.good.example", {"account": "evil.example#CANARY"}, False),
    ("https://{$secret.account}.good.example", {"account": "a.b"}, False),
]


@pytest.mark.parametrize(("url", "secret", "fine"), HOSTS, ids=[str(secret) for _, secret, _ in HOSTS])
def test_only_a_plain_https_address_of_a_host_that_fits_is_asked(load, url, secret, fine):
    mapping = load(url=url)
    given_secret = {"token": "CANARY-TOKEN", **secret}
    if fine:
        assert urlsplit(built(mapping, secret=given_secret, ids=["7"]).url).hostname.endswith(("good.example", ".org"))
        return

    with pytest.raises(OperatorError) as caught:
        built(mapping, secret=given_secret, ids=["7"])

    assert "CANARY" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("http://acme.good.example/CANARY", "it does not begin with https://"),
        ("CANARY", "it does not begin with https://"),
        ("https://CANARY@acme.good.example/", "it has a user part"),
        ("https://acme.good.example:8443/CANARY", "it names a port"),
        ("https://acme.good.example:CANARY/", "it names a port"),
        ("https://169.254.169.254/CANARY", "its host is a number or this network's own"),
        ("https://10.0.0.1/CANARY", "its host is a number or this network's own"),
        ("https://localhost/CANARY", "its host is a number or this network's own"),
        ("https://[::1]/CANARY", "its host is a number or this network's own"),
        ("https://acme.good.example/?CANARY", "it has a query"),
        ("https://acme.good.example/#CANARY", "it has a query"),
        ("https://acme.good.example/CAN ARY", "it has a character that no address may have"),
        ("https://аcme.good.example/CANARY", "it has a character that no address may have"),
        ("https://acme.good.example/../CANARY", "its path has dots"),
        ("https://[CANARY/", "its host is no name"),
        ("https://acme_.good.example/CANARY", "its host is no name"),
    ],
)
def test_the_rule_that_an_address_breaks_is_named_without_it(load, address, rule):
    with pytest.raises(OperatorError) as caught:
        built(load(url="{$secret.url}"), secret={**SECRET, "url": address}, ids=["7"])

    assert f"the address of the CRM's API must be https://HOST/…: {rule}" in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_a_connection_may_name_the_host_of_its_own_portal(load):
    mapping = load(url="{$secret.url}")
    secret = {**SECRET, "url": "https://crm.acme.example/rest"}

    made = built(mapping, secret=secret, settings={"api_host": "crm.acme.example"}, ids=["7"])

    assert made.url.startswith("https://crm.acme.example/rest/people")


@pytest.mark.parametrize("url", [URL, "{$secret.url}", "{$settings.crm_url}/v1"])
def test_only_where_it_is_permitted_this_machine_is_asked(load, url):
    mapping = load(url=url)
    secret = {**SECRET, "url": "http://127.0.0.1:8082/rest"}
    settings = {"crm_url": "https://acme.good.example"}

    here = built(mapping, secret=secret, settings=settings, ids=["7"], loopback=True)

    assert here.url.startswith("http://127.0.0.1:8082/rest/people")
    for other in ("http://127.0.0.1.evil.example:80/", "http://127.0.0.1:80@evil.example/", "http://localhost:1/"):
        try:
            made = built(mapping, secret={**SECRET, "url": other}, settings=settings, ids=["7"], loopback=True)
        except OperatorError:
            continue
        assert urlsplit(made.url).hostname.endswith(".good.example")


def test_a_field_that_the_secret_lacks_is_named(load):
    with pytest.raises(OperatorError, match="lacks 'token'"):
        built(load(), secret={"key": "CANARY"}, ids=["7"])


def test_a_key_that_no_header_can_hold_is_not_quoted(load):
    with pytest.raises(OperatorError) as caught:
        built(load(), secret={"token": "CANARY\r\nHost: evil.example"}, ids=["7"])

    assert "Authorization" in str(caught.value)
    assert "CANARY" not in str(caught.value)


def test_a_request_shows_nothing_of_itself(load):
    made = built(load(url="{$secret.url}"), ids=["7"])

    assert "CANARY" in made.url
    assert "CANARY" not in f"{made} {made!r} {[made]} %s" % (made,)


def test_what_a_connection_must_be_asked_for(load):
    assert request.needs(load().api) == ("token", "key")
    assert request.needs(load(url="{$secret.url}").api) == ("url", "token", "key")
    assert request.needs(loader.load("bitrix24-api").api) == ("url",)


TOKEN = """\
[api.token]
url = "https://accounts.good.example/oauth/token"
grant = "refresh_token"
refresh_token = "{$secret.refresh}"
client_id = "{$secret.client}"
scope = "{$settings.scope}"
[lookup.contact]
"""


def test_an_access_token_is_asked_for_by_a_form(load, tmp_path):
    path = tmp_path / "own.toml"
    text = API.replace("CALL", MANY).replace("{URL}", URL).replace("{$secret.token}", "{$token}")
    path.write_text(text.replace("[lookup.contact]\n", TOKEN, 1), "utf-8")
    api = loader.load_file(path).api
    secret = {"refresh": "CANARY&x=1", "client": "c"}

    made = request.token_request(api, api.token, secret=secret, settings={})
    local = request.token_request(
        api, api.token, secret={**secret, "url": "http://127.0.0.1:8082/x"}, settings={}, loopback=True
    )

    assert made.url == "https://accounts.good.example/oauth/token"
    assert dict(parse_qsl(made.body.decode())) == {
        "grant_type": "refresh_token",
        "refresh_token": "CANARY&x=1",
        "client_id": "c",
    }
    assert made.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert local.url == "http://127.0.0.1:8082/oauth/token"
    assert request.needs(api) == ("refresh", "client", "key")
    with pytest.raises(OperatorError, match="lacks 'client'"):
        request.token_request(api, api.token, secret={"refresh": "x"}, settings={})


def test_a_token_of_another_host_must_be_fixed(tmp_path):
    path = tmp_path / "own.toml"
    text = API.replace("CALL", MANY).replace("{URL}", URL).replace('hosts = ["*.good.example", "good.example.org"]', "")
    path.write_text(text.replace("[lookup.contact]\n", TOKEN.replace("https://accounts", "{$secret.url}"), 1), "utf-8")

    with pytest.raises(BadMapping, match="hosts must say which are meant"):
        loader.load_file(path)


def test_closes_key_becomes_http_basic_without_a_password():
    api = loader.load("close-api").api

    sent = request.build(api, api.check, secret={"token": "api_KEY"}, settings={})

    assert base64.b64decode(sent.headers["Authorization"].removeprefix("Basic ")) == b"api_KEY:"
