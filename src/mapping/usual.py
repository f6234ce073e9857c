"""The records of an event whose fields have usual names, wherever in the body they lie: what `$usual` sees.

Each is a table with the record's own names, and the usual ones of `names.py` where the record has such a field: a key
that is not in the body is not in the table. `kind` says what the record is; the mapping decides what becomes of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from errors import BadBody
from mapping import decode, names, normalize
from mapping.names import plain

DEEPEST = 6  # tables above the contact
NAMED, EMPTY_DIRECTION, DIRECTION = 1, 2, 3  # how strongly a table looks like a contact
_UNREADABLE_IDS = ("evt_", "evt-", "event_", "msg_", "wh_", "whk_", "req_")  # of an event or its delivery

Step = str | int | tuple[str, str, str]  # a key, a place in a list, or of a list of pairs: name's key, name, value's key
Path = tuple[Step, ...]
Fields = dict[str, "Field"]  # by plain name


class Field(NamedTuple):
    """A field of a record: its own name, its value, and where it lies below the record."""

    name: str
    value: Any
    path: Path


class Place(NamedTuple):
    """A table that may be the contact: where it lies in the body, its fields, and the fields of the tables above it."""

    path: Path
    table: dict[str, Any]
    fields: Fields
    above: tuple[Fields, ...]


class Record(NamedTuple):
    """A record that was found, and its kind.

    `contact`, `lead` and `organization`, each also with `deleted ` before it; `deleted` is something whose id nothing
    says, `other` what no contact is made of, `unknown` an event in which no record was found.
    """

    kind: str
    place: Place


def items(body: Any, headers: Mapping[str, str], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the event's records under the usual names; one that is `unknown` where there are none."""
    outside = _outside(headers, query)
    return [_item(record, outside, query) for record in records(body, headers, query)]


def records(body: Any, headers: Mapping[str, str], query: Mapping[str, str]) -> list[Record]:
    """Return where the event's records lie, and of which kind they are."""
    outside = _outside(headers, query)
    tables = [((index,), table) for index, table in enumerate(body)] if isinstance(body, list) else [((), body)]
    return [record for path, table in tables for record in _records(path, _opened(table), outside)]


def _records(path: Path, body: Any, outside: frozenset[str]) -> list[Record]:
    if not isinstance(body, dict):
        return [Record("unknown", Place(path, {}, {}, ()))]
    said = outside | _said(body)
    places = _chosen(list(_places(body, path, said, ())), said)
    if not places:
        top = Place(path, body, fields_of(body), ())
        kind = _kind(said, top)
        return [Record("deleted" if "deleted" in kind else kind if kind == "other" else "unknown", top)]
    return [Record(_kind(said | _said_at(place), place), place) for place in places]


def _outside(headers: Mapping[str, str], query: Mapping[str, str]) -> frozenset[str]:
    """Return the words of the event's name that stand beside the body."""
    said = [value for name, value in headers.items() if names.EVENT_HEADER.fullmatch(name)]
    said += [value for name, value in query.items() if plain(name) in names.SPOKEN]
    return frozenset().union(*map(names.words, said))


