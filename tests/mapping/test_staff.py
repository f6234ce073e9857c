"""`staff`: Ringostat's own employees, given with an event; the mapping holds none of them."""

import pytest

from errors import BadMapping
from mapping.language import loader
from mapping.language.rule import STAFF
from mapping.meaning import meaning

MAPPING = """
format = 1
crm = "Own"
[contact]
externalId = "id"
fullName = "name"
staffId = {}
[[contact.phones]]
value = "phone"
"""
BY_EMAIL = '{ from = "owner.email", staff = "email" }'
EMPLOYEES = {"olena@example.com": "501", "ivan@example.com": "502"}


@pytest.fixture
def own(tmp_path):
    """A mapping with this rule for `staffId`."""

    def made(rule):
        path = tmp_path / "own.toml"
        path.write_text(MAPPING.format(rule), "utf-8")
        return loader.load_file(path)

    return made


def meant(mapping, body, staff=EMPLOYEES):
    (outcome,) = meaning(mapping, body.encode(), {}, {}, {}, staff=staff).outcomes
    return outcome


@pytest.mark.parametrize("written", ["olena@example.com", "Olena@Example.COM", "  OLENA@example.com "])
def test_an_owner_is_found_by_e_mail_without_case(own, written):
    outcome = meant(own(BY_EMAIL), f'{{"id": 1, "name": "a", "owner": {{"email": "{written}"}}}}')

    assert (outcome.fields["staffId"], outcome.warnings) == ("501", ())


def test_an_owner_who_is_no_employee_is_told_by_a_hash(own):
    outcome = meant(own(BY_EMAIL), '{"id": 1, "name": "a", "owner": {"email": "petro@example.com"}}')

    assert outcome.fields["staffId"] is None
    (told,) = outcome.warnings
    assert "own.toml:7: not-in-staff: the list of Ringostat's employees lacks a value (sha256 " in told
    assert "petro" not in told


def test_a_list_that_was_never_read_is_told_with_the_remedy(own):
    outcome = meant(own(BY_EMAIL), '{"id": 1, "name": "a", "owner": {"email": "olena@example.com"}}', staff={})

    assert outcome.fields["staffId"] is None
    assert "not-in-staff: no list of Ringostat's employees is known" in outcome.warnings[0]
    assert "bridge staff PROJECT --try" in outcome.warnings[0]


@pytest.mark.parametrize(
    ("body", "fields"),
    [('{"id": 1, "name": "a"}', {}), ('{"id": 1, "name": "a", "owner": {"email": ""}}', {"staffId": None})],
)
def test_an_owner_of_whom_the_event_says_nothing_is_no_miss(own, body, fields):
    outcome = meant(own(BY_EMAIL), body)

    assert {name: value for name, value in outcome.fields.items() if name == "staffId"} == fields
    assert outcome.warnings == ()


def test_alternatives_a_default_and_ignored_texts_work_as_with_a_table(own):
    rule = '[{ from = "owner.email", staff = "email", ignore = ["bot@example.com"] }, { value = "500" }]'

    assert meant(own(rule), '{"id": 1, "name": "a", "owner": {"email": "bot@example.com"}}').fields["staffId"] == "500"


def test_a_mapping_says_whether_it_needs_the_list(own):
    assert STAFF in own(BY_EMAIL).lookups
    assert STAFF not in own('"owner"').lookups
    assert own(BY_EMAIL).warnings == ()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            '{ from = "owner.email", staff = "emial" }',
            (
                "own.toml:7:35: error: contact.staffId.staff: 'emial' is not one of email\n"
                '     7 | staffId = { from = "owner.email", staff = "emial" }\n'
                "       |                                   ^\n"
                "       = did you mean 'email'?"
            ),
        ),
        (
            '{ from = "owner", staff = "email", lookup = { 7 = "501" } }',
            "own.toml:7:29: error: contact.staffId.staff: a rule has either staff or a lookup",
        ),
        ('{ from = "owner", staff = true }', "contact.staffId.staff: must be a text, not true or false"),
    ],
)
def test_what_is_wrong_is_shown_with_its_place(own, rule, problem):
    with pytest.raises(BadMapping) as error:
        own(rule)

    assert problem in str(error.value)


def test_only_staff_id_is_an_employee_of_ringostat(own):
    with pytest.raises(BadMapping) as error:
        own(f'"owner"\nresponsible = {BY_EMAIL}')

    assert "own.toml:8:39: error: contact.responsible.staff: only staffId is an id of Ringostat's employees" in str(
        error.value
    )
    assert "= write staffId = { … }" in str(error.value)
