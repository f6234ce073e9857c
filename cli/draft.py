"""A mapping drafted from one sample: where the contact is and what its fields are called, as `generic` finds them.

No value gets into the draft, but the event's name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from cli.flatten import leaves
from cli.flatten import name as quoted
from mapping import names, normalize
from mapping.language.reading import NO_ID, NO_PHONE
from mapping.names import plain
from mapping.normalize import is_empty
from mapping.places import (
    Field,
    Path,
    Place,
    Record,
    Step,
    field_of,
    ids_above,
    link_of,
    one_value,
    own_id,
    place_of,
    records,
    with_envelopes,
    without_tenant,
    words_outside,
)

KINDS = ("contact", "lead", "deleted contact", "deleted lead")  # that a draft is made for, the best first
OTHERS = ("responsible", "contactLink", "leadLink", "dealLink", "googleClientId")
FEWEST_DIGITS = 9  # of what may be a phone, judged by its value alone
MOST_CANDIDATES = 5
_PHONE = re.compile(r"[+(]?[\d\s().-]{9,24}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d.*|\d{1,2}\.\d{1,2}\.\d{4}.*|1\d{9}|1\d{12}")
_NAME = re.compile(r"[^\W\d_][^\W\d_'’-]+(?: [^\W\d_][^\W\d_.'’-]+){1,3}")

EMPTY: Mapping[str, str] = {}
Lines = Iterator[str]
Block = dict[str, str | None]  # the keys of a table of the draft, and their values as TOML


class _Json(str):
    """A key whose value is JSON in a text."""

    __slots__ = ()


class Draft(NamedTuple):
    """A drafted file; what was found, each with its expression; and what was not, with what it might be."""

    text: str
    found: dict[str, list[str]]
    missing: tuple[str, ...]


class Said(NamedTuple):
    """What happened, as the event says it: the field's expression, and the names of events that concern contacts."""

    expression: str
    value: str
    subject: str  # how they begin; empty where the sample does not show it
    deletions: tuple[str, ...]


def draft(body: Any, crm: str = "", headers: Mapping[str, str] | None = None) -> Draft:
    """Return a valid mapping for bodies like this one; what no name identifies is in its comments and in `missing`."""
    found = [one for one in records(body, words_outside(headers or {}, {})) if one.kind in KINDS]
    record = min(found, key=lambda one: KINDS.index(one.kind), default=Record("unknown", Place((), {}, {})))
    fields = _Fields(record, _texts(body), headers or {})
    expressions = fields.expressions()
    lines = [*_head(crm), *_event(fields), *_records(fields), *_contact(fields), *_blocks(fields)]
    seen = fields.place.table if fields.listed else body  # what an expression of the draft sees
    missing = [_missing(field, seen, expressions) for field in expressions if not expressions[field]]
    if fields.deleted:
        missing.append("contact: the sample is a deletion; draft from a sample of a change")
    return Draft("\n".join(lines) + "\n", expressions, tuple(missing))


def _texts(body: Any) -> frozenset[str]:
    """Return the keys of a body whose values are JSON in a text."""
    items = body.items() if isinstance(body, dict) else ()
    return frozenset(key for key, value in items if isinstance(value, str) and value[:1] in ("{", "["))


def _head(crm: str) -> Lines:
    yield "#:schema ../mapping.schema.json"
    yield "# Drafted from one sample by the names of its fields: compare it with what `bridge explain` shows."
    yield "format  = 1"
    yield f"crm     = {_toml(crm or 'CRM')}     # the name of this CRM in Ringostat; never change it later"
    yield 'verify  = "path-token, header-token"     # how its requests can prove where they come from'
    yield '# carries = "partial"     # if its events hold only what changed: half a name must not replace a whole one'
    yield ""


def _event(fields: "_Fields") -> Lines:
    yield from _assigned({"changedAt": fields.time(), "eventId": fields.event_id()})
    if not fields.time():
        yield "# changedAt: no field of the sample says when it was changed; its arrival counts"
    yield ""


