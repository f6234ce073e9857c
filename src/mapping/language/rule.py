"""What a mapping says about one value: an expression, alternatives, a fixed text, a join, a template."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mapping import normalize
from mapping.language.expression import Expression, View
from mapping.language.positions import Place
from mapping.normalize import is_empty

NOT_IN_TABLE = "not-in-table"  # in the warning of a value that a table lacks
NOT_IN_STAFF = "not-in-staff"  # in that of one that the list of employees lacks
STAFF = "$staff"  # names that list: a table which is not of the mapping, but given with each event
_EMPLOYEES = "the list of Ringostat's employees"
_NO_EMPLOYEES = "no list of Ringostat's employees is known: bridge staff PROJECT --try reads it"
Convert = Callable[[Any], str | None]  # from what was found to a text, or None where it is empty for this field


class Select(NamedTuple):
    """What one expression finds."""

    expression: Expression

    def read(self, current: Any, view: View, convert: Convert) -> str | None:
        """Return the text of what is found, or None."""
        found = self.expression.read(current, view)
        if view.seen is not None:
            view.seen.append((self.expression, found))
        return None if found is None else convert(found)

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether the event says anything about it, even that it is empty."""
        return self.expression.is_present(current, view)


class First(NamedTuple):
    """The first alternative that is not empty; in a partial change only those that the event speaks of."""

    rules: tuple["Rule", ...]

    def read(self, current: Any, view: View, convert: Convert) -> str | None:
        """Return the text of the first alternative that has one."""
        for rule in self.rules:
            if (found := rule.read(current, view, convert)) is not None:
                return found
        return None

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether any alternative is present; a fixed text says nothing of the event, if there is any other."""
        speaking = [rule for rule in self.rules if not isinstance(rule, Fixed)] or self.rules
        return any(rule.is_present(current, view) for rule in speaking)


class Fixed(NamedTuple):
    """The same text for every event."""

    value: str

    def read(self, _: Any, __: View, convert: Convert) -> str | None:
        """Return the text."""
        return convert(self.value)

    def is_present(self, _: Any, __: View) -> bool:
        """Return True: there is no path that an event could leave out."""
        return True


class Join(NamedTuple):
    """The parts that are not empty, with a text between them."""

    rules: tuple["Rule", ...]
    between: str

    def read(self, current: Any, view: View, convert: Convert) -> str | None:
        """Return the joined text; None where all parts are needed and the event does not speak of each."""
        read = [rule.read(current, view, _part) for rule in self.rules]
        parts = [part for part in read if part]
        if view.strict and len(parts) < len(read) and not self.is_present(current, view):
            return None
        return convert(self.between.join(parts))

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether all parts are present, or any where half will do."""
        wanted = all if view.strict else any
        return wanted(rule.is_present(current, view) for rule in self.rules)


def _part(value: Any) -> str | None:
    """Return a part of a join, long enough that the whole shows that it was cut."""
    return normalize.text(value, 2 * normalize.LONGEST_TEXT)


class Template(NamedTuple):
    """A text with placeholders; in a link each but one at the very start is percent-encoded."""

    parts: tuple[str | Expression, ...]
    link: bool

    def read(self, current: Any, view: View, convert: Convert) -> str | None:
        """Return the filled text, or None where a part is empty."""
        filled = ""
        for part in self.parts:
            piece = part if isinstance(part, str) else self._fill(part, current, view, first=not filled)
            if piece is None:
                return None
            filled += piece
        return convert(filled)

    def _fill(self, part: Expression, current: Any, view: View, *, first: bool) -> str | None:
        if not self.link:
            return Select(part).read(current, view, normalize.text)
        found = Select(part).read(current, view, normalize.address if first else normalize.identity)
        return found if first or found is None else normalize.encoded(found)

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether all placeholders are present."""
        return all(part.is_present(current, view) for part in self.parts if not isinstance(part, str))


class Adjusted(NamedTuple):
    """A rule with texts that count as empty, a table to translate by, and a text for when nothing is left."""

    rule: "Rule"
    ignore: frozenset[str]
    lookup: str | Mapping[str, str] | None  # the name of one of the mapping's tables, or a table of its own
    default: str | None

    def read(self, current: Any, view: View, convert: Convert) -> str | None:
        """Return the adjusted text."""

        def kept(value: Any) -> str | None:
            found = convert(value)
            return None if found in self.ignore else found

        found = self.rule.read(current, view, kept)
        if found is not None and self.lookup is not None:
            found = self._looked_up(found, view)
        return self.default if found is None else found

    def _looked_up(self, found: str, view: View) -> str | None:
        table = view.lookups.get(self.lookup, {}) if isinstance(self.lookup, str) else self.lookup or {}
        translated = table.get(spelt(found))
        if translated is None:
            view.warnings.append(f"{place_of(self.rule)}: {self._missed(found, table)}")
        return translated

    def _missed(self, found: str, table: Mapping[str, str]) -> str:
        """Return what to tell of a value that is not there, without quoting it."""
        hashed = hashlib.sha256(found.encode(errors="replace")).hexdigest()[:12]
        lacks = f"lacks a value (sha256 {hashed}…)"
        if self.lookup == STAFF:
            return f"{NOT_IN_STAFF}: {f'{_EMPLOYEES} {lacks}' if table else _NO_EMPLOYEES}"
        named = f"[lookups.{self.lookup}]" if isinstance(self.lookup, str) else "its table"
        return f"{NOT_IN_TABLE}: {named} {lacks}"

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether the inner rule is present."""
        return self.rule.is_present(current, view)


def spelt(key: str) -> str:
    """Return a key of a table as it is compared: an e-mail address in small letters."""
    return key.casefold() if "@" in key else key


Rule = Select | First | Fixed | Join | Template | Adjusted


def place_of(rule: Rule) -> Place | None:
    """Return the place of a rule's first expression."""
    match rule:
        case Select(expression=expression):
            return expression.place
        case First(rules=rules) | Join(rules=rules):
            return next((place for inner in rules if (place := place_of(inner))), None)
        case Template(parts=parts):
            return next((part.place for part in parts if not isinstance(part, str)), None)
        case Adjusted(rule=inner):
            return place_of(inner)
    return None


def may_be_fixed(rule: Rule) -> bool:
    """Tell whether a rule may give a text that the event does not hold, beside others that it does."""
    if isinstance(rule, Adjusted):
        return rule.default is not None or may_be_fixed(rule.rule)
    return isinstance(rule, First) and any(isinstance(inner, Fixed) or may_be_fixed(inner) for inner in rule.rules)


def is_cleared(rule: Rule, current: Any, view: View) -> bool:
    """Tell whether the event says that a field is empty: one alternative is there and empty, and no join is in part."""
    alternatives = rule.rules if isinstance(rule, First) else (rule,)
    found = [inner for inner in alternatives if inner.is_present(current, view)]
    return (
        bool(found)
        and any(inner.read(current, view, _anything) in (None, "0") for inner in found)
        and not any(
            isinstance(inner, Join) and any(part.is_present(current, view) for part in inner.rules)
            for inner in alternatives
            if inner not in found
        )
    )


def _anything(value: Any) -> str | None:
    return None if is_empty(value) else normalize.text(value) or "there"
