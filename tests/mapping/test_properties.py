"""What holds for every event and every mapping file. HYPOTHESIS_PROFILE=slow tries twenty times as hard."""

# ruff: noqa: E501 - lists of samples

import copy
import json
import re
import tomllib
import tracemalloc
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from io import StringIO
from typing import get_args
from urllib.parse import quote_plus, unquote, urlsplit
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from cards.card import stamped
from cards.endpoints import compose
from cards.key import key_of
from errors import BadBody, BadMapping, SenderError, TooLarge
from mapping import engine, normalize
from mapping.decode import decode
from mapping.language import loader
from mapping.outcome import Result
from tests.mapping.cases import CASES, SETTINGS, data_of
from tools import mapping_schema

PRESETS = sorted({case.mapping for case in CASES})
WANTING = [case for case in CASES if data_of(case) and any(outcome.wants for outcome in case.outcomes())]
FORM = "application/x-www-form-urlencoded"

texts = st.text(max_size=12) | st.sampled_from(
    [
        "067 000 00 12",
        "+380440000012 доб. 3",
        "olena@example.com",
        "0",
        "2025-03-04T09:10:35Z",
        "contact",
        "company",
        "\ud800",
        "\u202e",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
names = st.sampled_from(
    [
        "id",
        "name",
        "data",
        "meta",
        "entity",
        "action",
        "phone",
        "phones",
        "email",
        "value",
        "type",
        "contacts",
        "update",
        "add",
        "kind",
        "carries",
    ]
) | st.text(max_size=5)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=5), max_leaves=20
)


def places(data, path=()):
    """Every path of a JSON value."""
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from places(value, (*path, key))


def at(data, path):
    for key in path:
        data = data[key]
    return data


@cache
def bodies(preset):
    return [data_of(case) for case in CASES if case.mapping == preset]


@st.composite
def mutated(draw, preset):
    """A real event of a preset with up to three of its values replaced, removed or doubled."""
    data = copy.deepcopy(draw(st.sampled_from(bodies(preset))))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(data))))
        if not path:
            continue
        parent, key = at(data, path[:-1]), path[-1]
        match draw(st.sampled_from(["replace", "remove", "double"])):
            case "replace":
                parent[key] = draw(anything)
            case "remove":
                del parent[key]
            case "double":
                parent[key] = [copy.deepcopy(parent[key]), copy.deepcopy(parent[key])]
    return data


def events(preset):
    return mutated(preset) | anything


def mapped(mapping, body, *, trace=False, **settings):
    """The outcomes of a body; for a mapping of an API's answers, those of it as the answer of each look-up."""
    return [
        outcome
        for lookup in mapping.calls or [""]
        for outcome in engine.run(mapping, body, SETTINGS | settings, {}, {}, trace=trace, lookup=lookup)
    ]


def run(preset, body, *, trace=False, **settings):
    return mapped(loader.load(preset), body, trace=trace, **settings)


presets = st.sampled_from(PRESETS)
preset_and_event = presets.flatmap(lambda preset: st.tuples(st.just(preset), events(preset)))
contacts_and_real_event = presets.filter(lambda preset: "contact" in loader.load(preset).sections).flatmap(
    lambda preset: st.tuples(st.just(preset), mutated(preset))
)


@given(preset_and_event)
def test_1_the_engine_is_total_and_leaves_the_body_alone(drawn):
    preset, body = drawn
    before = repr(body)

    outcomes = run(preset, body)

    assert outcomes
    assert repr(body) == before
    assert all(outcome.result in get_args(Result) for outcome in outcomes)
    assert all(outcome.code and outcome.reason for outcome in outcomes if outcome.result not in ("change", "lookup"))


ids_of_nobody = anything | st.sampled_from(
    ["1&x=2", "../users", "1,2", "') OR Id != ('", "$result[x]", "1" * 100, "٤٢", "1\n", "-1"]
)


@given(drawn=st.data())
def test_1_no_id_is_wanted_that_does_not_fit_its_pattern(drawn):
    """Whatever stands for an id: what leaves for the CRM is one that the look-up allows."""
    case = drawn.draw(st.sampled_from(WANTING))
    body = copy.deepcopy(data_of(case))
    path = drawn.draw(st.sampled_from([path for path in places(body) if path]))
    at(body, path[:-1])[path[-1]] = drawn.draw(ids_of_nobody)
    mapping = loader.load(case.mapping)

    outcomes = engine.run(
        mapping, body, SETTINGS, {}, case.request.get("query", {}), lookup=case.request.get("lookup", "")
    )

    calls = mapping.calls or loader.load(mapping.api_name).calls
    for want in [want for outcome in outcomes for want in outcome.wants]:
        assert calls[want.lookup].ids.fullmatch(want.id)
        assert re.fullmatch("[A-Za-z0-9_-]{1,100}", want.id)


