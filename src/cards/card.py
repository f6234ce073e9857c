"""Card, merge and compose: what is known of one contact, lead or organization. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from cards.endpoints import DELETED, ORGANIZATION_NAME, Fields, Stamped, compose, is_deleted, mark_of

CLOCK_TOLERANCE_MS = 5 * 60 * 1000
LARGEST_BYTES = 350_000  # DynamoDB ends at 400 KiB an item


UNNAMED = Stamped(None, 0, 0)  # of an organization
Absorbed = Literal["accepted", "unchanged", "stale", "erased", "too-large"]


class Refusal(NamedTuple):
    """Ringostat refused this content alone, again and again; it is not posted any more before it changes."""

    hash: str
    code: str
    field: str
    at: int


class LastFailure(NamedTuple):
    """The last answer to a card that Ringostat has not confirmed since, without a word of its text."""

    answer_class: str
    status: int | None  # None: there was no answer
    code: str
    field: str
    at: int
    since: int  # the first failure since the last success


class Card(NamedTuple):
    """The newest known state of one contact, lead or organization, and how far its delivery is.

    Times are ms since 1970, UTC; None means never or not set. `hash` is None while the card cannot be posted.
    """

    key: str
    fields: Fields = MappingProxyType({})
    connection: str = ""
    mapping: str = ""  # that read the last change, a stored one with its version
    rev: int = 0  # grows with every merge that wrote something: the optimistic lock
    hash: str | None = None
    waiting: str | None = None  # why the card cannot be posted yet
    due_at: int | None = None  # present exactly while the card is due; without content: since when it is left behind
    due_since: int | None = None  # when its present content came
    confirmed_hash: str | None = None
    confirmed_at: int | None = None
    lease_id: str | None = None
    lease_until: int | None = None
    not_before: int | None = None
    ambiguous: bool = False  # the last attempt's effect is unknown
    assert_at: int | None = None  # when to post once more after an ambiguous attempt
    attempts: int = 0  # failures in a row
    failure: LastFailure | None = None
    refused_hash: str | None = None  # content that was refused alone and is tried again
    refusals: int = 0  # of that content
    retry_at: int | None = None  # of that content: no POST earlier
    refused: Refusal | None = None
    erased: int | None = None
    shown: Mapping[str, Any] | None = None  # of a card left behind: what Ringostat shows
    numbers: Mapping[str, int] | None = None  # of the confirmed body, and since when Ringostat has each


def is_confirmed(card: Card) -> bool:
    """Return whether Ringostat surely holds a card's present content: after an ambiguous attempt that is unknown."""
    return card.hash is not None and card.hash == card.confirmed_hash and not card.ambiguous


def refusals(card: Card) -> int:
    """Return how often a card's present content was refused alone and is tried again; new content starts anew."""
    return card.refusals if card.hash == card.refused_hash else 0


def free_at(card: Card) -> int:
    """Return before when a card is not posted: it rests after an attempt, and after a refusal of its content."""
    return max(card.not_before or 0, card.retry_at or 0 if refusals(card) else 0)


def is_left_behind(card: Card) -> bool:
    """Return whether Ringostat may still show a card that was deleted, merged, emptied or erased: a person must act."""
    return card.due_at is not None and (card.hash is None or card.erased is not None)


