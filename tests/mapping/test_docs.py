"""docs/mapping.md says what the code does."""

import json
import re
from pathlib import Path

import pytest

from mapping import engine, load
from mapping.expression import FUNCTIONS, SCOPES
from mapping.format import ANSWER, BLOCKS, RECORD, RULE, SECTIONS, TOP

TEXT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")


def block(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[number]


def test_the_first_example_is_a_mapping(tmp_path):
    (tmp_path / "own.toml").write_text(block("toml"), "utf-8")

    assert load.load_file(tmp_path / "own.toml").warnings == ()


def test_the_example_of_our_contract_is_accepted():
    outcomes = engine.run(load.load("direct"), json.loads(block("json")), {}, {}, {})

    assert [outcome.card for outcome in outcomes] == ["contact:C-1", "contact:C-1", "organization:3"]


@pytest.mark.parametrize(
    "key", sorted({*TOP, *RECORD, *RULE, *ANSWER, *(key for table in SECTIONS.values() for key in table)})
)
def test_every_key_of_the_format_is_explained(key):
    assert re.search(rf"\b{key}\b", TEXT)


def test_every_scope_and_every_function_of_ours_is_explained():
    ours = {name for name, function in FUNCTIONS.items() if "_Functions" in function["function"].__qualname__}

    assert {f"${scope}" for scope in SCOPES} <= set(re.findall(r"`(\$\w*)", TEXT))
    assert set(re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE)) == ours
    assert len(ours) == 9


def test_the_blocks_of_the_format_are_explained_with_their_keys():
    for name, keys in BLOCKS.items():
        assert f"[[contact.{name}]]" in TEXT
        line = next(line for line in TEXT.splitlines() if line.startswith(f"[[contact.{name}]]"))
        assert set(keys) == set(re.findall(r"\w+", line.partition("#")[2]))


def test_every_name_that_generic_is_said_to_read_is_in_it():
    section = TEXT.partition("## Ready-made: `generic`")[2].partition("\n`deleted`")[0]
    table = section[section.index("|---") :]
    preset = (load.PRESETS / "generic.toml").read_text("utf-8")

    for name in re.findall(r"`([a-z_]\w*)`", table, re.IGNORECASE):
        assert re.search(rf"\b{name}\b", preset), name