@given(preset_and_event)
def test_2_every_change_composes_to_ringostats_contract_or_waits(drawn):
    preset, body = drawn
    for outcome in run(preset, body):
        if outcome.result == "change":
            fields = stamped(outcome.fields, changed_at=outcome.changed_at, received_at=1_800_000_000_000)
            composed = compose(key_of(106, loader.load(preset).crm, outcome.card), fields)
            if composed.payload is None:
                assert composed.waiting
            elif composed.endpoint == "contacts":
                assert_is_contact(composed.payload)
            else:
                assert composed.payload["name"]
                assert composed.payload["externalId"]


def assert_is_contact(payload):
    json.dumps(payload, ensure_ascii=False).encode()
    assert payload["fullName"]
    assert payload["externalId"] or payload["leadId"]
    assert payload["responsible"]
    for link in ("contactLink", "leadLink", "dealLink"):
        assert payload[link] is None or payload[link].startswith("https://")
    for name in ("fullName", "externalId", "leadId", "responsible", "staffId", "googleClientId"):
        assert payload[name] is None or (isinstance(payload[name], str) and 0 < len(payload[name]) <= 255)
    values = [direction["value"].casefold() for direction in payload["contactDirections"]]
    assert values
    assert len(values) == len(set(values))
    for direction in payload["contactDirections"]:
        if direction["type"] == "phone":
            assert phonenumbers.is_valid_number(phonenumbers.parse(direction["value"]))


@given(preset_and_event)
def test_3_explaining_changes_nothing(drawn):
    preset, body = drawn

    explained = run(preset, body, trace=True)

    assert [outcome._replace(trace=()) for outcome in explained] == run(preset, body)
    assert all(outcome.trace for outcome in explained if outcome.result == "change")


def by_card(outcomes):
    return sorted(repr(outcome._replace(position=0)) for outcome in outcomes)


@pytest.mark.parametrize("preset", ["generic", "direct"])
@given(data=st.data())
def test_4_a_batch_is_the_sum_of_its_records(preset, data):
    records = [one for one in data.draw(st.lists(events(preset), min_size=2, max_size=4)) if isinstance(one, dict)]
    assume(len(records) > 1)
    records = copy.deepcopy(records)  # an object that stands twice in a list is one record

    assert by_card(run(preset, records)) == by_card(
        [outcome for record in records for outcome in run(preset, [record])]
    )


words = st.text("abcdeжїé-_ .", min_size=1, max_size=5)
trees = st.recursive(
    st.text(max_size=8).filter(lambda text: not re.search("[\ud800-\udfff]", text)),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(words, inner, min_size=1, max_size=3)
        | st.dictionaries(st.integers(100, 10**9).map(str), inner, min_size=1, max_size=3)
    ),
    max_leaves=10,
)


def bracketed(data, key):
    if isinstance(data, str):
        return [f"{quote_plus(key)}={quote_plus(data)}"]
    items = data.items() if isinstance(data, dict) else enumerate(data)
    return [pair for step, value in items for pair in bracketed(value, f"{key}[{step}]" if key else str(step))]


@given(st.dictionaries(words, trees, min_size=1, max_size=3))
def test_5_a_form_reads_back_as_what_was_written(data):
    assert decode("&".join(bracketed(data, "")).encode(), FORM) == data


@given(st.lists(st.integers(0, 10**30), max_size=20))
def test_5_a_huge_index_allocates_nothing(indices):
    body = b"&".join(b"a[%d]=1" % index for index in indices) or b"a=1"
    decode(body, FORM)

    tracemalloc.start()
    decode(body, FORM)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 100_000


@given(
    st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")) | anything.map(lambda data: json.dumps(data).encode()),
    st.sampled_from(["application/json", FORM, "text/xml", "text/plain", "", "application/json; charset=utf-16", FORM + "; charset=koi8-u"]) | st.text(max_size=30),
)  # fmt: skip
def test_6_decoding_gives_data_or_says_that_the_sender_is_wrong(body, content_type):
    try:
        decode(body, content_type)
    except SenderError:
        return


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b"<a>", b"a[", b"a" + b"[a]" * 40 + b"=1&"])
@pytest.mark.parametrize("content_type", ["application/json", FORM, "text/xml"])
def test_6_a_hundred_thousand_brackets_are_no_bomb(opening, content_type):
    with suppress(BadBody, TooLarge):
        decode((opening * 100_000)[: 512 * 1024], content_type)


