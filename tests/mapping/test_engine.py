"""The engine: each sentence of docs/mapping.md about records, fields and answers."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from errors import TooLarge
from mapping import engine
from mapping.decode import decode, has_lost_letters
from mapping.language import loader
from tests.mapping.cases import CASES

SRC = Path(__file__).parents[2] / "src"
SECTION = """
[contact]
externalId = "id"
fullName = "name"
[[contact.phones]]
value = "phone"
"""


@pytest.fixture
def outcomes(tmp_path):
    """Run a mapping, written as a text without its head, over a body."""

    def run(text, body, *, head='crm = "Own"', settings=None, headers=None, query=None, lookup=""):
        path = tmp_path / "own.toml"
        path.write_text(f"format = 1\n{head}\n{textwrap.dedent(text)}", "utf-8")
        mapping = loader.load_file(path)
        return engine.run(mapping, body, settings or {}, headers or {}, query or {}, lookup=lookup)

    return run


@pytest.fixture
def fields(outcomes):
    """Return the fields of the one change."""

    def run(*args, **more):
        [outcome] = outcomes(*args, **more)
        assert outcome.result == "change", outcome.reason
        return dict(outcome.fields)

    return run


def test_without_records_the_whole_body_is_one_contact(fields):
    assert fields(SECTION, {"id": 7, "name": "Олена", "phone": "067 000 00 12"}) == {
        "externalId": "7",
        "fullName": "Олена",
        "phones.0": [{"value": "+380670000012", "name": None, "primary": False}],
        "responsible": "0",
    }


@pytest.mark.parametrize(
    ("items", "ids"),
    [
        (None, []),
        ({"id": 1, "name": "a"}, ["contact:1"]),
        ([{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], ["contact:1", "contact:2"]),
        ({"17": {"id": 1, "name": "a"}, "18": {"id": 2, "name": "b"}}, ["contact:1", "contact:2"]),
    ],
)
def test_each_takes_nothing_one_object_a_list_or_a_table(outcomes, items, ids):
    found = outcomes('[[record]]\neach = "items"\n' + SECTION, {"items": items})

    assert [outcome.card for outcome in found if outcome.result == "change"] == ids


def test_records_are_tried_in_order_and_an_item_is_taken_once(outcomes):
    text = """
    [[record]]
    title = "gone"
    each  = "list(@)"
    when  = "gone"
    do    = "skip"
    code  = "deleted-in-crm"
    [[record]]
    title = "rest"
    each  = "list(@)"
    when  = "id"
    """
    found = outcomes(text + SECTION, [{"id": 1, "name": "a"}, {"id": 2, "gone": True}, {"name": "x"}])

    assert [(outcome.result, outcome.position, outcome.record, outcome.code) for outcome in found] == [
        ("skip", 1, "gone", "deleted-in-crm"),
        ("change", 0, "rest", ""),
        ("reject", 2, "", "no-record"),
    ]


def test_the_body_is_taken_once_even_if_it_is_a_lone_text(outcomes):
    text = '[[record]]\ndo = "skip"\n[[record]]\ndo = "reject"\n'

    assert [outcome.code for outcome in outcomes(text, "text")] == ["skip"]
    assert [outcome.code for outcome in outcomes(text, None)] == ["skip"]


def test_skip_and_reject_have_a_code_and_a_reason(outcomes):
    [skip] = outcomes('[[record]]\ntitle = "order"\ndo = "skip"\n', {})
    [reject] = outcomes('[[record]]\ndo = "reject"\ncode = "thin"\nmessage = "use a workflow"\n', {})

    assert (skip.code, skip.reason) == ("skip", "order")
    assert (reject.code, reject.reason) == ("thin", "use a workflow")


def test_more_than_a_thousand_records_are_too_large(outcomes):
    text = '[[record]]\neach = "@"\n' + SECTION

    assert len(outcomes(text, [{"id": at} for at in range(1000)])) == 1000
    with pytest.raises(TooLarge):
        outcomes(text, [{"id": at} for at in range(1001)])


@pytest.mark.parametrize("each", ["items", "list(items)", "[list(items)][]", "list(items)[?id]", "@.list(items)"])
@pytest.mark.parametrize("index", ["1000", "999999999", "9" * 30, "9" * 5000, "٩٩٩٩"])
def test_a_record_at_an_index_that_no_list_of_records_reaches_is_too_large(outcomes, each, index):
    text = f'[[record]]\neach = "{each}"\n{SECTION}'

    assert [outcome.card for outcome in outcomes(text, {"items": {"999": {"id": 1, "name": "a"}}})] == ["contact:1"]
    with pytest.raises(TooLarge):
        outcomes(text, {"items": {"0": {"id": 1}, index: {"id": 2}}})


def test_a_map_by_id_inside_a_record_and_one_that_the_mapping_declares_have_keys_of_any_size(outcomes):
    items = {"999999999": {"id": 1, "phones": {"35144366": {"value": "0670000012"}}}}
    text = """
    [[record]]
    each = "values(items)"
    [contact]
    externalId = "id"
    fullName = "list(phones)[0].value"
    [[contact.phones]]
    each = "phones"
    value = "value"
    """
    [outcome] = outcomes(text, {"items": items})

    assert (outcome.card, outcome.fields["fullName"]) == ("contact:1", "0670000012")
    assert [phone["value"] for phone in outcome.fields["phones.0"]] == ["+380670000012"]


def test_thousands_of_phones_are_too_large(outcomes):
    text = """
    [[record]]
    each = "@"
    [contact]
    externalId = "id"
    [[contact.phones]]
    each = "phones"
    value = "@"
    """
    with pytest.raises(TooLarge):
        outcomes(text, [{"id": 1 + at, "phones": ["12"] * 100} for at in range(51)])


@pytest.mark.parametrize("identity", [None, 0, "0", "", False, True, {}, [1], "x" * 256])
def test_a_contact_without_an_id_is_rejected(outcomes, identity):
    [outcome] = outcomes(SECTION, {"id": identity, "name": "Олена"})

    assert (outcome.result, outcome.code, outcome.field, outcome.card) == ("reject", "no-id", "externalId", "")
    assert "Олена" not in outcome.reason


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ('"name"', "Олена"),
        ('["none", "nested", "blank", "name"]', "Олена"),  # an object is no text
        ('["zero", "name"]', "0"),
        ('{ value = "fixed" }', "fixed"),
        ('{ value = "" }', None),
        ('{ join = ["last", "gone", "name"] }', "Коваль Олена"),
        ('{ join = ["last", "name"], with = ", " }', "Коваль, Олена"),
        ('{ join = ["gone", "blank"] }', None),
        ('{ join = [["none", "last"], { value = "(VIP)" }] }', "Коваль (VIP)"),
        ('{ template = "{name} {last}!" }', "Олена Коваль!"),
        ('{ template = \'{nested."a-b"} and {split(name, `"}"`)[0]}\' }', "deep and Олена"),
        ('{ template = "no placeholder" }', "no placeholder"),
        ('{ from = "blank", default = "nobody" }', "nobody"),
        ('{ from = "zero", ignore = ["0", "-"], default = "nobody" }', "nobody"),
        ('{ from = ["zero", "name"], ignore = ["0"] }', "Олена"),
        ('{ from = "name", lookup = { "Олена" = "Helen" } }', "Helen"),
        ('{ from = "last", lookup = { "Олена" = "Helen" } }', None),
        ('{ from = "last", lookup = { "Олена" = "Helen" }, default = "?" }', "?"),
        ('{ from = "name", lookup = "names" }', "Lena"),
        ('[{ join = ["none"] }, { template = "{none}" }, "last"]', "Коваль"),
    ],
)
def test_a_rule_gives(fields, rule, value):
    text = SECTION.replace('"name"', rule) + '[lookups.names]\n"Олена" = "Lena"\n'
    body = {
        "id": 1,
        "name": "Олена",
        "last": "Коваль",
        "blank": " ",
        "gone": None,
        "zero": 0,
        "nested": {"a-b": "deep"},
    }

    assert fields(text, body)["fullName"] == value


@pytest.mark.parametrize(
    ("identity", "link"),
    [
        (8, "https://acme.example.com/person/8"),
        ("a/b?c#d@e:f g", "https://acme.example.com/person/a%2Fb%3Fc%23d%40e%3Af%20g"),
        ("%2e%2e", "https://acme.example.com/person/%252e%252e"),
        ("..", None),
        ("Олена", "https://acme.example.com/person/%D0%9E%D0%BB%D0%B5%D0%BD%D0%B0"),
    ],
)
def test_data_cannot_bend_a_link(fields, identity, link):
    text = SECTION.replace("[contact]", '[contact]\ncontactLink = { template = "{$settings.crm_url}/person/{id}" }')

    assert (
        fields(text, {"id": identity, "name": "a"}, settings={"crm_url": "https://acme.example.com/"})["contactLink"]
        == link
    )


def test_glued_text_behind_the_host_of_a_link_is_one_segment_of_it(fields):
    rule = """{ template = "https://acme.example.com/{join('-', [a, b])}" }"""
    text = SECTION.replace("[contact]", f"[contact]\ncontactLink = {rule}")

    link = fields(text, {"id": 1, "name": "a", "a": "/x", "b": "y"})["contactLink"]

    assert link == "https://acme.example.com/%2Fx-y"


def test_a_link_whose_beginning_is_nothing_but_slashes_does_not_begin_with_what_follows(fields):
    text = SECTION.replace("[contact]", '[contact]\ncontactLink = { template = "{a}{b}" }')

    assert fields(text, {"id": 1, "name": "a", "a": "//", "b": "https://phish.example.net"})["contactLink"] is None


@pytest.mark.parametrize(
    "crm_url", [None, "", "http://acme.example.com", "https://acme.example.com?a=", "https://a b.example.com"]
)
def test_half_a_link_is_none(fields, crm_url):
    text = SECTION.replace("[contact]", '[contact]\ncontactLink = { template = "{$settings.crm_url}/person/{id}" }')

    settings = {"crm_url": crm_url} if crm_url is not None else {}

    assert fields(text, {"id": 8, "name": "a"}, settings=settings).get("contactLink") is None


def test_a_dropped_link_warns_and_the_next_alternative_is_tried(outcomes):
    text = SECTION.replace("[contact]", '[contact]\ncontactLink = ["url", "other"]')
    [bad] = outcomes(text, {"id": 1, "name": "a", "url": "javascript:alert(1)"})
    [good] = outcomes(text, {"id": 1, "name": "a", "url": "javascript:alert(1)", "other": "https://crm.example.com/1"})

    assert bad.fields["contactLink"] is None
    assert bad.warnings[0].endswith("own.toml:5: a link was dropped: not a plain https address")
    assert (good.fields["contactLink"], good.warnings) == ("https://crm.example.com/1", ())


def test_a_connection_can_name_the_hosts_that_links_may_lead_to(fields):
    text = SECTION.replace("[contact]", '[contact]\ncontactLink = "url"')
    body = {"id": 1, "name": "a", "url": "https://phish.example.net/"}

    assert fields(text, body)["contactLink"]
    assert fields(text, body, settings={"link_hosts": "example.com, example.org"})["contactLink"] is None


def test_no_one_responsible_is_the_connections_default(fields):
    text = SECTION.replace("[contact]", '[contact]\nresponsible = "owner"')
    body, settings = {"id": 1, "name": "a"}, {"responsible": "12"}

    assert fields(text, {**body, "owner": 0}, settings=settings)["responsible"] == "12"
    assert fields(text, {**body, "owner": 7}, settings=settings)["responsible"] == "7"
    assert fields(SECTION, body, settings=settings)["responsible"] == "12"


def test_an_event_that_does_not_say_who_is_responsible_changes_no_one(fields):
    text = SECTION.replace("[contact]", '[contact]\nresponsible = "owner"')
    body = {"id": 1, "name": "a"}

    assert "responsible" not in fields(text, body)
    assert fields(text, body, settings={"responsible": "12"}) == {
        "externalId": "1",
        "fullName": "a",
        "defaultResponsible": "12",
    }


def test_phones_and_emails_have_labels_extensions_and_a_primary(fields):
    text = """
    [contact]
    externalId = "id"
    [[contact.phones]]
    each    = "phones"
    value   = "value"
    name    = "label"
    primary = "main"
    [[contact.emails]]
    value = "email"
    name  = { value = "work" }
    """
    body = {
        "id": 1,
        "email": "a@example.com;b@example.com",
        "phones": [
            {"value": "044 000 00 12 доб. 34", "label": "office"},
            {"value": "0670000012", "main": "1"},
            {"value": "+380670000012", "label": "again"},
            {"value": "12"},
            {"value": {"a": 1}},
        ],
    }
    found = fields(text, body)

    assert found["phones.0"] == [
        {"value": "+380440000012", "name": "office ext. 34", "primary": False},
        {"value": "+380670000012", "name": None, "primary": True},
    ]
    assert [(email["value"], email["name"]) for email in found["emails.0"]] == [
        ("a@example.com", "work"),
        ("b@example.com", "work"),
    ]


def test_numbers_belong_to_the_connections_country(fields):
    body = {"id": 1, "phone": "2123 4567"}

    assert fields(SECTION, body, settings={"country": "lv"})["phones.0"][0]["value"] == "+37121234567"
    assert fields(SECTION, body)["phones.0"] == []


def test_of_one_block_a_hundred_entries_are_read(outcomes):
    text = '[contact]\nexternalId = "id"\n[[contact.phones]]\neach = "phones"\nvalue = "@"\n'
    [outcome] = outcomes(text, {"id": 1, "phones": [f"067{at:07}" for at in range(101)]})

    assert len(outcome.fields["phones.0"]) == 100
    assert any("only the first 100 are read" in warning for warning in outcome.warnings)


def test_the_limit_of_an_event_counts_the_numbers_of_a_text_too(outcomes):
    text = '[[record]]\neach = "@"\n[contact]\nexternalId = "id"\n[[contact.phones]]\nvalue = "phone"\n'
    several = ", ".join(f"+38067000000{last}" for last in range(10))

    assert len(outcomes(text, [{"id": at, "phone": several} for at in range(1, 501)])) == 500
    with pytest.raises(TooLarge):
        outcomes(text, [{"id": at, "phone": several} for at in range(1, 502)])


@pytest.mark.parametrize(
    ("head", "settings", "moment"),
    [
        ('timeZone = "UTC"', {"time_zone": "Europe/Kyiv"}, 1_732_467_845_000),
        ("", {"time_zone": "Europe/Warsaw"}, 1_732_464_245_000),
        ("", {}, 1_732_460_645_000),
        ("", {"time_zone": "Mars/Base"}, None),
    ],
)
def test_a_time_without_zone_is_in_the_mappings_or_the_connections(outcomes, head, settings, moment):
    head = f'crm = "Own"\nchangedAt = "at"\n{head}'
    [outcome] = outcomes(SECTION, {"id": 1, "at": "2024-11-24 17:04:05"}, head=head, settings=settings)

    assert outcome.changed_at == moment
    assert bool(outcome.warnings) is (moment is None)


def test_a_record_may_have_its_own_time_and_event_id(outcomes):
    text = '[[record]]\nchangedAt = "b"\neventId = "c"\n' + SECTION
    head = 'crm = "Own"\nchangedAt = "a"\neventId = "a"'
    [outcome] = outcomes(text, {"id": 1, "a": 1_600_000_000, "b": 1_700_000_000, "c": 77}, head=head)

    assert (outcome.changed_at, outcome.event_id) == (1_700_000_000_000, "77")


PARTIAL = """
[[record]]
carries = "partial"
[contact]
externalId  = "id"
fullName    = ["name", { join = ["first", "last"] }]
responsible = "owner.id"
contactLink = { template = "https://crm.example.com/{slug}" }
staffId     = { from = "owner.id", lookup = { 7 = "77" } }
[[contact.phones]]
each  = "phones"
value = "value"
[[contact.phones]]
value = "mobile"
[[contact.organizations]]
name       = "company"
externalId = "company_id"
"""


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({}, None),
        ({"name": "Олена"}, {"fullName": "Олена"}),
        ({"name": None}, {"fullName": None}),
        ({"first": "Олена"}, None),  # half a name
        ({"first": "Олена", "name": None, "mobile": ""}, {"phones.1": []}),  # a half that is there
        ({"name": {"x": 1}, "mobile": ""}, {"phones.1": []}),  # of no use, but not empty
        ({"owner": {"id": True}, "mobile": ""}, {"staffId": None, "phones.1": []}),
        ({"first": "Олена", "last": None}, {"fullName": "Олена"}),
        ({"owner": {"id": 7}}, {"responsible": "7", "staffId": "77"}),
        ({"owner": {"id": None}}, {"responsible": "0", "staffId": None}),
        ({"owner": None}, {"responsible": "0", "staffId": None}),
        ({"owner": {"name": "x"}}, None),
        ({"owner": {}}, None),
        ({"slug": "a", "mobile": ""}, {"contactLink": "https://crm.example.com/a", "phones.1": []}),
        ({"slug": None, "mobile": ""}, {"contactLink": None, "phones.1": []}),
        ({"slug": "a"}, None),  # a link that the mapping makes
        ({"mobile": "0670000012"}, {"phones.1": [{"value": "+380670000012", "name": None, "primary": False}]}),
        ({"phones": []}, {"phones.0": []}),
        ({"phones": None}, {"phones.0": []}),
        ({"phones": [{"label": "x"}], "name": ""}, {"fullName": None}),
        ({"phones": "067 000 00 12", "name": ""}, {"fullName": None}),
        ({"company": "x"}, None),
        ({"company": "x", "company_id": 3}, {"organizations.0": [{"externalId": "3", "name": "x"}]}),
        ({"company": None, "company_id": None}, {"organizations.0": []}),
    ],
)
def test_a_partial_change_sets_what_is_present(outcomes, body, changed):
    [outcome] = outcomes(PARTIAL, {"id": 1, **body})

    if changed is None:
        assert (outcome.result, outcome.code) == ("reject", "no-data")
    else:
        assert (outcome.result, outcome.fields) == ("change", {"externalId": "1", **changed})


@pytest.mark.parametrize("carries", ["full", "partial"])
@pytest.mark.parametrize(("body", "changed"), [({}, {}), ({"name": None}, {"fullName": "Nobody"})])
def test_a_fixed_alternative_replaces_no_name_of_which_an_event_says_nothing(fields, carries, body, changed):
    text = f'[[record]]\ncarries = "{carries}"' + SECTION.replace('"name"', '["name", { value = "Nobody" }]')
    found = fields(text, {"id": 1, "phone": "", **body})

    assert {name: found[name] for name in found if name == "fullName"} == changed


BELONGING = """
[[record]]
when = "deal"
as = "deal"
[[record]]
as = "lead"
[deal]
contactId = "contact"
fullName  = "name"
dealLink  = "url"
[lead]
contactId = "contact"
leadId    = "id"
fullName  = "name"
leadLink  = "url"
[[lead.phones]]
value = "phone"
"""
BODY = {"id": "L-1", "contact": 42, "name": "Олена", "url": "https://crm.example.com/1", "phone": "0670000012"}


def test_a_deal_changes_its_own_fields_on_its_contacts_card(outcomes):
    [outcome] = outcomes(BELONGING, {**BODY, "deal": True})

    assert (outcome.kind, outcome.card) == ("deal", "contact:42")
    assert outcome.fields == {"externalId": "42", "dealLink": "https://crm.example.com/1"}


def test_a_deal_without_a_contact_is_skipped(outcomes):
    [outcome] = outcomes(BELONGING, {**BODY, "deal": True, "contact": 0})

    assert (outcome.result, outcome.code) == ("skip", "no-contact")


def test_a_lead_changes_its_own_fields_on_its_contacts_card(outcomes):
    [outcome] = outcomes(BELONGING, BODY)

    assert (outcome.kind, outcome.card) == ("lead", "contact:42")
    assert outcome.fields == {"externalId": "42", "leadId": "L-1", "leadLink": "https://crm.example.com/1"}


def test_a_lead_without_a_contact_is_a_card_of_its_own(outcomes):
    [outcome] = outcomes(BELONGING, {**BODY, "contact": None})

    assert outcome.card == "lead:L-1"
    assert outcome.fields == {
        "leadId": "L-1",
        "fullName": "Олена",
        "leadLink": "https://crm.example.com/1",
        "phones.0": [{"value": "+380670000012", "name": None, "primary": False}],
        "responsible": "0",
    }


def test_a_lead_with_neither_is_rejected(outcomes):
    [outcome] = outcomes(BELONGING, {**BODY, "contact": None, "id": None})

    assert (outcome.code, outcome.field) == ("no-id", "leadId")


def test_query_headers_and_settings_can_be_asked(outcomes):
    text = """
    [[record]]
    when = "$query.event == 'Contact.update' && $headers.\\"x-kind\\" == 'crm' && $settings.shop == '7'"
    """
    found = outcomes(
        text + SECTION,
        {"id": 1, "name": "a"},
        query={"event": "Contact.update"},
        headers={"X-Kind": "crm"},
        settings={"shop": "7"},
    )

    assert [outcome.card for outcome in found] == ["contact:1"]


def test_a_child_replaces_fields_lists_and_records_whole_and_inherits_the_rest(outcomes):
    text = """
    [contact]
    fullName = { value = "Replaced" }
    [[contact.phones]]
    value = "data.other"
    """
    body = {
        "meta": {"entity": "person", "timestamp": "2025-03-04T09:10:35Z"},
        "data": {"id": 1, "name": "x", "other": "0670000013", "phones": [{"value": "0670000012"}], "owner_id": 5},
    }
    [outcome] = outcomes(text, body, head='extends = "pipedrive"')

    assert outcome.fields["fullName"] == "Replaced"
    assert [phone["value"] for phone in outcome.fields["phones.0"]] == ["+380670000013"]
    assert (outcome.fields["responsible"], outcome.changed_at) == ("5", 1_741_079_435_000)


@pytest.mark.parametrize(
    ("text", "body", "reply"),
    [
        ("", {}, None),
        ('[answer]\nbody = "OK"\n', {}, (202, "text/plain", "OK")),
        ('[answer]\nstatus = 200\ncontentType = "text/xml"\nbody = "<Ack/>"\n', None, (200, "text/xml", "<Ack/>")),
        ('[answer]\nwhen = "challenge"\nstatus = 200\necho = ["challenge"]\n', {"a": 1}, None),
        (
            '[answer]\nwhen = "challenge"\nstatus = 200\necho = ["challenge"]\n',
            {"challenge": "Ж", "other": 1},
            (200, "application/json", '{"challenge": "\\u0416"}'),
        ),
        ('[answer]\necho = ["challenge"]\n', [1], (202, "application/json", '{"challenge": null}')),
    ],
)
def test_a_mapping_may_declare_its_answer(tmp_path, text, body, reply):
    (tmp_path / "own.toml").write_text(f'format = 1\ncrm = "Own"\n{text}{SECTION}')

    assert engine.answer(loader.load_file(tmp_path / "own.toml"), body) == reply


def test_a_hundred_kommo_contacts_come_in_one_form():
    [case] = [case for case in CASES if case.body.stem == "mixed-contact-company-deletion"]
    one = case.body.read_text("utf-8")
    pairs = [pair for pair in one.split("&") if pair.startswith("contacts%5Bupdate%5D%5B0%5D")]
    form = "&".join(
        pair.replace("update%5D%5B0%5D", f"update%5D%5B{at}%5D").replace("=5001", f"={5001 + at}")
        for at in range(100)
        for pair in pairs
    )
    found = engine.run(loader.load("kommo"), decode(form.encode(), "application/x-www-form-urlencoded"), {}, {}, {})

    assert [outcome.card for outcome in found] == [f"contact:{5001 + at}" for at in range(100)]
    assert [outcome.position for outcome in found] == list(range(100))


def test_a_crms_event_imports_nothing_heavy():
    code = """
