"""What may be done with a card now, and what an answer makes of it: the rules of delivery, pure.

An attempt whose effect cannot be known (`ambiguous`) is followed by the quiet period, then by the newest state, and
that once more later: a request that was believed dead may land after the one that replaced it.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, assert_never

from cards.card import Card, LastFailure, Refusal, free_at, is_confirmed, refusals
from cards.endpoints import numbers
from cards.write import Write, due
from delivery.classify import Judgement
from delivery.policy import GIVE_UP_MS, Policy

# The same as `step(card, now, quiet_ms) == "claim"`, in the words of DynamoDB: a test compares them row by row.
CLAIMABLE = (
    "attribute_exists(#due) AND attribute_exists(#hash) AND attribute_not_exists(#erased)"
    " AND attribute_not_exists(#lease_id) AND (attribute_not_exists(#not_before) OR #not_before <= :now)"
    " AND (attribute_not_exists(#retry_at) OR #retry_at <= :now OR #refused_hash <> #hash)"
    " AND (attribute_not_exists(#confirmed_hash) OR #hash <> #confirmed_hash"
    " OR #ambiguous = :true OR #assert_at <= :now)"
)
STILL_READ = " AND #rev = :rev"

Step = Literal["claim", "reclaim", "settle", "wait", "leave"]


class Lease(NamedTuple):
    """One worker's right to deliver a card until its invocation has surely ended (ms since 1970)."""

    id: str
    until: int


def step(card: Card | None, now: int, quiet_ms: int) -> Step:
    """Say what a worker may do with a card.

    `claim` it: take its lease and deliver it; `reclaim` it from a worker that died in mid-delivery; `settle` it, for
    there is nothing to say; `wait` until it is free; `leave` it to the worker that holds it, or for good.
    """
    if card is None or card.due_at is None or card.hash is None or card.erased:
        return "leave"
    if card.lease_id is not None:
        return "reclaim" if (card.lease_until or 0) + quiet_ms <= now else "leave"
    if free_at(card) > now:
        return "wait"
    is_assertion_owed = card.assert_at is not None and card.assert_at <= now
    return "claim" if is_assertion_owed or not is_confirmed(card) else "settle"


def claim(key: str, lease: Lease, now: int) -> Write:
    """Return the one conditional update that takes a card's lease and is also its read."""
    return Write(key, _leased(lease), CLAIMABLE, {"now": now, "true": True})


def claim_read(card: Card, lease: Lease, now: int) -> Write:
    """Return the claim of a card whose content was read before: it fails if the content has changed since."""
    return Write(card.key, _leased(lease), CLAIMABLE + STILL_READ, {"now": now, "true": True, "rev": card.rev})


def reclaim(card: Card, lease: Lease) -> Write:
    """Return the claim of a card whose worker died: what it did is unknown."""
    still = "#lease_id = :old AND attribute_exists(#due) AND attribute_exists(#hash) AND attribute_not_exists(#erased)"
    return Write(card.key, {**_leased(lease), "ambiguous": True}, still, {"old": card.lease_id})


def settle(card: Card) -> Write:
    """Return the write that ends a card's being due without a POST, but for an assertion still owed."""
    nothing_to_say = "#hash = #confirmed_hash AND attribute_not_exists(#lease_id) AND attribute_not_exists(#ambiguous)"
    return Write(card.key, due(card.key, card.assert_at), nothing_to_say)


def later(card: Card) -> Write:
    """Return the write that lets a card that must wait be due no earlier, so that no sweep wakes it before."""
    return Write(
        card.key,
        due(card.key, free_at(card)),
        "attribute_exists(#due) AND #hash = :hash AND (#not_before = :until OR #retry_at = :until)",
        {"hash": card.hash, "until": free_at(card)},
    )


def _leased(lease: Lease) -> dict[str, Any]:
    return {"lease_id": lease.id, "lease_until": lease.until}


RELEASED: Mapping[str, Any] = {"lease_id": None, "lease_until": None}
UNREFUSED: Mapping[str, Any] = {"refused": None, "refused_hash": None, "refusals": None, "retry_at": None}
HUMANS = ("auth", "configuration")  # a human must act; the others are tried again while their wake-up can be hidden


class Result(NamedTuple):
    """The write of what a judgement makes of a card, and from when on its wake-up may come again; None: not soon."""

    record: Write
    again_at: int | None = None


def judged(card: Card, judgement: Judgement, now: int, policy: Policy, jitter: float) -> Result:
    """Return what a judgement makes of a card; one whose content has been due for 14 days is given up.

    `jitter` is 0…1.
    """
    if judgement.answer_class != "confirmed" and card.due_since is not None and now - card.due_since > GIVE_UP_MS:
        card = card._replace(ambiguous=card.ambiguous or judgement.answer_class == "ambiguous")
        changes = refused_for_good(card, Refusal(card.hash or "", "expired", "", now))
        return Result(record(card, {**changes, **failed(card, judgement, now)}))
    match judgement.answer_class:
        case "confirmed":
            return Result(record(card, confirmed(card, judgement, now, policy)))
        case "bad-data" | "too-big":
            changes = refused(card, judgement, now, policy)
        case "auth" | "configuration":
            changes = postponed(card, now + policy.repair_ms)
        case "ambiguous":
            changes = ambiguous(card, judgement, now, policy, jitter)
        case "not-sent":
            changes = retried(card, now, policy, jitter)
        case "slow-down":
            changes = postponed(card, now + int(judgement.wait_seconds * 1000 * (1 + jitter / 10)))
        case "unposted":
            changes = released(card, now if judgement.code == "no-time" else now + policy.retry_base_ms)
        case _:
            assert_never(judgement.answer_class)
    changes = {**changes, **failed(card, judgement, now)}
    return Result(record(card, changes), None if judgement.answer_class in HUMANS else changes["due_at"])


