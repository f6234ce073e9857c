"""Reads one mapping file: its keys checked, its rules compiled, everything wrong noted with its place."""

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mapping import normalize
from mapping.language.calls import CallReader
from mapping.language.expression import Expression, glued
from mapping.language.model import (
    ALSO,
    ANSWER,
    BLOCKS,
    CARRIES,
    CODES,
    CONTRACTS,
    FORMAT,
    NEEDED,
    RECORD,
    RULE,
    SECTIONS,
    SOURCES,
    STAFF_BY,
    TOP,
    Also,
    Block,
    Parts,
    Record,
    Reply,
    Section,
)
from mapping.language.positions import Path, Place, Source
from mapping.language.reading import BRACE, Problem, Reading, kind_of, named
from mapping.language.rule import STAFF, Adjusted, First, Fixed, Join, Rule, Select, Template, spelt

if TYPE_CHECKING:
    from mapping.outcome import Result

MOST_DOTS = 100  # of a line's keys: tomllib takes time and memory by the square of a key's parts
_TEXT = re.compile(  # or a comment; where it has no end, tomllib reads no further
    r'''"""(?:[^\\]|\\.)*?(?:"{3,5}|\Z)|"(?:[^"\\\n]|\\.)*"?'''
    r"""|'''.*?(?:'{3,5}|\Z)|'[^'\n]*'?|#[^\n]*""",
    re.DOTALL,
)
_SIMPLE: tuple[Any, ...] = ("text", "rule", "boolean", CARRIES, CONTRACTS)
_JOINED_LINK = "a link is not joined: a part of it could bend it to another host"


def data_of(text: str) -> dict[str, Any]:
    """Return what a TOML text holds; raise ValueError or RecursionError for one that is not read."""
    for number, line in enumerate(_keys(text).split("\n"), 1):
        if line.count(".") > MOST_DOTS:
            message = f"a line has more than {MOST_DOTS} dots outside quotes and comments (at line {number}, column 1)"
            raise ValueError(message)
    return tomllib.loads(text)


def _keys(text: str) -> str:
    """Return a text without its texts and comments, or as it is where no line of it has so many dots at all."""
    if all(line.count(".") <= MOST_DOTS for line in text.split("\n")):
        return text
    return _TEXT.sub(lambda found: "\n" * found[0].count("\n"), text)