import sys
from mapping import decode, engine
from mapping.language import loader
assert not {"phonenumbers", "xml", "zoneinfo", "pydantic", "aws_lambda_powertools"} & set(sys.modules), "at import"
body = decode.decode(b'{"meta": {"entity": "deal"}, "data": {"id": 1, "person_id": 2}}', "application/json")
assert engine.run(loader.load("pipedrive"), body, {}, {}, {})[0].result == "change"
assert not {"phonenumbers", "xml", "zoneinfo", "pydantic", "aws_lambda_powertools"} & set(sys.modules), "after a deal"
engine.run(loader.load("direct"), {"externalId": 1, "fullName": "a"}, {}, {}, {})
assert "pydantic" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=SRC, check=True)


WHOLE_OR_NOT = """
[contact]
externalId  = "id"
fullName    = ["name", { join = ["last", "first"] }]
responsible = "owner"
contactLink = "url"
[[contact.phones]]
each  = "phones"
value = "value"
[[contact.emails]]
value = "email"
[[contact.organizations]]
externalId = "company"
"""
NOTHING = {"fullName": None, "contactLink": None, "phones.0": [], "emails.0": [], "organizations.0": []}


@pytest.mark.parametrize("carries", ["full", "partial", "changes", "whole"])
@pytest.mark.parametrize(
    ("body", "cleared"),
    [
        ({"email": "a@example.com"}, set()),
        ({"email": "a@example.com", "name": None, "phones": None, "url": ""}, {"fullName", "phones.0", "contactLink"}),
        ({"email": "a@example.com", "company": 0, "phones": []}, {"organizations.0", "phones.0"}),
    ],
)
def test_an_absent_key_empties_nothing_unless_the_record_is_whole(fields, carries, body, cleared):
    found = fields(f'[[record]]\ncarries = "{carries}"\n{WHOLE_OR_NOT}', {"id": 1, **body})
    wanted = NOTHING.keys() - {"emails.0"} if carries == "whole" else cleared

    assert {name for name in found if not found[name]} == wanted
    assert all(found[name] == NOTHING[name] for name in wanted)


