"""From a mapping file, and the preset that it extends, to a Mapping; all problems are reported at once."""

from collections.abc import Callable, Collection
from collections.abc import Mapping as Table
from functools import cache, lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from errors import BadMapping, did_you_mean
from mapping.language.calls import CallReader
from mapping.language.model import ID_FIELDS, Also, Lookup, Mapping, Named, Parts, Record, Section
from mapping.language.parser import Reader
from mapping.language.positions import Place, Source
from mapping.language.reading import Problem
from mapping.language.rule import Rule, spelt

PRESETS = Path(__file__).parents[1] / "presets"
DEEPEST_EXTENDS = 5
SUFFIX = ".toml"
API_SUFFIX = "-api"
_NONE: Table[str, Any] = MappingProxyType({})
Tables = Table[str, Table[str, str]]


class Stored(NamedTuple):
    """A mapping outside the bundle: its text, and the `[lookups]` that stand outside the text and replace its own."""

    source: Source
    tables: Tables = _NONE


class _Asking(NamedTuple):
    """What a mapping that names another by `api` must know of it."""

    crm: str = ""
    has_api: bool = False
    calls: Table[str, Named] = _NONE


@lru_cache(maxsize=64)
def load(name: str) -> Mapping:
    """Return the mapping of a preset's or user's file in `presets/`; raises BadMapping with all its problems."""
    return _checked(Stored(_preset(name)), name)


def answers_of(mapping: Mapping) -> Mapping:
    """Return the mapping that says how the CRM is asked and reads what it answers; raises BadMapping."""
    if mapping.answers:
        return mapping.answers()
    return load(mapping.api_name) if mapping.api_name else mapping


