"""The sweep wakes cards that no message woke, project by project, at a pace that Ringostat can bear."""

import json

import pytest

from cards.card import stamped
from cards.key import key_of, throttle_key, wanted_part
from cards.write import Write
from delivery.classify import Judgement
from delivery.policy import FAILURES_IN_A_ROW, PROBE_CARDS
from delivery.throttles import Throttles
from handlers import sweep
from intake.merging import Merging
from local.in_process import overheard
from telemetry import flush


def fill(bridge, numbers, project=106, at=1):
    """Make cards due, one minute after `at`."""
    for number in numbers:
        phone = [{"value": f"+38067000{number:04}", "name": None, "primary": True}]
        news = {
            key(number, project): [stamped({"externalId": str(number), "phones.0": phone}, changed_at=1, received_at=1)]
        }
        Merging(bridge.cards, connection="acme", now=at + number).merge(news)


def key(number, project=106):
    return key_of(project, "Pipedrive", f"contact:{number}")


def held(bridge, **throttle):
    """Hold a project back."""
    bridge.cards.write(Write(throttle_key(106), throttle))


@pytest.fixture
def swept(nowhere):
    """Sweep with so many cards at most, and return the keys of the cards that were woken."""

    def swept(most, now=None):
        policy = sweep.POLICY._replace(sweep_most=most, batch_size=2)
        throttles = Throttles(nowhere.cards, policy)
        sweeper = sweep.SWEEPER._replace(cards=nowhere.cards, throttles=throttles, policy=policy)
        sweeper.sweep(now or nowhere.clock.now())
        return sorted(key for wakeup in nowhere.wakeups() for key in wakeup)

    return swept


def test_due_cards_are_woken_and_others_are_not(nowhere, swept):
    fill(nowhere, [1, 2])
    fill(nowhere, [3], at=nowhere.clock.time)

    assert swept(1000) == [key(1), key(2)]


def test_of_a_backlog_the_newest_go_first_and_some_of_the_oldest(nowhere, swept):
    fill(nowhere, range(1, 21))
    held(nowhere, allowance=5)

    assert swept(1000) == sorted([key(1), key(17), key(18), key(19), key(20)])


def test_a_backlog_of_one_project_does_not_hide_anothers_card(nowhere, swept):
    fill(nowhere, range(1, 21))
    fill(nowhere, [30], project=107)
    held(nowhere, allowance=5)

    assert key(30, 107) in swept(1000)


def test_a_project_that_must_wait_is_not_woken(nowhere, swept):
    fill(nowhere, [1])
    held(nowhere, not_before=nowhere.clock.time + 60_000)

    assert swept(1000) == []


def test_a_wait_that_ends_now_is_over(nowhere, swept):
    fill(nowhere, [1])
    now = nowhere.clock.time
    held(nowhere, not_before=now)

    assert swept(1000, now) == [key(1)]


def fails(bridge, times=FAILURES_IN_A_ROW, name="transport"):
    """Let POSTs of a project fail."""
    for _ in range(times):
        bridge.throttles.observe(106, Judgement("ambiguous", "503", circuit=name), bridge.clock.time)


def test_an_open_circuit_wakes_nothing_then_one_probe_and_the_backlog_comes_back_slowly(nowhere, swept):
    nowhere.throttles = Throttles(nowhere.cards, sweep.POLICY._replace(batch_size=2))
    fill(nowhere, range(1, 21))
    fails(nowhere)
    opened = swept(1000, nowhere.clock.time)
    nowhere.clock.pass_(30)
    probed = swept(1000, nowhere.clock.time)
    nowhere.throttles.observe(106, Judgement("confirmed"), nowhere.clock.time)
    back = [len(swept(1000, nowhere.clock.time)) for _ in range(3)]

    assert opened == []
    assert probed == sorted(key(number) for number in range(1, PROBE_CARDS + 1))
    assert back == [2, 4, 8]


def test_the_throttle_of_a_project_that_nothing_holds_back_is_not_written(nowhere, swept):
    fill(nowhere, [1])

    swept(1000)

    assert nowhere.cards.row(throttle_key(106)) == {}


def test_a_slowed_project_wakes_more_with_each_sweep(nowhere, swept):
    nowhere.cards.enrol(106)
    held(nowhere, allowance=100, growth=110)

    swept(1000)

    assert nowhere.cards.row(throttle_key(106))["allowance"] == 110


@pytest.mark.parametrize(("name", "rest"), [("transport", 30), ("contract", 300), ("auth", 300)])
def test_n2_the_circuit_of_a_project_without_due_cards_closes_after_its_rest(nowhere, swept, name, rest):
    nowhere.cards.enrol(106)
    fails(nowhere, name=name)

    nowhere.clock.pass_(rest - 1)
    swept(1000, nowhere.clock.time)
    assert nowhere.cards.row(throttle_key(106))["circuit"] == name
    nowhere.clock.pass_(1)
    swept(1000, nowhere.clock.time)

    assert "circuit" not in nowhere.cards.row(throttle_key(106))


def test_the_circuit_of_a_project_whose_cards_are_due_later_stays_open(nowhere, swept):
    fails(nowhere)
    nowhere.clock.pass_(30)
    fill(nowhere, [1], at=nowhere.clock.time)

    swept(1000, nowhere.clock.time)

    assert nowhere.cards.row(throttle_key(106))["circuit"] == "transport"


def test_a8_the_trouble_of_one_project_stops_no_other_projects_sweep(nowhere, swept, capsys, caplog):
    fill(nowhere, [1])
    fill(nowhere, [2], project=107)

    def trouble(_, operation, parameters):
        if operation == "Query" and parameters["ExpressionAttributeValues"][":due"] == {"S": "106"}:
            raise ConnectionError

    with overheard(trouble):
        woken = swept(1000)
    flush()

    [measured] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "OldestDueSeconds" in line]
    [left] = [line for line in caplog.records if line.message == "project left to the next sweep"]
    assert woken == [key(2, 107)]
    assert (left.levelname, left.project, left.error) == ("ERROR", 106, "Unavailable")
    assert measured["CircuitsOpen"][-1] == 1


def test_a8_the_trouble_of_look_ups_stops_no_delivery(nowhere):
    fill(nowhere, [1])

    def trouble(_, operation, parameters):
        if operation == "Query" and parameters["ExpressionAttributeValues"][":due"]["S"] == wanted_part("acme"):
            raise ConnectionError

    nowhere.cards.enrol("acme", "wanting")
    with overheard(trouble):
        assert sweep.swept(nowhere.clock.now()) == 1

    assert nowhere.wakeups() == [[key(1)]]
