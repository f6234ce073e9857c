"""Mapping files: what is wrong with one is told all at once, at the right place, with a hint."""

# ruff: noqa: E501 - a table of one line for each fault

import textwrap
import tomllib

import pytest

from errors import BadMapping
from mapping.language import loader
from mapping.language.parser import data_of

BAD = """\
format = 1
crm    = "Bad"

[[record]]
when = 'meta.entity == "person" && meta.action != 2'
do   = "chnage"

[contact]
fulname    = "data.name"
externalId = "data.custom-fields.id"

contactLink = { template = "https://{meta.host/person/{data.id}" }
leadId = 42
staffId = "to_sting(data.owner_id)"
fullName = ["data.імʼя",
            "data.name"]

[[contact.phones]]
value = "data.phone"
"""

EXPLAINED = """\
bad.toml:5:51: error: record[1].when: expression 'meta.entity == "person" && meta.action != 2': the number 2 must stand in backquotes
     5 | when = 'meta.entity == "person" && meta.action != 2'
       |                                                   ^
       = write `2`
bad.toml:6:1: error: record[1].do: 'chnage' is not one of change, delete, erase, lookup, skip, reject
     6 | do   = "chnage"
       | ^
       = did you mean 'change'?
bad.toml:9:1: error: contact.fulname: [contact] has no key 'fulname'
     9 | fulname    = "data.name"
       | ^
       = did you mean 'fullName'?
bad.toml:10:26: error: contact.externalId: expression 'data.custom-fields.id': a field name with '-' must stand in double quotes
    10 | externalId = "data.custom-fields.id"
       |                          ^
       = write "custom-fields"
bad.toml:12:37: error: contact.contactLink: template: a lone '{'
    12 | contactLink = { template = "https://{meta.host/person/{data.id}" }
       |                                     ^
       = placeholders look like {data.id}
bad.toml:13:1: error: contact.leadId: must be an expression in quotes, a list or a table, not a number
    13 | leadId = 42
       | ^
       = put a fixed text like this: { value = "…" }
bad.toml:14:12: error: contact.staffId: expression 'to_sting(data.owner_id)': there is no function to_sting()
    14 | staffId = "to_sting(data.owner_id)"
       |            ^
       = did you mean to_string()?
bad.toml:15:19: error: contact.fullName[1]: expression 'data.імʼя': a field name with letters outside a-z must stand in double quotes
    15 | fullName = ["data.імʼя",
       |                   ^
       = write "імʼя"
"""

