"""`bridge paths` gives expressions that find what it shows."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from cli.flatten import leaves
from mapping.language.expression import View, compiled
from mapping.language.positions import Place, Source

PLACE = Place(Source("own.toml", ""), ())
NAMES = st.text(max_size=8) | st.sampled_from(
    ["a-b", "імʼя", "$", "$query", "@", "35144366", "a`b", 'a"b', "a\\b", "or", ""]
)
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(BODIES)
@example({"a": {"\ud800": 1, "\n": [{}]}})
def test_every_expression_compiles_and_finds_its_value(body):
    for expression, value in leaves(body):
        found = compiled(expression, PLACE).read(body, View(body, {}, {}, {}))

        assert found == value
        assert type(found) is type(value)


@given(BODIES)
def test_no_value_is_left_out(body):
    def count(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return sum(map(count, inner)) or 1

    assert len(list(leaves(body))) == count(body)


def test_numbers_hyphens_and_foreign_letters_are_quoted(run):
    body = {
        "contacts": {"update": [{"linked_leads_id": {"35144366": {"ID": "35144366"}}}]},
        "canonical-vid": 1,
        "імʼя": None,
    }

    done = run("paths", "-", input=json.dumps(body, ensure_ascii=False))

    assert done.out.splitlines() == [
        'contacts.update[0].linked_leads_id."35144366".ID  "35144366"',
        '"canonical-vid"                                   1',
        '"імʼя"                                            null',
    ]


def test_parameters_of_the_address_are_listed_too(run):
    done = run("paths", "--query", "event=Contact.update", "--query", "a-b=1", "-", input="{}")

    assert done.out.splitlines()[1:] == ['$query.event  "Contact.update"', '$query."a-b"  "1"']
    assert compiled('$query."a-b"', PLACE).read({}, View({}, {}, {}, {"a-b": "1"})) == "1"


def test_a_body_that_cannot_be_read_is_exit_code_1_as_of_any_verb_that_is_given_it(run):
    done = run("paths", "-", input="<a>")

    assert done.code == 1
    assert "bad-body" in done.err
