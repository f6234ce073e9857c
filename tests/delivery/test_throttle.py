"""What holds a project's POSTs back: the circuit, Ringostat's wishes for quiet, and the way back from an outage."""

import pytest

from cards.card import Card
from cards.key import throttle_key
from cards.write import Write
from delivery.classify import Judgement
from delivery.policy import CACHE_MS, FAILURES_IN_A_ROW, PATIENCE, Policy
from delivery.throttle import Throttle, after, allowed, closed, gate, swept
from delivery.throttles import UNMOVED, Throttles
from errors import Unavailable
from settings import SETTINGS

POLICY = Policy.of(SETTINGS._asdict())
NOW = 1_000_000
CONFIRMED = Judgement("confirmed")
FAILED = {name: Judgement("ambiguous", "503", circuit=name) for name in PATIENCE}
SLOW = Judgement("slow-down", "429", wait_seconds=60, circuit="transport")
RESTS = [("transport", 30), ("contract", 300), ("auth", 300)]


def answered(*judgements, throttle=None, now=NOW):
    """Return the throttle after these answers, a second apart."""
    throttle = throttle or Throttle()
    for number, judgement in enumerate(judgements):
        throttle = after(throttle, judgement, now + number * 1000, POLICY)
    return throttle


def opened(name="transport"):
    return answered(*[FAILED[name]] * FAILURES_IN_A_ROW)


def test_a_project_without_failures_is_open_to_all():
    assert gate(answered(CONFIRMED), NOW) == "closed"


@pytest.mark.parametrize(("name", "rest"), RESTS)
def test_failures_in_a_row_stop_a_project_until_one_probe_succeeds(name, rest):
    assert gate(answered(*[FAILED[name]] * (FAILURES_IN_A_ROW - 1)), NOW) == "closed"

    throttle, since = opened(name), NOW + (FAILURES_IN_A_ROW - 1) * 1000
    assert gate(throttle, since + rest * 1000 - 1) == "open"
    assert gate(throttle, since + rest * 1000) == "probe"
    assert gate(answered(CONFIRMED, throttle=throttle), since) == "closed"


def test_a_probe_that_fails_lets_the_circuit_rest_again():
    throttle = answered(FAILED["transport"], throttle=opened(), now=NOW + 60_000)

    assert gate(throttle, NOW + 60_001) == "open"


def test_a_circuit_is_of_the_class_that_failed_last():
    throttle = answered(FAILED["auth"], throttle=opened(), now=NOW + 60_000)

    assert (throttle.circuit, throttle.rests_until) == ("auth", NOW + 360_000)


def test_n5_the_first_failure_since_the_last_success_is_kept_through_every_failed_probe():
    throttle = opened()
    for minute in range(1, 10):
        throttle = answered(FAILED["transport"], throttle=throttle, now=NOW + minute * 60_000)
    assert throttle.failing_since == NOW

    throttle = answered(CONFIRMED, FAILED["transport"], throttle=throttle, now=NOW + 900_000)
    assert throttle.failing_since == NOW + 901_000


def test_a_success_between_ends_the_row():
    assert gate(answered(*[FAILED["transport"], CONFIRMED] * 3 * FAILURES_IN_A_ROW), NOW) == "closed"


def test_bad_data_counts_for_no_circuit():
    assert gate(answered(*[Judgement("bad-data", "400")] * 2 * FAILURES_IN_A_ROW), NOW) == "closed"


BAD = Judgement("bad-data", "400")
CARDS = [Card(f"106#X#contact:{number}", hash="new") for number in range(2 * FAILURES_IN_A_ROW)]


def refuse(throttles, cards, judgement=BAD):
    """Let cards be refused alone, one after another; return as what each refusal counts."""
    return [throttles.observe(106, judgement, NOW, card).answer_class for card in cards]