@pytest.mark.parametrize("carries", ["full", "whole"])
def test_a_full_record_that_names_no_person_is_rejected_with_the_names_of_its_keys(outcomes, carries):
    body = {
        "id": 1,
        "owner": 7,
        "note": {"текст": 1, "text": "Олена", "+380670000001": 2, "author": [{"name": "Марія"}]},
    }
    [outcome] = outcomes(f'[[record]]\ncarries = "{carries}"\n{WHOLE_OR_NOT}', body)

    assert (outcome.result, outcome.code, outcome.card, outcome.fields) == ("reject", "no-data", "", {})
    assert outcome.reason == (
        "the record has an id but no name, phone or e-mail that this mapping reads; "
        "keys seen: id, owner, note.text, note.author.name"
    )


def test_no_more_than_twenty_keys_are_told(outcomes):
    [outcome] = outcomes(WHOLE_OR_NOT, {"id": 1, **{f"key_{at}": at for at in range(100)}})

    assert outcome.reason.count(",") == len(["name, phone", *range(19)])


@pytest.mark.parametrize(
    ("carries", "body", "ending"),
    [
        ("partial", {"owner": 7}, ("change", "")),
        ("partial", {"company": 3}, ("change", "")),
        ("partial", {"other": 3}, ("reject", "no-data")),
        ("changes", {"owner": None}, ("change", "")),
        ("changes", {"other": 3}, ("skip", "no-change")),
        ("changes", {"first": "Олена"}, ("skip", "no-change")),
    ],
)
def test_a_part_of_a_record_may_name_any_field_that_is_mapped(outcomes, carries, body, ending):
    [outcome] = outcomes(f'[[record]]\ncarries = "{carries}"\n{WHOLE_OR_NOT}', {"id": 1, **body})

    assert (outcome.result, outcome.code) == ending


