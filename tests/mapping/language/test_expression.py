"""Expressions: scopes, our own functions, what is present, and errors that quote no data."""

import json
import time

import pytest

from mapping.language.expression import DEEPEST, LONGEST, BadExpression, View, compiled
from mapping.language.positions import Place, Source

PLACE = Place(Source("own.toml", "[contact]\nfullName = 'x'\n"), ("contact", "fullName"))
BODY = {
    "data": {"name": "Олена", "empty": "", "null": None, "zero": 0, "false": False, "owner": None},
    "ids": {"35144366": {"ID": "35144366"}},
    "phones": [{"type": "work", "value": "1"}, {"type": "home", "value": "2"}],
    "json": '{"a": [1]}',
    "pairs": [{"key": "a", "value": 1}, {"key": "b", "value": None}, {"key": "c"}, {"key": 1}, "d", None],
    "payload": {"Phone": "1", "Email": None, "Name": {"First": None, "Last": "K"}, "Address": {"City": None}},
    "is-contact": True,
    "імʼя": "Олена",
}
ITEM = {"name": "item", "value": "3"}


def read(source, current=BODY):
    view = View(BODY, {"crm_url": "https://acme.example.com"}, {"x-event": "update"}, {"event": "Contact.update"})
    view.scopes["item"] = ITEM
    return compiled(source, PLACE).read(current, view), view.warnings


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("data.name", "Олена"),
        ("data.name.first", None),
        ("none.at.all", None),
        ("@.data.name", "Олена"),
        ('"is-contact"', True),
        ('"імʼя"', "Олена"),
        ("phones[?type == 'home'].value | [0]", "2"),
        ("phones[-1].value", "2"),
        ("phones[0:1].value", ["1"]),
        ("data.empty || data.null || data.zero", 0),
        ("data.zero == `0`", True),
        ("$query.event", "Contact.update"),
        ("$query.event == 'Contact.update' && data.name", "Олена"),
        ('$headers."x-event"', "update"),
        ("$settings.crm_url", "https://acme.example.com"),
        ("$settings.none", None),
        ("$item.name", "item"),
        ("$.data.name", "Олена"),
        ("phones[].[value, $item.value]", [["1", "3"], ["2", "3"]]),
        ("text(data.zero)", "0"),
        ("text(data)", None),
        ("text(`12.0`)", "12"),
        ("lower(data.name)", "олена"),
        ("lower(phones)", None),
        ("split('a, b,,c', ',')", ["a", "b", "c"]),
        ("split(data.null, ',')", []),
        ("split('a b', '')", ["a b"]),
        ("json(json).a[0]", 1),
        ("json(data.name)", None),
        ("json(phones)[0].value", "1"),
        ("list(data.null)", []),
        ("list(data)[0].name", "Олена"),
        ("list(ids)[0].ID", "35144366"),
        ("list(phones)[1].value", "2"),
        ("list(data.name)", ["Олена"]),
        ("table(pairs)", {"a": 1, "b": None, "c": None}),
        ("table(pairs[0])", {"a": 1}),
        ("table(data.null)", {}),
        ("table(data.name)", {}),
        ("nulled(payload, data.null)", {"Phone": "1", "Name": {"Last": "K"}}),
        (
            "nulled(payload, ['Email', 'Phone', 'Name.First', 'Phone.x', 'A.B'])",
            {"Phone": "1", "Email": None, "Name": {"First": None, "Last": "K"}, "A": {"B": None}},
        ),
        ("nulled(payload, pairs)", {"Phone": "1", "Name": {"Last": "K"}, "d": None}),
        ("nulled(data.name, data.name)", {"Олена": None}),
        ("base64('key:Ї')", "a2V5OtCH"),
        ("base64(data.null)", None),
        ("for_each(['a', 'b'], data.zero)", [{"one": "a", "all": 0}, {"one": "b", "all": 0}]),
        ("for_each(data.null, data)", []),
    ],
)
def test_an_expression_finds(source, value):
    assert read(source) == (value, [])