class Reader(Reading):
    """Reads one file; everything wrong goes to `problems`."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        super().__init__(source, problems)
        self.lookups_used: list[tuple[str, Place]] = []

    def toml(self) -> dict[str, Any] | None:
        """Return the file's data, or None where it is no TOML."""
        try:
            return data_of(self.source.text)
        except (ValueError, RecursionError) as error:  # a number of thousands of digits is a bare ValueError
            self._no_toml(str(error))
        return None

    def _no_toml(self, text: str) -> None:
        at = re.search(r" \(at (?:line (\d+), column (\d+)|end of document)\)$", text)
        line, column = (int(at[1]), int(at[2])) if at and at[1] else self.source.line_and_column(len(self.source.text))
        shown = self.source.text.split("\n")[line - 1]
        hint = "put numbers such as phones and ids in quotes" if re.search(r"=\s*[+0]\d+", shown) else ""
        message = f"not TOML: {text[: at.start()] if at else text}"
        self.problems.append(Problem(self.source, line, column, message, hint, "error"))

    def parts(self, data: Mapping[str, Any]) -> Parts:
        """Return what the file says."""
        self.known((), data, TOP, "a mapping")
        if data.get("format") != FORMAT:
            self.wrong(("format",), f"the format of this file must be {FORMAT}", f"write format = {FORMAT}")
        values = {
            key: self.value((key,), data[key], kind) for key, kind in TOP.items() if key in data and kind in _SIMPLE
        }
        if isinstance(data.get("api"), str):
            values["api"] = data["api"]
        self._check_names(values)
        return Parts(
            {key: value for key, value in values.items() if value is not None},
            self._records(data["record"]) if "record" in data else None,
            {name: self._section(name, data[name]) for name in SECTIONS if name in data},
            self._lookups(data.get("lookups", {})),
            self._answer(data["answer"]) if "answer" in data else None,
            CallReader(self.source, self.problems).api(data["api"]) if "api" in data and "api" not in values else None,
            CallReader(self.source, self.problems).lookups(data["lookup"]) if "lookup" in data else {},
        )

    def _check_names(self, values: Mapping[str, Any]) -> None:
        if "#" in (values.get("crm") or ""):
            self.wrong(("crm",), "the name of a CRM cannot hold '#'")
        if zone := values.get("timeZone"):
            try:
                normalize.time_zone(zone)
            except (KeyError, ValueError, OSError):
                self.wrong(("timeZone",), f"there is no time zone '{zone}'", 'write it like "Europe/Kyiv" or "UTC"')

    def value(self, path: Path, value: Any, kind: Any) -> Any:
        """Return a value of one of the kinds of `model`'s tables; None, and a problem, where it is none."""
        if kind in ("rule", "id"):
            return self._rule(path, value, "id" if kind == "id" else "text")
        return super().value(path, value, kind)

    def _link_start(self, path: Path, value: str, start: int) -> Expression | None:
        """Compile an expression that may give a link its host, which glued text would let data bend."""
        expression = self.expression(path, value, start)
        if expression and (offset := glued(expression)) is not None:
            self.wrong(path, f"expression '{value}': {_JOINED_LINK}", "use template", offset=start + offset)
        return expression

    def _records(self, data: Any) -> tuple[Record, ...]:
        if not isinstance(data, list):
            self.wrong(("record",), f"must be a list of tables, not {kind_of(data)}", "write [[record]]")
            return ()
        return tuple(self._record(("record", index), record) for index, record in enumerate(data))

    def _record(self, path: Path, data: Any) -> Record:
        given = data if self.known(path, data, RECORD, "[[record]]") else {}
        kinds = {**RECORD, "as": tuple(SECTIONS)}
        read = kinds.keys() & given.keys() - {"also"}
        value = {key: self.value((*path, key), given[key], kinds[key]) for key in kinds if key in read}
        do: Result = value.get("do") or ("skip" if "do" in given else "change")  # a misspelt one is reported once
        return Record(
            Place(self.source, path),
            value.get("title") or f"record {int(path[-1]) + 1}",
            value.get("each"),
            value.get("when"),
            do,
            value.get("as") or "contact",
            value.get("code") or CODES.get(do, do),
            value.get("message") or "",
            value.get("id"),
            value.get("changedAt"),
            value.get("eventId"),
            value.get("carries"),
            value.get("lookup") or "",
            self._also((*path, "also"), given["also"]) if "also" in given else (),
        )

    def _also(self, path: Path, data: Any) -> tuple[Also, ...]:
        if not isinstance(data, list):
            hint = 'write [{ lookup = "…", id = "…", when = "unknown" }]'
            self.wrong(path, f"must be a list of tables, not {kind_of(data)}", hint)
            return ()
        found = (self._also_one((*path, index), one) for index, one in enumerate(data))
        return tuple(one for one in found if one)

    def _also_one(self, path: Path, data: Any) -> Also | None:
        if not self.known(path, data, ALSO, "also"):
            return None
        value = {key: self.value((*path, key), data[key], kind) for key, kind in ALSO.items() if key in data}
        for key in ALSO.keys() - data.keys():
            self.wrong(path, f"{key} is missing", f'write {key} = "{"unknown" if key == "when" else "…"}"')
        if not all(value.get(key) for key in ALSO):
            return None
        return Also(Place(self.source, path), value["lookup"], value["id"], value["when"])

    def _section(self, name: str, data: Any) -> Section:
        kinds = SECTIONS[name]
        section = Section({}, {}, {"": Place(self.source, (name,))})
        given = data if self.known((name,), data, kinds, f"[{name}]") else {}
        for key in (key for key in given if key in kinds):
            section.places[key] = Place(self.source, (name, key))
            if kinds[key] == "blocks":
                section.blocks[key] = self._blocks((name, key), given[key])
            elif rule := self._rule((name, key), given[key], kinds[key]):
                section.rules[key] = rule
        return section

    def _blocks(self, path: Path, data: Any) -> tuple[Block, ...]:
        if not isinstance(data, list):
            self.wrong(path, f"must be a list of tables, not {kind_of(data)}", f"write [[{named(path)}]]")
            return ()
        return tuple(self._block((*path, index), block) for index, block in enumerate(data))

    def _block(self, path: Path, data: Any) -> Block:
        kinds = BLOCKS[str(path[1])]
        given = data if self.known(path, data, kinds, f"[[{path[0]}.{path[1]}]]") else {}
        if (needed := NEEDED[str(path[1])]) not in given:
            self.wrong(path, f"{needed} is not mapped", f'write {needed} = "…"')
        each = self.expression((*path, "each"), given["each"]) if "each" in given else None
        rules = {
            key: self._rule((*path, key), given[key], kinds[key]) for key in kinds if key in given and key != "each"
        }
        return Block(Place(self.source, path), each, {key: rule for key, rule in rules.items() if rule})

    def _rule(self, path: Path, value: Any, kind: str) -> Rule | None:
        """Compile a rule for a field of a kind."""
        if isinstance(value, str):
            expression = self._link_start(path, value, 0) if kind == "link" else self.expression(path, value)
            return expression and Select(expression)
        if isinstance(value, list):
            return First(self._rules(path, value, kind))
        if isinstance(value, dict):
            return self._table_rule(path, value, kind)
        message = f"must be an expression in quotes, a list or a table, not {kind_of(value)}"
        self.wrong(path, message, 'put a fixed text like this: { value = "…" }')
        return None

    def _rules(self, path: Path, values: Any, kind: str) -> tuple[Rule, ...]:
        if not isinstance(values, list) or not values:
            self.wrong(path, "must be a list of rules", 'write it like ["first", "second"]')
            return ()
        rules = [self._rule((*path, index), value, kind) for index, value in enumerate(values)]
        return tuple(rule for rule in rules if rule)

    def _table_rule(self, path: Path, data: dict[str, Any], kind: str) -> Rule | None:
        self.known(path, data, RULE, "a rule")
        sources = [key for key in SOURCES if key in data]
        if len(sources) != 1:
            self.wrong(path, f"a rule needs one of {', '.join(SOURCES)}, not {len(sources) or 'none'}")
            return None
        inner = self._source_rule(path, data, sources[0], kind)
        default = self.value((*path, "default"), data["default"], "text") if "default" in data else None
        ignore = self.texts((*path, "ignore"), data.get("ignore", []))
        lookup = self._lookup((*path, "lookup"), data["lookup"]) if "lookup" in data else None
        if "staff" in data:
            lookup = self._staff((*path, "staff"), data)
        if inner is None or not (default or ignore or lookup is not None):
            return inner
        return Adjusted(inner, frozenset(ignore), lookup, default)

    def _source_rule(self, path: Path, data: dict[str, Any], source: str, kind: str) -> Rule | None:
        inside, value = (*path, source), data[source]
        if "with" in data and source != "join":
            self.wrong((*path, "with"), "only a join has something between its parts")
        if source == "from":
            return self._rule(inside, value, kind)
        if source == "join":
            if kind == "link":
                self.wrong(inside, _JOINED_LINK, "use template")
            between = self.value((*path, "with"), data.get("with", " "), "text")
            return Join(self._rules(inside, value, "text"), between or "")
        fixed = self.value(inside, value, "text")
        if fixed is None or source == "value":
            return fixed if fixed is None else Fixed(fixed)
        return self._template(inside, fixed, kind)

    def _template(self, path: Path, text: str, kind: str) -> Template:
        def read(path: Path, source: str, start: int) -> Expression | None:
            is_first = kind == "link" and start == 1  # the others are encoded
            return self._link_start(path, source, start) if is_first else self.expression(path, source, start)

        return self.template(path, text, BRACE, read)._replace(link=kind == "link")

    def _lookup(self, path: Path, data: Any) -> str | dict[str, str] | None:
        if isinstance(data, str):
            self.lookups_used.append((data, Place(self.source, path)))
            return data
        return self._text_table(path, data)

    def _staff(self, path: Path, data: dict[str, Any]) -> str:
        """Return the name of the list of Ringostat's employees."""
        if "lookup" in data:
            self.wrong(path, "a rule has either staff or a lookup")
        if "staffId" not in path:
            self.wrong(path, "only staffId is an id of Ringostat's employees", "write staffId = { … }")
        self.value(path, data["staff"], STAFF_BY)
        self.lookups_used.append((STAFF, Place(self.source, path)))
        return STAFF

    def _lookups(self, data: Any) -> dict[str, dict[str, str]]:
        if not isinstance(data, dict):
            return self.wrong(("lookups",), f"must hold tables, not {kind_of(data)}", "write [lookups.staff]") or {}
        tables = {name: self._text_table(("lookups", name), table) for name, table in data.items()}
        needs_staff = STAFF in (name for name, _ in self.lookups_used)
        return {**tables, STAFF: {}} if needs_staff else tables

    def _text_table(self, path: Path, data: Any) -> dict[str, str]:
        if not isinstance(data, dict):
            return (
                self.wrong(path, f"must be a table, not {kind_of(data)}", 'write it like { "7" = "Ringostat id" }')
                or {}
            )
        for key, value in data.items():
            if not isinstance(value, str):
                self.wrong((*path, key), f"must be a text, not {kind_of(value)}", f'write "{value}" in quotes')
        found: dict[str, str] = {}
        for key, value in data.items():
            if spelt(key) in found:
                self.wrong((*path, key), "another key is the same address but for its case", "keep one of them")
            elif isinstance(value, str):
                found[spelt(key)] = value
        return found

    def _answer(self, data: Any) -> Reply:
        given = data if self.known(("answer",), data, ANSWER, "[answer]") else {}
        value = {key: self.value(("answer", key), given[key], kind) for key, kind in ANSWER.items() if key in given}
        echo = tuple(value.get("echo") or ())
        if echo and "body" in given:
            self.wrong(("answer", "echo"), "an answer has either a body or an echo")
        content_type = value.get("contentType") or ("application/json" if echo else "text/plain")
        return Reply(value.get("when"), value.get("status") or 202, content_type, value.get("body") or "", echo)
