import click
import pytest

from cli.rate import Rate
from ops.times import away, local, since

NOW = 1_780_000_000_000


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0, "0 s ago"),
        (-59_000, "59 s ago"),
        (-60_000, "1 min ago"),
        (-7_200_000, "2 h ago"),
        (-3 * 86_400_000, "3 d ago"),
        (90_000, "in 1 min"),
    ],
)
def test_a_distance_is_told_in_its_largest_unit(distance, words):
    assert away(NOW + distance, NOW) == words


@pytest.mark.parametrize(
    ("text", "ago"), [("45s", 45), ("90min", 5400), ("90m", 5400), ("2h", 7200), ("3d", 259_200), ("2 h", 7200)]
)
def test_since_reads_distances(text, ago):
    assert since(text, NOW) == NOW - ago * 1000


@pytest.mark.parametrize("text", ["2026-03-01T10:00+02:00", "2026-03-01T08:00:00Z"])
def test_since_reads_moments(text):
    assert since(text, NOW) == 1_772_352_000_000


def test_since_without_a_zone_is_this_machines_time():
    assert local(since("2026-03-01T10:00", NOW)) == "2026-03-01 10:00:00"
    assert local(since("2026-03-01", NOW)) == "2026-03-01 00:00:00"


@pytest.mark.parametrize("text", ["", "yesterday", "2h ago", "-2h", "9999999d", "2026-13-01"])
def test_what_since_cannot_read_is_explained(text):
    with pytest.raises(click.BadParameter, match="90min"):
        since(text, NOW)


def test_a_time_that_no_calendar_holds_is_its_number():
    assert local(10**18) == f"{10**18} ms"


def test_a_rate_lets_the_first_go_at_once_and_the_next_when_it_is_time():
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    rate = Rate(10, lambda: now[0], sleep)
    for _ in range(3):
        rate.wait(5)
    now[0] += 60
    rate.wait(5)

    assert slept == [0.5, 0.5]


def test_no_rate_never_waits():
    Rate(0, lambda: 0.0, lambda _: pytest.fail("it slept")).wait(1000)
