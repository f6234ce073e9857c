"""`bridge new` drafts mappings that are valid, and complete where names tell enough."""

import json
import tomllib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cli.draft import draft
from mapping import engine
from mapping.language import loader
from mapping.names import NAMES
from tests.mapping.cases import CASES, SETTINGS, data_of

UKRAINIAN = {
    "event": "client.updated",
    "occurredAt": "2026-03-01T12:00:00+02:00",
    "client": {
        "clientId": 771,
        "firstName": "Олена",
        "lastName": "Коваль",
        "managerId": 5,
        "mobilePhone": "067 000 00 01",
        "phones": [{"number": "8 (044) 000-00-02", "type": "work"}],
        "contactEmail": "olena@example.com",
        "profile": {"url": "https://crm.example.com/clients/771"},
    },
}
HOME_MADE = {"Код": "7", "ПІБ": "Олена Коваль", "Телефон": "067 000 00 01", "Ел. пошта": "o@example.com"}
GERMAN_TOO = {"id": 7, "Vorname": "Erika", "Name": "Muster", "Telefon": "067 000 00 01"}
GERMAN = {
    "kontakt": {
        "kontakt_id": "a-1",
        "vorname": "Erika",
        "nachname": "Muster",
        "telefonnummern": ["067 000 00 01", "067 000 00 02"],
        "mobiltelefon": "067 000 00 03",
        "geaendert_am": "2026-03-01T12:00:00Z",
    }
}
TYPOGRAPHIC = {"ід": 7, "прізвище": "Коваль", "імʼя": "Олена", "телефони": [{"номер": "067 000 00 01"}]}
PEOPLE = {
    "meta": {"timestamp": 1772359200},
    "rows": [{"id": 1, "name": "A", "tels": ["067 000 00 01", "067 000 00 02"], "company": {"id": 4, "name": "Acme"}}],
}
KEYS = st.sampled_from(sorted({name for usual in NAMES.values() for name in usual})) | st.sampled_from(
    [
        "phone",
        "phones",
        "email",
        "data",
        "contact",
        "a-b",
        "it's",
        "імʼя",
        '"',
        "\\",
        "\ud800",
        "\n",
        "\x7f",
        "\x7f'",
        "\U000e0001",
        "",
    ]
)
BODIES = st.recursive(
    st.sampled_from([None, 0, 7, "MARKER", "https://MARKER.example.com", True, "2026-03-01T12:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@pytest.fixture
def drafted(run, explained, tmp_path):
    """Draft a mapping from a body, validate it strictly, and return what it makes of the same body."""

    def call(body):
        sample, own = tmp_path / "sample.json", tmp_path / "own.toml"
        sample.write_text(json.dumps(body), "utf-8")
        own.write_text(run("new", sample).out, "utf-8")
        assert run("validate", "--strict", own).code == 0
        return explained("--mapping", own, sample)["outcomes"]

    return call


@pytest.mark.parametrize(
    "body", [UKRAINIAN, UKRAINIAN["client"] | {"occurredAt": UKRAINIAN["occurredAt"]}, {"data": UKRAINIAN}]
)
def test_the_draft_for_an_unknown_crm_is_complete(drafted, body):
    (told,) = drafted(body)

    payload = told["payload"]
    assert told["card"] == "contact:771"
    assert payload["fullName"] == "Коваль Олена"
    assert payload["responsible"] == "5"
    assert payload["contactLink"] == "https://crm.example.com/clients/771"
    assert [direction["value"] for direction in payload["contactDirections"]] == [
        "+380670000001",
        "+380440000002",
        "olena@example.com",
    ]


def test_the_time_of_the_event_counts_where_the_contact_has_none(drafted):
    assert drafted(UKRAINIAN)[0]["changed_at"] == "2026-03-01T10:00:00.000Z"


def test_names_in_ukrainian_are_known(drafted):
    (told,) = drafted(HOME_MADE)

    assert told["card"] == "contact:7"
    assert [one["value"] for one in told["payload"]["contactDirections"]] == ["+380670000001", "o@example.com"]


def test_a_list_of_people_is_many_records(drafted):
    told = drafted(PEOPLE | {"rows": PEOPLE["rows"] + [{"id": 2, "name": "B", "tels": []}]})

    assert [one["card"] for one in told] == ["contact:1", "contact:2"]
    assert len(told[0]["payload"]["contactDirections"]) == 2
    assert told[0]["payload"]["organizations"] == [
        {"projectId": 106, "name": "Acme", "externalId": "4", "origin": "CRM"}
    ]
    assert told[0]["changed_at"] == "2026-03-01T10:00:00.000Z"


def test_what_was_not_found_is_said(run):
    done = run("new", "-", input='{"a": 1}')
    assert "bridge mapping put" not in done.err
    assert "next: fill in what was not found" in done.err

    assert done.code == 0
    assert "not found: externalId" in done.err
    assert "not found: phones" in done.err


HOME_MADE_TOO = {
    "nr": 12,
    "mob": "067 000 00 71",
    "tels": [{"no": "044 000 00 71"}],
    "edited": "2026-02-03 10:11:12",
    "resp": {"uid": 7},
}


def test_short_names_are_known_too(drafted, run, tmp_path):
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"id": 12, **HOME_MADE_TOO}), "utf-8")

    (told,) = drafted({"id": 12, **HOME_MADE_TOO})

    assert [one["value"] for one in told["payload"]["contactDirections"]] == ["+380670000071", "+380440000071"]
    assert told["payload"]["responsible"] == "7"
    assert told["changed_at"] == "2026-02-03T08:11:12.000Z"


