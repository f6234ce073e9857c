"""`[api]`, `[lookup.NAME]`, `also` and `do = "lookup"`: what is wrong with them is told at its place, with a hint."""

# ruff: noqa: E501 - a table of one line for each fault

import pytest

from errors import BadMapping
from mapping.language import loader

GOOD = """\
format = 1
crm = "Good"
[api]
url = "https://{$settings.account}.good.example/api"
hosts = ["*.good.example"]
headers = { Authorization = "Bearer {$secret.token}" }
rate = { calls = 5, seconds = 1 }
check = { get = "/me", query = { limit = "1" } }
wait = "status == `429`"
waitSeconds = "headers.\\"x-reset\\""
[lookup.contact]
post = "/people"
json = { ids = "{$ids}", query = "{ items(ids: $ids) { id } }", all = [{ id = "{$id}" }] }
max = 50
records = "data"
[lookup.contact.sync]
get = "/people/all"
query = { page = "{$page}", since = "{$since},{$now}" }
total = "$headers.\\"x-total\\""
[lookup.order]
get = "/orders/{$id}"
records = "@"
[[record]]
do = "lookup"
lookup = "contact"
id = "person.id"
when = "$lookup == 'order'"
[[record]]
each = "data"
also = [{ lookup = "contact", id = "boss", when = "unknown" }, { lookup = "order", id = "orders", when = "always" }]
[contact]
externalId = "id"
[[contact.phones]]
value = "phone"
"""