def load_file(path: str | Path) -> Mapping:
    """Return the mapping of any file; its `extends` names a preset. Raises BadMapping with all its problems."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadMapping(f"{path}: error: cannot be read as UTF-8 text ({type(error).__name__})") from None
    return _checked(Stored(Source(str(path), text)), Path(path).stem)


def load_stored(
    stored: Stored, others: Table[str, Stored], *, whole: bool = True, near: Collection[str] = ()
) -> Mapping:
    """Return a stored mapping; its `extends` and `api` name one of `others`, or one of the bundle.

    What `api` names is checked where it is `whole`, else once it is asked for. A misspelt name may mean one of `near`.
    Raise BadMapping with all its problems.
    """
    return _checked(stored, stored.source.name, others, whole=whole, near=near)


def mappings() -> list[str]:
    """Return the names that `load` knows, sorted."""
    return sorted(path.name[: -len(SUFFIX)] for path in PRESETS.iterdir() if path.name.endswith(SUFFIX))


def presets() -> list[str]:
    """Return the names of the mappings that a connection may use, sorted: `x-api` reads only what `x` looks up."""
    return [name for name in mappings() if not name.endswith(API_SUFFIX)]


def _preset(name: str) -> Source:
    if name not in (known := mappings()):
        raise BadMapping(f"there is no mapping '{name}'; {did_you_mean(name, known) or 'see bridge presets'}")
    return Source(f"presets/{name}.toml", (PRESETS / f"{name}.toml").read_text("utf-8-sig"))


def _checked(
    stored: Stored,
    name: str,
    others: Table[str, Stored] | None = None,
    *,
    whole: bool = False,
    near: Collection[str] = (),
) -> Mapping:
    problems: list[Problem] = []
    mapping = _Assembly(stored, problems, others, near, whole=whole).mapping(name)
    problems.sort(key=lambda problem: (problem.source.name, problem.line, problem.column))
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors or mapping is None:
        raise BadMapping("\n".join(errors))
    return mapping._replace(warnings=tuple(str(problem) for problem in problems))


class _Assembly:
    """Reads a file and those it extends, and checks what only the whole can show."""

    def __init__(
        self,
        stored: Stored,
        problems: list[Problem],
        others: Table[str, Stored] | None,
        near: Collection[str],
        *,
        whole: bool,
    ) -> None:
        self.reader = Reader(stored.source, problems)
        self.problems = problems
        self.tables = stored.tables
        self.others = others or _NONE
        self.is_stored = others is not None
        self.near = near
        self.whole = whole  # whether what `api` names is checked too
        self.answers: Callable[[], Mapping] | None = None  # gives what `api` names, if that is outside the bundle

    def mapping(self, name: str) -> Mapping | None:
        """Return the mapping, for use only if no error was noted."""
        parts = self._parts(self.reader, self.tables, 0)
        if parts is None:
            return None
        values = parts.values
        calls = self._calls(parts)
        records = tuple(_completed(record, values, calls or {}) for record in self._records(parts))
        self._check(parts, records)
        if calls is not None:
            self._check_lookups(parts, records, calls)
        return Mapping(
            name,
            self.reader.source,
            values.get("crm", ""),
            values.get("title", ""),
            values.get("help", ""),
            values.get("verify", ""),
            values.get("contract", ""),
            values.get("get", False),
            values.get("freeIds", False),
            values.get("timeZone", ""),
            records,
            parts.sections,
            parts.lookups,
            parts.answer,
            values.get("api", ""),
            parts.api,
            parts.calls,
            {} if values.get("freeIds") else {one.kind: one.ids for one in (calls or {}).values() if one.kind},
            (),
            self.answers,
            tuple(self.tables.keys() - {name for name, _ in self.reader.lookups_used}),
        )

    def _parts(self, reader: Reader, tables: Tables, depth: int, *, replaced: bool = False) -> Parts | None:
        """Read a file and those it extends; records that are `replaced` by a file that extends it are not read."""
        data = reader.toml()
        if data is None:
            return None
        if replaced:
            data.pop("record", None)
        parts = reader.parts(data)
        parts = parts._replace(lookups={**parts.lookups, **_spelt(tables)})
        if (extended := parts.values.get("extends")) is None:
            return parts
        if depth == DEEPEST_EXTENDS:
            reader.wrong(("extends",), "mappings extend each other in a circle")
            return None
        known = [*self.others, *mappings()]
        if extended not in known:
            reader.wrong(("extends",), self._absent("preset", extended), did_you_mean(extended, [*known, *self.near]))
            return None
        parent = self.others.get(extended) or Stored(_preset(extended))
        parent_reader = Reader(parent.source, self.problems)
        inherited = self._parts(parent_reader, parent.tables, depth + 1, replaced=replaced or parts.records is not None)
        reader.lookups_used += parent_reader.lookups_used
        return inherited and parts.over(inherited)

    def _records(self, parts: Parts) -> tuple[Record, ...]:
        nothing = (None,) * 4
        whole = Record(
            Place(self.reader.source, ()), "contact", None, None, "change", "contact", "change", "", *nothing
        )
        return parts.records or (whole,)

    def _check(self, parts: Parts, records: tuple[Record, ...]) -> None:
        if not parts.values.get("crm"):
            self.reader.wrong((), "crm is missing", 'write crm = "…", the name of this CRM in Ringostat')
        for record in records:
            self._check_record(record, parts)
        for name, section in parts.sections.items():
            self._check_section(name, section)
            inherited = section.places[""].source is not self.reader.source
            if not inherited and name not in {record.section for record in records if record.do == "change"}:
                self._at(section.places[""], f"no record uses [{name}]", warning=True)
        for name, place in self.reader.lookups_used:
            if name not in parts.lookups:
                self._at(place, f"there is no [lookups.{name}]", did_you_mean(name, parts.lookups))
        for name in parts.lookups.keys() - self.tables.keys() - {name for name, _ in self.reader.lookups_used}:
            self._at(Place(self.reader.source, ("lookups", name)), "no rule uses this table", warning=True)

    def _calls(self, parts: Parts) -> Table[str, Lookup | Named] | None:
        """Return what can be looked up: of this file if it says how to ask, else of the one that `api` names.

        None where that one cannot be read, which is one error at `api`.
        """
        name = parts.values.get("api")
        if parts.api or name is None:
            return parts.calls
        asking = self._asking(name)
        if asking is None:
            return None
        if not asking.has_api:
            self.reader.wrong(("api",), f"'{name}' has no [api], so it says nothing of how to ask", offset=0)
        elif asking.crm != parts.values.get("crm"):
            message = f"'{name}' is for the CRM {asking.crm}: what it reads would be other cards"
            self.reader.wrong(("api",), message, "both must have the same crm", offset=0)
        return asking.calls

    def _asking(self, name: str) -> _Asking | None:
        """Return what `api` names, which is compiled only for a whole check: events do not need it."""
        if name in self.others:
            self.answers = cache(partial(load_stored, self.others[name], self.others))
        try:
            if self.whole:
                self.answers() if self.answers else load(name)
            return self._asking_of(name, 0)
        except BadMapping as error:
            known = [known for known in (*self.others, *mappings(), *self.near) if known.endswith(API_SUFFIX)]
            broken = name in self.others or name in mappings()
            message = f"the mapping '{name}' is broken:\n{error}" if broken else self._absent("mapping", name)
            self.reader.wrong(("api",), message, "" if broken else did_you_mean(name, known), offset=0)
            return None

    def _asking_of(self, name: str, depth: int) -> _Asking:
        problems: list[Problem] = []
        source = self.others[name].source if name in self.others else _preset(name)
        data = Reader(source, problems).toml() or {}
        calls = CallReader(source, problems).named(data.get("lookup"))
        if problems:
            raise BadMapping("\n".join(map(str, problems)))
        is_last = "extends" not in data or depth == DEEPEST_EXTENDS
        below = _Asking() if is_last else self._asking_of(data["extends"], depth + 1)
        has_api = below.has_api or isinstance(data.get("api"), dict)
        return _Asking(data.get("crm", below.crm), has_api, {**below.calls, **calls})

    def _absent(self, what: str, name: str) -> str:
        if self.is_stored:
            return f"'{name}' is neither a preset nor a stored mapping"
        return f"there is no {what} '{name}'"

    def _check_lookups(self, parts: Parts, records: tuple[Record, ...], calls: Table[str, Lookup | Named]) -> None:
        if parts.calls and not parts.api:
            hint = "add [api]; a table of values is [lookups.NAME]"
            self._at(next(iter(parts.calls.values())).place, "there is no [api] that says how to ask", hint)
        for record in records:
            self._check_lookup(record, calls)
            for also in record.also:
                self._check_also(also, record, calls)

    def _check_lookup(self, record: Record, calls: Table[str, Lookup | Named]) -> None:
        if record.do != "lookup":
            if record.lookup:
                self._at(record.place.inside("lookup"), f"a {record.do} looks nothing up", 'write do = "lookup"')
            return
        if not record.lookup:
            self._at(record.place, "it does not say what to look up", 'add lookup = "contact"')
        elif record.reads is None:
            self._no_lookup(record.place.inside("lookup"), record.lookup, calls)
        if record.identity is None:
            self._at(record.place, "a look-up needs an id", 'add id = "…"')

    def _check_also(self, also: Also, record: Record, calls: Table[str, Lookup | Named]) -> None:
        if record.do != "change":
            self._at(also.place, f"also stands beside a change, not a {record.do}")
        if also.reads is None:
            self._no_lookup(also.place.inside("lookup"), also.lookup, calls)
        elif also.when == "unknown" and not also.reads.kind:
            hint = 'write when = "always", or as = "contact" in its [lookup]'
            self._at(also.place.inside("when"), f"'{also.lookup}' makes no card that could be unknown", hint)

    def _no_lookup(self, place: Place, name: str, calls: Table[str, Lookup | Named]) -> None:
        hint = did_you_mean(name, calls) or ("" if calls else 'name the mapping that says how to ask: api = "…-api"')
        self._at(place, f"there is no [lookup.{name}]", hint)

    def _check_record(self, record: Record, parts: Parts) -> None:
        if record.do == "change" and record.section not in parts.sections:
            self._at(record.place, f"there is no section [{record.section}]", f"add [{record.section}]")
        if record.do in ("delete", "erase"):
            self._check_identity(record, parts)

    def _check_identity(self, record: Record, parts: Parts) -> None:
        """Check that a deletion says what is deleted."""
        if record.section == "deal":
            self._at(record.place, "a deal has no card that could be deleted", 'write do = "skip"')
            return
        field = ID_FIELDS[record.section]
        section = parts.sections.get(record.section)
        if record.identity is None and (section is None or field not in section.places):
            self._at(record.place, f"{record.do} needs the id of the {record.section}", 'add id = "…"')

    def _check_section(self, name: str, section: Section) -> None:
        mapped = section.places.keys()  # not the rules: a broken one is reported already
        place = section.places[""]
        if name == "contact" and not mapped & {"phones", "emails"}:
            self._at(place, "neither phones nor emails are mapped", "add [[contact.phones]]")
        needed = ["contactId", "leadId"] if name == "lead" else [ID_FIELDS[name]]
        if not mapped & set(needed):
            self._at(place, f"{' or '.join(needed)} is not mapped", f'add {needed[0]} = "…"')

    def _at(self, place: Place, message: str, hint: str = "", *, warning: bool = False) -> None:
        reader = Reader(place.source, self.problems)
        (reader.doubtful if warning else reader.wrong)(place.path, message, hint)


def _spelt(tables: Tables) -> dict[str, dict[str, str]]:
    return {name: {spelt(key): value for key, value in table.items()} for name, table in tables.items()}


def _completed(record: Record, values: dict[str, Any], calls: Table[str, Lookup | Named]) -> Record:
    """Return a record with what it leaves to its mapping."""
    changed_at: Rule | None = record.changed_at or values.get("changedAt")
    event_id: Rule | None = record.event_id or values.get("eventId")
    return record._replace(
        changed_at=changed_at,
        event_id=event_id,
        carries=record.carries or values.get("carries") or "full",
        reads=calls.get(record.lookup),
        also=tuple(also._replace(reads=calls.get(also.lookup)) for also in record.also),
    )
