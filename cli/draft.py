"""A mapping drafted from one sample: names of fields are compared with the usual ones; no value gets into the draft."""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from cli import field_names
from cli.flatten import name as quoted
from mapping import normalize

DEEPEST = 4  # tables above the contact
OTHERS = ("responsible", "leadId", "contactLink", "leadLink", "dealLink", "googleClientId")

Path = tuple[str, ...]
Lines = Iterator[str]
Block = dict[str, str | None]  # the keys of a table of the draft, and their values as TOML


class Contact(NamedTuple):
    """Where the contact stands in a body: the keys that lead to it, and whether it is the first of a list there."""

    path: Path
    data: dict[str, Any]
    listed: bool = False


class Draft(NamedTuple):
    """A drafted file, and what a person must still find."""

    text: str
    missing: tuple[str, ...]


def draft(body: Any, crm: str = "") -> Draft:
    """Return a valid mapping for bodies like this one; what no name suggests is in its comments and in `missing`."""
    fields = _Fields(body, max(_tables(body), key=_likeness, default=Contact((), {})))
    missing = []
    if not fields.found("externalId"):
        missing.append('externalId: no name looks like an id; put the right one in the place of "id"')
    if not fields.has_directions():
        missing.append('phones: no name looks like a phone; put the right one in the place of "phone"')
    lines = [*_head(crm), *_event(fields), *_contact(fields), *_blocks(fields)]
    return Draft("\n".join(lines) + "\n", tuple(missing))


def _head(crm: str) -> Lines:
    yield "#:schema ../mapping.schema.json"
    yield "# Drafted from one sample by the names of its fields: compare it with what `bridge explain` shows."
    yield "format = 1"
    yield f"crm    = {_toml(crm or 'CRM')}     # the name that its contacts bear in Ringostat; never change it later"
    yield ""


def _event(fields: "_Fields") -> Lines:
    yield from _assigned({"changedAt": fields.found("changedAt"), "eventId": fields.found("eventId")})
    if not fields.found("changedAt"):
        yield "# changedAt: no field of the sample says when it was changed; its arrival counts"
    if fields.contact.listed:
        yield from ("", "[[record]]", 'title = "contact"', f"each  = {_toml(_expression(fields.contact.path))}")
    yield ""


def _contact(fields: "_Fields") -> Lines:
    yield "[contact]"
    scalars: Block = {"fullName": fields.full_name(), "externalId": fields.found("externalId") or '"id"'}
    yield from _assigned({**scalars, **{name: fields.found(name) for name in OTHERS}})
    if not fields.found("contactLink"):
        yield "# As the CRM's own addresses look:"
        yield '# contactLink = { template = "{$settings.crm_url}/contacts/{id}" }'


def _blocks(fields: "_Fields") -> Lines:
    phones = list(fields.directions(field_names.is_phone))
    kinds: dict[str, list[Block]] = {
        "phones": phones if fields.has_directions() else [{"value": '"phone"'}],
        "emails": list(fields.directions(field_names.is_email)),
        "organizations": list(fields.organizations()),
    }
    for kind, blocks in kinds.items():
        for block in blocks:
            yield from ("", f"[[contact.{kind}]]", *_assigned(block))