def test_many_different_cards_refused_alike_in_a_row_are_a_fault_of_ringostats(worker):
    throttles = worker()

    assert refuse(throttles, CARDS[:5]) == ["bad-data"] * 4 + ["configuration"]
    assert throttles.read(106, NOW).circuit == "contract"
    assert not throttles.admits(106, NOW + 299_999)
    assert throttles.admits(106, NOW + 300_000)
    assert refuse(throttles, CARDS[5:6]) == ["configuration"], "nor is the card of the probe wrong"
    assert throttles.read(106, NOW).circuit == "contract"


@pytest.mark.parametrize(
    "between",
    [
        lambda throttles: throttles.observe(106, CONFIRMED, NOW, CARDS[0]),
        lambda throttles: throttles.observe(106, FAILED["transport"], NOW, CARDS[0]),
        lambda throttles: refuse(throttles, CARDS[:1], Judgement("bad-data", "422")),
    ],
)
def test_another_answer_in_between_ends_the_row_of_refusals(worker, between):
    throttles = worker()
    for cards in (CARDS[:4], CARDS[4:8]):
        assert refuse(throttles, cards) == ["bad-data"] * 4
        between(throttles)


def test_neither_one_card_again_and_again_nor_arrays_nor_cards_that_were_refused_before_make_many(worker):
    throttles = worker()

    assert set(refuse(throttles, CARDS[:1] * 20)) == {"bad-data"}
    assert set(refuse(throttles, [None] * 20)) == {"bad-data"}
    again = [card._replace(refused_hash="new", refusals=1) for card in CARDS]
    assert set(refuse(throttles, again)) == {"bad-data"}


def test_a_success_shows_that_the_cards_were_wrong_and_they_stop_the_project_no_more(worker):
    throttles = worker()
    refuse(throttles, CARDS[:5])

    throttles.observe(106, CONFIRMED, NOW, CARDS[9])

    assert throttles.read(106, NOW).circuit is None
    assert refuse(throttles, CARDS) == ["bad-data"] * 10


def test_a_request_to_slow_down_is_heeded_and_remembered():
    throttle = answered(SLOW)
    assert (throttle.not_before, allowed(throttle, POLICY), throttle.growth) == (NOW + 60_000, 700, 110)

    throttle = answered(SLOW._replace(wait_seconds=1), throttle=throttle)
    assert (throttle.not_before, allowed(throttle, POLICY)) == (NOW + 60_000, 490)


def test_the_pace_never_falls_to_nothing():
    assert answered(SLOW, throttle=Throttle(allowance=1)).allowance == 1


def test_after_an_outage_the_pace_doubles_up_to_its_usual():
    throttle, allowances = answered(CONFIRMED, throttle=opened()), []
    for _ in range(6):
        allowances.append(allowed(throttle, POLICY))
        throttle = swept(throttle, POLICY)

    assert allowances == [100, 200, 400, 800, 1000, 1000]
    assert throttle == Throttle()


def test_after_a_request_to_slow_down_it_grows_by_a_tenth():
    assert swept(Throttle(allowance=100, growth=110), POLICY).allowance == 110
    assert swept(Throttle(allowance=1, growth=110), POLICY).allowance == 2


def test_an_outage_does_not_make_a_slowed_project_faster():
    throttle = answered(*[FAILED["transport"]] * FAILURES_IN_A_ROW, throttle=Throttle(allowance=50, growth=110))

    assert (throttle.allowance, throttle.growth) == (50, 110)


def test_a_lower_setting_holds_at_once():
    assert allowed(Throttle(allowance=500), POLICY._replace(sweep_most=50)) == 50


@pytest.fixture
def worker(nowhere):
    """Make the throttles of a worker."""
    return lambda: Throttles(nowhere.cards, POLICY)


@pytest.fixture
def row(nowhere):
    return lambda: nowhere.cards.row(throttle_key(106))


def fail(throttles, times=FAILURES_IN_A_ROW, name="transport", now=NOW):
    for _ in range(times):
        throttles.observe(106, FAILED[name], now)


