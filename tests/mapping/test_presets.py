"""Every preset against what its CRM sends."""

import re

import pytest

from mapping import engine
from mapping.language import loader
from tests.mapping.cases import CASES, EVENTS, SETTINGS, data_of, written


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_event_has_the_outcomes_that_lie_beside_it(case):
    assert written(case.outcomes()) == case.expected.read_text("utf-8")


@pytest.mark.parametrize("preset", loader.mappings())
def test_every_record_of_a_preset_is_exercised(preset):
    declared = {record.title for record in loader.load(preset).records}
    exercised = {outcome.record for case in CASES if case.mapping == preset for outcome in case.outcomes()}

    assert exercised - {""} == declared


@pytest.mark.parametrize("preset", loader.mappings())
def test_every_preset_has_at_least_two_cases(preset):
    assert sum(case.mapping == preset for case in CASES) >= 2


@pytest.mark.parametrize("preset", [name for name in loader.mappings() if name.endswith(loader.API_SUFFIX)])
def test_a_look_up_that_makes_cards_is_named_after_them(preset):
    assert [one.name for one in loader.load(preset).calls.values() if one.kind not in ("", one.name)] == []


def test_no_expectation_is_left_without_its_event():
    assert {case.expected for case in CASES} == {
        path for preset in loader.presets() for path in (EVENTS / preset).glob("*.expected.json")
    }


ESPOCRM = [case for case in CASES if case.mapping == "espocrm"]


@pytest.mark.parametrize("case", ESPOCRM, ids=str)
@pytest.mark.parametrize("event", ["Contact.delete", "Lead.delete", "Account.delete"])
def test_what_espocrm_signed_changes_nothing_under_the_name_of_a_deletion(case, event):
    outcomes = engine.run(loader.load("espocrm"), data_of(case), SETTINGS, {}, {"event": event})

    assert {outcome.result for outcome in outcomes} == {"delete" if "deleted" in case.body.stem else "reject"}


@pytest.mark.parametrize("case", [case for case in ESPOCRM if "created" not in case.body.stem], ids=str)
@pytest.mark.parametrize("event", ["Contact.create", "Lead.create", "Account.create"])
def test_an_update_that_espocrm_signed_empties_nothing_under_the_name_of_a_creation(case, event):
    outcomes = engine.run(loader.load("espocrm"), data_of(case), SETTINGS, {}, {"event": event})

    assert {outcome.carries for outcome in outcomes} == {"changes"}


NAMED = re.compile(r"use the mapping '([\w-]+)'")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_mapping_that_a_message_names_reads_the_body(case):
    for outcome in case.outcomes():
        for named in NAMED.findall(outcome.reason):
            outcomes = engine.run(loader.load(named), data_of(case), SETTINGS, {}, case.request.get("query", {}))
            assert {outcome.result for outcome in outcomes} <= {"change", "delete"}, outcome.reason


def test_some_messages_name_a_mapping():
    assert {named for case in CASES for one in case.outcomes() for named in NAMED.findall(one.reason)} >= {
        "pipedrive",
        "pipedrive-v1",
    }


@pytest.mark.parametrize("preset", loader.mappings())
def test_a_rule_that_takes_no_change_says_why(preset):
    assert all(record.message for record in loader.load(preset).records if record.do not in ("change", "lookup"))