@given(scalars | st.text())
def test_7_texts_ids_and_links_are_normal_after_once(value):
    for normal in (normalize.text, normalize.identity, normalize.link):
        assert normal(normal(value)) == normal(value)
    text = normalize.text(value)
    assert text is None or (text.encode() and "\n" not in text and len(text) <= 255)


@given(texts | st.text(), st.sampled_from(["UA", "PL", "DE", "XX"]))
def test_7_addresses_and_numbers_are_normal_after_once(value, country):
    for address in normalize.emails(value)[0]:
        assert normalize.emails(address) == ((address,), 0)
    for phone in normalize.phones(value, country)[0]:
        for elsewhere in ("UA", "PL", "LT", "KZ", "US", "XX"):
            assert [again.value for again in normalize.phones(phone.value, elsewhere)[0]] == [phone.value]


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.sampled_from(["UA", "PL", "LT", "US"]))
def test_7_the_librarys_example_numbers_stay_what_they_are(region, country):
    number = phonenumbers.format_number(phonenumbers.example_number(region), phonenumbers.PhoneNumberFormat.E164)

    assert [phone.value for phone in normalize.phones(number, country)[0]] == [number]


@given(st.integers(300_000_000, 3_800_000_000), st.sampled_from(["Europe/Kyiv", "UTC", "America/New_York"]))
def test_7_equal_instants_in_six_notations_agree(seconds, zone):
    moment = datetime.fromtimestamp(seconds, UTC)
    ms = seconds * 1000
    local = moment.astimezone(ZoneInfo(zone))
    notations = [
        ms,
        ms // 1000,
        ms * 1000,
        str(ms // 1000),
        moment.isoformat(),
        moment.isoformat().replace("+00:00", "Z"),
        local.isoformat(),
    ]
    if not local.fold and local.astimezone(UTC) == moment:
        notations.append(local.strftime("%Y-%m-%d %H:%M:%S"))

    assert {normalize.time(notation, zone) for notation in notations} == {ms}


subdomains = st.sampled_from(
    ["acme", "ACME-2", "a.b", "evil.example/", "x@evil.example", "evil.example#", "a b", ""]
) | st.text(max_size=5)


@given(st.text(min_size=1, max_size=30), subdomains)
def test_8_no_id_can_bend_a_link(identity, subdomain):
    body = {"account": {"subdomain": subdomain}, "contacts": {"update": [{"id": identity, "name": "a"}]}}
    [outcome] = run("kommo", body)
    if (link := outcome.fields.get("contactLink")) is None:
        return
    parts = urlsplit(link)

    assert parts.scheme == "https"
    assert parts.netloc.lower() == f"{normalize.text(subdomain)}.kommo.com".lower()
    assert parts.path.startswith("/contacts/detail/")
    assert parts.path.count("/") == 3
    assert (parts.query, parts.fragment) == ("", "")
    assert unquote(parts.path.rpartition("/")[2]) == normalize.identity(identity)


@cache
def preset_text(name):
    return (loader.PRESETS / f"{name}.toml").read_text("utf-8")


@st.composite
def damaged(draw):
    """The text of a preset with up to three random edits."""
    text = preset_text(draw(st.sampled_from(PRESETS)))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        new = draw(
            st.sampled_from(
                [
                    "",
                    '"',
                    "'",
                    "{",
                    "}",
                    "[",
                    "]",
                    "=",
                    "\n",
                    "5",
                    "x",
                    "$",
                    "|",
                    "`",
                    '"""',
                    "# ",
                    "[[record]]\n",
                    "a-b",
                    ".",
                    "𝕏",
                ]
            )
            | st.text(max_size=3)
        )
        text = text[:start] + new.replace("\ud800", "") + text[end:]
    return text.encode("utf-8", "ignore").decode()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "own.toml"

    def load_text(text):
        path.write_text(text, "utf-8", newline="")
        return loader.load_file(path)

    return load_text


EDITOR = Draft4Validator(mapping_schema.mapping_schema())


@given(text=damaged(), body=anything)
@example(text=preset_text("form").replace("\n", "\r", 1), body=None)
def test_9_and_13_a_damaged_file_fails_inside_the_file_or_works_and_editors_take_it(own, text, body):
    read = StringIO(text, newline=None).read().removeprefix("\ufeff")  # as a file is read, whatever ends its lines
    try:
        mapping = own(text)
    except BadMapping as bad:
        assert_places_are_inside(str(bad), read)
    else:
        assert engine.run(mapping, body, SETTINGS, {}, {})
        EDITOR.validate(tomllib.loads(read))


def assert_places_are_inside(told, text):
    lines = text.split("\n")
    found = re.findall(r"^.*?own\.toml:(\d+):(\d+): error: ", told, re.MULTILINE)
    assert found
    for line, column in found:
        assert 1 <= int(line) <= len(lines)
        assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1


# How a good line of a preset is damaged, and what of it must be found in the problem of that line.
DAMAGE = {
    "unknown key": (r"(?m)^(\w+)( +=)", r"\1x\2", "has no key"),
    "number for a rule": (r'(?m)^(externalId|fullName|value) += "[^"]*"$', r"\1 = 42", "must be an expression"),
    "unknown function": (r'(?m)^(each +=) "([^"\\]+)"$', r'\1 "lost(\2)"', "there is no function lost()"),
    "wrong arity": (r'(?m)^(each +=) "([^"\\]+)"$', r'\1 "lower(\2, @)"', "lower() takes 1 values"),
    "hyphen": (r"(?m)^(value +=) .*$", r'\1 "a.b-c"', "a field name with '-'"),
    "bare number": (r'(?m)^(when +=) "[^"]+"$', r'\1 "a == 1"', "the number 1 must stand in backquotes"),
    "lone brace": (r'(?m)^(\w+Link +=) \{ template = ".*$', r'\1 { template = "https://{a" }', "a lone '{'"),
    "wrong choice": (r"(?m)^(as +=) .*$", r'\1 "person"', "is not one of"),
}


FREE_KEYS = re.compile(r"lookup\..+\.(json|query)|lookups\..+|api\.token")  # tables of the CRM's own names


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("preset", PRESETS)
def test_10_damage_is_told_at_its_line(own, kind, preset):
    pattern, replacement, told = DAMAGE[kind]
    text = preset_text(preset)
    for place in re.finditer(pattern, text):
        if FREE_KEYS.fullmatch(re.findall(r"(?m)^\[+(.*?)\]", "[]\n" + text[: place.start()])[-1]):
            continue
        damaged_text = text[: place.start()] + place.expand(replacement) + text[place.end() :]
        line = text.count("\n", 0, place.start()) + 1
        with pytest.raises(BadMapping) as bad:
            own(damaged_text)
        assert any(f":{line}:" in problem and told in problem for problem in str(bad.value).split("\n")), place[0]


def test_10_the_line_is_right_inside_a_long_list(own):
    alternatives = [f'"field_{at}"' for at in range(40)]
    for broken in (0, 17, 39):
        lines = [*alternatives[:broken], '"a.b-c"', *alternatives[broken + 1 :]]
        listed = ",\n".join(lines)
        text = f'format = 1\ncrm = "X"\n[contact]\nexternalId = "id"\nphones = [{{ value = "p" }}]\nfullName = [\n{listed}]\n'
        with pytest.raises(BadMapping, match=rf"own\.toml:{7 + broken}:5: error: contact\.fullName\[{broken + 1}\]"):
            own(text)


@given(drawn=contacts_and_real_event)
def test_11_an_empty_child_is_its_parent_and_a_field_changes_only_itself(own, drawn):
    preset, body = drawn
    parent = [outcome._replace(warnings=()) for outcome in run(preset, body)]

    same = mapped(own(f'format = 1\nextends = "{preset}"\n'), body)
    other = mapped(own(f'format = 1\nextends = "{preset}"\n[contact]\nstaffId = {{ value = "x" }}\n'), body)

    assert [outcome.fields for outcome in same] == [outcome.fields for outcome in parent]
    for before, after in zip(parent, other, strict=True):
        changed = (
            {**before.fields, "staffId": "x"}
            if before.kind == "contact" and before.result == "change"
            else before.fields
        )
        assert after.fields == changed


MARKER = "Zpii9"


def marked(data):
    """The data with a marker in every text, so that a message which quotes one shows it."""
    if isinstance(data, dict):
        return {key: marked(value) for key, value in data.items()}
    if isinstance(data, list):
        return [marked(value) for value in data]
    return MARKER + data if isinstance(data, str) else data


@given(preset_and_event)
def test_12_no_message_quotes_data(drawn):
    preset, body = drawn
    skeleton = {"entity": "person", "action": "change", "object": "person"}
    body = marked(body)
    if isinstance(body, dict) and isinstance(body.get("meta"), dict):
        body["meta"].update(skeleton)

    for outcome in run(preset, body):
        assert MARKER not in " ".join([outcome.reason, outcome.code, outcome.record, *outcome.warnings])


PARTIAL = """
format = 1
crm = "Own"
[[record]]
carries = "partial"
[contact]
externalId  = "id"
fullName    = ["a", { join = ["b", "c.d"] }]
responsible = "c.d"
staffId     = { template = "{a}-{b}" }
[[contact.phones]]
each = "e[?f].g"
value = "h"
[[contact.emails]]
value = ["i", "a"]
"""
NEEDS = {
    "fullName": [{"a"}, {"b", "c"}],
    "responsible": [{"c"}],
    "staffId": [{"a", "b"}],
    "phones.0": [{"e"}],
    "emails.0": [{"i"}, {"a"}],
}


@given(body=st.dictionaries(st.sampled_from("abcei"), anything))
def test_14_a_partial_change_sets_nothing_whose_paths_are_absent(own, body):
    [outcome] = engine.run(own(PARTIAL), {"id": 1, **body}, SETTINGS, {}, {})

    for name in outcome.fields.keys() - {"externalId"}:
        assert any(need <= body.keys() for need in NEEDS[name])


def dropped(data, paths):
    """The data without some of its keys."""
    data = copy.deepcopy(data)
    for path in paths:
        with suppress(KeyError, TypeError):
            del at(data, path[:-1])[path[-1]]
    return data


def changes(outcomes):
    return {outcome.card: outcome for outcome in outcomes if outcome.result == "change"}


# What a field of these is depends on another key: a type that says what is a phone, a second name, a second source.
CHOSEN_BY_ANOTHER_KEY = {
    ("monday", "phones.0"),
    ("monday", "emails.0"),
    ("pipedrive", "phones.1"),
    ("odoo", "fullName"),
    ("woocommerce", "fullName"),
    ("woocommerce", "emails.0"),
    *(("dynamics365", name) for name in ("fullName", "phones.0", "emails.0", "organizations.0")),
}


def without(case, paths):
    """The changes of a case's event from which some keys were left out, by card."""
    settings, headers = SETTINGS | case.request.get("settings", {}), case.request.get("headers", {})
    mapping, body, query = loader.load(case.mapping), dropped(data_of(case), paths), case.request.get("query", {})
    return changes(engine.run(mapping, body, settings, headers, query, lookup=case.request.get("lookup", "")))


def keys_of(case):
    return [path for path in places(data_of(case)) if path and all(isinstance(step, str) for step in path)]


def assert_nothing_is_emptied(case, before, after):
    for card in before.keys() & after.keys():
        if after[card].carries != "whole" and before[card].kind == after[card].kind:
            for name, value in after[card].fields.items():
                emptied = before[card].fields.get(name) and not value
                assert not emptied or (case.mapping, name) in CHOSEN_BY_ANOTHER_KEY, name


OF_PRESETS = [case for case in CASES if case.mapping != "generic"]
HAVING_KEYS = [case for case in OF_PRESETS if keys_of(case)]


@pytest.mark.parametrize("case", OF_PRESETS, ids=str)
def test_15_a_key_that_is_left_out_of_a_real_event_empties_nothing(case):
    before = without(case, [])

    for path in keys_of(case):
        assert_nothing_is_emptied(case, before, without(case, [path]))


@given(drawn=st.data())
def test_15_nor_do_several(drawn):
    case = drawn.draw(st.sampled_from(HAVING_KEYS))
    paths = drawn.draw(st.lists(st.sampled_from(keys_of(case)), max_size=6))

    assert_nothing_is_emptied(case, without(case, []), without(case, paths))


@given(drawn=st.data())
def test_15_of_our_own_contract_no_field_of_the_card_changes(drawn):
    [case] = [case for case in CASES if str(case) == "direct/contact"]
    body = data_of(case)
    less = dropped(body, drawn.draw(st.lists(st.sampled_from([(key,) for key in body if key != "externalId"]))))

    [before], [after] = run("direct", body), run("direct", less)

    if after.result == "reject":
        assert not {"fullName", "phones", "emails"} & less.keys()
    else:
        assert after.fields.items() <= before.fields.items()


@given(preset=presets, body=anything)
def test_16_what_no_rule_knows_is_kept(preset, body):
    for outcome in run(preset, body):
        assert outcome.result != "skip" or outcome.record