def test_an_organization_without_a_name_is_rejected(outcomes):
    text = '[[record]]\nas = "organization"\n[organization]\nexternalId = "id"\nname = "name"\n'
    [outcome] = outcomes(text, {"id": 1, "city": "Київ"})

    assert (outcome.code, "but no name that" in outcome.reason) == ("no-data", True)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"first": "Олена", "last": "Коваль"}, {"fullName": "Коваль Олена"}),
        ({"first": "Олена"}, {"halfName": "Олена"}),
        ({"name": "", "first": "Олена"}, {"halfName": "Олена"}),
        ({"first": ""}, {}),
        ({"name": "Олена Коваль", "first": "Олена"}, {"fullName": "Олена Коваль"}),
    ],
)
def test_half_a_name_stands_beside_the_name_and_replaces_no_whole_one(fields, body, names):
    found = fields(WHOLE_OR_NOT, {"id": 1, "email": "", **body})

    assert {name: found[name] for name in found if name in ("fullName", "halfName")} == names


GONE = """
[[record]]
when = "event == 'gone'"
do = "delete"
as = "lead"
id = ["old.id", "id"]
message = "gone"
[[record]]
when = "event == 'forget'"
do = "erase"
[[record]]
as = "lead"
[lead]
contactId = "contact"
leadId = "number"
fullName = "name"
"""


