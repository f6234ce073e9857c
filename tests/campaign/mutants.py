"""Ways to build delivery wrong: the bridge's own rules, with one function replaced in each."""

from typing import NamedTuple

from cards import card as cards
from cards.card import stamped
from delivery import state
from delivery.classify import Judgement, classify
from tests.campaign.model import POLICY, Message, Rules, World

AFTER_QUIET = POLICY.quiet_ms + POLICY.assert_after_ms - 1  # a request may land until just before the assertion


def sets(number, *fields, value=None, timed=True, came_at=0):
    """Return the event `number`, which sets these fields."""
    pairs = tuple((field, value or f"v{number}") for field in fields)
    return Message(pairs, number if timed else None, number, came_at or number)


NAME, OWNER, BOTH = ("fullName",), ("responsible",), ("fullName", "responsible")
PARTIAL = (sets(1, *NAME), sets(2, *OWNER), sets(3, *NAME))
FULL = (sets(1, *BOTH), sets(2, *BOTH), sets(3, *BOTH))
MIXED = (sets(1, *BOTH), sets(2, *OWNER), sets(3, *NAME))
THERE_AND_BACK = (sets(1, *NAME, value="A"), sets(2, *NAME, value="B"), sets(3, *NAME, value="A"))
BACK_AND_FORTH = (sets(1, *NAME), sets(2, *NAME, value="B"), sets(3, *NAME), sets(4, *NAME, value="B"))
AGAIN = (sets(1, *NAME, value="A"), sets(2, *NAME, value="A"))  # newer, with the same value
REPLAYED = (sets(2, *NAME, timed=False), sets(1, *NAME, timed=False, came_at=9))


class Mutant(NamedTuple):
    rules: Rules
    world: World
    shown_by: str  # stale | wrong


def by_arrival(card, news):
    top = max((stamp.changed_at for stamp in card.fields.values()), default=0) + 1
    return cards.absorb(card, [{name: stamp._replace(changed_at=top) for name, stamp in one.items()} for one in news])


def one_stamp_a_card(card, news):
    known = max((stamp[1:] for stamp in card.fields.values()), default=(0, 0))
    return cards.absorb(card, [one for one in news if max(stamp[1:] for stamp in one.values()) >= known])


def merged_unlocked(before, after, **more):
    return Rules().merged(before, after, **more)._replace(condition="", values={})


def merged_without_quiet(before, after, **more):
    write = Rules().merged(before, after, **more)
    return write._replace(changes={**write.changes, "not_before": None})


def merged_with_refusal(before, after, **more):
    write = Rules().merged(before, after, **more)
    return write._replace(changes={**write.changes, "refused": after.refused})


def without(write, words):
    """Return a write whose condition lacks these words."""
    assert words in write.condition
    return write._replace(condition=write.condition.replace(words, ""))


def claim_unleased(key, lease, now):
    write = without(state.claim(key, lease, now), " AND attribute_not_exists(#lease_id)")
    return write._replace(changes={"connection": ""})


def record_unleased(card, changes):
    return without(state.record(card, changes), "#lease_id = :lease AND ")


def step_unleased(card, now, quiet):
    return state.step(card and card._replace(lease_id=None), now, quiet)


def reclaim_as_released(card, lease):
    write = state.reclaim(card, lease)
    return write._replace(changes={name: value for name, value in write.changes.items() if name != "ambiguous"})


def ambiguous_at_once(card, judgement, now, policy, jitter):
    return {**state.ambiguous(card, judgement, now, policy, jitter), "not_before": None}


def ambiguous_as_over(card, judgement, now, policy, jitter):
    return state.ambiguous(card, judgement._replace(is_over=True), now, policy, jitter)


def confirmed_for_good(card, judgement, now, policy):
    return {**state.confirmed(card, judgement, now, policy), "assert_at": None, "due": None, "due_at": None}


def confirmed_news_is_assertion(card, judgement, now, policy):
    return state.confirmed(card if card.ambiguous else card._replace(assert_at=None), judgement, now, policy)


def confirmed_by_when_it_is_recorded(card, judgement, now, policy):
    return state.confirmed(card, judgement._replace(begun_at=now), now, policy)


def refused_without_assertion(card, judgement, now, policy):
    return {**state.refused(card, judgement, now, policy), "assert_at": None}


def refused_at_once(card, judgement, now, policy):
    return state.refused(card, judgement, now, policy._replace(tried_again_after_ms=()))


def claim_unread(card, lease, now):
    return without(state.claim_read(card, lease, now), state.STILL_READ)


def record_uncompared(card, changes):
    return without(state.record(card, changes), " AND #hash = :posted")


def record_moved_undue(card, changes):
    return state.record_moved(card, changes)._replace(changes=changes)


def claim_trusting(key, lease, now):
    return without(state.claim(key, lease, now), " OR #ambiguous = :true")


