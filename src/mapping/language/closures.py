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
    """Tell whether JMESPath takes a value for false."""
    return value is None or value is False or value in ("", [], {})


def _field(node: Node) -> Closure:
    name = node["value"]
    return lambda value, _: value.get(name) if isinstance(value, dict) else None


def _subexpression(node: Node) -> Closure:
    steps = [closure(child) for child in node["children"]]

    def find(value: Any, interpreter: Any) -> Any:
        for step in steps:
            value = step(value, interpreter)
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
    if node["value"] == "eq":
        return lambda value, interpreter: _are_equal(left(value, interpreter), right(value, interpreter))
    if node["value"] == "ne":
        return lambda value, interpreter: not _are_equal(left(value, interpreter), right(value, interpreter))
    return lambda value, interpreter: interpreter.visit(node, value)


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
    inner = closure(node["children"][0])

    def find(value: Any, interpreter: Any) -> Any:
        found = inner(value, interpreter)
        is_zero = isinstance(found, int | float) and not isinstance(found, bool) and found == 0
        return not (found or is_zero)  # a zero is a value

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

    def call(value: Any, interpreter: Any) -> Any:
        found = [one(value, interpreter) for one in values]
        if name == "starts_with" and isinstance(found[0], str) and isinstance(found[1], str):
            return found[0].startswith(found[1])
        return interpreter.functions.call_function(name, found)

    return call


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
