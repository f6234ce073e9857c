"""From one event to its outcomes. Total: whatever the body holds, there is an outcome, and the body is not changed."""

import json
from collections.abc import Callable, Container, Iterator
from collections.abc import Mapping as Table
from functools import partial
from itertools import count
from typing import Any, NamedTuple

from errors import TooLarge
from mapping import decode, explain, normalize
from mapping.language.expression import View, as_list
from mapping.language.model import ID_FIELDS, NEEDED, SECTIONS, Also, Block, Lookup, Mapping, Named, Record, Section
from mapping.language.rule import First, Fixed, Rule, Select, Template, is_cleared, may_be_fixed, place_of
from mapping.normalize import is_empty
from mapping.outcome import Outcome, Step, Want

MAX_ENTRIES = 100  # phones, e-mails or organizations of one block
MAX_DIRECTIONS = 5_000  # phones and e-mails of one event: each may take 0.1 ms
MAX_WARNINGS = 20
LONGEST_MARK = 40
MOST_TITLES = 8  # of records that took nothing
LOST = "\ufffd"  # what decoders write for bytes that are no letters
WHAT = {"phones": "phone number", "emails": "e-mail address"}

OF_A_CONTACT = ("leadId", "leadLink", "dealLink", "googleClientId")  # what a lead or deal sets on its contact's card
_BESIDE_IDS = {kind: SECTIONS[kind].keys() - {ID_FIELDS[kind], "contactId"} for kind in SECTIONS}
_TELLING = {"organization": ("name",)}  # what a record must say of itself to be one
_TELLING_OF_A_PERSON = ("fullName", "phones", "emails")
_NO_DATA = "the record has an id but no {} that this mapping reads; keys seen: {}"
_NO_ID_OF = "the id does not look like one that the look-up '{}' may ask for"
_UNUSABLE = "0, true, a list, an object, more than 255 characters, or not what this CRM's ids look like"
_NO_CHANGE = "this update changes nothing that the mapping can use: other fields, or only a part of a name"
_DAMAGED = "holds U+FFFD, which stands for letters that were lost: the body was not UTF-8"


class Answer(NamedTuple):
    """What the CRM insists on being answered once everything is durable."""

    status: int
    content_type: str
    body: str


def answer(mapping: Mapping, body: Any) -> Answer | None:
    """Return the answer that the mapping declares for this body, or None for the usual one."""
    reply = mapping.answer
    if reply is None or (reply.when and is_empty(reply.when.read(body, View(body, {}, {}, {})))):
        return None
    if not reply.echo:
        return Answer(reply.status, reply.content_type, reply.body)
    known = body if isinstance(body, dict) else {}
    return Answer(reply.status, reply.content_type, json.dumps({key: known.get(key) for key in reply.echo}))


def run(  # noqa: PLR0913 - the engine's whole interface
    mapping: Mapping,
    body: Any,
    settings: Table[str, str],
    headers: Table[str, str],
    query: Table[str, str],
    *,
    trace: bool = False,
    lost: bool = False,
    lookup: str = "",
) -> list[Outcome]:
    """Return what an event means: at least one outcome.

    Raises nothing but TooLarge, where there are more than 1,000 records or 5,000 phones and e-mails.

    `settings` are the connection's: `crm_url`, `country` (default UA), `time_zone` (default Europe/Kyiv), `responsible`
    (the id where no employee is, default "0"), `link_hosts` (hosts that links may lead to, with commas; default any),
    `mark_deleted` (what is posted before the name of a deleted card; by default it is not posted), and free ones. With
    `trace` the outcomes also say how each field came about. `lost` says that the body has lost letters on its way:
    each outcome then warns of it. `lookup` is the name of the look-up whose answer the body is.
    """
    directions = count(1)
    lower = {name.lower(): value for name, value in headers.items()}

    def mapped(record: Any) -> list[Outcome]:
        view = View(record, settings, lower, query, lookup=lookup)
        return _Event(mapping, view, settings, directions, traced=trace).outcomes()

    outcomes = _by_contract(body, mapped) if mapping.contract else mapped(body)
    return [one._replace(warnings=(*one.warnings, f"the body {_DAMAGED}")) for one in outcomes] if lost else outcomes


