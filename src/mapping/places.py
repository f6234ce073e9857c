"""Where the records of an event are, and what they are, by the usual names of fields and events (`names.py`)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from errors import BadBody
from mapping import decode, names, normalize
from mapping.names import plain
from mapping.normalize import is_empty

DEEPEST = 6  # tables above the contact
ANY = 3  # the rank of a table whose name says nothing
NAMED, EMPTY_DIRECTION, DIRECTION = 1, 2, 3  # how strongly a table looks like a contact
_ID_OF_EVENT = re.compile(  # or of its delivery
    r"(?:evt|event|msg|message|wh|whk|whevt|webhook|hook|req|request|dlv|delivery|notif|notification)[_-]",
    re.IGNORECASE,
)

NOTHING: frozenset[str] = frozenset()
_EVENTS = frozenset(names.EVENTS)
_EVENTS_INSIDE = _EVENTS | {"name"}  # of a table that says what happened
_ID, _NAME = {"externalId", "leadId"}, {"fullName", "first", "last"}
_PEOPLE = names.CONTACTS | names.LEADS
_SILENT = names.HOLDERS | names.FIELDS  # keys that say nothing of what they hold
_LINKS = ("url", "link", "href")

Step = (
    str | int | tuple[str, str, str]
)  # a key, a place in a list, or of a list of pairs: name's key, name, value's key
Path = tuple[Step, ...]
Fields = dict[str, "Field"]  # by plain name


class Field(NamedTuple):
    """A field of a record: its own name, its value, and where it is below the record."""

    name: str
    value: Any
    path: Path


class Place(NamedTuple):
    """A table that may be the contact: where it is in the body, its fields, and the fields of the tables above it."""

    path: Path
    table: dict[str, Any]
    fields: Fields
    above: tuple[Fields, ...] = ()
    usual: Mapping[str, list[Field]] = {}  # those fields by the names of `names.NAMES`, the likeliest first
    strength: int = 0  # how strongly it looks like a contact
    said: frozenset[str] = NOTHING  # the words of the keys that lead to it and of events in it and above it


class Record(NamedTuple):
    """A record that was found, and its kind.

    `contact`, `lead` and `organization`, each also with `deleted ` before it; `deleted` is something whose id nothing
    says, `other` what no contact is made of, `unknown` an event in which no record was found.
    """

    kind: str
    place: Place


def records(body: Any, outside: frozenset[str]) -> list[Record]:
    """Return where the event's records are, and of which kind they are; raise TooLarge for too many.

    `outside` are the words of the event's name beside the body.
    """
    tables = enumerate(decode.bounded(body)) if isinstance(body, list) else [(None, body)]
    return [record for index, table in tables for record in _records(index, _opened(table), outside)]


def _records(index: int | None, body: Any, outside: frozenset[str]) -> list[Record]:
    path = () if index is None else (index,)
    if not isinstance(body, dict):
        return [Record("unknown", Place(path, {}, {}))]
    top = place_of(path, body, (), outside)
    places = _chosen(list(_places(top, top.said)), top.said)
    if not places:
        kind = _kind(top)
        return [Record("deleted" if "deleted" in kind else kind if kind == "other" else "unknown", top)]
    return [Record(_kind(place), place) for place in places]


def words_outside(headers: Mapping[str, str], query: Mapping[str, str]) -> frozenset[str]:
    """Return the words of the event's name beside the body."""
    said = [value for name, value in headers.items() if names.EVENT_HEADER.fullmatch(name)]
    said += [value for name, value in query.items() if plain(name) in names.SPOKEN]
    return NOTHING.union(*map(names.words, said))