FAULTS = [
    ('url = "https://{$settings.account}.good.example/api"\n', "", "own.toml:3:1: error: api: url is missing", 'write url = "https://…"'),
    ("https://{$settings.account}.good", "http://good", "own.toml:4:1: error: api.url: must be an https address of a plain host name", 'write "https://api.…"'),
    ("https://{$settings.account}.good.example", "https://user@good.example", "own.toml:4:1: error: api.url: must be an https address of a plain host name", ""),
    ("https://{$settings.account}", "https://{settings.account}", "own.toml:4:16: error: api.url: '{settings.account}' is no placeholder", "write {$settings.account}"),
    ("https://{$settings.account}", "https://{$setings.account}", "own.toml:4:17: error: api.url: expression '$setings.account': there is no scope $setings", "scopes are $secret, $settings"),
    ("https://{$settings.account}", "https://{$ids}", "own.toml:4:17: error: api.url: expression '$ids': there is no scope $ids", ""),
    ("https://{$settings.account}", "https://{$settings.account", "own.toml:4:16: error: api.url: a lone '{'", "placeholders look like {$ids}"),
    ('hosts = ["*.good.example"]\n', "", "own.toml:4:1: error: api.url: the host of this address is not fixed", 'add hosts = ["*.example.com"] to [api]'),
    ('"*.good.example"', '"good.*"', "own.toml:5:11: error: api.hosts[1]: 'good.*' is no pattern of host names", 'write it like "*.example.com"'),
    ('"*.good.example"', '"*.com"', "own.toml:5:11: error: api.hosts[1]: '*.com' is no pattern of host names", ""),
    ('"*.good.example"', '"a*.good.example"', "own.toml:5:11: error: api.hosts[1]: 'a*.good.example' is no pattern", ""),
    ("Bearer {$secret.token}", "Bearer $secret.token", "own.toml:6:37: error: api.headers.Authorization: '$secret.token' is no placeholder", "write {$secret.token}"),
    ("Authorization =", '"A b" =', "own.toml:6:13: error: api.headers.A b: 'A b' is no name of a header", ""),
    ("calls = 5", "calls = 0", "own.toml:7:10: error: api.rate.calls: must be a whole number from 1", ""),
    ("calls = 5", "call = 5", "own.toml:7:10: error: api.rate.call: rate has no key 'call'", "did you mean 'calls'?"),
    ('get = "/me", query = { limit = "1" }', 'get = "/me?limit=1"', "own.toml:8:11: error: api.check.get: is no plain path", "what stands behind a question mark goes into query"),
    ('get = "/me"', 'get = "/me", post = "/me"', "own.toml:8:1: error: api.check: needs one of get and post", ""),
    ('"status == `429`"', '"$status == `429`"', "own.toml:9:9: error: api.wait: expression '$status == `429`': there is no scope $status", ""),
    ('"status == `429`"', '"status = `429`"', "own.toml:9:16: error: api.wait: expression 'status = `429`': one '=' compares nothing", "write =="),
    ("rate = {", "rates = {", "own.toml:7:1: error: api.rates: [api] has no key 'rates'", "did you mean 'rate'?"),
    ("[lookup.contact]", '[lookup."a b"]', "own.toml:11:1: error: lookup.a b: 'a b' is no name of a look-up", 'write it like "contact"'),
    ('post = "/people"\n', "", "own.toml:11:1: error: lookup.contact: needs one of get and post", 'write get = "/path"'),
    ('post = "/people"', 'post = "/../people"', "own.toml:12:1: error: lookup.contact.post: is no plain path", ""),
    ('post = "/people"', 'post = "//evil.example"', "own.toml:12:1: error: lookup.contact.post: is no plain path", ""),
    ('post = "/people"', 'get = "/people"', "own.toml:13:1: error: lookup.contact.json: a GET carries no body", "write query, or post"),
    ('ids = "{$ids}"', 'ids = "$ids"', "own.toml:13:17: error: lookup.contact.json.ids: '$ids' lacks its braces", "write {$ids}"),
    ('ids = "{$ids}"', 'ids = "{$secret.token}"', "own.toml:13:18: error: lookup.contact.json.ids: expression '$secret.token': there is no scope $secret", "scopes are $ids, $id,"),
    ('ids = "{$ids}"', "ids = 2026-01-01", "own.toml:13:10: error: lookup.contact.json.ids: must be JSON", ""),
    ('all = [{ id = "{$id}" }]', 'all = { id = "{$id}" }', "own.toml:11:1: error: lookup.contact: {$id} outside a list of one element", "write {$ids}, or max = 1"),
    ("max = 50\n", 'max = 50\nids = "[0-9"\n', "own.toml:15:8: error: lookup.contact.ids: is no regular expression", ""),
    ("max = 50\n", 'max = 50\nas = "person"\n', "own.toml:15:1: error: lookup.contact.as: 'person' is not one of contact, lead, organization", ""),
    ('records = "data"\n', "", "own.toml:11:1: error: lookup.contact: records is missing", 'write records = "…"'),
    ('records = "data"', 'records = "$secret"', "own.toml:15:12: error: lookup.contact.records: expression '$secret': there is no scope $secret", "scopes are $, $headers"),
    ('page = "{$page}", ', "", "own.toml:16:1: error: lookup.contact.sync: it must be said in one way how the next page is asked for", "write {$page}, or"),
    ('page = "{$page}", ', 'page = "{$next}", ', "own.toml:16:1: error: lookup.contact.sync: it must be said in one way", ""),
    ('page = "{$page}", ', 'page = "{$page}", size = "{$size}", ', "own.toml:16:1: error: lookup.contact.sync: {$size} is at most what max says, which is missing", "write max = …"),
    ('total = "$headers.\\"x-total\\""', 'count = { query = { only = "number" } }', "own.toml:19:1: error: lookup.contact.sync.count: what its answer counts is not said", 'write total = "…"'),
    ("/people/all", "/people/{$id}", "own.toml:16:1: error: lookup.contact.sync: the path names one record", 'write get = "…"'),
    ("total = ", "totl = ", "own.toml:19:1: error: lookup.contact.sync.totl: sync has no key 'totl'", "did you mean 'total'?"),
    ('get = "/orders/{$id}"', 'get = "/orders"', "own.toml:20:1: error: lookup.order: the request does not name the records", "write {$ids} or {$id} into it"),
    ('get = "/orders/{$id}"', 'get = "/orders/{id}"', "own.toml:21:16: error: lookup.order.get: '{id}' is no placeholder", "write {$id}"),
    ('lookup = "contact"\nid', 'lookup = "contct"\nid', "own.toml:25:1: error: record[1].lookup: there is no [lookup.contct]", "did you mean 'contact'?"),
    ('lookup = "contact"\nid = "person.id"', 'id = "person.id"', "own.toml:23:1: error: record[1]: it does not say what to look up", 'add lookup = "contact"'),
    ('id = "person.id"\n', "", "own.toml:23:1: error: record[1]: a look-up needs an id", 'add id = "…"'),
    ('do = "lookup"\n', "", "own.toml:24:1: error: record[1].lookup: a change looks nothing up", 'write do = "lookup"'),
    ('also = [{ lookup = "contact", id = "boss", when = "unknown" }', 'also = [{ lookup = "contact", id = "boss" }', "own.toml:30:9: error: record[2].also[1]: when is missing", 'write when = "unknown"'),
    ('when = "unknown"', 'when = "sometimes"', "own.toml:30:44: error: record[2].also[1].when: 'sometimes' is not one of unknown, always", ""),
    ('when = "always"', 'when = "unknown"', "own.toml:30:99: error: record[2].also[2].when: 'order' makes no card that could be unknown", 'write when = "always"'),
    ('lookup = "order", id', 'lookup = "ordr", id', "own.toml:30:66: error: record[2].also[2].lookup: there is no [lookup.ordr]", "did you mean 'order'?"),
    ('each = "data"\n', 'each = "data"\ndo = "skip"\nmessage = "x"\n', "own.toml:32:9: error: record[2].also[1]: also stands beside a change, not a skip", ""),
    ("also = [{", 'also = { lookup = "contact" }\n#', "own.toml:30:1: error: record[2].also: must be a list of tables, not a table", ""),
]  # fmt: skip


