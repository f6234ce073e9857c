"""Metrics: ten names and one dimension, because every name is billed for each of its dimensions."""

import ast
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import telemetry
from cards.key import throttle_key
from cards.write import Write
from connections import Connection
from event import Event
from handlers import api
from intake.ingest import COUNTED, Mapped, merge
from mapping import engine
from mapping.language import loader
from tests.delivery.test_worker import change, key, woken
from tests.handlers.test_api import person

SRC = Path(__file__).parents[1] / "src"
RARE = {"SilentConnections"}  # measured only while it is not 0, and CloudWatch bills by the hour
FREE = 10  # custom metrics that CloudWatch gives an account for nothing


def named(path):
    """Yield the first argument of every count() and measure() that is telemetry's."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "telemetry"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in imported & {"count", "measure"}:
            yield node.args[0]
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in imported & {"report"}:
            numbers = node.args[1]
            yield from numbers.keys if isinstance(numbers, ast.Dict) else [numbers]


NAMED = [argument for path in SRC.rglob("*.py") for argument in named(path)]


@pytest.fixture
def metrics(capsys):
    """What was measured since the last call: the records that CloudWatch reads."""
    telemetry.flush()
    capsys.readouterr()

    def read():
        telemetry.flush()
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        return [Record(line) for line in lines]

    return read


class Record:
    """One line of embedded metrics."""

    def __init__(self, line):
        (self.directive,) = line["_aws"]["CloudWatchMetrics"]
        self.values = {one["Name"]: sum(line[one["Name"]]) for one in self.directive["Metrics"]}
        self.units = {one["Name"]: one["Unit"] for one in self.directive["Metrics"]}


def totals(records):
    found = {}
    for record in records:
        for name, value in record.values.items():
            found[name] = found.get(name, 0) + value
    return found


def test_the_names_stay_within_what_cloudwatch_gives_for_nothing():
    of_lookups = {name for name, meaning in telemetry.METRICS.items() if meaning.endswith(" only")}

    assert of_lookups == {"OldestWantedSeconds", "RecordsHealed"}
    assert len(telemetry.METRICS.keys() - of_lookups - RARE) == FREE


def test_no_other_name_is_counted_anywhere_and_none_is_forgotten():
    literal = {argument.value for argument in NAMED if isinstance(argument, ast.Constant)}
    others = {ast.unparse(argument) for argument in NAMED if not isinstance(argument, ast.Constant)}

    assert others == {"Counter((COUNTED[verdict.result] for verdict in verdicts if verdict.result in COUNTED))"}
    assert literal | set(COUNTED.values()) == set(telemetry.METRICS)


def test_every_record_is_counted_once_whatever_becomes_of_it(bridge, metrics):
    one = person(1)
    bridge.post("acme", one)
    bridge.post("acme", one)
    bridge.post("acme", {**one, "meta": {**one["meta"], "entity": "activity"}})
    bridge.post("acme", {**one, "meta": {**one["meta"], "entity_id": None}, "data": {**one["data"], "id": None}})

    found = totals(metrics())

    assert found == {"RecordsAccepted": 1, "RecordsUnchanged": 1, "RecordsSkipped": 1, "RecordsRejected": 1}


def test_a_delivery_counts_its_cards_and_only_the_stacks_name_is_a_dimension(bridge, ringostat, metrics):
    ringostat.faults({"refuse": {"externalId": "7"}})
    change(bridge)
    change(bridge, 7)

    woken(bridge, [key(), key(7)])
    tried = metrics()
    for seconds in (60, 3600, 86_400):
        bridge.clock.pass_(seconds)
        woken(bridge, [key(7)])

    records = metrics()
    assert totals(tried) == {"CardsPosted": 4, "CardsConfirmed": 1}, "it is tried again"
    assert totals(records) == {"CardsPosted": 3, "CardsRefused": 1}
    assert {json.dumps(record.directive["Dimensions"]) for record in records} == {'[["service"]]'}
    assert {record.directive["Namespace"] for record in records} == {"RingostatBridge"}


@pytest.mark.parametrize(
    ("answer", "unknown"),
    [
        ({"status": 200, "body": "<html>"}, True),
        ({"status": 200, "body": "{"}, True),
        ({"status": 418}, True),
        ({"status": 404}, True),
        ({"status": 200, "body": {"nobody": "knows"}}, False),
        ({"status": 503}, False),
        ({"status": 400}, False),
    ],
)
def test_an_answer_that_is_not_understood_is_counted_and_marked_in_the_log(bridge, ringostat, metrics, answer, unknown):
    ringostat.faults(answer)
    change(bridge)

    woken(bridge, [key()])

    assert ("AnswersUnknown" in totals(metrics())) is unknown


def swept(bridge, metrics):
    metrics()
    bridge.sweep()
    (record,) = metrics()
    return record


def test_the_sweep_says_every_minute_that_nothing_is_old_and_nothing_cut_off(bridge, metrics):
    record = swept(bridge, metrics)

    assert record.values == {"CircuitsOpen": 0, "OldestDueSeconds": 0, "OldestWantedSeconds": 0}
    assert record.units == {"CircuitsOpen": "Count", "OldestDueSeconds": "Seconds", "OldestWantedSeconds": "Seconds"}


def test_the_age_of_the_oldest_content_counts_from_its_event_however_often_it_was_tried(bridge, ringostat, metrics):
    bridge.post("acme", person(1))
    for _ in range(3):
        ringostat.faults({"status": 503})
        bridge.clock.pass_(200)
        woken(bridge, bridge.due())
    bridge.post("acme", person(2))

    age = swept(bridge, metrics).values["OldestDueSeconds"]

    assert age == pytest.approx(600, abs=1)


def test_a_card_whose_ring_is_on_its_way_is_not_old(bridge, metrics):
    bridge.post("acme", person(1))

    assert swept(bridge, metrics).values["OldestDueSeconds"] == pytest.approx(0, abs=1)


def test_a_card_that_is_due_only_to_be_asserted_is_not_old(bridge, ringostat, metrics):
    bridge.post("acme", person(1))
    ringostat.faults({"status": 503})
    woken(bridge, bridge.due())
    ringostat.faults()
    bridge.clock.pass_(200)
    woken(bridge, bridge.due())

    assert bridge.due()
    assert swept(bridge, metrics).values["OldestDueSeconds"] == 0


@pytest.mark.parametrize("seconds", [0, 3600])  # an hour later it may try again, and is open still
def test_projects_with_an_open_circuit_are_counted_until_it_closes(bridge, metrics, seconds):
    change(bridge)
    change(bridge, project=107)
    rests_until = bridge.clock.time + 300_000 - seconds * 1000

    bridge.cards.write(Write(throttle_key(106), {"circuit": "auth", "rests_until": rests_until}))
    opened = swept(bridge, metrics).values["CircuitsOpen"]
    bridge.cards.write(Write(throttle_key(106), {"circuit": None, "rests_until": None}))
    bridge.clock.pass_(10)

    assert (opened, swept(bridge, metrics).values["CircuitsOpen"]) == (1, 0)


@pytest.fixture
def logged():
    """The records that the logger writes."""
    handler = telemetry.logger.registered_handler
    before = handler.setStream(written := io.StringIO())
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    handler.setStream(before)


@pytest.mark.parametrize(("minutes", "ahead"), [(4, 0), (6, 1)])
def test_a_time_from_the_future_is_seen_in_the_log(bridge, logged, minutes, ahead):
    future = datetime.fromtimestamp(bridge.clock.time / 1000 + minutes * 60, UTC).isoformat()

    bridge.post("acme", person(1, when=future))

    assert [line.get("ahead", 0) for line in logged()] == [ahead]


def test_values_that_a_table_lacks_are_counted_in_the_log(bridge, logged, tmp_path):
    (tmp_path / "own.toml").write_text(LACKING)
    event = Event("acme", b"", {}, {}, bridge.clock.now(), "request-1")
    connection = Connection("acme", "own", 106, {}, {})
    records = [{"id": 1, "name": "a", "owner": "ірина"}, {"id": 2, "name": "b", "owner": "known"}]
    mapping = loader.load_file(tmp_path / "own.toml")
    outcomes = engine.run(mapping, records, {}, {}, {})
    keys = ["106#Own#contact:1", "106#Own#contact:2"]

    merge([Mapped(event, connection, mapping, outcomes, keys, None)], api.STORES, bridge.clock.now())

    [line] = logged()
    assert line["not_in_table"] == 1
    assert "not-in-table: [lookups.staff] lacks a value (sha256 " in line["warnings"][0]
    assert "ірина" not in json.dumps(line, ensure_ascii=False)


LACKING = """
format = 1
crm = "Own"
[[record]]
each = "$"
title = "contact"
[contact]
externalId = "id"
fullName = "name"
staffId = { from = "owner", lookup = "staff" }
phones = [{ value = "phone" }]
[lookups.staff]
"known" = "7"
"""


def test_the_line_of_a_post_names_its_cards_so_that_the_story_of_one_can_be_read(bridge, logged):
    change(bridge)

    woken(bridge, [key()])

    (line,) = [line for line in logged() if line["message"] == "posted"]
    assert (line["cards"], line["number"], line["unknown"]) == ([key()], 1, False)
