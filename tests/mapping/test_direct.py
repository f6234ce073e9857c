"""Our own JSON contract: each way in which a record can break it, told without its values."""

import pytest

from errors import TooLarge
from mapping import engine
from mapping.language import loader

GOOD = {
    "externalId": "C-1",
    "fullName": "Олена Коваль",
    "phones": ["067 000 00 12", {"value": "044 000 00 12", "primary": True}],
    "organizations": [{"externalId": 3, "name": "ТОВ «Приклад»"}],
    "changedAt": 1_741_079_435_616,
}


def outcomes(body, **settings):
    return engine.run(loader.load("direct"), body, settings, {}, {})


def test_the_good_record_is_good():
    assert [outcome.result for outcome in outcomes(GOOD)] == ["change"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"phone": "067"}, "", "has an unknown field"),
        ({"projectId": 106}, "", "has an unknown field"),
        ({"origin": "Other"}, "", "has an unknown field"),
        ({"Olena_Koval": 1}, "", "has an unknown field"),
        ({"kind": "person"}, "kind", "must be one of contact, lead, deal, organization"),
        ({"kind": None}, "kind", "must be one of contact, lead, deal, organization"),
        ({"kind": ["contact"]}, "kind", "must be one of contact, lead, deal, organization"),
        ({"carries": "half"}, "carries", "must be 'whole', 'full' or 'partial'"),
        ({"externalId": 1.5}, "externalId", "must be a text or a whole number"),
        ({"externalId": True}, "externalId", "must be a text or a whole number"),
        ({"externalId": ""}, "externalId", "must not be empty or a whole number"),
        ({"externalId": "x" * 256}, "externalId", "is too long or a whole number"),
        ({"fullName": 5}, "fullName", "must be a text"),
        ({"phones": "067 000 00 12"}, "phones", "must be a list"),
        ({"phones": [670000012]}, "phones[0]", "must be a text or an object"),
        ({"phones": ["067 000 00 12", {"value": 670000012}]}, "phones[1].value", "must be a text"),
        ({"phones": [{"number": "067"}]}, "phones[0].value", "is missing"),
        ({"emails": [{"value": "a@example.com", "primary": "yes"}]}, "emails[0].primary", "must be true or false"),
        ({"organizations": [{"externalId": 1, "Olena_Koval": 1}]}, "organizations[0]", "has an unknown field"),
        ({"organizations": [{"name": "x"}]}, "organizations[0].externalId", "is missing"),
        ({"organization": "x"}, "organization", "must be an object"),
        ({"changedAt": "yesterday"}, "changedAt", "must be a time: RFC 3339 with a zone, or ms since 1970"),
        ({"changedAt": "2025-03-04 11:10:35"}, "changedAt", "must be a time: RFC 3339 with a zone, or ms since 1970"),
        ({"changedAt": 1_741_079_435}, "changedAt", "must be a time: RFC 3339 with a zone, or ms since 1970"),
        ({"changedAt": False}, "changedAt", "must be a text or a whole number"),
    ],
)  # fmt: skip
def test_a_record_that_breaks_the_contract_is_rejected_with_the_field(change, field, reason):
    [outcome] = outcomes(GOOD | change)

    assert (outcome.result, outcome.code, outcome.field, outcome.reason) == ("reject", "bad-field", field, reason)


@pytest.mark.parametrize("record", [None, 5, "text", [], [GOOD]])
def test_a_record_must_be_an_object(record):
    [_, outcome] = outcomes([GOOD, record])

    assert (outcome.result, outcome.position, outcome.code) == ("reject", 1, "bad-field")


def test_a_bad_record_does_not_stop_the_others():
    found = outcomes([GOOD, {"externalId": False}, GOOD])

    assert [(outcome.result, outcome.position) for outcome in found] == [("change", 0), ("reject", 1), ("change", 2)]


def test_a_thousand_records_are_a_request_and_one_more_is_too_large():
    assert len(outcomes([{"externalId": 1}] * 1000)) == 1000
    with pytest.raises(TooLarge):
        outcomes([{"externalId": 1}] * 1001)
