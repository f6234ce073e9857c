"""Reads the values that every table of a mapping file has; everything wrong is noted with its place."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from errors import did_you_mean
from mapping.language.expression import SCOPES, BadExpression, Expression, compiled, quoted_text
from mapping.language.positions import Path, Place, Source
from mapping.language.rule import Template

NO_ID, NO_PHONE = "id_of_the_contact", "phone_of_the_contact"  # where a draft of `bridge new` has no field
BRACE = re.compile(r"[{}]")
AROUND = 200  # characters of a long line that are shown before and after its fault
_BRACE_OR_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`|[{}]""")

Read = Callable[[Path, str, int], Expression | None]  # compiles what stands in braces, from its offset on


class Problem(NamedTuple):
    """Something wrong in a file: where, what, what to do, and whether it is an error or a warning."""

    source: Source
    line: int
    column: int
    message: str
    hint: str
    severity: str

    def __str__(self) -> str:
        """Return the problem as people read it, with the line and a caret."""
        shown = [*self.source.text.split("\n"), ""][self.line - 1]
        start = max(0, self.column - AROUND) if len(shown) > 2 * AROUND else 0
        lines = [
            f"{self.source.name}:{self.line}:{self.column}: {self.severity}: {_cut(self.message)}",
            f"{self.line:6} | {shown[start : start + 2 * AROUND]}",
            f"{'':6} | {' ' * (self.column - 1 - start)}^",
        ]
        return "\n".join([*lines, f"{'':6} = {_cut(self.hint)}"] if self.hint else lines)


def _cut(text: str) -> str:
    """Return a text with a `…` for the middle of each line without end, which quotes the file."""
    return re.sub(f"(?m)^(.{{{2 * AROUND}}}).+(.{{{AROUND}}})$", r"\1…\2", text)


class Reading:
    """Reads values of one file; everything wrong goes to `problems`."""

    def __init__(self, source: Source, problems: list[Problem]) -> None:
        self.source = source
        self.problems = problems

    def wrong(self, path: Path, message: str, hint: str = "", *, offset: int | None = None) -> Any:
        """Note an error at a key, or at a character of its text; return None, for what could not be read."""
        self._note(path, message, hint, offset, "error")
        return None

    def doubtful(self, path: Path, message: str, hint: str = "", *, offset: int | None = None) -> None:
        """Note a warning."""
        self._note(path, message, hint, offset, "warning")

    def _note(self, path: Path, message: str, hint: str, offset: int | None, severity: str) -> None:
        line, column = self.source.position(path, offset)
        self.problems.append(Problem(self.source, line, column, f"{named(path)}: {message}", hint, severity))

    def known(self, path: Path, data: Any, known: Iterable[str], what: str) -> bool:
        """Note unknown keys; return whether `data` is a table at all."""
        if not isinstance(data, dict):
            self.wrong(path, f"must be a table, not {kind_of(data)}")
            return False
        for key in data:
            if key not in known:
                self.wrong((*path, key), f"{what} has no key '{key}'", did_you_mean(key, known))
        return True

    def value(self, path: Path, value: Any, kind: Any) -> Any:
        """Return a value of one of the kinds of `model`'s tables; None, and a problem, where it is none."""
        if kind == "expression":
            return self.expression(path, value)
        if kind == "texts":
            return self.texts(path, value)
        if kind == "boolean" and not isinstance(value, bool):
            return self.wrong(path, f"must be true or false, not {kind_of(value)}")
        if kind == "status" and (not isinstance(value, int) or value not in range(200, 300)):
            return self.wrong(path, "must be a number from 200 to 299")
        return value if kind in ("boolean", "status") else self._text(path, value, kind)

    def _text(self, path: Path, value: Any, kind: Any) -> Any:
        if not isinstance(value, str):
            return self.wrong(path, f"must be a text, not {kind_of(value)}")
        if isinstance(kind, tuple) and value not in kind:
            return self.wrong(path, f"'{value}' is not one of {', '.join(kind)}", did_you_mean(value, kind))
        if kind == "code" and not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", value):
            return self.wrong(path, "a code has small letters, digits and hyphens", 'write it like "deleted-in-crm"')
        return value

    def expression(self, path: Path, value: Any, start: int = 0, scopes: tuple[str, ...] = SCOPES) -> Expression | None:
        """Compile an expression that begins at `start` of the text at `path`."""
        if not isinstance(value, str):
            self.wrong(path, f"must be an expression in quotes, not {kind_of(value)}")
            return None
        try:
            expression = compiled(value, Place(self.source, path), scopes)
        except BadExpression as bad:
            self.wrong(path, f"expression '{value}': {bad}", bad.hint, offset=start + bad.offset)
            return None
        if value in (NO_ID, NO_PHONE):
            hint = "put the field there: bridge paths SAMPLE lists those of a sample"
            self.doubtful(path, f"'{value}' stands for a field that `bridge new` did not find", hint, offset=start)
        if word := quoted_text(value):
            message = f"expression '{value}': a word in double quotes is a field, not a text"
            self.doubtful(path, message, f"write '{word[1]}' in single quotes", offset=start + word[0])
        return expression

    def template(self, path: Path, text: str, opening: re.Pattern[str], read: Read) -> Template:
        """Compile a text with placeholders, which begin where `opening` is found."""
        parts: list[str | Expression | None] = []
        at = 0
        for start, end in _placeholders(text, opening):
            if end is None:
                shown = "{data.id}" if opening is BRACE else "{$ids}"
                self.wrong(path, f"a lone '{text[start]}'", f"placeholders look like {shown}", offset=start)
                break
            parts += [text[at:start], read(path, text[start + 1 : end], start + 1)]
            at = end + 1
        return Template(tuple(part for part in [*parts, text[at:]] if part), link=False)

    def texts(self, path: Path, data: Any) -> list[str]:
        """Return a list of texts."""
        if not isinstance(data, list) or not all(isinstance(text, str) for text in data):
            self.wrong(path, "must be a list of texts", 'write it like ["0", "-"]')
            return []
        return data


def _placeholders(text: str, opening: re.Pattern[str]) -> list[tuple[int, int | None]]:
    """Return where each `{…}` begins and ends; the end is None for a brace without its partner, which comes last."""
    found: list[tuple[int, int | None]] = []
    depth = start = at = 0
    while brace := (_BRACE_OR_QUOTED if depth else opening).search(text, at):
        at = brace.end()
        if brace[0] == "{":
            start = start if depth else brace.start()
            depth += 1
        elif brace[0] == "}":
            if not depth:
                return [*found, (brace.start(), None)]
            depth -= 1
            found += [] if depth else [(start, brace.start())]
    return [*found, (start, None)] if depth else found


def named(path: Path) -> str:
    """Return a path as people write it, counting from 1: `contact.phones[2].value`."""
    shown = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
    return re.sub(r"\.template$", ": template", shown) or "mapping"


def kind_of(value: Any) -> str:
    """Return what a value is, in words."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list", dict: "a table"}
    return kinds.get(type(value), "a date or time")