def _records(fields: "_Fields") -> Lines:
    """Yield the records: what was deleted, what is not wanted, and the contact or lead."""
    each, said = fields.each(), fields.said()
    common: Block = {"each": _toml(each) if each else None}
    named: Block = {"title": _toml(fields.section), **common}
    kind: Block = {"as": _toml(fields.section) if fields.section != "contact" else None}
    if said is not None:
        yield f"# {said.expression} says what happened: compare the names below with those that the CRM documents."
    gone = fields.deletion(said)
    if gone:
        yield from (
            "[[record]]",
            *_assigned({**named, "title": _toml(f"{fields.section} deleted"), "when": _toml(gone)}),
        )
        yield from ('do    = "delete"', *_assigned(kind), "")
    elif said is not None:
        equal = _toml(f"{said.expression} == '…'")
        yield from ("# [[record]]", '# title = "contact deleted"', f"# when  = {equal}", '# do    = "delete"', "")
    if said is not None and said.subject:
        begins = f"starts_with({said.expression}, {_text(said.subject)})"
        yield from ("# [[record]]", '# title   = "something else than a contact"')
        yield from (f"# when    = {_toml(f'{said.expression} && !{begins}')}", '# do      = "skip"')
        yield from ('# message = "only contacts are read; leave other events out of the webhook"', "")
        yield from ("[[record]]", *_assigned({**named, **kind, "when": _toml(f"{said.expression} && {begins}")}), "")
    elif said is not None or each is not None or fields.section != "contact":
        yield from ("[[record]]", *_assigned({**named, **kind}), "")


def _contact(fields: "_Fields") -> Lines:
    yield f"[{fields.section}]"
    of_contact: Block = {"externalId": fields.identity() or _toml(NO_ID), "leadId": fields.found("leadId")}
    of_lead: Block = {"contactId": fields.found("contactId"), "leadId": fields.lead_id() or _toml(NO_ID)}
    ids = of_lead if fields.section == "lead" else of_contact
    yield from _assigned({"fullName": fields.full_name(), **ids, **{name: fields.found(name) for name in OTHERS}})
    if not fields.found("responsible") and (user := fields.user()):
        yield f"# responsible = {user}     # is this the employee, not a visitor or a user of the CRM's form?"
    if not fields.found("contactLink"):
        yield "# As the CRM's own addresses look:"
        yield f'# {fields.section}Link = {{ template = "{{$settings.crm_url}}/{fields.section}s/{{id}}" }}'


def _blocks(fields: "_Fields") -> Lines:
    phones, emails = fields.directions(email=False), fields.directions(email=True)
    kinds: dict[str, list[Block]] = {
        "phones": phones if phones or emails else [{"value": _toml(NO_PHONE)}],
        "emails": emails,
        "organizations": list(fields.organizations()),
    }
    for kind, blocks in kinds.items():
        for block in blocks:
            yield from ("", f"[[{fields.section}.{kind}]]", *_assigned(block))


