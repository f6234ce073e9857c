"""Ringostat's endpoints: which cards each takes, its fields, and how a body is composed. Pure.

https://help.ringostat.com/en/articles/9221318
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from cards.key import CardKey

NO_RESPONSIBLE = "0"
NO_DIRECTION = "no-phone-or-email"
NO_NAME = "no-name"
DELETED = "deleted-in-crm"
MOST_SHOWN = 20  # phones and e-mails that are kept of what Ringostat shows of a card left behind
PHONES = "phones."  # + number: a block of phones of a card
ORGANIZATION_NAME = "organizationName."  # + id: a field of a contact's card that comes from the organization's card

Payload = dict[str, Any]
Values = Mapping[str, Any]


class Stamped(NamedTuple):
    """A field's value and when it was set: in the CRM, and when we first heard of it (both ms since 1970, UTC).

    A row may hold further elements behind these three: a newer version's, which are kept and decide nothing here.
    """

    value: Any
    changed_at: int
    received_at: int


Fields = Mapping[str, Stamped]


class Endpoint(NamedTuple):
    """One endpoint. `compose` takes project and origin, and a card's values; it returns the body or why there is none.

    `fields` are those of the body, each with the fields of its parts.
    """

    name: str
    path: str  # of its address
    kinds: tuple[str, ...]  # of the keys of its cards
    fields: Mapping[str, tuple[str, ...]]
    compose: Callable[[Payload, Values], Payload | str]


class Composed(NamedTuple):
    """The body that Ringostat is sent for a card, or why there is none yet."""

    endpoint: str
    payload: Payload | None
    waiting: str | None = None
    deleted: bool = False  # by the CRM


def is_deleted(fields: Fields) -> bool:
    """Return whether the CRM deleted a record after it last said anything of it: later news revive the card.

    This follows from the fields alone, whatever the order in which they came. What bears only our own time, such as
    the id of a record that was read, is later than a deletion that came before it, whenever the CRM says that it was.
    """
    deletion = fields.get("deleted")
    if deletion is None or not deletion.value:
        return False
    own = (stamp for name, stamp in fields.items() if not name.startswith(ORGANIZATION_NAME))
    return not any(_is_later(stamp, deletion) for stamp in own)


def _is_later(stamp: Stamped, deletion: Stamped) -> bool:
    if stamp.changed_at == stamp.received_at:
        return stamp.received_at > deletion.received_at
    return stamp[1:3] > deletion[1:3]


def mark_of(fields: Fields) -> str:
    """Return what is posted before the name of a deleted card; empty if nothing is, or the card is not deleted."""
    mark = fields["deleted"].value if is_deleted(fields) else None
    return mark if isinstance(mark, str) else ""


def compose(key: str, fields: Fields) -> Composed:
    """Build the body of Ringostat's contract from a card."""
    parts = CardKey.parse(key)
    endpoint = endpoint_for(parts.kind)
    values = {name: stamp.value for name, stamp in fields.items()}
    body = endpoint.compose({"projectId": parts.project, "origin": parts.origin}, values)
    deleted = is_deleted(fields)
    if isinstance(body, str):
        return Composed(endpoint.name, None, body, deleted)
    mark = mark_of(fields) if deleted else ""
    return Composed(endpoint.name, _marked(body, mark) if mark else body, None, deleted)


def _marked(body: Payload, mark: str) -> Payload:
    """Return a body whose name begins with a mark: the contract has no field for a deletion."""
    name = "fullName" if "fullName" in body else "name"
    return {**body, name: f"{mark} {body[name]}"}


def numbers(fields: Fields) -> set[str]:
    """Return the phone numbers of a card, as Ringostat is given them."""
    blocks = (stamp.value or () for name, stamp in fields.items() if name.startswith(PHONES))
    return {entry["value"] for block in blocks for entry in block}


def shown(payload: Payload) -> Payload:
    """Return what a person needs to find a contact or an organization at Ringostat and remove it there."""
    directions = payload.get("contactDirections") or ()
    return {
        "name": payload.get("fullName") or payload.get("name"),
        "link": payload.get("contactLink") or payload.get("leadLink"),
        "numbers": [direction["value"] for direction in directions][:MOST_SHOWN],
    }


def endpoint_for(kind: str) -> Endpoint:
    """Return the endpoint of the cards of a kind."""
    return _ENDPOINT_OF[kind]


def _organization(identity: Payload, values: Values) -> Payload | str:
    if not values.get("name"):
        return NO_NAME
    return {**identity, "name": values["name"], "externalId": values["externalId"]}


def _contact(identity: Payload, values: Values) -> Payload | str:
    phones = _directions(_blocks(values, "phones"))
    emails = _directions(_blocks(values, "emails"))
    if not phones and not emails:
        return NO_DIRECTION
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
    return {
        **identity,
        "fullName": name,
        "externalId": values.get("externalId"),
        "leadId": values.get("leadId"),
        "responsible": values.get("responsible") or values.get("defaultResponsible") or NO_RESPONSIBLE,
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
    }


def _blocks(values: Values, kind: str) -> list[dict[str, Any]]:
    """Return the entries of all blocks of a kind (`phones.0`, `phones.1` …) in the mapping's order."""
    prefix = kind + "."
    names = [name for name in values if name.startswith(prefix)]
    if len(names) > 1:
        names.sort(key=lambda name: int(name.rpartition(".")[2]))
    return [entry for name in names for entry in values[name] or ()]


def _directions(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    primary_first = sorted(entries, key=lambda entry: not entry.get("primary"))
    return _once(primary_first, lambda entry: entry["value"].casefold())


def _once(entries: Iterable[dict[str, Any]], identity: Callable[[dict[str, Any]], str]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for entry in entries:
        first.setdefault(identity(entry), entry)
    return list(first.values())


_OF_ORGANIZATION = ("projectId", "name", "externalId", "origin")
_OF_CONTACT = (
    *("projectId", "fullName", "origin", "externalId", "leadId", "responsible", "staffId", "contactLink", "leadLink"),
    *("dealLink", "googleClientId", "contactDirections", "organizations"),
)
_ORGANIZATION: Mapping[str, tuple[str, ...]] = dict.fromkeys(_OF_ORGANIZATION, ())
_CONTACT: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_OF_CONTACT, ()),
    "contactDirections": ("type", "name", "value"),
    "organizations": _OF_ORGANIZATION,
}

# In the order in which they are posted: a contact may name an organization.
ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("organizations", "/minicrm/organizations/sync", ("organization",), _ORGANIZATION, _organization),
        Endpoint("contacts", "/minicrm/contacts/sync", ("contact", "lead"), _CONTACT, _contact),
    )
}
_ENDPOINT_OF = {kind: endpoint for endpoint in ENDPOINTS.values() for kind in endpoint.kinds}