def may_be_shown(card: Card) -> bool:
    """Return whether Ringostat may hold any content of a card."""
    return card.confirmed_hash is not None or card.ambiguous or card.lease_id is not None


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted keys, no blanks, ASCII."""
    return _CANONICAL.encode(value)


def stamped(fields: Mapping[str, Any], *, changed_at: int | None, received_at: int) -> dict[str, Stamped]:
    """Stamp the fields of an outcome.

    Without a time of the CRM's own, arrival counts. A time in the future would freeze the fields until it comes, so
    one more than five minutes ahead counts as arrival too.
    """
    when = received_at if changed_at is None or changed_at > received_at + CLOCK_TOLERANCE_MS else changed_at
    return {name: Stamped(value, when, received_at) for name, value in fields.items()}


def merge(known: Fields, news: Fields) -> dict[str, Stamped]:
    """Join two maps of fields: each field keeps the value with the greater stamp, then the greater canonical JSON.

    Commutative, associative and idempotent, so neither order nor repetition of events matters.
    """
    return {**known, **{name: _newer(known[name], value) if name in known else value for name, value in news.items()}}


def _newer(a: Stamped, b: Stamped) -> Stamped:
    if a[1:3] != b[1:3]:
        return a if a[1:3] > b[1:3] else b
    return max(a, b, key=lambda stamp: (canonical(stamp.value), len(stamp), canonical(stamp)))


def named_by_id(fields: Fields) -> list[str]:
    """Return the ids of the organizations that a contact's card names by id only."""
    blocks = (stamp.value or () for name, stamp in fields.items() if name.startswith("organizations."))
    return [entry["externalId"] for entry in chain.from_iterable(blocks) if not entry["name"]]


def name_for_contacts(organization: Card | None) -> Stamped:
    """Return the name that an organization's card gives to its contacts: none before it has one, nor once erased."""
    if organization is None:
        return UNNAMED
    if organization.erased is not None:
        return Stamped(None, organization.erased + CLOCK_TOLERANCE_MS, organization.erased)
    return organization.fields.get("name", UNNAMED)


def with_names(before: Card, after: Card, organizations: Mapping[str, Card | None]) -> Card:
    """Return a contact's card with the names of the organizations that it names by these ids.

    An organization is noted even where it has no name yet. Where the card differs from what it was before, names of
    organizations that it left are forgotten.
    """
    names = {ORGANIZATION_NAME + identity: name_for_contacts(one) for identity, one in organizations.items()}
    after = absorb(after, [names])[0]
    left = {name for name in after.fields if name.startswith(ORGANIZATION_NAME)} - names.keys()
    if after is before or not left:
        return after
    return after._replace(fields={name: stamp for name, stamp in after.fields.items() if name not in left})


def digest(payload: Mapping[str, Any]) -> str:
    """Return the hash by which two composed bodies are compared."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()[:32]


def apply(card: Card, news: Fields) -> Card:
    """Return the card with news merged in: fields, revision, content hash and why it waits; delivery state is kept.

    Of a record that the CRM deleted the fields are kept, but nothing is posted, unless the deletion brings a mark and
    Ringostat may show the card. New content ends a refusal. The card itself is returned when the news says nothing new.
    """
    merged = merge(card.fields, news)
    if merged == card.fields:
        return card
    composed = compose(card.key, merged)
    if composed.deleted and not (mark_of(merged) and may_be_shown(card)):
        composed = composed._replace(payload=None, waiting=DELETED)
    content = None if composed.payload is None else digest(composed.payload)
    refused = card.refused if card.refused and card.refused.hash == content else None
    return card._replace(fields=merged, rev=card.rev + 1, hash=content, waiting=composed.waiting, refused=refused)


def absorb(card: Card, news: Iterable[Fields]) -> tuple[Card, list[Absorbed]]:
    """Merge several changes into a card, one after another; return it and a verdict for each.

    `accepted`: a value changed. `stale`: values lost to newer ones. `unchanged`: the card says the same already.
    `erased`: the card was erased and does not come back. `too-large`: the card would outgrow its row.
    """
    verdicts: list[Absorbed] = []
    for change in news:
        after = apply(card, change)
        verdict = _verdict(card, after, change)
        verdicts.append(verdict)
        card = card if verdict in ("erased", "too-large") else after
    return card, verdicts


def _verdict(before: Card, after: Card, news: Fields) -> Absorbed:
    if before.erased:
        return "erased"
    if after is not before and len(canonical(after.fields)) > LARGEST_BYTES:
        return "too-large"
    if "deleted" in news and not is_deleted(after.fields):
        return "stale"
    if before.hash != after.hash:
        return "accepted"
    if any(name not in before.fields or before.fields[name].value != after.fields[name].value for name in news):
        return "accepted"
    return "stale" if any(stamp.value != after.fields[name].value for name, stamp in news.items()) else "unchanged"
