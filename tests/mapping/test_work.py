"""What the mapping of one body costs is bounded, whatever lists the body multiplies with each other."""

import json
import sys
import tracemalloc
from copy import deepcopy

import pytest

from mapping import engine
from mapping.language import loader
from tests.mapping.cases import CASES, SETTINGS, data_of

LARGEST_BODY = 256 * 1024
MOST_MEMORY = 2 * LARGEST_BODY + 64 * 1024 * 1024
MOST_CALLS = 1_000_000


def change_of_many_records(change, records, fields):
    header = {"entityName": "Contact", "changeType": change, "nulledFields": ["Phone"]}
    header["recordIds"] = [f"003{number:012}" for number in range(records)]
    payload = {
        "ChangeEventHeader": header,
        "Name": {"LastName": "x"},
        "Phone": None,
        **{f"F{number}": 1 for number in range(fields)},
    }
    return "salesforce-cdc", {"detail": {"payload": payload}}


def dataverse(message, targets, images, columns):
    attributes = [{"key": f"c{number}", "value": 1} for number in range(columns)]
    target = {"key": "Target", "value": {"Id": "1", "Attributes": [{"key": "mobilephone", "value": "0670000001"}]}}
    event = {"MessageName": message, "PrimaryEntityName": "contact", "PrimaryEntityId": "1"}
    images = [{"key": "image", "value": {"Attributes": attributes}}] * images
    return "dynamics365", {**event, "InputParameters": [target] * targets, "PostEntityImages": images}


def calls_of(work):
    """How many functions `work` calls: the same on every machine, which its time is not."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def peak_of(work):
    """How many bytes `work` takes at most at one time."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BODIES = [
    change_of_many_records("CREATE", 1_000, 17_000),
    change_of_many_records("UPDATE", 1_000, 17_000),
    change_of_many_records("UPDATE", 100, 18_000),
    dataverse("Create", 1_500, 1, 2_000),
    dataverse("Update", 1_500, 1, 2_000),
    dataverse("Create", 1, 3_000, 1),
    dataverse("Update", 800, 1_000, 1),
]


@pytest.mark.parametrize(("preset", "body"), BODIES)
def test_lists_of_an_event_are_not_multiplied(preset, body):
    assert len(json.dumps(body)) <= LARGEST_BODY
    mapping = loader.load(preset)

    def work():
        engine.run(mapping, body, {}, {}, {})

    assert peak_of(work) <= MOST_MEMORY
    assert calls_of(work) <= MOST_CALLS


@pytest.mark.parametrize("change", ["CREATE", "UPDATE"])
def test_what_one_event_tells_of_a_thousand_records_is_read_for_each(change):
    preset, body = change_of_many_records(change, 1_000, 1)

    outcomes = engine.run(loader.load(preset), body, {}, {}, {})

    ids = body["detail"]["payload"]["ChangeEventHeader"]["recordIds"]
    assert [outcome.card for outcome in outcomes if outcome.result == "change"] == [f"contact:{one}" for one in ids]
    read = [outcome.wants[0].id for outcome in outcomes if outcome.result == "lookup"]
    assert read == (ids if change == "UPDATE" else [])  # of a name a part changed
    assert len(outcomes) == len(ids) + len(read)


def stretched(value, depth, length):
    """A body whose lists, those within so many others, have so many entries."""
    if isinstance(value, dict):
        return {key: stretched(entry, depth, length) for key, entry in value.items()}
    if not isinstance(value, list) or not value:
        return value
    if depth:
        return [stretched(entry, depth - 1, length) for entry in value]
    return [deepcopy(value[number % len(value)]) for number in range(length)]


@pytest.mark.parametrize("preset", loader.presets())
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_work_grows_no_faster_than_the_lists_of_an_event(preset, depth):
    mapping = loader.load(preset)
    for case in (case for case in CASES if case.mapping == preset):
        few, many = (stretched(data_of(case), depth, length) for length in (20, 100))

        def calls(body, case=case):
            query = case.request.get("query", {})
            return calls_of(lambda: engine.run(mapping, body, SETTINGS, case.request.get("headers", {}), query))

        calls(few)  # once before, for the phones that are remembered
        assert few == many or calls(many) <= 5.5 * calls(few), case