def test_what_a_worker_sees_counts_for_it_at_once_and_for_others_after_ten_seconds(worker):
    mine, other = worker(), worker()
    other.read(106, NOW)
    fail(mine)

    assert not mine.admits(106, NOW)
    assert other.admits(106, NOW + CACHE_MS - 1)
    assert not other.admits(106, NOW + CACHE_MS)


def test_one_projects_failures_stop_no_other(worker):
    throttles = worker()
    fail(throttles)

    assert throttles.admits(107, NOW)


def test_a_healthy_project_costs_no_write_and_one_read_in_ten_seconds(worker, row, nowhere):
    class Counted:
        reads = 0

        def row(self, key):
            self.reads += 1
            return nowhere.cards.row(key)

    cards = Counted()
    throttles = Throttles(cards, POLICY)
    for second in range(10):
        throttles.admits(106, NOW + second * 1000)
        throttles.observe(106, CONFIRMED, NOW + second * 1000)

    assert (cards.reads, row()) == (1, {})


def test_failures_are_counted_over_more_than_ten_seconds(worker):
    throttles = worker()
    for number in range(FAILURES_IN_A_ROW):
        fail(throttles, 1, now=NOW + number * 60_000)

    assert not throttles.admits(106, NOW + 241_000)


def test_of_two_workers_one_probes(worker):
    fail(worker())
    mine, other = worker(), worker()
    later = NOW + 30_000
    assert {gate(each.read(106, later), later) for each in (mine, other)} == {"probe"}

    assert mine.admits(106, later)
    assert not other.admits(106, later)


def test_a_worker_that_dies_in_a_probe_holds_the_others_up_for_one_rest_only(worker):
    fail(worker())
    assert worker().admits(106, NOW + 30_000)

    assert [worker().admits(106, NOW + second * 1000) for second in (30, 59, 60)] == [False, False, True]


def test_failing_since_outlives_the_worker_that_saw_it(worker, row):
    fail(worker())
    for minute in range(1, 4):
        probe = worker()
        assert probe.admits(106, NOW + minute * 60_000)
        fail(probe, 1, now=NOW + minute * 60_000)
    assert row()["failing_since"] == NOW

    probe.observe(106, CONFIRMED, NOW + 300_000)
    assert set(row()) & {"circuit", "failing_since", "rests_until"} == set()


def test_a_circuit_that_another_worker_has_moved_is_not_closed_for_want_of_cards(worker, row):
    fail(worker())
    sweep, prober = worker(), worker()
    later = NOW + 30_000
    seen = sweep.read(106, later)
    prober.admits(106, later)

    assert not sweep.move(106, seen, closed(seen), UNMOVED)
    assert sweep.read(106, later).circuit == row()["circuit"] == "transport"


def test_a_table_that_cannot_be_reached_holds_nothing_back(worker):
    class Down:
        def row(self, _):
            raise Unavailable("DynamoDB does not answer.")

        write = row

    throttles = Throttles(Down(), POLICY)

    assert throttles.admits(106, NOW)
    fail(throttles)
    assert not throttles.admits(106, NOW), "its own observations count all the same"


def test_rows_of_an_earlier_version_are_ignored(worker, nowhere):
    nowhere.cards.write(Write("106#circuit#transport", {"state": "OPEN", "opened_at": NOW // 1000}))
    nowhere.cards.write(Write("106#pace", {"not_before": NOW + 60_000, "allowance": 1, "growth": 110}))

    assert worker().read(106, NOW) == Throttle()


def test_each_move_of_a_circuit_is_logged(worker, caplog):
    throttles = worker()
    fail(throttles)
    throttles.admits(106, NOW + 30_000)
    throttles.observe(106, CONFIRMED, NOW + 31_000)

    moves = [(record.project, record.circuit, record.state) for record in caplog.records if record.message == "circuit"]
    assert moves == [(106, "transport", state) for state in ("open", "probe", "closed")]
