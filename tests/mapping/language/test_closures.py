"""Closures find what jmespath's interpreter finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.language import loader
from mapping.language.expression import View, compiled
from mapping.language.positions import Place, Source
from tests.mapping.cases import CASES, SETTINGS, data_of

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from([None, True, False, 0, 0.0, 1, "", "x", "xy", [], {}])
DATA = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
SOURCES = [
    "a == `1`", "a != b", "a || b", "a && b", "!a", "!(a.b)", "a[?b]", "a[?b == 'x'].c", "a[].b", "a[*].b", "[a, b][]",
    "a[0].b", "a[-1]", "a | b", "contains(['x', 'y'], a)", "starts_with(a, 'x')", "starts_with(a, b)", "text(a)",
    "a[?@]", "[`0`, a]", "a < b", "$.a", "a[0:2]", "{x: a}", "sort_by(a, &b)", "length(a)", "@",
]  # fmt: skip


def both(expression, current, view):
    """What the closure and the interpreter find; their warnings where they fail."""
    view.warnings.clear()
    found = expression.read(current, view)
    told = list(view.warnings)
    view.warnings.clear()
    interpreted = expression._replace(find=lambda value, interpreter: interpreter.visit(expression.tree, value))
    return (found, told), (interpreted.read(current, view), list(view.warnings))


@pytest.mark.parametrize("source", SOURCES)
@given(data=DATA)
def test_a_closure_finds_what_the_interpreter_finds(source, data):
    expression = compiled(source, Place(Source("own.toml", ""), ()))
    if expression.tree:
        ours, theirs = both(expression, data, View(data, {}, {}, {}))
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("preset", loader.mappings())
def test_and_so_do_the_rules_of_every_preset(preset):
    wanted = [one for record in loader.load(preset).records for one in (record.each, record.when) if one and one.tree]
    for case in (case for case in CASES if case.mapping == preset):
        body = data_of(case)
        view = View(body, SETTINGS, {}, case.request.get("query", {}))
        for expression in wanted:
            ours, theirs = both(expression, body, view)
            assert ours == theirs, expression.source
