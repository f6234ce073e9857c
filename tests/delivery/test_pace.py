"""How fast a project's cards go out after Ringostat asked to slow down, and on the way back from an outage."""

import pytest

from delivery.pace import CACHE_MS, Pace, Paces

USUAL = Pace(0, 1000, 200)


def test_a_request_to_slow_down_is_heeded_and_remembered():
    assert USUAL.slowed(7) == Pace(7, 700, 110)
    assert USUAL.slowed(7).slowed(5).not_before == 7


def test_the_pace_never_falls_to_nothing():
    assert Pace(0, 1, 110).slowed(1).allowance == 1


def test_after_an_outage_the_pace_doubles_up_to_its_usual():
    pace, allowances = USUAL.recovering(100), []
    for _ in range(6):
        allowances.append(pace.allowance)
        pace = pace.swept(1000)

    assert allowances == [100, 200, 400, 800, 1000, 1000]


def test_after_a_request_to_slow_down_it_grows_by_a_tenth():
    assert Pace(0, 100, 110).swept(1000).allowance == 110
    assert Pace(0, 1, 110).swept(1000).allowance == 2


def test_an_outage_does_not_make_a_slowed_project_faster():
    assert Pace(9, 50, 110).recovering(100) == Pace(9, 50, 110)


@pytest.fixture
def paces(nowhere):
    return lambda most=1000: Paces(nowhere.cards, most)


def test_a_pace_is_kept_for_every_worker(paces):
    paces().write(106, Pace(7, 50, 110), 1)

    assert paces().read(106, 1) == Pace(7, 50, 110)
    assert paces().read(107, 1) == Pace(0, 1000, 200)


def test_a_pace_is_read_again_after_ten_seconds(paces):
    mine, other = paces(), paces()
    mine.read(106, 1)
    other.write(106, Pace(7, 50, 110), 1)

    assert mine.read(106, CACHE_MS).allowance == 1000
    assert mine.read(106, CACHE_MS + 1).allowance == 50


def test_a_lower_setting_holds_at_once(paces):
    paces().write(106, USUAL, 1)

    assert paces(most=50).read(106, 1).allowance == 50
