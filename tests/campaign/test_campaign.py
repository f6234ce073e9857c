"""Nothing accepted is lost, and Ringostat ends with the newest state, whatever fails on the way.

`make campaign SEED=7 EVENTS=400000` runs it as long as you like.
"""

import os

import pytest

from lookup import leased
from lookup.rows import cleared
from tests.campaign.campaign import ASSERT_MS, DOORS, LOOKUPS, QUIET_MS, RARE, WIRE, WORKER, Campaign, Plan
from tests.campaign.mixed import FUNCTIONS, Mixed

SEED = int(os.environ.get("SEED", "1"))
EVENTS = int(os.environ.get("EVENTS", "40000"))
LATE = ("late", "worker killed, request late")
BEFORE_ASSERTION_MS = QUIET_MS + ASSERT_MS - 30_000


def run(plan, show):
    return run_of(Campaign(plan), show)


def run_of(campaign, show):
    outcome = campaign.run()

    show(f"campaign {campaign.plan}")
    for line in outcome.lines():
        show("  " + line)
    return outcome


def check(outcome):
    assert outcome.lost == 0
    assert outcome.mismatches == []
    assert outcome.unlisted == 0, "a number of a card is not in the index"
    assert outcome.pending == 0
    assert outcome.accounts.keys() <= {"delivered", "superseded", "waiting", "refused"}
    assert outcome.unknown == 0, "a content landed that no card ever had"
    assert outcome.rejected[0] <= outcome.rejected[1], "a rejected event was lost"
    assert outcome.dead == 0
    assert outcome.refused == [], "refused for good, though Ringostat would take it"
    assert outcome.ghosts == 0, "a record that was gone became a card"


def check_faultless(outcome):
    check(outcome)
    assert outcome.stale == 0
    assert outcome.records == outcome.versions, "1.00 records posted for each content delivered"


@pytest.mark.parametrize("copies", [1, 3])
def test_without_faults_each_content_is_posted_once_and_duplicates_cost_nothing(copies, show):
    check_faultless(run(Plan(SEED, 200, faults=False, copies=copies), show))


def test_nothing_is_lost_and_nothing_stale(show):
    outcome = run(Plan(SEED, 300), show)

    check(outcome)
    assert outcome.stale == 0


def check_refusals(outcome):
    check(outcome)
    assert outcome.stale == 0
    assert "refused" not in outcome.accounts
    assert outcome.refusals >= 5, "too few were refused alone: the run shows nothing"


def test_refusals_that_pass_refuse_nothing_for_good(show):
    check_refusals(run(Plan(SEED, 400, faults=False, refusing=10), show))


def deployed(plan, show, folder):
    """Run a campaign of two versions."""
    campaign = Mixed(plan, folder)
    outcome = run_of(campaign, show)

    calls = campaign.bridge.calls
    show("  calls: " + ", ".join(f"{name} {number:,}" for name, number in sorted(calls.items())))
    check(outcome._replace(unlisted=0))  # the previous version knows no index of numbers
    assert outcome.stale == 0
    assert "bad-body" not in campaign.codes, "a version cannot read what the other one kept"
    assert len(calls) == 2 * len(FUNCTIONS)


def test_a_deployment_in_which_functions_change_at_different_moments_loses_nothing(show, tmp_path):
    deployed(Plan(SEED, 300, copies=1, cards=150), show, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_post_in_a_hundred_refused_refuses_nothing_for_good(show):
    check_refusals(run(Plan(SEED, EVENTS // 8, faults=False, refusing=100), show))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_campaign_with_two_versions(show, tmp_path):
    deployed(Plan(SEED, EVENTS // 10, copies=1, cards=EVENTS // 40), show, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_the_whole_campaign_under_every_fault(show):
    outcome = run(Plan(SEED, EVENTS, each_fault=EVENTS // 400), show)

    check(outcome)
    assert outcome.stale == 0
    for kind in (*WIRE, *WORKER, *DOORS, *LOOKUPS):
        assert outcome.faults[kind] >= EVENTS // 400 // (RARE if kind in LOOKUPS else 1), kind


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_that_forgets_what_it_could_not_read_is_caught(show, monkeypatch):
    monkeypatch.setattr(leased, "postponed", lambda row, at, **_: cleared(row, at))

    assert run(Plan(SEED, 4000), show).lost > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_lands_after_the_quiet_period_is_healed(show):
    outcome = run(Plan(SEED, EVENTS // 10, late_ms=BEFORE_ASSERTION_MS, kinds=LATE), show)

    check(outcome)
    assert outcome.stale > 0, "nothing landed late over something newer: the run shows nothing"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_whole_campaign_without_faults(show):
    once, thrice = (run(Plan(SEED, EVENTS // 4, faults=False, copies=copies), show) for copies in (1, 3))

    check_faultless(once)
    check_faultless(thrice)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_campaign_on_moto(show):
    outcome = run(Plan(SEED, EVENTS // 40, memory=False, cards=60), show)

    check(outcome)
    assert outcome.stale == 0