def test_the_current_item_is_where_a_bare_name_begins():
    assert read("value", current={"value": "5"})[0] == "5"
    assert read("@", current="text")[0] == "text"


@pytest.mark.parametrize(
    "source",
    [
        "join(', ', phones)",
        "length(data.zero)",
        "sort_by(phones, &none)",
        "max_by(phones, &data)",
        "sum(phones[].value)",
        "abs(data.name)",
    ],
)
def test_a_failing_expression_is_empty_and_its_warning_quotes_nothing(source):
    value, [warning] = read(source)

    assert value is None
    assert warning.startswith("own.toml:2: the expression failed")
    assert not any(text in warning for text in ("Олена", "work", "home", "'1'"))


def test_a_function_never_changes_the_event():
    before = json.dumps(BODY)

    read("nulled(payload, ['Email', 'Name.Middle', 'Phone'])")

    assert json.dumps(BODY) == before


def test_arithmetic_and_depth_cannot_break_an_expression():
    deep = []
    for _ in range(100_000):
        deep = [deep]

    assert read("ceil(@)", current=float("inf"))[0] is None
    assert read("@ == `[1]`", current=deep)[0] in (False, None)
    assert read("to_string(@)", current=deep)[0] is None


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("a" * 100_000 + "!", "100,001 characters; at most 5,000"),
        ("a" * LONGEST + "!", "5,001 characters; at most 5,000"),
        ("a" * (LONGEST - 1) + "!", "cannot be read from here on"),
        ("a" * (LONGEST - 1) + "я", "letters outside a-z"),
        ("'" + r"\'" * (LONGEST // 2 - 1), "cannot be read from here on"),
        ("(" * LONGEST, "cannot be read from here on"),
        (" || ".join("a" * (DEEPEST + 1)), "more than 100 levels"),
        ("!" * DEEPEST + "a", "more than 100 levels"),
    ],
    ids=["much", "one-more", "word", "foreign", "quotes", "brackets", "chain", "nested"],
)
def test_a_long_expression_is_refused_at_once(source, told):
    """Words and quotes were read again from each of their characters; a long chain was a fault of the bridge."""
    started = time.monotonic()

    for _ in range(20):
        with pytest.raises(BadExpression, match=told):
            compiled(source, PLACE)

    assert time.monotonic() - started < 5


def test_an_expression_may_be_as_long_and_as_deep_as_is_said():
    assert read("a" * LONGEST) == (None, [])
    assert read(" || ".join(["none"] * (DEEPEST - 1) + ["data.name"])) == ("Олена", [])
    assert read("!" * (DEEPEST - 1) + "@") == (False, [])


@pytest.mark.parametrize(
    ("source", "present"),
    [
        ("data.name", True),
        ("data.null", True),
        ("data.none", False),
        ("data.owner.id", True),  # owner: null says that it has none
        ("data.name.id", False),
        ("none", False),
        ("$settings.crm_url", True),
        ("$settings.none", False),
        ("list(phones)[0].value", True),
        ("list(none)[0].value", False),
        ("table(pairs).b", True),  # Dataverse's way to say that a column was cleared
        ("table(pairs).z", False),
        ("table(none).b", False),
        ("nulled(payload, ids).Phone", True),
        ("nulled(payload, ids).Email", False),  # Salesforce may send every field that did not change as null
        ("nulled(payload, ids).Address.City", False),
        ("nulled(payload, ['Email']).Email", True),
        ("phones[?type == 'none'].value[]", True),
        ("none[?type == 'none'].value[]", False),
        ("[none, phones][]", True),
        ("[none, nought][]", False),
        ("none || data.name", True),
        ("none && data.name", False),
        ("text(none) | @", False),
        ("data.[none, name]", True),
        ("phones[0].none", False),
        ("phones[9].value", True),  # the list is there and has no such item
        ("!none", False),
        ("data.name == 'x'", True),
        ("`1`", True),
        ("{a: none}", False),
    ],
)
def test_presence_is_about_the_paths_and_not_their_values(source, present):
    view = View(BODY, {"crm_url": "x"}, {}, {})

    assert compiled(source, PLACE).is_present(BODY, view) is present
