"""The state of a card's delivery in words."""

from collections.abc import Iterator

from cards.card import Card, LastFailure, Refusal, is_confirmed, is_left_behind, refusals
from cards.endpoints import DELETED, NO_DIRECTION, NO_NAME
from ops.times import shown

WAITING = {
    NO_DIRECTION: "neither a phone nor an e-mail is known",
    NO_NAME: "no name is known",
    DELETED: "the CRM deleted it; newer events of it bring it back",
}


def state(card: Card) -> str:
    """Return `delivered`, `due`, `retrying (2)`, `waiting (why)`, `refused (code)`, `in delivery` or `erased`.

    `refused once (code)` is tried again, and so is `twice`.
    """
    refusal = refusal_of(card)
    code = refusal.code if refusal else ""
    for holds, words in (
        (card.erased is not None, "erased"),
        (card.hash is None, f"waiting ({card.waiting or 'no content yet'})"),
        (card.refused is not None, f"refused ({code})"),
        (card.lease_id is not None, "in delivery"),
        (refusals(card) > 0, f"refused {times(refusals(card))} ({code})"),
        (card.due_at is not None and card.attempts > 0, f"retrying ({card.attempts})"),
        (is_confirmed(card), "delivered"),
        (card.due_at is not None, "due"),
    ):
        if holds:
            return words
    return "idle"


def times(number: int) -> str:
    """Return how often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def refusal_of(card: Card) -> Refusal | None:
    """Return the refusal of a card's content, for good or not."""
    if card.refused or card.failure is None or not refusals(card):
        return card.refused
    return Refusal(card.hash or "", card.failure.code, card.failure.field, card.failure.at)


def answer(failure: LastFailure) -> str:
    """Return status and code of the last answer: `401`, `200 markup`, `none (timeout)`."""
    if failure.status is None:
        return f"none ({failure.code})"
    return str(failure.status) if failure.code == str(failure.status) else f"{failure.status} {failure.code}"


def next_try(card: Card) -> int | None:
    """Return when the card is tried next (ms since 1970), None if it is not due."""
    return None if card.due_at is None or is_left_behind(card) else max(card.due_at, card.not_before or 0)


def why_left(card: Card) -> str:
    """Return why a card is left behind."""
    if card.erased is not None or not card.waiting:  # or a tombstone that was lifted, until the next event
        return "erased"
    return card.waiting


def story(card: Card, now: int) -> Iterator[tuple[str, str]]:
    """Yield what is known of a card's delivery: a short title and a sentence each."""
    if card.erased is not None:
        yield "erased", f"{shown(card.erased, now)}; later events of it are skipped"
        yield from _left(card, now)
        return
    if card.hash is None:
        yield "waits for", WAITING.get(card.waiting or "", "its first event")
    yield from _left(card, now)
    yield "confirmed", _confirmed(card, now)
    if refusal := refusal_of(card):
        field = f", field {refusal.field}" if refusal.field else ""
        again = f"{times(refusals(card))} so far, tried again" if refusals(card) else "until its content changes"
        yield "refused", f"{refusal.code}{field}, {shown(refusal.at, now)}; {again}"
    if card.failure:
        failing = f"failing since {shown(card.failure.since, now)}"
        yield "answer", f"{answer(card.failure)}, {shown(card.failure.at, now)}; {failing}"
    yield from _coming(card, now)


def _left(card: Card, now: int) -> Iterator[tuple[str, str]]:
    if is_left_behind(card):
        since = shown(card.due_at or 0, now)
        yield "left", f"behind since {since}: Ringostat may still show it; remove it there by hand (bridge left-behind)"


def _confirmed(card: Card, now: int) -> str:
    if card.confirmed_at is None:
        return "never: Ringostat has not confirmed any content of it"
    newest = "the newest state" if card.confirmed_hash == card.hash else "an older state than the newest"
    return f"{newest}, {shown(card.confirmed_at, now)}"


def _coming(card: Card, now: int) -> Iterator[tuple[str, str]]:
    if card.lease_id is not None:
        ended = (card.lease_until or 0) <= now
        yield "worker", f"has it until {shown(card.lease_until or 0, now)}" + (", and is dead" if ended else "")
    if card.ambiguous:
        yield "unclear", "it is not known whether the last request arrived: a pause, then the newest state is posted"
    if card.assert_at is not None:
        yield "once more", f"{shown(card.assert_at, now)}, to be sure, because an earlier request may have come late"
    if card.attempts:
        yield "failures", f"{card.attempts} in a row"
    if card.due_since is not None and card.due_at is not None and not is_confirmed(card):
        yield "due since", shown(card.due_since, now)
    if (at := next_try(card)) is not None:
        yield "next try", "now" if at <= now else f"{shown(at, now)} at the latest"