def test_a_deletion_changes_the_card_of_the_record_itself(outcomes):
    body = {"event": "gone", "id": 7, "contact": 42, "at": 1_700_000_000}
    [outcome] = outcomes(GONE + SECTION, body, head='crm = "Own"\nchangedAt = "at"')

    assert (outcome.result, outcome.kind, outcome.card) == ("delete", "lead", "lead:7")
    assert outcome.fields == {"leadId": "7", "deleted": True}
    assert (outcome.code, outcome.reason, outcome.changed_at) == ("deleted-in-crm", "gone", 1_700_000_000_000)


def test_an_erasure_takes_its_id_from_the_section_and_sets_nothing(outcomes):
    [outcome] = outcomes(GONE + SECTION, {"event": "forget", "id": 42})

    assert (outcome.result, outcome.card, outcome.fields) == ("erase", "contact:42", {})
    assert outcome.code == "erased-in-crm"


def test_a_deletion_without_an_id_is_kept(outcomes):
    [outcome] = outcomes(GONE + SECTION, {"event": "gone"})

    assert (outcome.result, outcome.code, outcome.field) == ("reject", "no-id", "leadId")


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (None, "is empty"),
        ("", "is empty"),
        (0, "is there but is no usable id"),
        ("0", "is there but is no usable id"),
        (True, "is there but is no usable id"),
        ("x" * 300, "is there but is no usable id"),
        (1e300, "is there but is no usable id"),
    ],
)
def test_an_id_that_is_there_but_of_no_use_is_not_called_empty(outcomes, identity, reason):
    [outcome] = outcomes(SECTION, {"id": identity, "name": "Олена"})

    assert f"externalId {reason}" in outcome.reason


