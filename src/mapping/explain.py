"""How outcomes came about, in words, for `bridge explain`.

Contains personal data: show it on a terminal, never log it.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from errors import did_you_mean
from mapping import normalize
from mapping.language.expression import Expression, View, paths
from mapping.language.model import Block, Record
from mapping.language.rule import Rule, place_of
from mapping.normalize import is_empty
from mapping.outcome import Step

KEPT = "not in this event; what is known stays"
Seen = list[tuple[Expression, Any]]  # what each expression found


def step(name: str, value: Any, rule: Rule, view: View, current: Any) -> Step:
    """Return how a field got its value, from what the view has just seen."""
    seen = view.seen or []
    place = seen[-1][0].place if seen else place_of(rule)
    return Step(name, value, str(place or ""), _sources(seen, current, view), seen[-1][1] if seen else None)


def absent(name: str, rule: Rule, view: View, current: Any) -> Step:
    """Return what was looked for where an event does not speak of a field. It leaves the view as it was."""
    warnings, strict, seen = list(view.warnings), view.strict, view.seen
    view.strict, view.seen = False, []
    rule.read(current, view, normalize.text)
    kept = step(name, None, rule, view, current)._replace(raw=None, note=KEPT)
    view.warnings[:], view.strict, view.seen = warnings, strict, seen
    return kept


def directions(name: str, entries: list[dict[str, Any]], block: Block, seen: Seen, note: str) -> Iterator[Step]:
    """Yield how a block's phones or e-mails came about, and what was dropped."""
    place = str(seen[-1][0].place if seen else block.place)
    sources = tuple(expression.source for expression, _ in seen)
    raw = seen[-1][1] if seen else None
    for entry in entries:
        yield Step(name, entry["value"], place, sources, raw, "primary" if entry["primary"] else "")
    if note:
        yield Step(name, None, place, sources, raw, note)


def mismatches(records: Iterable[Record], view: View) -> Iterator[Step]:
    """Yield why each record did not match."""
    body = view.scopes[""]
    for record in records:
        wanted = record.when or record.each
        if wanted is None:
            continue
        found = (f"{'.'.join(path)} = {_shown(_at(body, path))}" for path in paths(wanted))
        note = "its when is false" if record.when else "its each finds nothing"
        yield Step(record.title, None, str(wanted.place), (wanted.source, *found), note=note)


def _sources(seen: Seen, current: Any, view: View) -> tuple[str, ...]:
    return tuple(
        expression.source if not is_empty(found) else _missing(expression, current, view) for expression, found in seen
    )


def _missing(expression: Expression, current: Any, view: View) -> str:
    """Say where a path ends: `data.nmae isn't there: no 'nmae' in data; did you mean 'name'?`."""
    value = current if expression.scope is None else view.scopes[expression.scope]
    for depth, key in enumerate(expression.keys or ()):
        if not isinstance(value, dict):
            break
        if key not in value:
            within = ".".join((expression.keys or ())[:depth]) or "it"
            hint = did_you_mean(key, [name for name in value if isinstance(name, str)])
            return f"{expression.source} isn't there: no '{key}' in {within}" + (f"; {hint}" if hint else "")
        value = value[key]
    return f"{expression.source} is empty"


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "{…}" if isinstance(value, dict) else "[…]"
    return "null" if value is None else f"'{value}'" if isinstance(value, str) else str(value).lower()


MOST_KEYS = 20
DEEPEST_KEYS = 3
_FIELD_NAME = re.compile(r"[A-Za-z_$@][\w$-]{0,39}", re.ASCII)


def keys_of(item: Any) -> list[str]:
    """Return the names of an event's fields, `data.id`, without its values; a key that may be data is left out."""
    return list(islice(_keys(item, "", DEEPEST_KEYS), MOST_KEYS))


def _keys(item: Any, path: str, depth: int) -> Iterator[str]:
    if isinstance(item, list):
        item = item[0] if item else None
    for key, value in item.items() if isinstance(item, dict) else ():
        if _FIELD_NAME.fullmatch(key) and not re.search(r"\d{4}", key):
            inner = list(_keys(value, f"{path}{key}.", depth - 1)) if depth > 1 else []
            yield from inner or [path + key]
