"""The sweep rings what nobody rang for, project by project, at a pace that Ringostat can bear."""

import pytest
import time_machine

from cards.card import stamped
from cards.key import key_of
from delivery.circuits import FAILURES_IN_A_ROW, PROBE
from delivery.classify import Judgement
from delivery.pace import Pace
from handlers import sweep
from intake.merging import Merging


def fill(bridge, numbers, project=106, at=1):
    """Make cards due, one minute after `at`."""
    for number in numbers:
        phone = [{"value": f"+38067000{number:04}", "name": None, "primary": True}]
        news = {
            key(number, project): [stamped({"externalId": str(number), "phones.0": phone}, changed_at=1, received_at=1)]
        }
        Merging(bridge.cards, connection="acme", now=at + number, expires_at=None).merge(news)


def key(number, project=106):
    return key_of(project, "Pipedrive", f"contact:{number}")


@pytest.fixture
def swept(nowhere):
    """Sweep with so many cards at most, and return the numbers of the cards that were rung."""

    def swept(most, now=None):
        sweeper = sweep.SWEEPER._replace(
            cards=nowhere.cards, circuits=nowhere.circuits, paces=nowhere.paces, most=most, first=2
        )
        sweeper.sweep(now or nowhere.clock.now())
        return sorted(key for ring in nowhere.rings() for key in ring)

    return swept


def test_due_cards_are_rung_and_others_are_not(nowhere, swept):
    fill(nowhere, [1, 2])
    fill(nowhere, [3], at=nowhere.clock.time)

    assert swept(1000) == [key(1), key(2)]


def test_of_a_backlog_the_newest_go_first_and_some_of_the_oldest(nowhere, swept):
    fill(nowhere, range(1, 21))
    nowhere.paces.write(106, Pace(0, 5, 200), nowhere.clock.time)

    assert swept(1000) == sorted([key(1), key(17), key(18), key(19), key(20)])


def test_a_backlog_of_one_project_does_not_hide_anothers_card(nowhere, swept):
    fill(nowhere, range(1, 21))
    fill(nowhere, [30], project=107)
    nowhere.paces.write(106, Pace(0, 5, 200), nowhere.clock.time)

    assert key(30, 107) in swept(1000)


def test_a_project_that_must_wait_is_not_rung(nowhere, swept):
    fill(nowhere, [1])
    nowhere.paces.write(106, Pace(nowhere.clock.time + 60_000, 1000, 110), nowhere.clock.time)

    assert swept(1000) == []


def test_a_wait_that_ends_now_is_over(nowhere, swept):
    fill(nowhere, [1])
    now = nowhere.clock.time
    nowhere.paces.write(106, Pace(now, 1000, 110), now)

    assert swept(1000, now) == [key(1)]


def test_an_open_circuit_rings_nothing_then_one_probe_and_the_backlog_comes_back_slowly(nowhere, swept):
    fill(nowhere, range(1, 21))
    with time_machine.travel(nowhere.clock.time / 1000, tick=False) as traveller:
        for _ in range(FAILURES_IN_A_ROW):
            nowhere.circuits.post(106, lambda: Judgement("ambiguous", "503", circuit="transport"))
        opened = swept(1000, nowhere.clock.time)
        nowhere.clock.pass_(30)
        traveller.move_to(nowhere.clock.time / 1000)
        probed = swept(1000, nowhere.clock.time)

    assert opened == []
    assert probed == sorted(key(number) for number in range(1, PROBE + 1))
    assert nowhere.paces.read(106, nowhere.clock.time).allowance == 2


def test_the_pace_of_a_project_that_nothing_slows_down_is_not_written(nowhere, swept):
    fill(nowhere, [1])

    swept(1000)

    assert nowhere.cards.row("106#pace") == {}


def test_a_slowed_project_grows_faster_with_each_sweep(nowhere, swept):
    nowhere.cards.enrol(106)
    nowhere.paces.write(106, Pace(0, 100, 110), nowhere.clock.time)

    swept(1000)

    assert nowhere.paces.read(106, nowhere.clock.time).allowance == 110