@pytest.mark.parametrize("contact", [{}, {"contact": [1]}, {"contact": "x" * 300}])
def test_a_deal_that_does_not_say_whose_it_is_is_kept(outcomes, contact):
    body = {name: value for name, value in BODY.items() if name != "contact"}
    [outcome] = outcomes(BELONGING, {**body, **contact, "deal": True})

    assert (outcome.result, outcome.code, outcome.field) == ("reject", "no-contact", "contactId")


ALTERNATIVES = """
[contact]
externalId = "id"
fullName = "name"
contactLink = ["url", "other_url"]
[[contact.phones]]
each  = "phones"
value = [{ template = "{code}{number}" }, "number"]
[[contact.emails]]
value = ["email", "other"]
"""


def test_the_next_alternative_counts_where_a_value_does_not_normalise(outcomes):
    body = {
        "id": 1, "name": "a", "url": "ftp://x", "other_url": "https://crm.example.com/1",
        "email": "none", "other": "a@example.com",
        "phones": [{"code": "+380", "number": "380670000012"}, {"code": "+380", "number": "670000013"}],
        "at": "soon", "arrived": 1_700_000_000,
    }  # fmt: skip
    [outcome] = outcomes(ALTERNATIVES, body, head='crm = "Own"\nchangedAt = ["at", "arrived"]')

    assert [phone["value"] for phone in outcome.fields["phones.0"]] == ["+380670000012", "+380670000013"]
    assert [email["value"] for email in outcome.fields["emails.0"]] == ["a@example.com"]
    assert (outcome.fields["contactLink"], outcome.changed_at) == ("https://crm.example.com/1", 1_700_000_000_000)
    assert outcome.warnings == ()