GOOD = """\
format = 1
crm = "Good"
[contact]
externalId = "id"
phones = [{ value = "phone" }]
"""


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Load a text as the file `bad.toml` of the folder one is in."""
    monkeypatch.chdir(tmp_path)

    def load_text(text):
        (tmp_path / "bad.toml").write_text(textwrap.dedent(text), "utf-8")
        return loader.load_file("bad.toml")

    return load_text


@pytest.fixture
def problems(mapped):
    """Return what is said of a broken text, by place: `{(line, column): message and hint}`."""

    def told(text):
        with pytest.raises(BadMapping) as bad:
            mapped(text)
        return str(bad.value)

    return told


def test_all_problems_of_a_file_are_told_at_once_with_caret_and_hint(problems):
    assert problems(BAD) + "\n" == EXPLAINED


# One thing changed in a good file: the text that replaces another, and where and how it is told.
FAULTS = [
    ("format = 1", "format = 2", "bad.toml:1:1: error: format: the format of this file must be 1"),
    ("format = 1", 'title = "x"', "bad.toml:1:1: error: format: the format of this file must be 1"),
    ('crm = "Good"', 'title = "x"', "error: mapping: crm is missing"),
    ('crm = "Good"', 'crm = "A#B"', "bad.toml:2:1: error: crm: the name of a CRM cannot hold '#'"),
    ('crm = "Good"', "crm = 5", "bad.toml:2:1: error: crm: must be a text, not a number"),
    ('crm = "Good"', 'crm = ""', "error: mapping: crm is missing"),
    ('crm = "Good"', 'crm = "Good"\nget = 1', "bad.toml:3:1: error: get: must be true or false, not a number"),
    ('crm = "Good"', 'crm = "Good"\ntimeZone = "Mars"', "bad.toml:3:1: error: timeZone: there is no time zone 'Mars'"),
    ('crm = "Good"', 'crm = "Good"\nextends = "pipedrv"', "bad.toml:3:1: error: extends: there is no preset 'pipedrv'"),
    ('crm = "Good"', 'crm = "Good"\ncarries = "ful"', "bad.toml:3:1: error: carries: 'ful' is not one of whole, full, partial, changes"),
    ('crm = "Good"', 'crm = "Good"\nchangedat = "a"', "bad.toml:3:1: error: changedat: a mapping has no key 'changedat'"),
    ('crm = "Good"', 'crm = "Good"\ncrm = "Twice"', "bad.toml:3:14: error: not TOML: Cannot overwrite a value"),
    ('"id"', "0671234567", "bad.toml:4:15: error: not TOML: Expected newline or end of document after a statement"),
    ('"id"', "2024-11-24", "bad.toml:4:1: error: contact.externalId: must be an expression in quotes, a list or a table, not a date"),
    ('"id"', '""', "bad.toml:4:15: error: contact.externalId: expression '': it ends too early"),
    ('"id"', '"id."', "bad.toml:4:18: error: contact.externalId: expression 'id.': it ends too early"),
    ('"id"', '"id name"', "bad.toml:4:18: error: contact.externalId: expression 'id name': it cannot be read from here on"),
    ('"id"', '"$body.id"', "bad.toml:4:15: error: contact.externalId: expression '$body.id': there is no scope $body"),
    ('"id"', '"lower(id, name)"', "error: contact.externalId: expression 'lower(id, name)': lower() takes 1 values, not 2"),
    ('"id"', '"a || !b.c"', "bad.toml:4:20: error: contact.externalId: expression 'a || !b.c': '!' takes only the first word"),
    ('"id"', "'a = `1`'", "bad.toml:4:17: error: contact.externalId: expression 'a = `1`': one '=' compares nothing"),
    ('"id"', "'a == `x`'", "bad.toml:4:20: error: contact.externalId: expression 'a == `x`': what stands in backquotes is not JSON"),
    ('"id"', '"a and b"', "bad.toml:4:17: error: contact.externalId: expression 'a and b': 'and' is no operator"),
    ('"id"', "[]", "bad.toml:4:1: error: contact.externalId: must be a list of rules"),
    ('"id"', '["a",\n  3]', "bad.toml:5:3: error: contact.externalId[2]: must be an expression in quotes"),
    ('"id"', '{ from = "a", value = "b" }', "bad.toml:4:1: error: contact.externalId: a rule needs one of"),
    ('"id"', '{ default = "b" }', "bad.toml:4:1: error: contact.externalId: a rule needs one of"),
    ('"id"', '{ form = "a" }', "bad.toml:4:16: error: contact.externalId.form: a rule has no key 'form'"),
    ('"id"', '{ join = "a" }', "bad.toml:4:16: error: contact.externalId.join: must be a list of rules"),
    ('"id"', '{ join = ["a", "b-c"] }', "bad.toml:4:31: error: contact.externalId.join[2]: expression 'b-c': a field name with '-'"),
    ('"id"', "1" * 5000, "error: not TOML: Exceeds the limit"),
    ('"id"', '"id"' + "\na" + ".a" * 5_000 + " = 1", "bad.toml:5:1: error: not TOML: a line has more than 100 dots"),
    (
        'externalId = "id"',
        'externalId = "id"\ncontactLink = { join = ["a", "b"] }',
        "bad.toml:5:17: error: contact.contactLink.join: a link is not joined",
    ),
    (
        'externalId = "id"',
        """externalId = "id"\ncontactLink = ["url", "join('', ['https://acme.example.com', id])"]""",
        "bad.toml:5:24: error: contact.contactLink[2]: expression 'join('', ['https://acme.example.com', id])': a link is not joined",
    ),
    (
        'externalId = "id"',
        """externalId = "id"\ncontactLink = { from = "[a, join('', b)][0]", default = "c" }""",
        "bad.toml:5:29: error: contact.contactLink.from: expression '[a, join('', b)][0]': a link is not joined",
    ),
    (
        'externalId = "id"',
        """externalId = "id"\ncontactLink = { template = "{join('', [a, b])}/{id}" }""",
        "bad.toml:5:30: error: contact.contactLink: template: expression 'join('', [a, b])': a link is not joined",
    ),
    ('"id"', '{ from = "a", with = "b" }', "bad.toml:4:28: error: contact.externalId.with: only a join has something"),
    ('"id"', '{ from = "a", ignore = "0" }', "bad.toml:4:28: error: contact.externalId.ignore: must be a list of texts"),
    ('"id"', '{ from = "a", default = 0 }', "bad.toml:4:28: error: contact.externalId.default: must be a text, not a number"),
    ('"id"', '{ from = "a", lookup = "staff" }', "bad.toml:4:28: error: contact.externalId.lookup: there is no [lookups.staff]"),
    ('"id"', '{ from = "a", lookup = { 7 = 8 } }', "bad.toml:4:39: error: contact.externalId.lookup.7: must be a text"),
    ('"id"', "{ value = 5 }", "bad.toml:4:16: error: contact.externalId.value: must be a text, not a number"),
    ('"id"', '{ template = "a}" }', "bad.toml:4:29: error: contact.externalId: template: a lone '}'"),
    ('"id"', '{ template = "{id}-{a-b}" }', "bad.toml:4:35: error: contact.externalId: template: expression 'a-b': a field name"),
    ('"id"', '"""\n  a-b"""', "bad.toml:5:4: error: contact.externalId: expression '  a-b': a field name"),
    ('"id"', '"\\u0061 a-b"', "bad.toml:4:23: error: contact.externalId: expression 'a a-b': a field name"),
    ('externalId = "id"', "", "bad.toml:3:1: error: contact: externalId is not mapped"),
    ('phones = [{ value = "phone" }]', "", "bad.toml:3:1: error: contact: neither phones nor emails are mapped"),
    ('phones = [{ value = "phone" }]', 'phones = "phone"', "bad.toml:5:1: error: contact.phones: must be a list of tables, not a text"),
    ('phones = [{ value = "phone" }]', 'phones = ["phone"]', "bad.toml:5:11: error: contact.phones[1]: must be a table, not a text"),
    ('value = "phone"', 'valu = "phone"', "bad.toml:5:13: error: contact.phones[1].valu: [[contact.phones]] has no key 'valu'"),
    ('value = "phone"', 'name = "phone"', "bad.toml:5:11: error: contact.phones[1]: value is not mapped"),
    ('value = "phone"', 'value = "phone", each = 5', "error: contact.phones[1].each: must be an expression in quotes, not a number"),
    ("[contact]", "[[contact]]", "bad.toml:3:1: error: contact: must be a table, not a list"),
    ("[contact]", "[contakt]", "bad.toml:3:1: error: contakt: a mapping has no key 'contakt'"),
    ("[contact]", "[record]\n[contact]", "bad.toml:3:1: error: record: must be a list of tables, not a table"),
    ("[contact]", '[[record]]\nas = "lead"\n[contact]', "bad.toml:3:1: error: record[1]: there is no section [lead]"),
    ("[contact]", '[[record]]\nas = "person"\n[contact]', "bad.toml:4:1: error: record[1].as: 'person' is not one of"),
    ("[contact]", '[[record]]\ndo = "delete"\nas = "deal"\n[contact]', "bad.toml:3:1: error: record[1]: a deal has no card that could be deleted"),
    ("[contact]", '[[record]]\ndo = "erase"\nas = "lead"\n[contact]', "bad.toml:3:1: error: record[1]: erase needs the id of the lead"),
    ("[contact]", '[[record]]\ncode = "No Way"\n[contact]', "bad.toml:4:1: error: record[1].code: a code has small letters"),
    ("[contact]", "[[record]]\n[[record]]\nwhat = 1\n[contact]", "bad.toml:5:1: error: record[2].what: [[record]] has no key 'what'"),
    ("[contact]", '[deal]\ndealLink = "a"\n[contact]', "bad.toml:3:1: error: deal: contactId is not mapped"),
    ("[contact]", '[lead]\nleadLink = "a"\n[contact]', "bad.toml:3:1: error: lead: contactId or leadId is not mapped"),
    ("[contact]", "[lookups]\nstaff = 5\n[contact]", "bad.toml:4:1: error: lookups.staff: must be a table, not a number"),
    ("[contact]", "[answer]\nstatus = 500\n[contact]", "bad.toml:4:1: error: answer.status: must be a number from 200 to 299"),
    ("[contact]", '[answer]\nbody = "a"\necho = ["b"]\n[contact]', "bad.toml:5:1: error: answer.echo: an answer has either"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), FAULTS, ids=[new[:40] for _, new, _ in FAULTS])
def test_a_fault_is_told_at_its_place(problems, old, new, told):
    assert old in GOOD
    assert told in problems(GOOD.replace(old, new, 1))


def test_the_good_file_is_good(mapped):
    assert mapped(GOOD).crm == "Good"


def test_the_example_of_a_users_own_file_works(mapped):
    mapping = mapped(
        """
        #:schema mapping.schema.json
        format  = 1
        extends = "pipedrive"

        [contact]
        fullName = [{ join = ["data.last_name", "data.first_name"] }, "data.name"]
        staffId  = { from = "data.owner_id", lookup = "staff" }

        [lookups.staff]
        12415231 = "77"
        12415232 = "78"
        """
    )

    assert (mapping.name, mapping.crm, mapping.warnings) == ("bad", "Pipedrive", ())
    assert [record.title for record in mapping.records] == [record.title for record in loader.load("pipedrive").records]
    assert mapping.sections["contact"].rules.keys() == loader.load("pipedrive").sections["contact"].rules.keys() | {
        "staffId"
    }


def test_a_missing_file_and_a_file_that_is_no_text_are_told(tmp_path):
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe\x00")

    for name in ("none.toml", "bin.toml"):
        with pytest.raises(BadMapping, match="cannot be read"):
            loader.load_file(tmp_path / name)


def test_an_unknown_preset_is_told_with_the_nearest_name():
    with pytest.raises(BadMapping, match="did you mean 'pipedrive'"):
        loader.load("pipedrv")


@pytest.mark.parametrize("name", ["", ".", "../presets/pipedrive", "pipedrive.toml", "PIPEDRIVE"])
def test_a_name_cannot_leave_the_folder(name):
    with pytest.raises(BadMapping):
        loader.load(name)


def test_doubtful_things_are_warnings(mapped):
    text = GOOD.replace("[contact]", "[[record]]\nwhen = 'type == \"contact\"'\n[lookups.a]\n[contact]")
    warnings = mapped(text + '[organization]\nexternalId = "id"\n').warnings

    assert [warning.split(": ", 2)[2].split("\n")[0] for warning in warnings] == [
        "record[1].when: expression 'type == \"contact\"': a word in double quotes is a field, not a text",
        "lookups.a: no rule uses this table",
        "organization: no record uses [organization]",
    ]
    assert warnings[0].startswith("bad.toml:4:17: warning: ")


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ('"Good"', f'"{"x" * 2_000}#"', "cannot hold '#'"),
        ('"id"', f'"{"x" * 2_000}."', "': it ends too early"),
        ('"Good"', f'"Good"\nextends = "{"x" * 2_000}"', "there is no preset 'xxx"),
    ],
    ids=["text", "expression", "name"],
)
def test_a_fault_far_inside_a_line_is_shown_without_the_whole_line(problems, old, new, cause):
    told = problems(GOOD.replace(old, new))

    assert max(map(len, told.splitlines())) < 1_000
    assert cause in told


def test_keys_of_a_table_that_are_the_same_address_are_an_error(problems):
    told = problems(GOOD + '[lookups.staff]\n"a@example.com" = "1"\n"A@example.com" = "2"\n')

    assert "bad.toml:8:1: error: lookups.staff.A@example.com: another key is the same address but for its case" in told


def test_problems_of_what_is_extended_are_told_with_its_name(monkeypatch, tmp_path):
    (tmp_path / "a.toml").write_text('format = 1\nextends = "b"\n')
    (tmp_path / "b.toml").write_text('format = 1\nextends = "a"\ncrm = 5\n')
    monkeypatch.setattr(loader, "PRESETS", tmp_path)

    with pytest.raises(BadMapping) as bad:
        loader.load_file(tmp_path / "a.toml")

    assert "presets/b.toml:3:1: error: crm: must be a text" in str(bad.value)
    assert "mappings extend each other in a circle" in str(bad.value)


@pytest.mark.parametrize("name", loader.mappings())
def test_a_preset_has_neither_problems_nor_warnings(name):
    mapping = loader.load(name)

    assert mapping.warnings == ()
    assert mapping.title
    assert mapping.help


@pytest.mark.parametrize("name", loader.mappings())
def test_each_record_of_a_preset_says_what_it_carries(name):
    text = (loader.PRESETS / f"{name}.toml").read_text()
    head, *records = text.partition("[contact]")[0].split("[[record]]")

    assert all("carries" in head or "carries" in record or "do " in record for record in records)


@pytest.mark.parametrize(
    "before",
    ["[", "[[", "a = { b = 1, ", *(f"a = {{ b = {text}, " for text in ('""', '"\\\\"', '"#"', "'\\'", "'#'")),
     *(f"a = {{ b = {text}, " for text in ('"""a""""', '"""\n"\\""""""', "'''a''''", "'''\n\\'''", '"\\""')),
     'a = [ # "\n{ ', "# '''\n", 'z = 1 # """\n'],
)  # fmt: skip
@pytest.mark.parametrize("part", ["a", '"a"', "'a' ", '"\\"#"'])
def test_a_key_of_too_many_parts_is_found_behind_every_text_and_comment(before, part):
    end = {"[": "]", "[[": "]]"}.get(before, " = 1")
    closing = " }" * before.count("{") + "]" * before.count("= [")
    deep, deepest = (before + ".".join([part] * count) + end + closing for count in (102, 101))

    assert data_of(deepest) == tomllib.loads(deepest)
    with pytest.raises(ValueError, match="more than 100 dots"):
        data_of(deep)


@pytest.mark.parametrize("text", ['"{}"', "'{}'", '"""{}"""', "'''{}'''", '"""\n\\"{}"""', '"\\"{}"', "1 # {}"])
def test_dots_in_texts_and_comments_are_not_counted(text):
    written = "a = " + text.format("a.b" * 200)

    assert data_of(written) == tomllib.loads(written)