def _said(table: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of the event's name in a table, or in a table in it that says what happened."""
    found: list[str] = []
    for name, value in table.items():
        if isinstance(value, str) and plain(name) in names.EVENTS:
            found.append(value)
        elif isinstance(value, dict) and plain(name) in names.ENVELOPES:
            found += [inner for key, inner in value.items() if isinstance(inner, str) and _tells(key)]
    return frozenset().union(*map(names.words, found))


def _tells(name: str) -> bool:
    return plain(name) in names.EVENTS or plain(name) == "name"


def _said_at(place: Place) -> frozenset[str]:
    """Return the words of the keys that lead to a record, and of the event's name in it and in the tables above."""
    keys = [key for key in place.path if isinstance(key, str) and plain(key) not in names.HOLDERS + names.FIELDS]
    above = [_said({field.name: field.value for field in fields.values()}) for fields in place.above]
    return frozenset().union(_said(place.table), *map(names.words, keys), *above)


def _opened(table: Any) -> Any:
    """Return a table with the JSON read that stands in its texts, as forms have it."""
    if not isinstance(table, dict):
        return table
    return {key: _json(value) if isinstance(value, str) and value[:1] in ("{", "[") else value for key, value in table.items()}


def _json(value: str) -> Any:
    try:
        return decode.json_text(value)
    except BadBody:
        return value


def _places(table: dict[str, Any], path: Path, said: frozenset[str], above: tuple[Fields, ...]) -> Iterator[Place]:
    """Yield every table that may be the contact; below one that has a phone or an e-mail only its own contact is."""
    place = Place(path, table, fields_of(table), above)
    has_direction = _strength(place) > NAMED
    if has_direction and not (said & names.TRADE or (said and not _has(place, "fullName", "first", "last"))):
        yield place
        return
    inner = [
        one
        for key, value in table.items()
        if len(path) < DEEPEST and not _is_passed_over(key, said) and (not has_direction or _rank(key) == 0)
        for one in _below(key, value, path, said, (*above, place.fields))
    ]
    if not any(_strength(one) > NAMED for one in inner) or not has_direction:
        yield place
    yield from inner


def _below(key: str, value: Any, path: Path, said: frozenset[str], above: tuple[Fields, ...]) -> Iterator[Place]:
    if isinstance(value, dict) and plain(key) not in names.FIELDS:
        yield from _places(value, (*path, key), said, above)
    elif isinstance(value, list) and not _is_pairs(value):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                yield from _places(item, (*path, key, index), said, above)


def _is_passed_over(key: str, said: frozenset[str]) -> bool:
    name = plain(key)
    if name in ("user", "users") and "user" in said:
        return False
    other = names.OTHER_TABLES.search(name) or (names.EMPLOYEES.search(name) and not _rank(key) == 0)
    return bool(other) or (name in names.COMPANIES and not said & set(names.ORGANIZATIONS)) or bool(names.slot(key))


def _rank(key: Step | None) -> int:
    """Return how sure a table's name is to be the contact's: 0 for `contact` and `customer` to 3 for any other."""
    if not isinstance(key, str):
        return 1 if key is None else 3
    found = names.words(key)
    if found & {*names.CONTACTS, *names.LEADS} and not found & {*names.STAFF, *names.OTHERS}:
        return 0 if found & {*names.CONTACTS} else 1
    return 2 if plain(key) in names.HOLDERS else 3


def _key_of(path: Path) -> str | None:
    return next((step for step in reversed(path) if isinstance(step, str)), None)


def _group(place: Place) -> Path:
    return tuple("[]" if isinstance(step, int) else step for step in place.path)


def _strength(place: Place) -> int:
    """Return how strongly a table looks like a contact: by a phone or an e-mail, an empty one, a name and an id."""
    directions = [field for field in place.fields.values() if names.slot(field.name)]
    if directions:
        return EMPTY_DIRECTION if all(_is_blank(field.value) for field in directions) else DIRECTION
    return NAMED if _has(place, "externalId", "leadId") and _has(place, "fullName", "first", "last") else 0


def _has(place: Place, *wanted: str) -> bool:
    return any(name in place.fields for field in wanted for name in names.NAMES[field])


def _chosen(places: list[Place], said: frozenset[str]) -> list[Place]:
    """Return the lone table, or the tables of the lone list, that is likeliest to be the contact; else nothing."""
    best = max(map(_strength, places), default=0)
    if best > NAMED:
        found = [place for place in places if _strength(place) == best]
    else:
        found = [place for place in places if _strength(place) == best and _may_be_bare(place, said)]
        deepest = max((len(place.path) for place in found), default=0)
        found = [place for place in found if len(place.path) == deepest]
    ranks = {_group(place): _rank(_key_of(place.path)) for place in found}
    likeliest = [group for group, rank in ranks.items() if rank == min(ranks.values())]
    if len(likeliest) != 1:
        return []
    return [place for place in places if _group(place) == likeliest[0] and (best > NAMED or place in found)]


def _may_be_bare(place: Place, said: frozenset[str]) -> bool:
    """Tell whether a table without phone and e-mail may be a record: it has an id, and lies where records do."""
    keys = [step for step in place.path if isinstance(step, str)]
    return _has(place, "externalId", "leadId") and all(
        _rank(key) < 3 or "." in key or (names.words(key) & said) for key in keys
    )


def fields_of(table: Mapping[str, Any]) -> Fields:
    """Return the fields of a record by plain name, those of its tables such as `fields` and `attributes` too."""
    found: Fields = {}
    for key, value in table.items():
        if plain(key) not in names.FIELDS or not isinstance(value, dict | list):
            _note(found, key, Field(key, value, (key,)))
    for key, value in table.items():
        if plain(key) in names.FIELDS:
            for field in _inner_fields(value, (key,)):
                _note(found, field.name, field)
    return found


def _inner_fields(value: Any, path: Path) -> Iterator[Field]:
    if isinstance(value, list):
        yield from _pairs(value, path)
        return
    for key, inner in value.items() if isinstance(value, dict) else ():
        if plain(key) in names.FIELDS and isinstance(inner, dict | list) and len(path) < DEEPEST:
            yield from _inner_fields(inner, (*path, key))
        elif isinstance(inner, dict) and (pair := _pair(inner)):
            yield Field(key, pair.value, (*path, key, *pair.path[1:]))
            yield Field(pair.name, pair.value, (*path, key, *pair.path[1:]))
        else:
            yield Field(key, inner, (*path, key))


def _pairs(value: list[Any], path: Path) -> Iterator[Field]:
    for item in value:
        if isinstance(item, dict) and (pair := _pair(item)):
            yield Field(pair.name, pair.value, (*path, *pair.path))


def _pair(item: Mapping[str, Any]) -> Field | None:
    """Return the field that a table such as `{"name": "Phone", "value": "067…"}` is."""
    own = {plain(key): key for key in item}
    kind = str(item.get(own.get("type", ""), ""))
    value_key = next((own[name] for name in (*names.PAIR_VALUES, plain(kind)) if name in own), None)
    if value_key is None:
        return None
    titled = {**item, **item["field"]} if isinstance(item.get("field"), dict) else item  # Typeform's answers
    titles = [(key, titled[key]) for name in names.PAIR_NAMES for key in titled if plain(key) == name]
    texts = [(key, text) for key, text in titles if isinstance(text, str) and text]
    known = [(key, text) for key, text in texts if _is_named(text)]
    if not known and names.slot(kind) and not any(names.EMPLOYEES.search(plain(text)) for _, text in texts):
        return Field(kind, item[value_key], ((own["type"], kind, value_key),))
    return next((Field(text, item[value_key], ((key, text, value_key),)) for key, text in known or texts), None)


def _is_named(text: str) -> bool:
    return bool(names.slot(text)) or any(plain(text) in usual for usual in names.NAMES.values())


def _is_pairs(value: list[Any]) -> bool:
    return any(isinstance(item, dict) and _pair(item) and len(item) <= 4 for item in value)  # noqa: PLR2004 - a pair


def _note(found: Fields, name: str, field: Field) -> None:
    key = plain(name)
    if key not in found or _is_blank(found[key].value):
        found[key] = field


def _is_blank(value: Any) -> bool:
    return value in (None, False, "", [], {}) or (isinstance(value, str) and value.isspace())


def _kind(said: frozenset[str], place: Place) -> str:
    """Return what a record is, by the words of its event and its own fields."""
    people = said & {*names.CONTACTS, *names.LEADS}
    if said & names.OTHERS or (said & {*names.STAFF} and not people):
        return "other"
    if said & names.DELETIONS or _is_deleted(place.fields):
        return _deleted(said, place)
    if said & names.TRADE and (_strength(place) < EMPTY_DIRECTION or _rank(_key_of(place.path)) > 0):
        return "other"
    if said & names.DETAILS and _strength(place) < EMPTY_DIRECTION:
        return "other"
    if _has_unknown(said) and not people and _strength(place) < EMPTY_DIRECTION:
        return "unknown"
    return _subject(said, place)


def _has_unknown(said: frozenset[str]) -> bool:
    return not all(map(names.is_known, said))


def _deleted(said: frozenset[str], place: Place) -> str:
    """Return what was deleted: a tag that was taken from a contact is none, and an id alone may be anything's."""
    if said & (names.TRADE | names.DETAILS):
        return "other"
    subjects = said & {*names.CONTACTS, *names.LEADS, *names.ORGANIZATIONS}
    if _has_unknown(said) and said & names.DELETIONS and not subjects:
        return "unknown"
    return f"deleted {_subject(said, place)}" if subjects or _strength(place) > 0 else "deleted"


def _subject(said: frozenset[str], place: Place) -> str:
    people = said & {*names.CONTACTS}
    if said & {*names.ORGANIZATIONS} and not people and not said & {*names.LEADS}:
        return "organization"
    return "lead" if _is_lead(place, said, people) else "contact"


def _is_lead(place: Place, said: frozenset[str], people: frozenset[str]) -> bool:
    if _value(place, "contactId") is not None:
        return False
    return bool(said & {*names.LEADS} and not people) or (_value(place, "leadId") is not None and not _own_id(place))


def _is_deleted(fields: Fields) -> bool:
    flags = [fields[name].value for name in names.DELETED_FLAGS if name in fields]
    state = next((fields[name].value for name in ("status", "state") if name in fields), None)
    gone = isinstance(state, str) and state.lower() in names.DELETIONS
    return gone or any(normalize.flag(flag) or normalize.time(flag, "UTC") is not None for flag in flags)


def path_of(place: Place, field: str) -> Path | None:
    """Return where a field of a record lies below it, or None."""
    found = _field(place, field)
    return found.path if found else None


def _field(place: Place, field: str) -> Field | None:
    """Return the likeliest field of a usual name that has a value, else one that is there and empty."""
    found = [place.fields[name] for name in names.NAMES[field] if name in place.fields]
    return next((one for one in found if not _is_blank(_scalar(one.value))), found[0] if found else None)


def _value(place: Place, field: str) -> Any:
    found = _field(place, field)
    return _scalar(found.value) if found else None


def _scalar(value: Any) -> Any:
    """Return the one value of a list of one, or of a table such as `{"value": …}` or `{"id": …}`; a text as it is."""
    if isinstance(value, list) and len(value) == 1:
        return _scalar(value[0])
    if not isinstance(value, dict):
        return None if isinstance(value, list) else value
    own = {plain(key): inner for key, inner in value.items()}
    found = next((own[name] for name in ("value", *names.IDS, *names.VALUE) if name in own), None)
    return None if isinstance(found, dict | list) else found


def _own_id(place: Place) -> str | None:
    found = [place.fields[name] for name in names.NAMES["externalId"] if name in place.fields]
    ids = [normalize.identity(_scalar(field.value)) for field in found]
    return next((one for one in ids if one and not one.startswith(_UNREADABLE_IDS)), None)


def _id_above(place: Place) -> str | None:
    """Return the contact's id beside the table that holds it: `contact_id`, never the `id` of what holds it."""
    key = _key_of(place.path)
    wanted = (*names.NAMES["contactId"], "recordid", *([plain(key) + "id"] if key else []))
    return next((one for value in _above(place, *wanted) if (one := normalize.identity(_scalar(value)))), None)


def _item(record: Record, outside: frozenset[str], query: Mapping[str, str]) -> dict[str, Any]:
    place = record.place
    partial = "partial" in (query.get("carries"), _value(place, "carries"), *_above(place, "carries"))
    usual: dict[str, Any] = {"kind": record.kind, **_ids(record), **_name(place, partial=partial), **_owner(place)}
    for field in ("staffId", "contactLink", "leadLink", "dealLink", "googleClientId"):
        if found := _field(place, field):
            usual[field] = _scalar(found.value)
    usual |= _link(place) | _directions(place) | _company(place, outside) | _times(place)
    if partial:
        usual["carries"] = "partial"
    own = {key: value for key, value in place.table.items() if key not in _USUAL}
    return {**own, **usual}


_USUAL = frozenset((*names.NAMES, *names.PHONE_SLOTS, *names.EMAIL_SLOTS, "kind"))


def _ids(record: Record) -> dict[str, Any]:
    """Return the ids of a record: of a lead its own and its contact's."""
    place = record.place
    own, above = _own_id(place), _id_above(place)
    contact = normalize.identity(_value(place, "contactId"))
    lead = normalize.identity(_value(place, "leadId"))
    if record.kind.endswith("lead"):
        return {"leadId": lead or own, "contactId": contact}
    found: dict[str, Any] = {"externalId": own or above} if own or above or _has(place, "externalId") else {}
    return found | ({"leadId": lead} if _has(place, "leadId") else {})


def _name(place: Place, *, partial: bool) -> dict[str, Any]:
    """Return the whole name, else its parts in the order of a Ukrainian address book; half a name only for a whole record."""
    whole = _field(place, "fullName")
    if whole and isinstance(whole.value, dict):
        return _name(place._replace(fields=fields_of(whole.value)), partial=False)
    if whole and not _is_blank(_scalar(whole.value)):
        return {"fullName": _scalar(whole.value)}
    parts = [found for part in ("last", "first", "patronymic") if (found := _field(place, part))]
    both = all(_field(place, part) for part in ("last", "first"))
    if parts and (both or (_strength(place) > NAMED and not partial)):
        texts = [normalize.text(_scalar(part.value)) for part in parts]
        return {"fullName": " ".join(filter(None, texts)) or None}
    return {"fullName": None} if whole else {}


def _owner(place: Place) -> dict[str, Any]:
    """Return who is responsible; an employee of whom only other things than an id are told is not read."""
    found = _field(place, "responsible")
    owner = _scalar(found.value) if found else None
    return {"responsible": owner} if found and (owner is not None or _is_blank(found.value)) else {}


def _link(place: Place) -> dict[str, Any]:
    """Return the link of a table such as `profile: {url}`, where the record has none of its own."""
    inner = {plain(name): field.value for name, field in place.fields.items() if isinstance(field.value, dict)}
    profile = inner.get("profile") or {}
    found = next((profile[key] for key in profile if plain(key) in ("url", "link", "href")), None)
    return {"contactLink": found} if found and not _has(place, "contactLink") else {}


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
    elif not _is_blank(value):
        yield {"value": value}


def _of_table(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    own = {plain(key): value for key, value in table.items()}
    known = (*names.VALUE, *(name for name in own if "number" in name and names.slot(name)))
    number = next((own[name] for name in known if not _is_blank(own.get(name))), None)
    if number is None:
        yield from ({"value": value, "name": key} for key, value in table.items() if isinstance(value, str) and value)
        return
    label = next((own[name] for name in names.LABEL if not _is_blank(own.get(name))), None)
    primary = next((own[name] for name in names.PRIMARY if name in own), None)
    yield {"value": _with_code(number, own), "name": label, "primary": primary}


def _with_code(number: Any, own: Mapping[str, Any]) -> Any:
    """Return a number with the calling code that stands beside it, unless it begins with it."""
    given = next((own[name] for known in names.CALLING_CODE for name in own if name.endswith(known)), None)
    code, digits = (normalize.text(given) or "").lstrip("+0"), normalize.text(number) or ""
    if not (code.isdecimal() and code.isascii() and len(code) <= 4) or digits.startswith(("+", "00", code)):  # noqa: PLR2004
        return number
    return f"+{code}{digits.lstrip('0')}"


def _company(place: Place, outside: frozenset[str]) -> dict[str, Any]:
    """Return the contact's organization, but not the account of the CRM's user that stands beside an event's name."""
    beside_event = bool(outside or any(name in place.fields for name in names.SPOKEN))
    fields = {name: one for name, one in place.fields.items() if not (beside_event and name in names.TENANT)}
    table = next((fields[name].value for name in names.COMPANIES if name in fields and _is_tables(fields[name].value)), None)
    if table is not None:
        return {"organizations": [one for one in map(_organization, _listed(table)) if one["externalId"]]}
    identity = next((fields[name] for name in names.NAMES["companyId"] if name in fields), None)
    if identity is None:
        return {}
    title = next((_scalar(fields[name].value) for name in names.NAMES["companyName"] if name in fields), None)
    return {"companyId": _scalar(identity.value), "companyName": title}


def _is_tables(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _organization(table: Mapping[str, Any]) -> dict[str, Any]:
    own = {plain(key): value for key, value in table.items()}
    return {
        "externalId": next((own[name] for name in names.IDS if not _is_blank(own.get(name))), None),
        "name": next((own[name] for name in names.TITLES if not _is_blank(own.get(name))), None),
    }


def _times(place: Place) -> dict[str, Any]:
    """Return when the record changed, else when its event was sent, and the event's id."""
    own = [place.fields[name].value for name in names.NAMES["changedAt"] if name in place.fields]
    sent = _above(place, *names.NAMES["changedAt"], *names.SENT_AT)
    given = [value for one in (*own, *sent) if not _is_blank(value := _scalar(one))]
    moment = next((one for one in given if normalize.time(one, "UTC") is not None), given[0] if given else None)
    event = next(iter((*_above(place, "eventid"), _value(place, "eventId"))), None)
    return {name: value for name, value in (("changedAt", moment), ("eventId", event)) if value is not None}


def _above(place: Place, *wanted: str) -> list[Any]:
    """Return the values of fields of the tables above a record, the nearest first."""
    return [fields[name].value for fields in reversed(place.above) for name in wanted if name in fields]