def test_what_is_cut_or_dropped_is_told_with_its_number(outcomes):
    text = ALTERNATIVES.replace('"number"]', '"number", "@"]')
    body = {"id": 1, "name": "a" * 300, "phones": ["067 CALL ME", "+", *(f"+38067{at:07}" for at in range(1000))]}
    [outcome] = outcomes(text, body)

    assert len(outcome.fields["phones.0"]) == 98
    assert [warning.partition(": ")[2] for warning in outcome.warnings] == [
        "300 characters were cut to 255",
        "of 1002 only the first 100 are read",
        "2 are not valid phone numbers, dropped",
    ]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "\ufffd\ufffd"}, "fullName"),
        ({"email": "\ufffd@example.com"}, "emails.0"),
        ({"phones": [{"number": "067 000 00 12 \ufffd"}]}, "phones.0"),
        ({"id": "7\ufffd", "name": "a"}, "externalId"),
    ],
)
def test_letters_that_were_lost_are_never_posted(outcomes, body, field):
    [outcome] = outcomes(ALTERNATIVES, {"id": 7, **body})

    assert (outcome.result, outcome.code, outcome.field) == ("reject", "bad-encoding", field)
    assert (outcome.fields, outcome.card) == ({}, "")


STAFF = """
[contact]
externalId = "id"
fullName = "name"
staffId = { from = "owner", lookup = "staff" }
[[contact.phones]]
value = "phone"
[lookups.staff]
"Manager@Example.com" = "77"
"Ірина" = "78"
"""