def step_trusting(card, now, quiet):
    return state.step(card and card._replace(ambiguous=False), now, quiet)


def settle_trusting(card):
    return without(state.settle(card), " AND attribute_not_exists(#ambiguous)")


def claim_unasserting(key, lease, now):
    return without(state.claim(key, lease, now), " OR #assert_at <= :now")


def step_unasserting(card, now, quiet):
    return state.step(card and card._replace(assert_at=None), now, quiet)


def settle_unasserting(card):
    return state.settle(card._replace(assert_at=None))


def stamped_anew(fields, message):
    return stamped(fields, changed_at=message.changed_at, received_at=message.came_at)


def classify_by_status(answer, now):
    return Judgement("confirmed") if answer.status == 200 else classify(answer, now)


ALONE = ("claim",)
MANY = ("read",)
MUTANTS = {
    "merge by arrival order": Mutant(Rules(absorb=by_arrival, claims=ALONE), World(FULL[1:], 0), "wrong"),
    "one stamp per card": Mutant(Rules(absorb=one_stamp_a_card, claims=ALONE), World(PARTIAL[1:], 0), "wrong"),
    "write without the condition on rev": Mutant(
        Rules(merged=merged_unlocked, claims=ALONE), World(PARTIAL[1:], 0, takers=2), "wrong"
    ),
    "a refusal overwritten by who has not read it": Mutant(
        Rules(merged=merged_with_refusal, claims=ALONE), World(AGAIN, 2, takers=1), "wrong"
    ),
    "no lease": Mutant(
        Rules(claim=claim_unleased, record=record_unleased, step=step_unleased, claims=ALONE),
        World(PARTIAL[1:], 0),
        "stale",
    ),
    "an expired lease taken as a released one": Mutant(
        Rules(step=lambda card, now, _: state.step(card, now, 0), reclaim=reclaim_as_released, claims=ALONE),
        World(PARTIAL[1:], 1),
        "stale",
    ),
    "no quiet period": Mutant(Rules(ambiguous=ambiguous_at_once, claims=ALONE), World(PARTIAL[1:], 1), "stale"),
    "the short quiet period without an answer": Mutant(
        Rules(ambiguous=ambiguous_as_over, claims=ALONE), World(PARTIAL[1:], 1), "stale"
    ),
    "quiet period cleared by a new change": Mutant(
        Rules(merged=merged_without_quiet, claims=ALONE), World(PARTIAL[1:], 1), "stale"
    ),
    "no assertion": Mutant(
        Rules(confirmed=confirmed_for_good, claims=ALONE), World(PARTIAL[1:], 1, late=AFTER_QUIET), "wrong"
    ),
    "an assertion used up by news": Mutant(
        Rules(confirmed=confirmed_news_is_assertion, claims=ALONE), World(PARTIAL, 1, late=AFTER_QUIET), "wrong"
    ),
    "an assertion that was posted before it was owed": Mutant(
        Rules(confirmed=confirmed_by_when_it_is_recorded, claims=ALONE),
        World(BACK_AND_FORTH, 2, late=AFTER_QUIET, kinds=("late", "refused"), ordered=True),
        "wrong",
    ),
    "an assertion dropped by a refusal": Mutant(
        Rules(refused=refused_without_assertion, claims=ALONE),
        World(BACK_AND_FORTH, 2, late=AFTER_QUIET, kinds=("late", "refused"), ordered=True),
        "wrong",
    ),
    "refused for good by one refusal": Mutant(
        Rules(refused=refused_at_once, claims=ALONE), World(PARTIAL[:1], 1), "wrong"
    ),
    "content read before the claim": Mutant(Rules(claim_read=claim_unread, claims=MANY), World(PARTIAL, 0), "stale"),
    "due_at dropped without comparing the content": Mutant(
        Rules(record=record_uncompared, claims=ALONE), World(PARTIAL[1:], 0), "wrong"
    ),
    "due_at dropped though the content has moved on": Mutant(
        Rules(record_moved=record_moved_undue, claims=ALONE), World(PARTIAL[1:], 0), "wrong"
    ),
    "the same as confirmed, though ambiguous": Mutant(
        Rules(claim=claim_trusting, step=step_trusting, settle=settle_trusting, claims=ALONE),
        World(THERE_AND_BACK, 1),
        "wrong",
    ),
    "assertion skipped because the content is equal": Mutant(
        Rules(claim=claim_unasserting, step=step_unasserting, settle=settle_unasserting, claims=ALONE),
        World(PARTIAL[1:], 1, late=AFTER_QUIET),
        "wrong",
    ),
    "a replayed event stamped anew": Mutant(Rules(stamped=stamped_anew, claims=ALONE), World(REPLAYED, 0), "wrong"),
    "an empty 2xx taken for a success": Mutant(
        Rules(classify=classify_by_status, claims=ALONE), World(PARTIAL[:1], 1), "wrong"
    ),
}
