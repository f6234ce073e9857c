"""The events that the page lists: those of connections, within bounds, without what proves who sent them."""

import itertools
import json

import pytest

from local.front import Passage
from local.page import arrivals, explained, samples
from local.page.arrivals import Arrivals
from mapping.language import loader
from ops.offline import Offline

SETTINGS = {"country": "UA", "time_zone": "Europe/Kyiv", "crm_url": "https://demo.example.com"}
PIPEDRIVE = Offline(loader.load("pipedrive"), 106, SETTINGS)
PERSON = {
    "meta": {"action": "change", "entity": "person", "timestamp": "2026-03-01T10:00:00.000Z", "version": "2.0"},
    "data": {"id": 42, "name": "Олена", "phones": [{"value": "067 000 00 01"}]},
}


def passage(target="/crm/demo-pipedrive/local", body=PERSON, method="POST", headers=()):
    return Passage(1.0, method, target, dict(headers), json.dumps(body).encode(), 202, b"{}")


@pytest.fixture
def kept():
    return Arrivals({"demo-pipedrive": PIPEDRIVE}.get)


@pytest.fixture
def mark():
    return itertools.count(1).__next__


def test_an_event_is_kept_with_the_cards_that_it_changes(kept, mark):
    kept.add(passage(), mark)

    (event,) = kept.of_card("106#Pipedrive#contact:42", 10)
    assert arrivals.row(event)["records"][0]["name"] == "Олена"
    assert kept.of_card("106#Pipedrive#contact:43", 10) == []


@pytest.mark.parametrize(
    "one",
    [
        passage("/healthz"),
        passage("/crm"),
        passage("/crm/demo-pipedrive/local", method="GET"),
        passage("/crm/demo-pipedrive/local/more"),
    ],
)
def test_what_is_no_address_of_an_event_is_not_kept(kept, mark, one):
    kept.add(one, mark)

    assert kept.since(-1, 10) == []


@pytest.mark.parametrize(
    ("name", "status", "why"),
    [
        ("unknown", 401, "there is no connection unknown"),
        ("demo-pipedrive", 401, "its proof is not the connection's"),
        ("demo-pipedrive", 429, "the throttle"),
        ("demo-pipedrive", 503, "no copy"),
    ],
)
def test_a_request_that_was_refused_says_why_and_no_mapping_is_asked(kept, mark, name, status, why):
    kept.add(passage(f"/crm/{name}/wrong")._replace(status=status), mark)

    (event,) = kept.since(-1, 10)
    assert arrivals.row(event)["refusal"].startswith(why)
    assert (event.outcomes, event.keys) == ([], [])
    assert "wrong" not in json.dumps(explained.request(event) | {"body": "", "refusal": ""})


def noted(body, connection="demo-pipedrive", *, is_left=False):
    attributes = {"connection": {"stringValue": connection}} if connection else {}
    record = {"messageId": "1", "body": body, "attributes": {"SentTimestamp": "0"}, "messageAttributes": attributes}
    return {"time": 1.0, "record": record, "is_left": is_left}


@pytest.mark.parametrize(
    ("note", "way", "refusal", "results"),
    [
        (noted(json.dumps(PERSON)), "inbox queue", "", ["change"]),
        (noted(json.dumps(PERSON), is_left=True), "inbox queue, where it stays to be taken again", "", ["change"]),
        (noted("{}"), "inbox queue", "", ["reject"]),
        (noted("{broken"), "inbox queue", "", ["reject"]),
        (noted("{}", "gone"), "inbox queue", "there is no connection gone", []),
        (noted("{}", ""), "inbox queue", "the message holds no event: connection: Field required", []),
    ],
)
def test_n7_what_comes_by_the_inbox_queue_is_listed_with_what_became_of_it(kept, mark, note, way, refusal, results):
    kept.take(note, mark)

    (event,) = kept.since(-1, 10)
    row = arrivals.row(event)
    assert (row["method"], row["status"], [record["result"] for record in row["records"]]) == (way, 0, results)
    assert row["refusal"].startswith(refusal)
    assert bool(row["refusal"]) is bool(refusal)


def test_what_proves_the_sender_is_not_kept(kept, mark):
    kept.add(passage(headers=[("Authorization", "Basic c2VjcmV0"), ("Cookie", "a=b"), ("X-Attempt", "1")]), mark)

    assert kept.since(-1, 1)[0].sample.headers == {"x-attempt": "1"}


def test_events_are_forgotten_beyond_the_bounds(kept, mark, monkeypatch):
    monkeypatch.setattr(arrivals, "KEPT_EVENTS", 3)
    for _ in range(5):
        kept.add(passage(), mark)
    numbers = [event.number for event in kept.since(-1, 10)]
    monkeypatch.setattr(arrivals, "KEPT_BYTES", 1)
    kept.add(passage(), mark)

    assert numbers == [5, 4, 3]
    assert [event.number for event in kept.since(-1, 10)] == [6]


def test_a_field_is_explained_by_the_line_of_the_mapping_that_found_it(kept, mark):
    kept.add(passage(), mark)
    (event,) = kept.since(-1, 1)

    (outcome,) = explained.outcomes(PIPEDRIVE, event.sample, {})

    rows = {row["name"]: row for row in outcome["rows"]}
    assert rows["fullName"]["place"].startswith("presets/pipedrive.toml:")
    assert rows["fullName"]["sources"] == ["data.name"]
    assert rows["phone"]["raws"] == ['"067 000 00 01"']
    assert outcome["wouldPost"]["contacts"][0]["fullName"] == "Олена"


def test_a_body_that_cannot_be_read_is_one_rejected_record(kept, mark):
    kept.add(passage()._replace(body=b"{broken", headers={"Content-Type": "application/json"}), mark)

    (outcome,) = kept.since(-1, 1)[0].outcomes
    assert outcome.result == "reject"


def test_every_preset_has_a_sample_that_can_be_tried():
    listed = samples.presets()

    assert {preset["name"] for preset in listed} == set(loader.presets())
    for preset in listed:
        assert preset["events"]
        assert samples.sample(preset["name"], preset["best"] or preset["events"][0]["name"]).content_type


@pytest.mark.parametrize(
    ("preset", "event"), [("..", "x.json"), ("pipedrive", "../kommo/x.form"), ("nothing", "a.json")]
)
def test_only_events_of_presets_can_be_tried(preset, event):
    with pytest.raises(ValueError, match="no such event"):
        samples.sample(preset, event)
