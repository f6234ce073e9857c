"""No interleaving leaves Ringostat stale, and every known way to build delivery wrong is caught."""

import pytest

from delivery.classify import classify
from tests.campaign.model import ANSWERS, Model, Rules, World, explore
from tests.campaign.mutants import (
    AFTER_QUIET,
    AGAIN,
    ALONE,
    BACK_AND_FORTH,
    FULL,
    MANY,
    MIXED,
    MUTANTS,
    PARTIAL,
    THERE_AND_BACK,
)

TWICE = (PARTIAL[0], *PARTIAL)  # three changes, the first of them twice

SHORT = {
    "one fault": (World(TWICE, 1), ALONE),
    "one fault, wake-ups of many cards": (World(PARTIAL, 1), MANY),
    "two events at once": (World(PARTIAL[1:], 1, takers=2), ALONE),
    "the same value again": (World(AGAIN, 2, takers=1), ALONE),
    "two faults that are over, or nearly": (World(PARTIAL[1:], 2, kinds=("error", "error-late")), ALONE),
    "one fault, landing after the quiet period": (World(PARTIAL, 1, late=AFTER_QUIET), ALONE),
}
LONG = {
    "three faults": (World(TWICE, 3), ALONE),
    "three faults, whole cards": (World(FULL, 3), ALONE),
    "three faults, whole cards and parts": (World(MIXED, 3), ALONE),
    "three faults, there and back again": (World(THERE_AND_BACK, 3), ALONE),
    "two faults, wake-ups of many cards": (World(TWICE, 2), MANY),
    "two faults, wake-ups of one and of many cards": (World(PARTIAL, 2), (*ALONE, *MANY)),
    "two events at once": (World(PARTIAL, 1, takers=2), ALONE),
    "a late landing and a fault that is nearly over": (World(TWICE, 2, kinds=("late", "error-late")), ALONE),
    "two faults, landing after the quiet period": (World(TWICE, 2, late=AFTER_QUIET), ALONE),
    "a late landing and a refusal, back and forth": (
        World(BACK_AND_FORTH, 2, late=AFTER_QUIET, kinds=("late", "refused")),
        ALONE,
    ),
    "one fault, wake-ups of many cards, landing after the quiet period": (World(TWICE, 1, late=AFTER_QUIET), MANY),
}


def check(name, world, claims, show):
    result = explore(Model(world, Rules(claims=claims)))

    stale = "none" if result.stale is None else "for a while"
    wrong = "none" if result.wrong is None else "yes"
    show(f"model, {name}: {result.states:,} states, stale: {stale}, wrong at rest: {wrong}")
    assert result.wrong is None
    assert result.stuck == 0, "states from which nothing leads to rest"
    if world.late == AFTER_QUIET:
        assert result.stale, "a request that lands after the quiet period is stale until the assertion"
    else:
        assert result.stale is None


@pytest.mark.parametrize("name", SHORT)
def test_no_interleaving_leaves_ringostat_stale(name, show):
    check(name, *SHORT[name], show)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", LONG)
def test_no_interleaving_with_more_faults_leaves_ringostat_stale(name, show):
    check(name, *LONG[name], show)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name):
    mutant = MUTANTS[name]

    def shown(stale, wrong):
        return stale if mutant.shown_by == "stale" else wrong

    found = explore(Model(mutant.world, mutant.rules), shown)

    way = found.stale if mutant.shown_by == "stale" else found.wrong
    assert way, f"not caught: {name}"


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_the_right_rules_pass_where_the_mutant_is_caught(name):
    mutant = MUTANTS[name]

    right = explore(Model(mutant.world, Rules(claims=mutant.rules.claims)))

    assert right.wrong is None
    assert right.stale is None or mutant.world.late == AFTER_QUIET


@pytest.mark.parametrize(
    ("answer", "answer_class"),
    [
        ("ok", "confirmed"),
        ("error", "ambiguous"),
        ("lost", "ambiguous"),
        ("late", "ambiguous"),
        ("cut", "ambiguous"),
        ("unsent", "not-sent"),
    ],
)
def test_the_model_hears_the_answers_that_it_means(answer, answer_class):
    assert classify(ANSWERS[answer], 0).answer_class == answer_class