@pytest.mark.parametrize(
    ("body", "found", "missing"),
    [
        (
            {"event": "contact.created", "contactCreated": {"id": "c1", "realName": "O", "phone": "+380670000001",
             "ownerEmail": "m@example.com"}, "id": "evt_1"},
            {"externalId": '"contactCreated.id"', "fullName": '"contactCreated.realName"',
             "phones": '"contactCreated.phone"'},
            {"emails": "contactCreated.ownerEmail", "time": ""},
        ),
        (
            {"crm_contact": {"_id": "c1", "number_list": ["0670000001"], "modify_date": "2022-02-03 11:13:31"}},
            {"externalId": '"crm_contact._id"', "phones": '"crm_contact.number_list"',
             "time": '"crm_contact.modify_date"'},
            {"fullName": "", "emails": ""},
        ),
        (
            {"client_no": "c-1", "callback": "067 000 00 01", "letter": "o@example.com", "seen": "2026-02-03 10:11:12",
             "who": "Олена Коваль"},
            {},
            {"phones": "callback", "emails": "letter", "time": "seen", "fullName": "who", "externalId": ""},
        ),
        (
            {"event": "message_created", "id": 25, "sender": {"id": 9, "name": "Agent", "email": "agent@example.com"}},
            {},
            {"externalId": "id", "fullName": "", "phones": "", "emails": "sender.email", "time": ""},
        ),
    ],
)  # fmt: skip
def test_each_of_name_id_time_phones_and_e_mails_is_found_or_not_and_said(body, found, missing):
    drafted = draft(body)

    assert {name: rules[0] for name, rules in drafted.found.items() if rules} == found
    said = {what.partition(":")[0]: what for what in drafted.missing}
    assert said.keys() == missing.keys()
    for name, candidate in missing.items():
        assert candidate in said[name]


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "contact_updated", "id": 1, "name": "O", "phone": "1", "account": {"id": 3, "name": "Tenant"}},
        {"event": "customer.new", "eventData": {"id": 1, "name": "O", "phone": "1", "userId": 8}},
        {
            "id": 1,
            "name": "O",
            "phone": "1",
            "ownerEmail": "m@example.com",
            "user": {"id": 9, "email": "u@example.com"},
        },
    ],
)
def test_nothing_of_another_object_is_drafted(wrong):
    drafted = tomllib.loads(draft(wrong).text)["contact"]

    assert not {"responsible", "organizations", "emails"} & drafted.keys()


def test_the_draft_has_a_proof_and_records_for_the_events_of_the_crm():
    text = draft({"type": "ContactDndUpdate", "id": 1, "phone": "067 000 00 01"}).text
    records = tomllib.loads(text)["record"]

    assert tomllib.loads(text)["verify"] == "path-token, header-token"
    assert '# carries = "partial"' in text
    assert [(record["title"], record.get("do")) for record in records] == [
        ("contact deleted", "delete"),
        ("contact", None),
    ]
    assert "'ContactDeleted'" in records[0]["when"]
    assert '# title   = "something else than a contact"' in text


def test_the_employee_and_the_company_are_not_the_contact(drafted):
    body = {
        "manager": {"id": 5, "name": "Manager", "phone": "067 000 00 09", "email": "m@example.com"},
        "client": {"id": 1, "name": "Client", "phone": "067 000 00 01"},
    }

    assert drafted(body)[0]["card"] == "contact:1"


def test_the_crm_can_be_named(run):
    assert tomllib.loads(run("new", "--crm", 'My "CRM"', "-", input="{}").out)["crm"] == 'My "CRM"'


