"""The few expressions of DynamoDB that the bridge uses, interpreted."""

import operator
import re
from functools import cache

TOKEN = re.compile(r"\s*(\(|\)|<>|<=|>=|=|<|>|[#:]?\w+)")
COMPARISONS = {"=": operator.eq, "<>": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt}
CLAUSE = re.compile(r"\b(SET|REMOVE|ADD|DELETE)\b")


def holds(condition, operand):
    """Return whether a condition holds; `operand` gives the value of `#name` or `:name`, None where there is none."""
    return not condition or _parsed(condition)(operand)


@cache
def _parsed(condition):
    tokens = TOKEN.findall(condition)
    if "".join(tokens) != re.sub(r"\s", "", condition):
        raise ValueError(f"This condition is not understood: {condition}")
    test = _either(tokens)
    if tokens:
        raise ValueError(f"This condition goes on after its end: {condition}")
    return test


def _either(tokens):
    return _folded(tokens, "OR", any, lambda tokens: _folded(tokens, "AND", all, _single))


def _folded(tokens, word, fold, part):
    tests = [part(tokens)]
    while tokens and tokens[0] == word:
        tokens.pop(0)
        tests.append(part(tokens))
    return lambda operand: fold(test(operand) for test in tests)


def _single(tokens):
    first = tokens.pop(0)
    if first == "(":
        test = _either(tokens)
        tokens.pop(0)
        return test
    if first in ("attribute_exists", "attribute_not_exists"):
        _, name, _ = (tokens.pop(0) for _ in range(3))
        return lambda operand: (operand(name) is not None) == (first == "attribute_exists")
    measure = first == "size"
    if measure:
        _, first, _ = (tokens.pop(0) for _ in range(3))
    compare, second = COMPARISONS[tokens.pop(0)], tokens.pop(0)

    def test(operand):
        value = operand(first)
        return _compared(compare, len(value) if measure and value is not None else value, operand(second))

    return test


def _compared(compare, left, right):
    if left is None or right is None:
        return compare is operator.ne and left is not right
    return compare(left, right)


@cache
def clauses(update):
    """Return an update expression as SET (name, a name to be absent or none, value), REMOVE (names), ADD and DELETE."""
    parts = CLAUSE.split(update)[1:]
    found = dict(zip(parts[::2], parts[1::2], strict=True))
    sets = re.findall(r"(#\w+) = (?:if_not_exists\((#\w+), )?(:\w+)", found.get("SET", ""))
    adds, leaves = (
        [tuple(re.findall(r"[#:]\w+", pair)) for pair in found.get(clause, "").split(",") if pair.strip()]
        for clause in ("ADD", "DELETE")
    )
    return sets, re.findall(r"#\w+", found.get("REMOVE", "")), adds, leaves