class _Fields:
    """The fields of the sample's contact as expressions in TOML; those of what holds it begin with `$` in a list."""

    def __init__(self, record: Record, texts: frozenset[str] = frozenset(), headers: Mapping[str, str] = EMPTY) -> None:
        path = record.place.path
        opened = (_Json(path[0]), *path[1:]) if path and isinstance(path[0], str) and path[0] in texts else path
        self.place = record.place._replace(path=opened)
        self.section = "lead" if record.kind.endswith("lead") else "contact"
        self.deleted = record.kind.startswith("deleted")
        self.headers = headers
        self.listed = any(isinstance(step, int) for step in self.place.path)
        self.prefix: Path = () if self.listed else self.place.path

    def each(self) -> str | None:
        """Return the expression of the list that the contact is in, or None."""
        if not self.listed:
            return None
        every = "".join("[]" if isinstance(step, int) else f".{_step(step)}" for step in self.place.path)
        return every.removesuffix("[]").removeprefix(".") or "@"

    def _own(self, field: Field | None) -> str | None:
        return _toml(_expression((*self.prefix, *field.path, *one_value(field.value)[0]))) if field else None

    def _above(self, *wanted: str) -> str | None:
        """Return a field of what holds the contact, the nearest first."""
        levels = reversed(list(zip(_levels(self.place.path), self.place.above, strict=False)))
        tables = [(path, fields) for path, above in levels for fields in with_envelopes(above)]
        found = ((path, fields[name]) for path, fields in tables for name in wanted if name in fields)
        path, field = next((one for one in found if not is_empty(one[1].value)), ((), None))
        if field is None or (self.listed and any(isinstance(step, int) for step in path)):
            return None
        return _toml(("$." if self.listed else "") + _expression((*path, *field.path)))

    def found(self, name: str) -> str | None:
        """Return the expression of a field."""
        field = link_of(self.place, name) if name.endswith("Link") else field_of(self.place, name)
        if field is None:
            return None
        if field.value == []:
            return self._own(field._replace(path=(*field.path, 0)))
        known = is_empty(field.value) or one_value(field.value)[1] is not None
        return self._own(field) if known else None

    def identity(self) -> str | None:
        """Return the contact's own id, else what holds it says as `contact_id`."""
        return self._own(own_id(self.place)) or self._above(*ids_above(self.place))

    def lead_id(self) -> str | None:
        """Return the lead's own id."""
        return self.found("leadId") or self._own(own_id(self.place))

    def deletion(self, said: Said | None) -> str | None:
        """Return when a record is a deletion, as the sample shows it, or as its event's names suggest."""
        names_of = ((said.value,) if self.deleted else ()) + said.deletions if said else ()
        if said and names_of:
            return f"contains([{', '.join(map(_text, dict.fromkeys(names_of)))}], {said.expression})"
        flags = [self.place.fields[name] for name in names.DELETED_FLAGS if name in self.place.fields]
        flag = next((flag for flag in flags if self.deleted and not is_empty(flag.value)), None)
        return _expression((*self.prefix, *flag.path)) if flag else None

    def time(self) -> str | None:
        """Return when the contact changed, else when its event was sent."""
        own = self.place.usual.get("changedAt", ())
        found = next((field for field in own if normalize.time(field.value, "UTC") is not None), None)
        return self._own(found) or self._above(*names.NAMES["changedAt"], *names.SENT_AT)

    def event_id(self) -> str | None:
        """Return the event's id."""
        return self.found("eventId") or self._above(*names.NAMES["eventId"])

    def user(self) -> str | None:
        """Return a user's id, of which only a person knows whose it is."""
        field = self.place.fields.get("userid")
        return self._own(field)

    def full_name(self) -> str | None:
        """Return the rule of the name: the whole one, else its parts in the order of a Ukrainian address book."""
        field = field_of(self.place, "fullName")
        if field and isinstance(field.value, dict):
            return _Fields(Record("contact", place_of((*self.prefix, *field.path), field.value))).full_name()
        whole = self.found("fullName")
        parts = [part for name in ("last", "first", "patronymic") if (part := self.found(name))]
        joined = f"{{ join = [{', '.join(parts)}] }}" if len(parts) > 1 else "".join(parts)
        return f"[{whole}, {joined}]" if whole and joined else whole or joined or None

    def directions(self, *, email: bool) -> list[Block]:
        """Return a block for each field of phones or of e-mails."""
        slots = names.EMAIL_SLOTS if email else names.PHONE_SLOTS
        fields = [field for field in self.place.fields.values() if names.slot(field.name) in slots]
        return [block for field in fields if (block := self._block(field))]

    def _block(self, field: Field) -> Block | None:
        """Return the block for one text, a list of texts, or one table or a list of them."""
        expression = _toml(_expression((*self.prefix, *field.path)))
        first = field.value[0] if isinstance(field.value, list) and field.value else field.value
        if not isinstance(first, dict):
            return {"each": expression, "value": '"@"'} if isinstance(field.value, list) else {"value": expression}
        known = {plain(key): quoted(key) for key in first}
        usual = (*names.VALUE, *(name for name in known if "number" in name and names.slot(name)))
        value = next((known[name] for name in usual if name in known), None)
        if value is None:
            labelled = first and first is field.value and all(isinstance(one, str) for one in first.values())
            each = f"values({_expression((*self.prefix, *field.path))})"
            return {"each": _toml(each), "value": '"@"'} if labelled else None
        primary = next((_toml(known[name]) for name in names.PRIMARY if name in known), None)
        return {"each": expression, "value": _with_code(value, known, first), "primary": primary}

    def organizations(self) -> Iterator[Block]:
        """Yield the block of the contact's company, if the sample has its id; not the CRM user's own account."""
        fields = without_tenant(self.place, is_event=False)
        for name in names.COMPANIES:
            inner = fields[name].value if name in fields else None
            table = inner[0] if isinstance(inner, list) and inner else inner
            if isinstance(table, dict):
                own = {plain(key): _toml(quoted(key)) for key in table}
                identity = next((own[usual] for usual in names.IDS if usual in own), None)
                title = next((own[usual] for usual in names.TITLES if usual in own), None)
                each = _toml(_expression((*self.prefix, *fields[name].path)))
                yield from [{"each": each, "name": title, "externalId": identity}] if identity else []
                return
        identifier = next((fields[name] for name in names.NAMES["companyId"] if name in fields), None)
        title_field = next((fields[name] for name in names.NAMES["companyName"] if name in fields), None)
        if identifier:
            yield {"name": self._own(title_field), "externalId": self._own(identifier)}

    def said(self) -> Said | None:
        """Return what the event says of what happened, best where that names contacts."""
        levels = [*zip(_levels(self.place.path), self.place.above, strict=False), (self.prefix, self.place.fields)]
        found: list[tuple[str, str]] = []
        for path, fields in levels:
            if self.listed and any(isinstance(step, int) for step in path):
                continue  # it is another one for each item
            before = "$." if self.listed and fields is not self.place.fields else ""
            named = [table[name] for table in with_envelopes(fields) for name in names.EVENTS if name in table]
            found += [
                (before + _expression((*path, *one.path)), one.value) for one in named if isinstance(one.value, str)
            ]
        headers = [(name, text) for name, text in self.headers.items() if names.EVENT_HEADER.fullmatch(name)]
        found += [(f"$headers.{quoted(name)}", text) for name, text in headers]
        events = [_said(expression, value) for expression, value in found if names.words(value)]
        return min(events, key=lambda said: not said.subject, default=None)

    def expressions(self) -> dict[str, list[str]]:
        """Return for each of the fields that matter the expressions that were found for it."""
        scalars = {"fullName": self.full_name(), "externalId": self.identity(), "time": self.time()}
        blocks = {"phones": self.directions(email=False), "emails": self.directions(email=True)}
        listed = {kind: [str(block.get("each") or block["value"]) for block in found] for kind, found in blocks.items()}
        return {**{name: [rule] if rule else [] for name, rule in scalars.items()}, **listed}