def _said(table: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of the event's name in a table, or in a table in it that says what happened."""
    found: list[str] = []
    for name, value in table.items():
        if isinstance(value, str) and plain(name) in _EVENTS:
            found.append(value)
        elif isinstance(value, dict) and plain(name) in names.ENVELOPES:
            found += [inner for key, inner in value.items() if isinstance(inner, str) and plain(key) in _EVENTS_INSIDE]
    return NOTHING.union(*map(names.words, found))


def _opened(table: Any) -> Any:
    """Return a table with the JSON in its texts read, as forms have it."""
    if not isinstance(table, dict):
        return table
    return {
        key: _json(value) if isinstance(value, str) and value[:1] in ("{", "[") else value
        for key, value in table.items()
    }


def _json(value: str) -> Any:
    try:
        return decode.json_text(value)
    except BadBody:
        return value


def place_of(
    path: Path, table: dict[str, Any], above: tuple[Fields, ...] = (), said: frozenset[str] = NOTHING
) -> Place:
    """Return a table as a place; `said` are the words above it."""
    fields = fields_of(table)
    usual = _by_meaning(fields)
    key = key_of(path)
    if key and plain(key) not in _SILENT:
        said = said | names.words(key)
    return Place(path, table, fields, above, usual, _strength(fields, usual), said | _said(table))


def _by_meaning(fields: Fields) -> dict[str, list[Field]]:
    usual: dict[str, list[Field]] = {}
    family = names.family(fields)
    for name, field in fields.items():
        for meaning in ("last",) if name == family else names.MEANT.get(name, ()):
            usual.setdefault(meaning, []).append(field)
    for meaning, found in usual.items():
        if len(found) > 1:
            found.sort(key=lambda field: names.NAMES[meaning].index(plain(field.name)))
    return usual


def _strength(fields: Fields, usual: Mapping[str, list[Field]]) -> int:
    """Return how strongly a table looks like a contact: by a phone or an e-mail, an empty one, a name and an id."""
    directions = [field.value for field in fields.values() if names.slot(field.name)]
    if directions:
        return EMPTY_DIRECTION if all(map(is_empty, directions)) else DIRECTION
    return 0 if _ID.isdisjoint(usual) or _NAME.isdisjoint(usual) else NAMED


def _places(place: Place, said: frozenset[str]) -> Iterator[Place]:
    """Yield every table that may be the contact; below one with a phone or an e-mail only where records are."""
    has_direction = place.strength > NAMED
    if has_direction and not (said & names.TRADE or (said and _NAME.isdisjoint(place.usual))):
        yield place
        return
    inner = [
        one
        for key, value in place.table.items()
        if isinstance(value, dict | list) and not _is_passed_over(key, said) and (not has_direction or _rank(key) < ANY)
        for below in _below(key, value, place)
        for one in _places(below, said)
    ]
    if not (has_direction and any(one.strength > NAMED for one in inner)):
        yield place
    yield from inner


def _below(key: str, value: dict[str, Any] | list[Any], place: Place) -> Iterator[Place]:
    """Yield the tables below a key of a table."""
    above = (*place.above, place.fields)
    if len(place.path) >= DEEPEST:
        return
    if isinstance(value, dict) and plain(key) not in names.FIELDS:
        yield place_of((*place.path, key), value, above, place.said)
    elif isinstance(value, list) and not _is_pairs(value):
        for index, item in enumerate(decode.bounded(value)):
            if isinstance(item, dict):
                yield place_of((*place.path, key, index), item, above, place.said)


def _is_passed_over(key: str, said: frozenset[str]) -> bool:
    name = plain(key)
    if name in ("user", "users") and "user" in said:
        return False
    other = names.OTHER_TABLES.search(name) or (names.EMPLOYEES.search(name) and _rank(key) > 0)
    return bool(other) or (name in names.COMPANIES and not said & names.ORGANIZATIONS) or bool(names.slot(key))


def _rank(key: Step | None) -> int:
    """Return how sure a table's name is to be the contact's: 0 for `contact` and `customer` to 3 for any other."""
    if not isinstance(key, str):
        return 1 if key is None else ANY
    found = names.words(key)
    if found & _PEOPLE and not found & (names.STAFF | names.OTHERS):
        return 0 if found & names.CONTACTS else 1
    return 2 if plain(key) in names.HOLDERS else ANY


def key_of(path: Path) -> str | None:
    """Return the name of the table that a path leads to."""
    return next((step for step in reversed(path) if isinstance(step, str)), None)


def _group(place: Place) -> Path:
    return tuple("[]" if isinstance(step, int) else step for step in place.path)


def _chosen(places: list[Place], said: frozenset[str]) -> list[Place]:
    """Return the lone table, or the tables of the lone list, that is likeliest to be the contact; else nothing."""
    if len(places) == 1:
        return places if places[0].strength > NAMED or _may_be_bare(places[0], said) else []
    best = max(place.strength for place in places)
    found = [place for place in places if place.strength == best and (best > NAMED or _may_be_bare(place, said))]
    if best <= NAMED:
        deepest = max((len(place.path) for place in found), default=0)
        places = found = [place for place in found if len(place.path) == deepest]
    ranks = {_group(place): _rank(key_of(place.path)) for place in found}
    likeliest = [group for group, rank in ranks.items() if rank == min(ranks.values())]
    return [place for place in places if _group(place) == likeliest[0]] if len(likeliest) == 1 else []


def _may_be_bare(place: Place, said: frozenset[str]) -> bool:
    """Return whether a table without phone and e-mail may be a record: it has an id, and is where records are."""
    keys = [step for step in place.path if isinstance(step, str)]
    return not _ID.isdisjoint(place.usual) and all(
        _rank(key) < ANY or "." in key or (names.words(key) & said) for key in keys
    )


def fields_of(table: Mapping[str, Any]) -> Fields:
    """Return the fields of a record by plain name, those of its tables such as `fields` and `attributes` too."""
    found: Fields = {}
    inner: list[Field] = []
    for key, value in table.items():
        name = plain(key)
        if name in names.FIELDS and isinstance(value, dict | list):
            inner += _inner_fields(value, (key,))
        elif name not in found or is_empty(found[name].value):
            found[name] = Field(key, value, (key,))
    for field in inner:
        name = plain(field.name)
        if name not in found or is_empty(found[name].value):
            found[name] = field
    return found


def _inner_fields(value: Any, path: Path) -> Iterator[Field]:
    if isinstance(value, list):
        yield from _pairs(value, path)
        return
    for key, inner in value.items() if isinstance(value, dict) else ():
        if plain(key) in names.FIELDS and isinstance(inner, dict | list) and len(path) < DEEPEST:
            yield from _inner_fields(inner, (*path, key))
        elif isinstance(inner, dict) and (pair := _pair(inner)):
            below = tuple(step[2] for step in pair.path if isinstance(step, tuple))
            yield Field(key, pair.value, (*path, key, *below))
            yield Field(pair.name, pair.value, (*path, key, *below))
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


def _kind(place: Place) -> str:
    """Return what a record is, by the words of its event and its own fields."""
    said, people = place.said, place.said & _PEOPLE
    if said & names.OTHERS or (said & names.STAFF and not people):
        return "other"
    if said & names.DELETIONS or _is_deleted(place.fields):
        return _deleted(said, place)
    if said & names.TRADE and (place.strength < EMPTY_DIRECTION or _rank(key_of(place.path)) > 0):
        return "other"
    if said & names.DETAILS and place.strength < EMPTY_DIRECTION:
        return "other"
    if said - names.KNOWN and not people and place.strength < EMPTY_DIRECTION:
        return "unknown"
    return _subject(said, place)


def _deleted(said: frozenset[str], place: Place) -> str:
    """Return what was deleted: a tag that was taken from a contact is none, and an id alone may be anything's."""
    if said & (names.TRADE | names.DETAILS):
        return "other"
    subjects = said & (_PEOPLE | names.ORGANIZATIONS)
    if said - names.KNOWN and said & names.DELETIONS and not subjects:
        return "unknown"
    return f"deleted {_subject(said, place)}" if subjects or place.strength > 0 else "deleted"


def _subject(said: frozenset[str], place: Place) -> str:
    people = said & names.CONTACTS
    if said & names.ORGANIZATIONS and not people and not said & names.LEADS:
        return "organization"
    return "lead" if _is_lead(place, said, people) else "contact"


def _is_lead(place: Place, said: frozenset[str], people: frozenset[str]) -> bool:
    if value_of(place, "contactId") is not None:
        return False
    return bool(said & names.LEADS and not people) or (value_of(place, "leadId") is not None and not own_id(place))


def _is_deleted(fields: Fields) -> bool:
    flags = [fields[name].value for name in names.DELETED_FLAGS if name in fields]
    states = [fields[name].value for name in ("status", "state") if name in fields]
    gone = any(isinstance(state, str) and state.lower() in names.DELETIONS for state in states[:1])
    return gone or any(normalize.flag(flag) or normalize.time(flag, "UTC") is not None for flag in flags)


def field_of(place: Place, field: str) -> Field | None:
    """Return the likeliest field of a usual name that has a value, else one that is there and empty."""
    found = place.usual.get(field)
    return next((one for one in found if not is_empty(scalar(one.value))), found[0]) if found else None


def value_of(place: Place, name: str) -> Any:
    """Return the one value of a record's field, or None."""
    found = field_of(place, name)
    return scalar(found.value) if found else None


def scalar(value: Any) -> Any:
    """Return the one value of a field, or None."""
    return one_value(value)[1] if isinstance(value, dict | list) else value


def one_value(value: Any) -> tuple[Path, Any]:
    """Return the one value of a list of one, or of a table such as `{"value": …}` or `{"id": …}`, and where it is."""
    if isinstance(value, list) and len(value) == 1:
        path, inner = one_value(value[0])
        return (0, *path), inner
    if not isinstance(value, dict):
        return (), None if isinstance(value, list) else value
    own = {plain(key): key for key in value}
    key = next((own[name] for name in ("value", *names.IDS, *names.VALUE) if name in own), None)
    inner = value.get(key) if key else None
    return ((key,) if key else ()), None if isinstance(inner, dict | list) else inner


def own_id(place: Place) -> Field | None:
    """Return the field that is the record's own id: beside the name of a customer's event `customer_id`, not `id`."""
    found = place.usual.get("externalId", ())
    if len(found) > 1 and not names.SPOKEN.isdisjoint(place.fields):
        found = sorted(found, key=lambda one: plain(one.name).removesuffix("id") not in place.said)
    return next((one for one in found if _is_id(normalize.identity(scalar(one.value)))), None)


def _is_id(identity: str | None) -> bool:
    return identity is not None and not _ID_OF_EVENT.match(identity)


def ids_above(place: Place) -> list[str]:
    """Return the names of the contact's id beside the table that holds it: `contact_id`, never a bare `id`."""
    key = key_of(place.path)
    return [*names.NAMES["contactId"], "recordid", *([plain(key) + "id"] if key else [])]


def with_envelopes(fields: Fields) -> Iterator[Fields]:
    """Yield the fields of a table, and those of each table in it that speaks of the event, such as `meta`."""
    yield fields
    for name in names.ENVELOPES:
        if name in fields and isinstance(inner := fields[name].value, dict):
            yield {plain(key): Field(key, value, (*fields[name].path, key)) for key, value in inner.items()}


def without_tenant(place: Place, *, is_event: bool) -> Fields:
    """Return the fields of a record, but not the account of the CRM's user beside an event's name."""
    if not is_event and names.SPOKEN.isdisjoint(place.fields):
        return place.fields
    return {name: field for name, field in place.fields.items() if name not in names.TENANT}


def link_of(place: Place, name: str) -> Field | None:
    """Return the first field of a usual name that holds a link, else one that is there and empty."""
    found = place.usual.get(name) or (_links_of_profile(place) if name == "contactLink" else [])
    if not found:
        return None
    held = (one for one in found if normalize.link(scalar(one.value)))
    return next(held, None) or next((one for one in found if is_empty(one.value)), None)


def _links_of_profile(place: Place) -> list[Field]:
    """Return the links of a table such as `profile: {url}`."""
    profile = place.fields.get("profile")
    if profile is None or not isinstance(profile.value, dict):
        return []
    return [Field(key, link, (*profile.path, key)) for key, link in profile.value.items() if plain(key) in _LINKS]
