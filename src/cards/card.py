"""Card, merge and compose: what is known of one contact, lead or organization. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from cards.key import CardKey, is_organization, key_of

CLOCK_TOLERANCE_MS = 5 * 60 * 1000
LARGEST_BYTES = 350_000  # DynamoDB ends at 400 KiB an item
RESPONSIBLE_NOBODY = "0"
NO_DIRECTION = "no-phone-or-email"
NO_NAME = "no-name"
ORGANIZATION_NAME = "organizationName."  # + id: a field of a contact's card that comes from the organization's card


class Stamped(NamedTuple):
    """A field's value and when it was set: in the CRM, and when we first heard of it (both ms since 1970, UTC)."""

    value: Any
    changed_at: int
    received_at: int


Fields = Mapping[str, Stamped]


class Refusal(NamedTuple):
    """Ringostat refused this content alone; it is not posted again before it changes."""

    hash: str
    code: str
    field: str
    at: int


class Card(NamedTuple):
    """The newest known state of one contact, lead or organization, and how far its delivery is.

    Times are ms since 1970, UTC; None means never or not set. `hash` is None while the card cannot be posted.
    """

    key: str
    fields: Fields = MappingProxyType({})
    connection: str = ""
    rev: int = 0  # grows with every merge that wrote something: the optimistic lock
    hash: str | None = None
    waiting: str | None = None  # why the card cannot be posted yet
    due_at: int | None = None  # present exactly while the card is due
    due_since: int | None = None  # when its present content became due
    confirmed_hash: str | None = None
    confirmed_at: int | None = None
    lease_id: str | None = None
    lease_until: int | None = None
    not_before: int | None = None
    ambiguous: bool = False  # the last attempt's effect is unknown
    assert_at: int | None = None  # when to post once more after an ambiguous attempt
    attempts: int = 0  # failures in a row
    refused: Refusal | None = None
    erased: int | None = None
    wanted_by: tuple[str, ...] = ()  # of an organization: the contacts that came before its name


class Composed(NamedTuple):
    """The body that Ringostat is sent for a card, or why there is none yet."""

    endpoint: str  # contacts | organizations
    payload: dict[str, Any] | None
    waiting: str | None = None


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
    if a[1:] != b[1:]:
        return a if a[1:] > b[1:] else b
    return max(a, b, key=lambda stamp: canonical(stamp.value))


def compose(key: str, fields: Fields) -> Composed:
    """Build the body of Ringostat's contract (docs: help.ringostat.com, article 9221318) from a card."""
    parts = CardKey.parse(key)
    values = {name: stamp.value for name, stamp in fields.items()}
    identity = {"projectId": parts.project, "origin": parts.origin}
    if is_organization(key):
        return _organization(identity, values)
    return _contact(identity, values)


def _organization(identity: dict[str, Any], values: Mapping[str, Any]) -> Composed:
    if not values.get("name"):
        return Composed("organizations", None, NO_NAME)
    return Composed("organizations", {**identity, "name": values["name"], "externalId": values["externalId"]})


def _contact(identity: dict[str, Any], values: Mapping[str, Any]) -> Composed:
    phones = _directions(_blocks(values, "phones"))
    emails = _directions(_blocks(values, "emails"))
    if not phones and not emails:
        return Composed("contacts", None, NO_DIRECTION)
    organizations = [
        {**identity, "name": name, "externalId": entry["externalId"]}
        for entry in _once(_blocks(values, "organizations"), lambda entry: entry["externalId"])
        if (name := entry["name"] or values.get(ORGANIZATION_NAME + entry["externalId"]))
    ]
    name = (
        values.get("fullName")
        or values.get("halfName")
        or (organizations or [{}])[0].get("name")
        or (phones or emails)[0]["value"]
    )
    return Composed(
        "contacts",
        {
            **identity,
            "fullName": name,
            "externalId": values.get("externalId"),
            "leadId": values.get("leadId"),
            "responsible": values.get("responsible") or values.get("nobody") or RESPONSIBLE_NOBODY,
            "staffId": values.get("staffId"),
            "contactLink": values.get("contactLink"),
            "leadLink": values.get("leadLink"),
            "dealLink": values.get("dealLink"),
            "googleClientId": values.get("googleClientId"),
            "contactDirections": [
                {"type": kind, "name": entry["name"] or name, "value": entry["value"]}
                for kind, entries in (("phone", phones), ("email", emails))
                for entry in entries
            ],
            "organizations": organizations or None,
        },
    )


def employers(key: str, fields: Fields) -> list[str]:
    """Return the keys of the organizations that a contact's card names by id only."""
    parts = CardKey.parse(key)
    blocks = [stamp.value for name, stamp in fields.items() if name.startswith("organizations.")]
    return [
        key_of(parts.project, parts.origin, f"organization:{entry['externalId']}")
        for block in blocks
        for entry in block or ()
        if not entry["name"]
    ]


def name_for_contacts(organization: Card) -> dict[str, Stamped]:
    """Return what an organization's card has to say on the cards of its contacts, empty while it has no name."""
    name, identity = organization.fields.get("name"), organization.fields.get("externalId")
    return {ORGANIZATION_NAME + identity.value: name} if name and name.value and identity else {}


def _blocks(values: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the entries of all blocks of a kind (`phones.0`, `phones.1` …) in the mapping's order."""
    prefix = kind + "."
    names = [name for name in values if name.startswith(prefix)]
    if len(names) > 1:
        names.sort(key=lambda name: int(name.rpartition(".")[2]))
    return [entry for name in names for entry in values[name] or ()]


def _directions(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    primary_first = sorted(entries, key=lambda entry: not entry.get("primary"))
    return _once(primary_first, lambda entry: entry["value"].casefold())


def _once(entries: Iterable[dict[str, Any]], identity: Any) -> list[dict[str, Any]]:
    first: dict[Any, dict[str, Any]] = {}
    for entry in entries:
        first.setdefault(identity(entry), entry)
    return list(first.values())


def digest(payload: Mapping[str, Any]) -> str:
    """Return the hash by which two composed bodies are told apart."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()[:32]


def apply(card: Card, news: Fields) -> Card:
    """Return the card with news merged in: fields, revision, content hash and why it waits; delivery state is kept.

    New content ends a refusal. The card itself is returned when the news says nothing new.
    """
    merged = merge(card.fields, news)
    if merged == card.fields:
        return card
    composed = compose(card.key, merged)
    content = None if composed.payload is None else digest(composed.payload)
    refused = card.refused if card.refused and card.refused.hash == content else None
    return card._replace(fields=merged, rev=card.rev + 1, hash=content, waiting=composed.waiting, refused=refused)


def absorb(card: Card, news: Iterable[Fields]) -> tuple[Card, list[str]]:
    """Merge several changes into a card, one after another; return it and a verdict for each.

    `accepted`: a value changed. `stale`: values lost to newer ones. `unchanged`: the card says the same already.
    `erased`: the card was erased and does not come back. `too-large`: the card would outgrow its row.
    """
    verdicts = []
    for change in news:
        after = apply(card, change)
        verdict = _verdict(card, after, change)
        verdicts.append(verdict)
        card = card if verdict in ("erased", "too-large") else after
    return card, verdicts


def _verdict(before: Card, after: Card, news: Fields) -> str:
    if before.erased:
        return "erased"
    if after is not before and len(canonical(after.fields)) > LARGEST_BYTES:
        return "too-large"
    if any(name not in before.fields or before.fields[name].value != after.fields[name].value for name in news):
        return "accepted"
    return "stale" if any(stamp.value != after.fields[name].value for name, stamp in news.items()) else "unchanged"
