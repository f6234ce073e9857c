"""Which records of a page go to Ringostat, and why the others do not."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from mapping.outcome import Outcome

UNREACHABLE = "without phone and e-mail"

KnownCards = Callable[[list[Outcome]], Collection[str]]  # which of the cards that changes name are known already


class Sifted(NamedTuple):
    """The records to send, and how many were left out for which reason: a code, or no way to reach the person."""

    kept: list[Any]
    left: Counter[str]
    rejected: int


def sifted(mapped: Sequence[tuple[Any, list[Outcome]]], known: KnownCards) -> Sifted:
    """Sift the records of a page, each given with what it becomes.

    The card of a person without phone and e-mail would wait for ever, so it is not made; one that is there is updated.
    """
    wanted = [outcome for _, outcomes in mapped for outcome in outcomes if _is_unreachable(outcome)]
    cards = known(wanted) if wanted else ()
    reasons = [(record, _reason(outcomes, cards)) for record, outcomes in mapped]
    left = Counter(reason for _, reason in reasons if reason)
    rejected = sum(any(outcome.result == "reject" for outcome in outcomes) for _, outcomes in mapped)
    return Sifted([record for record, reason in reasons if not reason], left, rejected)


def _reason(outcomes: Sequence[Outcome], known: Collection[str]) -> str:
    """Return why a record is left out, empty if it is not: the first reason where all that it becomes has one."""
    reasons = [_why(outcome, known) for outcome in outcomes]
    return reasons[0] if all(reasons) else ""


def _why(outcome: Outcome, known: Collection[str]) -> str:
    if outcome.result in ("reject", "skip"):
        return outcome.code
    return UNREACHABLE if _is_unreachable(outcome) and outcome.card not in known else ""


def _is_unreachable(outcome: Outcome) -> bool:
    """Return whether a change makes a card of a person, and has neither phone nor e-mail."""
    is_person = outcome.kind in ("contact", "lead") and outcome.card.partition(":")[0] == outcome.kind
    return outcome.result == "change" and is_person and not has(outcome, "phones", "emails")


def has(outcome: Outcome, *kinds: str) -> bool:
    """Return whether a change has any phone or e-mail, as `kinds` say."""
    return any(_entries(outcome, kind) for kind in kinds)


def _entries(outcome: Outcome, kind: str) -> bool:
    return any(name.partition(".")[0] == kind and bool(found) for name, found in outcome.fields.items())
