"""A syntax tree as nested closures: what rules ask at every event costs a third of what the interpreter takes.

Each does what jmespath's `TreeInterpreter` does for its node; nodes that rules rarely have stay the interpreter's.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jmespath.functions import Functions  # type: ignore[import-untyped]

Node = dict[str, Any]
Closure = Callable[[Any, Any], Any]  # from the current item and the interpreter of a view to what is found


def closure(node: Node) -> Closure:
    """Return the closure of a node."""
    make = _MAKERS.get(node["type"])
    return make(node) if make else lambda value, interpreter: interpreter.visit(node, value)


def is_false(value: Any) -> bool:
    """Tell whether JMESPath takes a value for false; a zero is a value."""
    return not value and (value is False or not isinstance(value, int | float))


def _field(node: Node) -> Closure:
    name = node["value"]
    return lambda value, _: value.get(name) if isinstance(value, dict) else None


def _subexpression(node: Node) -> Closure:
    first, *others = node["children"]
    if all(child["type"] == "field" for child in others):
        return _path(closure(first), [child["value"] for child in others])
    steps = [closure(child) for child in node["children"]]

    def find(value: Any, interpreter: Any) -> Any:
        for step in steps:
            value = step(value, interpreter)
        return value

    return find


def _path(start: Closure, names: list[str]) -> Closure:
    if len(names) == 1:  # what most conditions ask: `$.type`
        (only,) = names

        def find_one(value: Any, interpreter: Any) -> Any:
            value = start(value, interpreter)
            return value.get(only) if isinstance(value, dict) else None

        return find_one

    def find(value: Any, interpreter: Any) -> Any:
        value = start(value, interpreter)
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return find


def _literal(node: Node) -> Closure:
    fixed = node["value"]
    return lambda _, __: fixed


def _current(_: Node) -> Closure:
    return lambda value, _: value


def _scope(node: Node) -> Closure:
    name = node["value"]
    return lambda _, interpreter: interpreter.scopes[name]


def _comparator(node: Node) -> Closure:
    left, right = (closure(child) for child in node["children"])
    if node["value"] == "eq" and (fixed := _fixed_text(node["children"][1])) is not None:
        return lambda value, interpreter: left(value, interpreter) == fixed
    if node["value"] == "eq":
        return lambda value, interpreter: _are_equal(left(value, interpreter), right(value, interpreter))
    if node["value"] == "ne":
        return lambda value, interpreter: not _are_equal(left(value, interpreter), right(value, interpreter))
    return lambda value, interpreter: interpreter.visit(node, value)


def _fixed_text(node: Node) -> str | None:
    return node["value"] if node["type"] == "literal" and isinstance(node["value"], str) else None


def _are_equal(one: Any, other: Any) -> bool:
    """Tell whether JMESPath takes two values for equal: to Python, 1 is true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _or(node: Node) -> Closure:
    left, right = (closure(child) for child in node["children"])

    def find(value: Any, interpreter: Any) -> Any:
        found = left(value, interpreter)
        return right(value, interpreter) if is_false(found) else found

    return find


def _and(node: Node) -> Closure:
    left, right = (closure(child) for child in node["children"])

    def find(value: Any, interpreter: Any) -> Any:
        found = left(value, interpreter)
        return found if is_false(found) else right(value, interpreter)

    return find


def _not(node: Node) -> Closure:
    child = node["children"][0]
    if child["type"] == "filter_projection" and child["children"][1]["type"] == "identity":
        return _none(child)
    inner = closure(child)
    return lambda value, interpreter: is_false(inner(value, interpreter))


def _none(node: Node) -> Closure:
    """Return the closure of `!(list[?condition])`, which is done with the first item that is meant."""
    base, _, condition = (closure(child) for child in node["children"])

    def find(value: Any, interpreter: Any) -> Any:
        found = base(value, interpreter)
        items = found if isinstance(found, list) else ()
        return all(one is None or is_false(condition(one, interpreter)) for one in items)

    return find


def _filter(node: Node) -> Closure:
    base, then, condition = (closure(child) for child in node["children"])

    def find(value: Any, interpreter: Any) -> Any:
        found = base(value, interpreter)
        if not isinstance(found, list):
            return None
        kept = [then(one, interpreter) for one in found if not is_false(condition(one, interpreter))]
        return [one for one in kept if one is not None]

    return find


def _projection(node: Node) -> Closure:
    base, then = (closure(child) for child in node["children"])

    def find(value: Any, interpreter: Any) -> Any:
        found = base(value, interpreter)
        if not isinstance(found, list):
            return None
        projected = [then(one, interpreter) for one in found]
        return [one for one in projected if one is not None]

    return find


def _flatten(node: Node) -> Closure:
    base = closure(node["children"][0])

    def find(value: Any, interpreter: Any) -> Any:
        found = base(value, interpreter)
        if not isinstance(found, list):
            return None
        return [inner for one in found for inner in (one if isinstance(one, list) else [one])]

    return find


def _select(node: Node) -> Closure:
    wanted = [closure(child) for child in node["children"]]
    return lambda value, interpreter: None if value is None else [one(value, interpreter) for one in wanted]


def _index(node: Node) -> Closure:
    at = node["value"]
    return lambda value, _: value[at] if isinstance(value, list) and -len(value) <= at < len(value) else None


def _function(node: Node) -> Closure:
    name, given = node["value"], node["children"]
    if any(child["type"] == "expref" for child in given):
        return lambda value, interpreter: interpreter.visit(node, value)
    values = [closure(child) for child in given]
    if name == "contains" and given[0]["type"] == "literal" and isinstance(given[0]["value"], list):
        names, sought = given[0]["value"], values[1]
        return lambda value, interpreter: sought(value, interpreter) in names

    def call_ours(value: Any, interpreter: Any) -> Any:
        found = (one(value, interpreter) for one in values)
        return interpreter.functions.FUNCTION_TABLE[name]["function"](interpreter.functions, *found)

    if name not in Functions.FUNCTION_TABLE:  # ours take any value: there is nothing to check
        return call_ours

    types, quick = _QUICK.get(name, ((), None))

    def call(value: Any, interpreter: Any) -> Any:
        found = [one(value, interpreter) for one in values]
        if quick and all(map(isinstance, found, types)):
            return quick(*found)
        return interpreter.functions.call_function(name, found)

    return call


_QUICK: Mapping[str, tuple[tuple[Any, ...], Callable[..., Any]]] = {  # what jmespath does once it has looked up types
    "contains": (((list, str), object), lambda subject, sought: sought in subject),
    "keys": ((dict,), list),
    "starts_with": ((str, str), str.startswith),
    "ends_with": ((str, str), str.endswith),
    "values": ((dict,), lambda table: list(table.values())),
}


_MAKERS: Mapping[str, Callable[[Node], Closure]] = {
    "field": _field,
    "subexpression": _subexpression,
    "literal": _literal,
    "current": _current,
    "identity": _current,
    "scope": _scope,
    "comparator": _comparator,
    "or_expression": _or,
    "and_expression": _and,
    "not_expression": _not,
    "filter_projection": _filter,
    "projection": _projection,
    "flatten": _flatten,
    "multi_select_list": _select,
    "index_expression": _subexpression,
    "index": _index,
    "pipe": _subexpression,
    "function_expression": _function,
}