def load(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, "utf-8")
    return loader.load_file(path)


def problems(tmp_path, text):
    with pytest.raises(BadMapping) as caught:
        load(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_a_whole_file_has_no_problems(tmp_path):
    mapping = load(tmp_path, GOOD)

    assert mapping.warnings == ()
    assert mapping.api.rate == (5, 1)
    assert mapping.calls.keys() == {"contact", "order"}
    assert [lookup.kind for lookup in mapping.calls.values()] == ["contact", ""]
    assert mapping.calls["contact"].sync.call.method == "GET"
    assert mapping.calls["contact"].sync.call.json is None, "a GET takes over no body"
    assert mapping.records[0].reads is mapping.calls["contact"]
    assert mapping.records[1].also[1].reads is mapping.calls["order"]


@pytest.mark.parametrize(("right", "wrong", "told", "hint"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_fault_is_told_at_its_place_with_a_hint(tmp_path, right, wrong, told, hint):
    assert GOOD.count(right) == 1, right

    found = problems(tmp_path, GOOD.replace(right, wrong))

    assert told in found
    assert hint in found


def test_a_hint_names_the_other_kind_of_table_where_there_is_no_api(tmp_path):
    text = 'format = 1\ncrm = "x"\n[lookup.staff]\n1 = "2"\n[contact]\nexternalId = "id"\n[[contact.phones]]\nvalue = "p"\n'

    found = problems(tmp_path, text)

    assert "own.toml:3:1: error: lookup.staff: there is no [api] that says how to ask" in found
    assert "add [api]; a table of values is [lookups.NAME]" in found


@pytest.mark.parametrize(
    ("name", "crm", "told", "hint"),
    [
        ("bitrix24-ap", "Bitrix24", "own.toml:3:8: error: api: there is no mapping 'bitrix24-ap'", "did you mean 'bitrix24-api'?"),
        ("pipedrive-v1", "Pipedrive", "own.toml:3:8: error: api: 'pipedrive-v1' has no [api]", ""),
        ("bitrix24-api", "Bitrix", "own.toml:3:8: error: api: 'bitrix24-api' is for the CRM Bitrix24", "both must have the same crm"),
    ],
)  # fmt: skip
def test_a_mapping_names_one_that_says_how_to_ask_the_same_crm(tmp_path, name, crm, told, hint):
    text = f'format = 1\ncrm = "{crm}"\napi = "{name}"\n[[record]]\ndo = "lookup"\nlookup = "contact"\nid = "id"\n'

    found = problems(tmp_path, text)

    assert told in found
    assert hint in found


def test_a_child_inherits_how_to_ask_and_may_say_one_thing_otherwise(tmp_path):
    child = load(
        tmp_path,
        'format = 1\nextends = "bitrix24-api"\n[lookup.deal]\npost = "crm.deal.list.json"\njson = { ID = "{$ids}" }\nrecords = "result"\n',
    )
    parent = loader.load("bitrix24-api")

    assert child.api.hosts == parent.api.hosts
    assert child.api.url.parts[0].source == parent.api.url.parts[0].source
    assert child.calls.keys() == parent.calls.keys()
    assert child.calls["deal"].call.path.parts == ("crm.deal.list.json",)


def test_a_mapping_that_reads_answers_is_offered_to_no_connection():
    assert "bitrix24-api" in loader.mappings()
    assert "bitrix24-api" not in loader.presets()
