"""What the benchmark counts exactly holds on every run, and a missed target is said to be missed."""

import pytest

from bench import measure, report
from bench.subjects import calls


@pytest.mark.parametrize("case", calls.CASES, ids=lambda case: case.name)
def test_no_more_aws_calls_than_planned(bridge, case):
    counted = calls.count(case, bridge)

    assert 0 < counted.total() <= (case.most or 30), calls.shown(counted)


def test_nothing_new_rings_nobody(bridge):
    bridge.post("acme", calls.PERSON)
    bridge.deliver()

    with calls.counted() as counted:
        bridge.post("acme", calls.PERSON)

    assert counted["SendMessage"] + counted["SendMessageBatch"] == 0


def test_a_missed_target_is_said_to_be_missed():
    figure = measure.Figure("slow", 2.0, "ms", most=1)
    table = measure.Table("Speed", [figure, measure.Figure("fast", 0.5, "ms", most=1)])

    assert report.missed([report.as_json(table)]) == ["slow"]
    assert "MISSED" in report.rendered(table)


def test_a_ratio_is_taken_round_by_round():
    assert measure.ratios([2, 30, 4], [1, 10, 2]).median == 2


def test_works_take_turns():
    order = []
    measure.alternating(2, {name: lambda name=name: order.append(name) or 0.0 for name in "ab"})

    assert order == ["a", "b", "b", "a"]