def _with_code(value: str, known: Mapping[str, str], entry: Mapping[str, Any]) -> str:
    """Return the rule of a number, behind the calling code beside it."""
    code = next((key for usual in names.CALLING_CODE for name, key in known.items() if name.endswith(usual)), None)
    given = next((str(entry[key]) for key in entry if quoted(key) == code), "")
    if code is None or not re.fullmatch(r"\+?\d{1,4}", given):
        return _toml(value)
    return f'[{{ join = [{_toml(code)}, {_toml(value)}], with = "" }}, {_toml(value)}]'


def _levels(path: Path) -> Iterator[Path]:
    """Yield where the tables above a record are; a list is no table."""
    at = 1 if path and isinstance(path[0], int) else 0
    while at < len(path):
        yield path[:at]
        at += 2 if at + 1 < len(path) and isinstance(path[at + 1], int) else 1


def _said(expression: str, value: str) -> Said:
    """Return how the events of contacts begin, and the likely names of their deletion, spelt as this one is."""
    subject = _subject(value)
    if not subject or subject == value:
        return Said(expression, value, subject, ())
    between = re.match(r"[._:/\s-]*", value[len(subject) :])
    glue, upper = between[0] if between else "", value.isupper()
    verbs = ("deleted", "delete", "removed", "destroyed")
    spelt = [verb.upper() if upper else verb.capitalize() if not glue else verb for verb in verbs]
    return Said(expression, value, subject, tuple(subject + glue + verb for verb in spelt))