def _by_contract(body: Any, mapped: Callable[[Any], list[Outcome]]) -> list[Outcome]:
    """Map each record of an array by itself, if the models of our own contract find no fault with it."""
    from mapping import direct  # noqa: PLC0415 - brings pydantic, which no CRM's event needs

    records = decode.bounded(body) if isinstance(body, list) else [body]
    outcomes: list[Outcome] = []
    for index, record in enumerate(records):
        if fault := direct.fault(record):
            outcomes.append(Outcome("reject", index, code="bad-field", field=fault.field, reason=fault.reason))
        else:
            outcomes += [outcome._replace(position=index) for outcome in mapped(record)]
    return outcomes or [Outcome("reject", code="no-record", reason="the array is empty")]


class _Event:
    """One event while it is mapped."""

    def __init__(
        self, mapping: Mapping, view: View, settings: Table[str, str], directions: "count[int]", *, traced: bool
    ) -> None:
        self.mapping = mapping
        self.view = view
        self.directions = directions  # counts them over all records of the event
        self.found: dict[str, list[Any]] = {}  # what each `each` finds: several records of a mapping ask the same
        self.taken: dict[int, Any] = {}  # by identity; the values keep the identities alive
        self.country = settings.get("country") or "UA"
        self.zone = mapping.time_zone or settings.get("time_zone") or "Europe/Kyiv"
        self.default_responsible = settings.get("responsible") or "0"
        self.hosts = tuple(host.strip().lower() for host in settings.get("link_hosts", "").split(",") if host.strip())
        self.steps: list[Step] | None = [] if traced else None
        self.partial = False  # whether the record at hand may be about any of its fields
        self.whole = False  # whether it empties what it does not name
        self.damaged = ""  # the first field of the record at hand that holds U+FFFD
        self.longest = 0  # of the texts just read that were cut
        self.dropped = 0  # phones or e-mails of the block at hand that are none
        view.lookups = mapping.lookups

    def outcomes(self) -> list[Outcome]:
        """Return one outcome for each item that a record takes, and one for each item that none does."""
        found: list[Outcome] = []
        left: dict[int, tuple[int, Any]] = {}
        wants = 0  # an item may change a card and have its record read as well
        for record in self.mapping.records:
            for index, item in enumerate(self._items(record)):
                if (key := id(item)) in self.taken:
                    continue
                if not self._is_meant(record, item):
                    if key not in left:
                        left[key] = (index, item)
                    continue
                self._take(item)
                if record.reads:
                    lookups = list(map(self._finished, self._lookups(record, record.reads, index, item)))
                    found += lookups
                    wants += len(lookups)
                else:
                    found.append(self._finished(self._outcome(record, index, item)))
                decode.check_number(max(wants, len(found) - wants))
        missed = [index for index, item in left.values() if self._is_missed(item)]
        found += [self._finished(self._unmatched(index)) for index in (missed if found or missed else [0])]
        return found

    def _take(self, item: Any) -> None:
        """Note that a record has taken an item: no other gets it. Lone texts have no identity."""
        if isinstance(item, dict | list) or item is self.view.scopes[""]:
            self.taken[id(item)] = item

    def _is_missed(self, item: Any) -> bool:
        return isinstance(item, dict | list) and item is not self.view.scopes[""] and id(item) not in self.taken

    def _items(self, record: Record) -> list[Any]:
        each = record.each.source if record.each else ""
        if each not in self.found:
            body = self.view.scopes["item"] = self.view.scopes[""]
            self.found[each] = decode.bounded(record.each.records(self.view)) if record.each else [body]
        return self.found[each]

    def _is_meant(self, record: Record, item: Any) -> bool:
        self.view.scopes["item"] = item
        return record.when is None or not is_empty(record.when.read(item, self.view))

    def _finished(self, outcome: Outcome) -> Outcome:
        """Return the outcome with the warnings and steps that were gathered since the last one."""
        if not self.view.warnings and self.steps is None:
            return outcome
        warnings = tuple(dict.fromkeys(self.view.warnings))[:MAX_WARNINGS]
        self.view.warnings.clear()
        steps = tuple(self.steps or ())
        if self.steps is not None:
            self.steps.clear()
        return outcome._replace(warnings=warnings, trace=steps) if warnings or steps else outcome

    def _unmatched(self, index: int) -> Outcome:
        titles = [f"'{record.title}'" for record in self.mapping.records]
        more = [f"and {len(titles) - MOST_TITLES} more"] if len(titles) > MOST_TITLES else []
        tried = "; ".join([*titles[:MOST_TITLES], *more])
        reason = f"nothing in this event matches the mapping '{self.mapping.name}'. Tried: {tried}"
        if self.steps is not None:
            self.steps += explain.mismatches(self.mapping.records, self.view)
        return Outcome("reject", index, code="no-record", reason=reason)

    def _outcome(self, record: Record, index: int, item: Any) -> Outcome:
        self.partial = record.carries in ("partial", "changes")
        self.whole = record.carries == "whole"
        self.view.strict = not self.whole
        self.damaged = ""
        outcome = self._outcome_of(record, index, item)
        if self.damaged and outcome.result not in ("skip", "reject"):
            return outcome._replace(
                result="reject",
                card="",
                fields={},
                code="bad-encoding",
                field=self.damaged,
                reason=f"{self.damaged} {_DAMAGED}",
            )
        if record.also and outcome.result == "change":
            return outcome._replace(wants=self._also(record, item))
        return outcome

    def _outcome_of(self, record: Record, index: int, item: Any) -> Outcome:
        moment = self._changed_at(record.changed_at, item)
        event_id = self._scalar("eventId", record.event_id, "text", item)
        named = partial(Outcome, record.do, index, record.title, changed_at=moment, event_id=event_id)
        if record.do in ("skip", "reject"):
            return named(code=record.code, reason=record.message or record.title)
        if record.do == "change":
            return self._changed(named(kind=record.section, carries=record.carries or "full"), item)
        return self._gone(record, named(kind=record.section), item)

    def _lookups(self, record: Record, reads: Lookup | Named, index: int, item: Any) -> Iterator[Outcome]:
        """Yield one outcome for each record that is to be read: one, unless the event names several ids."""
        event_id = self._scalar("eventId", record.event_id, "text", item)
        ids = decode.bounded(self._ids(record.identity, item))
        if not ids:
            yield self._without_id(
                Outcome("lookup", index, record.title, event_id=event_id), "id", record.identity, item
            )
        for identity in ids:
            if reads.ids.fullmatch(identity):
                wants = (Want(reads.name, identity),)
                yield Outcome("lookup", index, record.title, event_id=event_id, wants=wants)
            else:
                reason = _NO_ID_OF.format(reads.name)
                yield Outcome("reject", index, record.title, event_id=event_id, code="no-id", field="id", reason=reason)

    def _also(self, record: Record, item: Any) -> tuple[Want, ...]:
        """Return what is to be read beside a change."""
        return tuple(want for also in record.also if also.reads for want in self._wants(also, also.reads, item))

    def _wants(self, also: Also, reads: Lookup | Named, item: Any) -> Iterator[Want]:
        ids = self._ids(also.id, item)
        if len(ids) > MAX_ENTRIES:
            self.view.warnings.append(f"{also.place}: of {len(ids)} only the first {MAX_ENTRIES} are looked up")
        for identity in ids[:MAX_ENTRIES]:
            if not reads.ids.fullmatch(identity):
                self.view.warnings.append(f"{also.place}: {_NO_ID_OF.format(reads.name)}")
                continue
            yield Want(reads.name, identity, f"{reads.kind}:{identity}" if also.when == "unknown" else "")

    def _ids(self, rule: Rule | None, item: Any) -> list[str]:
        """Return the ids that a rule finds: one, or all of a list."""
        found: list[str] = []

        def convert(value: Any) -> str | None:
            given = value[: decode.MAX_RECORDS + 1] if isinstance(value, list) else [value]
            found[:] = dict.fromkeys(filter(None, map(normalize.identity, given)))
            return found[0] if found else None

        first = self._read(rule, item, convert) if rule else None
        return found if found and found[0] == first else [first] if first else []

    def _gone(self, record: Record, outcome: Outcome, item: Any) -> Outcome:
        """Return a deletion or erasure. That of a lead is its own card's: its contact stays what it is."""
        field = ID_FIELDS[record.section]
        section = self.mapping.sections.get(record.section)
        rule = record.identity or (section and section.rules.get(field))
        identity = self._scalar(field, rule, "id", item, record.section)
        if identity is None:
            return self._without_id(outcome, field, rule, item)
        mark = normalize.text(self.view.scopes["settings"].get("mark_deleted"), LONGEST_MARK)
        fields = {field: identity, "deleted": mark or True} if record.do == "delete" else {}
        reason = record.message or record.title
        return outcome._replace(card=f"{record.section}:{identity}", fields=fields, code=record.code, reason=reason)

    def _changed(self, outcome: Outcome, item: Any) -> Outcome:
        section = self.mapping.sections[outcome.kind]
        if outcome.kind in ("lead", "deal"):
            if contact := self._id("contactId", outcome.kind, section, item):
                fields = self._fields(outcome.kind, section, item, OF_A_CONTACT)
                return outcome._replace(card=f"contact:{contact}", fields={"externalId": contact, **fields})
            if outcome.kind == "deal":
                return self._without_contact(outcome, section.rules.get("contactId"), item)
        field = ID_FIELDS[outcome.kind]
        identity = self._id(field, outcome.kind, section, item)
        if identity is None:
            return self._without_id(outcome, field, section.rules.get(field), item)
        fields = self._fields(outcome.kind, section, item, _BESIDE_IDS[outcome.kind])
        if not self._is_telling(outcome.kind, section, fields, item):
            return self._without_data(outcome, item)
        if outcome.kind != "organization":
            self._add_default(section, fields)
        kind = "lead" if field == "leadId" else outcome.kind
        return outcome._replace(card=f"{kind}:{identity}", fields={field: identity, **fields})

    def _without_contact(self, outcome: Outcome, rule: Rule | None, item: Any) -> Outcome:
        """Return a deal without a contact: unwanted if it says so, else kept."""
        if rule is not None and rule.is_present(item, self.view) and not self._is_there(rule, item, "0"):
            return outcome._replace(result="skip", code="no-contact", reason="the deal names no contact")
        reason = "the event does not say whose deal it is: no usable contactId was found in it"
        return outcome._replace(result="reject", code="no-contact", field="contactId", reason=reason)

    def _without_id(self, outcome: Outcome, field: str, rule: Rule | None, item: Any) -> Outcome:
        reason = f"{field} is empty: the record cannot be identified"
        if rule is not None and self._is_there(rule, item):
            reason = f"{field} is there but is no usable id: {_UNUSABLE}"
        return outcome._replace(result="reject", code="no-id", field=field, reason=reason)

    def _is_there(self, rule: Rule, item: Any, nothing: str = "") -> bool:
        """Return whether the event holds something for a rule, even if of no use; the text `nothing` counts as none."""
        self.view.seen = None
        there = rule.read(item, self.view, lambda value: None if is_empty(value) else normalize.text(value) or "there")
        return there not in (None, nothing)

    def _without_data(self, outcome: Outcome, item: Any) -> Outcome:
        if outcome.carries == "changes":
            return outcome._replace(result="skip", code="no-change", reason=_NO_CHANGE)
        wanted = "name" if outcome.kind == "organization" else "name, phone or e-mail"
        reason = _NO_DATA.format(wanted, ", ".join(explain.keys_of(item)) or "none")
        return outcome._replace(result="reject", code="no-data", reason=reason)

    def _is_telling(self, kind: str, section: Section, fields: dict[str, Any], item: Any) -> bool:
        """Return whether the record names a part of a person or organization; a partial one may name anything else."""
        telling = _TELLING.get(kind, _TELLING_OF_A_PERSON)
        if (
            fields.get(telling[0])
            or "halfName" in fields
            or any(self._is_given(name, section, item) for name in telling)
        ):
            return True
        return self.partial and any(name not in section.rules or not _is_made(section.rules[name]) for name in fields)

    def _is_given(self, name: str, section: Section, item: Any) -> bool:
        rule = section.rules.get(name)
        if rule is not None:
            return rule.is_present(item, self.view)
        return any(self._is_block_present(name, block, item) for block in section.blocks.get(name, ()))

    def _add_default(self, section: Section, fields: dict[str, Any]) -> None:
        """Set the connection's default where the event says that no one is responsible or its CRM never says who is."""
        if "responsible" in fields or (not self.partial and "responsible" not in section.rules):
            fields["responsible"] = fields.get("responsible") or self.default_responsible
        elif not self.partial and self.default_responsible != "0":
            fields["defaultResponsible"] = self.default_responsible  # counts while the card knows no responsible

    def _id(self, field: str, kind: str, section: Section, item: Any) -> str | None:
        owner = "contact" if field == "contactId" else kind
        return self._scalar(field, section.rules.get(field), "id", item, owner)

    def _fields(self, kind: str, section: Section, item: Any, wanted: Container[str]) -> dict[str, Any]:
        """Return the fields that the event speaks of, and of a whole record all that it could."""
        fields: dict[str, Any] = {}
        for name, rule in section.rules.items():
            if name in wanted:
                self._set_field(fields, name, rule, SECTIONS[kind][name], item)
        if not (self.whole or self.partial or fields.get("fullName")) and "fullName" in wanted:
            fields |= self._half_name(section, item)
        for name, blocks in section.blocks.items():
            for number, block in enumerate(blocks if name in wanted else ()):
                entries = self._entries(name, f"{name}.{number}", block, item)
                if entries is not None:
                    fields[f"{name}.{number}"] = entries
        return fields

    def _set_field(self, fields: dict[str, Any], name: str, rule: Rule, kind: str, item: Any) -> None:
        """Set a field to its value, or to None where the event says that it is empty."""
        value = self._scalar(name, rule, kind, item)
        if self.whole or (value is not None and not may_be_fixed(rule)) or self._is_said(rule, value, kind, item):
            fields[name] = value
        elif self.steps is not None:
            self.steps[-1] = self.steps[-1]._replace(value=None, note=explain.KEPT)

    def _is_said(self, rule: Rule, value: str | None, kind: str, item: Any) -> bool:
        self.view.seen = None
        if value is not None or kind == "link":
            return rule.is_present(item, self.view)
        return is_cleared(rule, item, self.view)

    def _half_name(self, section: Section, item: Any) -> dict[str, Any]:
        """Return what the event has of a name whose other half it does not speak of: better than a bare number."""
        rule = section.rules.get("fullName")
        self.view.strict = False
        known = rule is not None and rule.is_present(item, self.view)
        half = self._scalar("fullName", rule, "text", item) if known else None
        self.view.strict = True
        return {"halfName": half} if half else {}

    def _is_block_present(self, name: str, block: Block, item: Any) -> bool:
        if block.each is not None:
            return block.each.is_present(item, self.view)
        if not self.partial:
            return block.rules[NEEDED[name]].is_present(item, self.view)
        return all(rule.is_present(item, self.view) for name, rule in block.rules.items() if name != "primary")

    def _scalar(self, name: str, rule: Rule | None, kind: str, item: Any, owner: str = "") -> str | None:
        """Return a field's value; `owner` is the kind of the card whose id it is."""
        if rule is None:
            return None
        self.longest = 0
        if kind == "link":
            value = self._link(rule, item)
        else:
            value = self._read(rule, item, self._identity(owner) if kind == "id" else self._text)
            self._check_text(name, rule, value)
        if self.steps is not None:
            self.steps.append(explain.step(name, value, rule, self.view, item))
        return value

    def _identity(self, owner: str) -> Callable[[Any], str | None]:
        like = self.mapping.ids.get(owner)
        return partial(normalize.identity, like=like) if like else normalize.identity

    def _read(self, rule: Rule, item: Any, convert: Callable[[Any], str | None]) -> str | None:
        self.view.seen = None if self.steps is None else []
        return rule.read(item, self.view, convert)

    def _link(self, rule: Rule, item: Any) -> str | None:
        dropped: list[bool] = []

        def convert(value: Any) -> str | None:
            found = normalize.link(value, self.hosts)
            dropped.append(found is None and not is_empty(value))
            return found

        found = self._read(rule, item, convert)
        if found is None and any(dropped):
            self._warn(rule, "a link was dropped: not a plain https address")
        return found

    def _text(self, value: Any) -> str | None:
        if isinstance(value, str) and len(value) > normalize.LONGEST_TEXT:
            self.longest = max(self.longest, len(value))
        return normalize.text(value)

    def _check_text(self, name: str, rule: Rule, value: str | None) -> None:
        """Note that a text was cut, or has lost letters on its way."""
        if self.longest:
            self._warn(rule, f"{self.longest} characters were cut to {normalize.LONGEST_TEXT}")
        if value is not None and LOST in value:
            self.damaged = self.damaged or name

    def _changed_at(self, rule: Rule | None, item: Any) -> int | None:
        if rule is None:
            return None
        read: dict[str, int | None] = {}

        def convert(value: Any) -> str | None:
            given = normalize.written(value)
            if given is None:
                return None
            read[given] = normalize.time(given, self.zone)
            return None if read[given] is None else given

        given = self._read(rule, item, convert)
        moment = read[given] if given in read else normalize.time(given, self.zone) if given else None
        if read and moment is None:
            self._warn(rule, "not a time; arrival counts instead")
        if self.steps is not None:
            self.steps.append(explain.step("changedAt", moment, rule, self.view, item))
        return moment

    def _warn(self, rule: Rule, message: str) -> None:
        self.view.warnings.append(f"{place_of(rule) or self.mapping.source.name}: {message}")

    def _entries(self, kind: str, name: str, block: Block, item: Any) -> list[dict[str, Any]] | None:
        """Return a block's entries, None where the event does not speak of it."""
        steps = len(self.steps or ())
        found = self._spoken_of(kind, name, block, item)
        if found is None and self.steps is not None:
            rule = Select(block.each) if block.each else block.rules[NEEDED[kind]]
            self.steps[steps:] = [explain.absent(name, rule, self.view, item)]
        return found

    def _spoken_of(self, kind: str, name: str, block: Block, item: Any) -> list[dict[str, Any]] | None:
        each, rule = block.each, block.rules[NEEDED[kind]]
        asked = each is not None or self.partial  # a lone value can be read before it is asked for
        if asked and not self.whole and not self._is_block_present(kind, block, item):
            return None
        currents = [item] if each is None else as_list(each.read(item, self.view))
        entries = self._read_entries(kind, name, block, currents) if currents else []
        if entries or self.whole:
            return entries
        if each is None:
            return [] if asked or self._is_block_present(kind, block, item) else None
        return (
            []
            if not currents or any(rule.is_present(current, self.view) for current in currents[:MAX_ENTRIES])
            else None
        )

    def _read_entries(self, kind: str, name: str, block: Block, currents: list[Any]) -> list[dict[str, Any]]:
        if len(currents) > MAX_ENTRIES:
            self.view.warnings.append(f"{block.place}: of {len(currents)} only the first {MAX_ENTRIES} are read")
        read = self._organization if kind == "organizations" else self._directions
        entries: dict[str, dict[str, Any]] = {}
        self.dropped = 0
        for current in currents[:MAX_ENTRIES]:
            for entry in read(name, block, current):
                entries.setdefault((entry.get("value") or entry["externalId"]).casefold(), entry)
        if self.dropped:
            what = f"not a valid {WHAT[kind]}" if self.dropped == 1 else f"{self.dropped} are not valid {WHAT[kind]}s"
            self._warn(block.rules["value"], f"{what}, dropped")
        return list(entries.values())

    def _organization(self, name: str, block: Block, current: Any) -> list[dict[str, Any]]:
        identity = self._scalar(name, block.rules.get("externalId"), "id", current, "organization")
        known_as = self._scalar(f"{name}.name", block.rules.get("name"), "text", current)
        return [{"externalId": identity, "name": known_as}] if identity else []

    def _directions(self, name: str, block: Block, current: Any) -> list[dict[str, Any]]:
        """Return the phones or e-mails that one item holds."""
        self._count_directions(1)
        found, dropped = self._values(name, block.rules["value"], current)
        seen = self.view.seen
        self._count_directions(len(found) - 1)
        self.dropped += dropped
        if not found and not dropped and not is_empty(current) and not isinstance(current, dict):
            self._note_no_object(name, block, current)
        label = self._optional(block.rules.get("name"), current, normalize.text)
        primary = self._optional(block.rules.get("primary"), current, _said_yes) is not None
        if "name" not in block.rules:
            found = [(value, "") for value, _ in found]
        entries = [{"value": value, "name": _label(label, extension), "primary": primary} for value, extension in found]
        if self.steps is not None:
            note = f"not a valid {WHAT[name.partition('.')[0]]}, dropped" if dropped else ""
            self.steps += explain.directions(name, entries, block, seen or [], note)
        return entries

    def _note_no_object(self, name: str, block: Block, current: Any) -> None:
        """Note that a list holds something else than the objects that its mapping wants."""
        wanted = 'an object is wanted here; if it is the value itself, write "@" as the last alternative of value'
        self.view.warnings.append(f"{block.place}: {wanted}")
        if self.steps is not None:
            self.steps.append(Step(name, None, str(block.place), raw=current, note=wanted))

    def _count_directions(self, more: int) -> None:
        """Count what one text holds: as many as its numbers, and one if it holds none."""
        for _ in range(more):
            if next(self.directions) > MAX_DIRECTIONS:
                raise TooLarge(f"A request may have {MAX_DIRECTIONS} phones and e-mails.")

    def _values(self, name: str, rule: Rule, current: Any) -> tuple[list[tuple[str, str]], int]:
        """Return what the first alternative that holds any gives, and how many texts were dropped."""
        seen: dict[str, tuple[list[tuple[str, str]], int]] = {}

        def convert(value: Any) -> str | None:
            given = normalize.written(value)
            if given is None:
                return None
            if LOST in given:
                self.damaged = self.damaged or name
            seen[given] = self._found(name, given)
            return given if seen[given][0] else None

        given = self._read(rule, current, convert)
        if given is None:
            return [], sum(dropped for _, dropped in seen.values())
        return seen[given] if given in seen else self._found(name, given)

    def _found(self, name: str, given: str | None) -> tuple[list[tuple[str, str]], int]:
        """Return values with their extensions, and how many were dropped."""
        if name.startswith("phones"):
            phones, dropped = normalize.phones(given, self.country)
            return [(phone.value, phone.extension) for phone in phones], dropped
        addresses, dropped = normalize.emails(given)
        return [(address, "") for address in addresses], dropped

    def _optional(self, rule: Rule | None, current: Any, convert: Callable[[Any], str | None]) -> str | None:
        return None if rule is None else self._read(rule, current, convert)


def _is_made(rule: Rule) -> bool:
    """Return whether a rule makes its text of an id or of nothing: such a field says nothing of a person."""
    return any(map(_is_made, rule.rules)) if isinstance(rule, First) else isinstance(rule, Template | Fixed)


def _said_yes(value: Any) -> str | None:
    return "yes" if normalize.flag(value) else None


def _label(label: str | None, extension: str) -> str | None:
    """Return a phone's label with its extension: `work ext. 12`."""
    return " ".join(filter(None, (label, extension and f"ext. {extension}"))) or None