@pytest.mark.parametrize(
    ("owner", "staff"),
    [("manager@example.com", "77"), ("MANAGER@EXAMPLE.COM", "77"), ("Ірина", "78"), ("ірина", None), (None, None)],
)
def test_r5_a_table_compares_e_mails_without_case_and_an_owner_that_it_lacks_is_told(outcomes, owner, staff):
    [outcome] = outcomes(STAFF, {"id": 1, "name": "a", "owner": owner})
    told = " ".join(outcome.warnings)

    assert outcome.fields["staffId"] == staff
    assert ("not-in-table: [lookups.staff] lacks a value (sha256 " in told) is (owner is not None and staff is None)
    assert "ірина" not in told


@pytest.mark.parametrize(
    ("body", "lost"), [('{"a": "\ufffd"}', True), ("a=%ef%BF%bd", True), ('{"a": "Олена"}', False)]
)
def test_a_body_that_has_lost_letters_is_told(body, lost):
    assert has_lost_letters(body.encode()) is lost


def test_every_outcome_of_a_body_that_has_lost_letters_warns():
    found = engine.run(loader.load("direct"), [{"externalId": 1, "fullName": "a"}, {}], {}, {}, {}, lost=True)

    assert all("the body holds U+FFFD" in outcome.warnings[-1] for outcome in found)


API = """
[api]
url = "https://api.example.com"
[lookup.contact]
post = "/people"
json = { ids = "{$ids}" }
max = 50
records = "data"
[lookup.company]
as = "organization"
get = "/companies/{$id}"
ids = "[1-9][0-9]*"
records = "@"
[[record]]
when = "$lookup == 'contact'"
each = "data"
also = [{ lookup = "company", id = ["companies", "company"], when = "unknown" },
        { lookup = "contact", id = { from = "boss", ignore = ["7"] }, when = "always" }]
[[record]]
title = "changed"
each = "events"
do = "lookup"
lookup = "contact"
id = ["ids", "id"]
eventId = "event"
"""


def lookups(outcomes, **event):
    return outcomes(API + SECTION, {"events": [event]})


def test_an_event_that_names_ids_only_wants_each_of_them(outcomes):
    assert [one.wants for one in lookups(outcomes, id=42)] == [(("contact", "42", ""),)]
    assert [one.wants[0].id for one in lookups(outcomes, ids=["a", 7, "7", None, 0, {}])] == ["a", "7"]
    (one,) = lookups(outcomes, id=42, event="e-1")
    assert (one.result, one.event_id, one.card, one.fields, one.record) == ("lookup", "e-1", "", {}, "changed")


@pytest.mark.parametrize("event", [{}, {"id": None}, {"id": 0}, {"id": {}}, {"ids": []}])
def test_an_event_without_an_id_wants_nothing(outcomes, event):
    (one,) = lookups(outcomes, **event)

    assert (one.result, one.code, one.field) == ("reject", "no-id", "id")


def test_of_several_ids_the_bad_one_is_rejected_alone(outcomes):
    found = lookups(outcomes, ids=["7", "../8", "9"])

    assert [(one.result, one.code) for one in found] == [("lookup", ""), ("reject", "no-id"), ("lookup", "")]


def test_an_event_names_a_thousand_ids_at_most(outcomes):
    assert len(lookups(outcomes, ids=list(range(1, 1_001)))) == 1_000
    with pytest.raises(TooLarge):
        lookups(outcomes, ids=list(range(1, 100_000)))


def of_contact(outcomes, **record):
    found = outcomes(API + SECTION, {"data": [{"id": 1, "phone": "0670000001", **record}]}, lookup="contact")
    return found[0].wants, found[0].warnings


def test_a_change_may_want_others_beside_itself(outcomes):
    assert of_contact(outcomes, company=8, boss="9") == (
        (("company", "8", "organization:8"), ("contact", "9", "")),
        (),
    )
    assert of_contact(outcomes, companies=[8, 9], company=3)[0] == (
        ("company", "8", "organization:8"),
        ("company", "9", "organization:9"),
    )
    assert of_contact(outcomes, boss="7") == ((), ())


def test_what_cannot_be_asked_for_is_left_out_with_a_warning(outcomes):
    wants, warnings = of_contact(outcomes, company="8&x=SECRET")

    assert wants == ()
    assert warnings[0].endswith("the id does not look like one that the look-up 'company' may ask for")
    assert len(of_contact(outcomes, companies=list(range(1, 200)))[0]) == engine.MAX_ENTRIES


def test_only_a_change_wants_others(outcomes):
    (nothing,) = outcomes(API + SECTION, {"data": [{"id": 1, "company": 8}]}, lookup="contact")
    (lost,) = outcomes(API + SECTION, {"data": [{"id": 1, "name": "\ufffd", "company": 8}]}, lookup="contact")

    assert (nothing.code, nothing.wants) == ("no-data", ())
    assert (lost.code, lost.wants) == ("bad-encoding", ())


def test_an_answer_is_read_only_as_that_of_its_look_up(outcomes):
    body = {"data": [{"id": 1, "phone": "0670000001"}]}

    assert [one.result for one in outcomes(API + SECTION, body, lookup="company")] == ["reject"]
    assert [one.result for one in outcomes(API + SECTION, body)] == ["reject"]