def failed(card: Card, judgement: Judgement, now: int) -> dict[str, Any]:
    """Return what is kept of an answer, the time of the first failure since the last success with it."""
    answer_class, code, field, *_ = judgement
    if answer_class == "unposted":
        return {}
    since = card.failure.since if card.failure else now
    return {"failure": LastFailure(answer_class, judgement.status, code, field, now, since)}


def confirmed(card: Card, judgement: Judgement, now: int, policy: Policy) -> dict[str, Any]:
    """Ringostat holds the claimed content. After an ambiguous attempt it is asserted once more.

    Only a request that was begun when the assertion was owed is that assertion: what may still land, may land after an
    earlier one.
    """
    assert_at = card.assert_at if card.assert_at is not None and card.assert_at > judgement.begun_at else None
    if card.ambiguous:
        assert_at = now + policy.assert_after_ms
    since = card.numbers or {}
    known = {number: since.get(number, now) for number in sorted(numbers(card.fields))}
    return {
        **RELEASED,
        **due(card.key, assert_at),
        "assert_at": assert_at,
        "confirmed_hash": card.hash,
        "confirmed_at": now,
        "not_before": None,
        "ambiguous": None,
        "attempts": None,
        "failure": None,
        **UNREFUSED,
        **({} if known == since else {"numbers": known or None}),
    }


def ambiguous(card: Card, judgement: Judgement, now: int, policy: Policy, jitter: float) -> dict[str, Any]:
    """Be quiet first, then post the newest state: it is unknown whether Ringostat took it."""
    quiet_ms = policy.short_quiet_ms if judgement.is_over else policy.quiet_ms
    return {**_again(card, now + max(quiet_ms, _backoff(card, policy, jitter))), "ambiguous": True}


def retried(card: Card, now: int, policy: Policy, jitter: float) -> dict[str, Any]:
    """Nothing was sent: try again soon."""
    return _again(card, now + _backoff(card, policy, jitter))


def postponed(card: Card, until: int) -> dict[str, Any]:
    """Ringostat, or a human who must act, needs time until then."""
    return _again(card, until)


def released(card: Card, at: int) -> dict[str, Any]:
    """Nothing was tried; it may be then."""
    return {**RELEASED, **due(card.key, at)}


def refused(card: Card, judgement: Judgement, now: int, policy: Policy) -> dict[str, Any]:
    """Ringostat refused this content alone: it is tried again later, a few times."""
    number = refusals(card)
    if number >= len(policy.tried_again_after_ms):
        return refused_for_good(card, Refusal(card.hash or "", judgement.code, judgement.field, now))
    retry_at = now + policy.tried_again_after_ms[number]
    again = {"refused_hash": card.hash, "refusals": number + 1, "retry_at": retry_at}
    return {**RELEASED, **due(card.key, retry_at), **again, "not_before": None, "ambiguous": card.ambiguous or None}


def refused_for_good(card: Card, refusal: Refusal) -> dict[str, Any]:
    """Ringostat refused this content alone each time; only other content is posted again.

    What an earlier attempt left unknown stays so, and an assertion stays owed: the other content may be the old one.
    """
    return {
        **RELEASED,
        **due(card.key, None),
        **UNREFUSED,
        "refused": refusal,
        "not_before": None,
        "ambiguous": card.ambiguous or None,
        "attempts": None,
    }


def retry(card: Card, now: int) -> Write:
    """Return the write that makes a refused card due at once, as if its content had just come."""
    changes = {**UNREFUSED, "attempts": None, "due_since": now, **due(card.key, now)}
    return Write(card.key, changes, "attribute_exists(#refused) OR #refused_hash = #hash")


def removed(card: Card) -> Write:
    """Return the write that takes a card off those left behind, after a person removed it at Ringostat.

    Ringostat holds nothing of it then, so whatever the CRM says of it later is posted.
    """
    gone = ("confirmed_hash", "confirmed_at", "ambiguous", "assert_at", "shown", "numbers")
    content = "attribute_exists(#erased)" if card.erased else "attribute_not_exists(#hash)"
    return Write(card.key, {**dict.fromkeys(gone), **due(card.key, None)}, f"attribute_exists(#due) AND {content}")


def _again(card: Card, at: int) -> dict[str, Any]:
    return {**RELEASED, **due(card.key, at), "not_before": at, "attempts": card.attempts + 1}


def _backoff(card: Card, policy: Policy, jitter: float) -> int:
    """Return a random wait (full jitter, `jitter` in 0…1) below a bound that doubles with each attempt."""
    return int(min(policy.retry_cap_ms, policy.retry_base_ms * 2 ** min(card.attempts, 20)) * jitter)


def record(card: Card, changes: Mapping[str, Any]) -> Write:
    """Return the write of a result for a card that is still leased by us and still says what was posted."""
    return Write(
        card.key, changes, "#lease_id = :lease AND #hash = :posted", {"lease": card.lease_id, "posted": card.hash}
    )


def record_moved(card: Card, changes: Mapping[str, Any]) -> Write:
    """Return the same when the content changed meanwhile: the card stays due, and a refusal of old content is moot."""
    kept = {name: value for name, value in changes.items() if name not in ("due", "due_at", "refused")}
    return Write(card.key, kept, "#lease_id = :lease", {"lease": card.lease_id})
