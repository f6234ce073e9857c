"""The records of an event under the usual names: what `$usual` sees.

Each is a table with the record's own names, and the usual ones of `names.py` where the record has such a field: a key
that is not in the body is not in the table. `kind` says what the record is; the mapping decides what becomes of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mapping import names, normalize
from mapping.names import plain
from mapping.normalize import is_empty
from mapping.places import (
    NAMED,
    Fields,
    Place,
    Record,
    field_of,
    ids_above,
    link_of,
    own_id,
    place_of,
    records,
    scalar,
    value_of,
    with_envelopes,
    without_tenant,
    words_outside,
)


def items(body: Any, headers: Mapping[str, str], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the event's records under the usual names; one that is `unknown` where there are none."""
    outside = words_outside(headers, query)
    return [_item(record, outside, query) for record in records(body, outside)]


def _item(record: Record, outside: frozenset[str], query: Mapping[str, str]) -> dict[str, Any]:
    place = record.place
    above = [level for fields in reversed(place.above) for level in with_envelopes(fields)]
    partial = "partial" in (query.get("carries"), value_of(place, "carries"), *_values(above, "carries"))
    usual = {"kind": record.kind, **_ids(record, above), **_name(place, partial=partial), **_owner(place)}
    for field in ("staffId", "contactLink", "leadLink", "dealLink", "googleClientId"):
        if found := link_of(place, field) if field.endswith("Link") else field_of(place, field):
            usual[field] = scalar(found.value)
    usual |= _directions(place) | _company(place, outside) | _times(place, above)
    if partial:
        usual["carries"] = "partial"
    own = {key: value for key, value in place.table.items() if key not in _USUAL}
    return {**own, **usual}


_USUAL = frozenset((*names.NAMES, *names.PHONE_SLOTS, *names.EMAIL_SLOTS, "kind"))


def _values(levels: list[Fields], *wanted: str) -> Iterator[Any]:
    """Yield the values of fields of the tables above a record."""
    return (fields[name].value for fields in levels for name in wanted if name in fields)


def _ids(record: Record, above: list[Fields]) -> dict[str, Any]:
    """Return the ids of a record: of a lead its own and its contact's."""
    place = record.place
    found = own_id(place)
    own = normalize.identity(scalar(found.value)) if found else None
    lead = normalize.identity(value_of(place, "leadId"))
    if record.kind.endswith("lead"):
        return {"leadId": lead or own, "contactId": normalize.identity(value_of(place, "contactId"))}
    beside = (normalize.identity(scalar(value)) for value in _values(above, *(ids_above(place) if above else ())))
    identity = own or next(filter(None, beside), None)
    ids: dict[str, Any] = {"externalId": identity} if identity or "externalId" in place.usual else {}
    return {**ids, "leadId": lead} if "leadId" in place.usual else ids


def _name(place: Place, *, partial: bool) -> dict[str, Any]:
    """Return the whole name, else its parts in a Ukrainian address book's order; half a name only of a whole record."""
    whole = field_of(place, "fullName")
    if whole and isinstance(whole.value, dict):
        return _name(place_of((), whole.value), partial=False)
    if whole and not is_empty(scalar(whole.value)):
        return {"fullName": scalar(whole.value)}
    parts = [found for part in ("last", "first", "patronymic") if (found := field_of(place, part))]
    if parts and (("last" in place.usual and "first" in place.usual) or (place.strength > NAMED and not partial)):
        texts = [normalize.text(scalar(part.value)) for part in parts]
        return {"fullName": " ".join(filter(None, texts)) or None}
    return {"fullName": None} if whole else {}


def _owner(place: Place) -> dict[str, Any]:
    """Return who is responsible; an employee of whom the event gives no id is not read."""
    found = field_of(place, "responsible")
    owner = scalar(found.value) if found else None
    return {"responsible": owner} if found and (owner is not None or is_empty(found.value)) else {}


def _directions(place: Place) -> dict[str, Any]:
    """Return the phones and e-mails by what they are for, each as a list of value, name and primary."""
    found: dict[str, Any] = {}
    for field in place.fields.values():
        if kind := names.slot(field.name):
            found.setdefault(kind, []).extend(_entries(field.value))
    return found


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """Yield what a field of phones or e-mails holds: a text, a table, a list of them, or a table of texts by label."""
    if isinstance(value, list):
        for item in value:
            yield from _entries(item)
    elif isinstance(value, dict):
        yield from _of_table(value)
    elif not is_empty(value):
        yield {"value": value}


def _of_table(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    own = {plain(key): value for key, value in table.items()}
    known = (*names.VALUE, *(name for name in own if "number" in name and names.slot(name)))
    number = next((own[name] for name in known if not is_empty(own.get(name))), None)
    if number is None:
        yield from ({"value": value, "name": key} for key, value in table.items() if isinstance(value, str) and value)
        return
    label = next((own[name] for name in names.LABEL if not is_empty(own.get(name))), None)
    primary = next((own[name] for name in names.PRIMARY if name in own), None)
    yield {"value": _with_code(number, own), "name": label, "primary": primary}


def _with_code(number: Any, own: Mapping[str, Any]) -> Any:
    """Return a number with the calling code beside it, unless it begins with it."""
    given = next((own[name] for known in names.CALLING_CODE for name in own if name.endswith(known)), None)
    code, digits = (normalize.text(given) or "").lstrip("+0"), normalize.text(number) or ""
    if not (code.isdecimal() and code.isascii() and len(code) <= 4) or digits.startswith(("+", "00", code)):  # noqa: PLR2004
        return number
    return f"+{code}{digits.lstrip('0')}"


def _company(place: Place, outside: frozenset[str]) -> dict[str, Any]:
    """Return the contact's organization."""
    fields = without_tenant(place, is_event=bool(outside))
    table = next(
        (fields[name].value for name in names.COMPANIES if name in fields and _is_tables(fields[name].value)), None
    )
    if table is not None:
        return {"organizations": [one for one in map(_organization, _listed(table)) if one["externalId"]]}
    identity = next((fields[name] for name in names.NAMES["companyId"] if name in fields), None)
    if identity is None:
        return {}
    title = next((scalar(fields[name].value) for name in names.NAMES["companyName"] if name in fields), None)
    return {"companyId": scalar(identity.value), "companyName": title}


def _is_tables(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _organization(table: Mapping[str, Any]) -> dict[str, Any]:
    own = {plain(key): value for key, value in table.items()}
    return {
        "externalId": next((own[name] for name in names.IDS if not is_empty(own.get(name))), None),
        "name": next((own[name] for name in names.TITLES if not is_empty(own.get(name))), None),
    }


def _times(place: Place, above: list[Fields]) -> dict[str, Any]:
    """Return when the record changed, else when its event was sent, and the event's id."""
    own = [field.value for field in place.usual.get("changedAt", ())]
    sent = _values(above, *names.NAMES["changedAt"], *names.SENT_AT)
    given = [value for one in (*own, *sent) if not is_empty(value := scalar(one))]
    times = (one for one in given if normalize.time(one, "UTC") is not None)
    moment = given[0] if len(given) == 1 else next(times, given[0] if given else None)
    event = next(_values(above, "eventid"), value_of(place, "eventId"))
    return {name: value for name, value in (("changedAt", moment), ("eventId", event)) if value is not None}