@pytest.mark.parametrize(("given", "code"), [("A#1", 1), ("\x7f\U000e0001", 0)])
def test_a_name_that_no_mapping_may_have_is_an_error_or_cleaned(run, given, code):
    assert run("new", "--crm", given, "-", input="{}").code == code


def test_values_that_cannot_be_what_their_names_promise_are_passed_over(drafted):
    body = {
        "id": 1,
        "phone": "067 000 00 01",
        "updated_at": "yesterday",
        "modified": "2026-03-01",
        "profileUrl": "/c/1",
    }

    (told,) = drafted(body | {"url": "https://crm.example.com/c/1"})

    assert told["changed_at"] == "2026-02-28T22:00:00.000Z"
    assert told["payload"]["contactLink"] == "https://crm.example.com/c/1"


def test_a_sample_that_cannot_be_read_is_exit_code_1(run):
    assert run("new", "-", input="<a>").code == 1


@pytest.mark.parametrize("case", [case for case in CASES if case.mapping == "generic"], ids=str)
def test_a_draft_reads_its_sample_as_generic_does(tmp_path, case):
    own, body, headers = tmp_path / "own.toml", data_of(case), case.request.get("headers", {})
    own.write_text(draft(body, "", headers).text, "utf-8")

    def people(mapping):
        outcomes = engine.run(mapping, body, SETTINGS, headers, case.request.get("query", {}))
        return {outcome.card: numbers(outcome) for outcome in outcomes if outcome.result == "change"}

    def numbers(outcome):
        blocks = [block for name, block in outcome.fields.items() if name.startswith(("phones", "emails"))]
        return {entry["value"] for block in blocks for entry in block}

    drafted, known = people(loader.load_file(own)), people(loader.load("generic"))
    assert {
        card: found for card, found in known.items() if not card.startswith("organization")
    }.items() >= drafted.items()


@pytest.mark.parametrize(
    ("body", "name", "phones"),
    [
        (GERMAN, "Muster Erika", ["+380670000001", "+380670000002", "+380670000003"]),
        (GERMAN_TOO, "Muster Erika", ["+380670000001"]),
        (TYPOGRAPHIC, "Коваль Олена", ["+380670000001"]),
    ],
)
def test_german_names_and_a_typographic_apostrophe_are_known(explained, tmp_path, body, name, phones):
    own, sample = tmp_path / "own.toml", tmp_path / "sample.json"
    own.write_text(draft(body).text, "utf-8")
    sample.write_text(json.dumps(body), "utf-8")

    fields = explained(sample, "--mapping", own)["outcomes"][0]["fields"]

    assert fields["fullName"] == name
    assert [one["value"] for one in fields["contactDirections"]] == phones


def test_what_a_field_of_a_list_may_be_is_said_as_the_draft_reads_it():
    person = {"uuid": "a-1", "name": "Ada", "ways": [{"type": "phone", "value": "067 000 00 01"}]}

    missing = draft({"rows": [person, person]}).missing

    assert any("phones" in one and one.endswith("it may be ways[0].value") for one in missing)


@pytest.mark.parametrize(
    ("body", "place", "mark"),
    [
        ({"name": "Ada", "phone": "067 000 00 01", "ref": "A-1"}, "externalId", "id_of_the_contact"),
        ({"name": "Ada", "id": 1, "numbers": ["067 000 00 01"]}, "phones[1].value", "phone_of_the_contact"),
    ],
)
def test_a_draft_with_a_mark_for_what_was_not_found_is_not_stored(run, online, tmp_path, body, place, mark):
    sample, own = tmp_path / "sample.json", tmp_path / "own.toml"
    sample.write_text(json.dumps(body), "utf-8")
    drafted = run("new", sample, "--crm", "Own")
    own.write_text(drafted.out, "utf-8")
    line = drafted.out[: drafted.out.index(f'"{mark}"')].count("\n") + 1

    checked, put = run("validate", "--strict", own), online("mapping", "put", own, "--name", "own", "--yes")

    assert "the draft is not complete" in drafted.err
    assert "next: fill in" in drafted.err
    for done in (checked, put):
        assert done.code == 1
        assert f"own.toml:{line}:" in done.out
        assert f"contact.{place}: '{mark}' stands for a field that `bridge new` did not find" in done.out
        assert "bridge paths SAMPLE" in done.out
    assert "No mapping is stored" in online("mapping", "list").out


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES)
@example({"\x7f": {"it's": {"id": 1, "phone": "MARKER"}}})
def test_every_draft_is_valid_and_quotes_no_value(tmp_path, body):
    own = tmp_path / "own.toml"

    text = draft(body).text

    own.write_text(text, "utf-8")
    assert all("did not find" in warning for warning in loader.load_file(own).warnings)
    assert "MARKER" not in text