def _subject(value: str) -> str:
    """Return how an event's name begins, if that says a contact or lead."""
    start = re.match(r"[A-Za-z]+?(?=[._:/\s-]|[A-Z](?=[a-z])|$)", value)
    return start[0] if start and names.words(start[0]) & {*names.CONTACTS, *names.LEADS} else ""


def _missing(field: str, body: Any, found: Mapping[str, list[str]]) -> str:
    """Say that a field was not found, and what of the sample looks like it by its value."""
    what = {
        "externalId": "externalId: no name looks like the contact's id; put the right one in the place of \""
        + NO_ID
        + '"',
        "fullName": "fullName: no name looks like a person's name",
        "phones": "phones: no name looks like a phone"
        + ("" if found["emails"] else f'; put the right one in the place of "{NO_PHONE}"'),
        "emails": "emails: no name looks like an e-mail address",
        "time": "time: no name looks like the time of the change, so arrival counts",
    }[field]
    looking = [expression for expression, value in leaves(body) if _looks_like(field, expression, value)]
    candidates = ", ".join(looking[:MOST_CANDIDATES])
    return f"{what}; by its value it may be {candidates}" if candidates else what


def _looks_like(field: str, expression: str, value: Any) -> bool:
    given = value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""
    if field == "phones":
        digits = sum(map(str.isdigit, given))
        return digits >= FEWEST_DIGITS and bool(_PHONE.fullmatch(given)) and bool(normalize.phones(given, "UA")[0])
    if field == "emails":
        return "@" in given and bool(normalize.emails(given)[0])
    if field == "time":
        return bool(_TIME.fullmatch(given)) and normalize.time(given, "UTC") is not None
    if field == "fullName":
        return bool(_NAME.fullmatch(given))
    last = re.split(r"[.\"\]]+", expression.rstrip('"'))[-1]
    return bool(given) and plain(last).endswith(("id", "code", "key"))


def _expression(path: Path) -> str:
    """Return a path as an expression; a field of a list of pairs by its name."""
    written = ""
    for step in path:
        if isinstance(step, int):
            written += f"[{step}]"
        elif isinstance(step, tuple):
            key, name, value = step
            written = f"{written}[?{quoted(key)}=={_text(name)}] | [0].{quoted(value)}"
        else:
            written += f".{_step(step)}" if written else _step(step)
    return written or "@"


def _step(key: Step) -> str:
    return f"json({quoted(str(key))})" if isinstance(key, _Json) else quoted(str(key))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _toml(text: str) -> str:
    """Return a text as TOML, in single quotes if it has double ones."""
    return f"'{text}'" if '"' in text and "'" not in text else json.dumps(text, ensure_ascii=False)


def _assigned(block: Block) -> Lines:
    """Yield `name = value` lines with the signs of equality below each other."""
    given = {name: value for name, value in block.items() if value}
    widest = max(map(len, given), default=0)
    for name, value in given.items():
        yield f"{name:{widest}} = {value}"