def _tables(value: Any, path: Path = ()) -> Iterator[Contact]:
    """Yield every table that could be the contact: those below tables, and the first of each list."""
    if isinstance(value, dict):
        yield Contact(path, value)
        for key, inner in value.items() if len(path) < DEEPEST else ():
            if not field_names.is_other(key):
                yield from _tables(inner, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        yield Contact(path, value[0], listed=True)


def _likeness(contact: Contact) -> tuple[int, int]:
    """Return how much a table looks like a person, and how near to the top it is."""
    plain = {field_names.plain(key) for key in contact.data}
    fields = ("externalId", "fullName", "first", "last", "responsible")
    named = sum(bool(plain & set(field_names.NAMES[field])) for field in fields)
    directions = sum(field_names.is_phone(key) or field_names.is_email(key) for key in contact.data)
    return named + 2 * min(directions, 2), -len(contact.path)


class _Fields:
    """Finds fields in the contact; times and ids of the event also at the top of the body."""

    def __init__(self, body: Any, contact: Contact) -> None:
        self.contact = contact
        self.body = body if isinstance(body, dict) else {}
        self.prefix: Path = () if contact.listed else contact.path
        self.whole = "$." if contact.listed else ""

    def found(self, field: str) -> str | None:
        """Return the expression of a field as TOML."""
        if path := _path(field, self.contact.data):
            return _toml(_expression((*self.prefix, *path)))
        if field in ("changedAt", "eventId") and (path := _path(field, self.body)):
            return _toml(self.whole + _expression(path))
        return None

    def full_name(self) -> str | None:
        """Return the rule of the name: the whole one, else its parts in the order of a Ukrainian address book."""
        whole = self.found("fullName")
        parts = [part for name in ("last", "first", "patronymic") if (part := self.found(name))]
        joined = f"{{ join = [{', '.join(parts)}] }}" if len(parts) > 1 else "".join(parts)
        return f"[{whole}, {joined}]" if whole and joined else whole or joined or None

    def has_directions(self) -> bool:
        """Tell whether any name says phone or e-mail."""
        return any(True for kind in (field_names.is_phone, field_names.is_email) for _ in self.directions(kind))

    def directions(self, is_kind: Callable[[str], bool]) -> Iterator[Block]:
        """Yield a block for each field whose name is of a kind."""
        for key, value in self.contact.data.items():
            if is_kind(key) and (block := _block(value, _toml(_expression((*self.prefix, key))))):
                yield block

    def organizations(self) -> Iterator[Block]:
        """Yield the block of the contact's company, if the sample has its id."""
        if identity := self.found("companyId"):
            yield {"name": self.found("companyName"), "externalId": identity}


def _path(field: str, data: dict[str, Any]) -> Path | None:
    """Return the keys of the likeliest field: of the table itself, else of a table in it."""
    own = {field_names.plain(key): key for key, value in data.items() if _suits(field, value)}
    if direct := next((own[wanted] for wanted in field_names.NAMES[field] if wanted in own), None):
        return (direct,)
    for key, inner in data.items():
        for below, value in inner.items() if isinstance(inner, dict) else ():
            if field_names.is_nested(field, key, below) and _suits(field, value):
                return (key, below)
    return None


def _suits(field: str, value: Any) -> bool:
    """Tell whether a value can be what the field's name promises; an empty one can."""
    if isinstance(value, dict | list):
        return False
    if field == "changedAt":
        return value is None or normalize.time(value, "UTC") is not None
    return not field.endswith("Link") or not value or str(value).startswith("https://")


def _block(value: Any, expression: str) -> Block | None:
    """Return the block for one text, a list of texts, or one table or a list of them."""
    first = value[0] if isinstance(value, list) and value else value
    if not isinstance(first, dict):
        return {"each": expression, "value": '"@"'} if isinstance(value, list) else {"value": expression}
    known = {field_names.plain(key): _toml(quoted(key)) for key in first}
    number, primary = (
        next((known[name] for name in usual if name in known), None)
        for usual in (field_names.VALUE, field_names.PRIMARY)
    )
    return {"each": expression, "value": number, "primary": primary} if number else None


def _expression(path: Sequence[str]) -> str:
    return ".".join(map(quoted, path)) or "@"


def _toml(text: str) -> str:
    """Return a text as TOML, in single quotes if it has double ones."""
    return f"'{text}'" if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)


def _assigned(block: Block) -> Lines:
    """Yield `name = value` lines with the signs of equality below each other."""
    given = {name: value for name, value in block.items() if value}
    widest = max(map(len, given), default=0)
    for name, value in given.items():
        yield f"{name:{widest}} = {value}"
