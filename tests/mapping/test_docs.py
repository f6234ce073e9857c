"""docs/mapping.md says what the code does."""

import json
import re
from pathlib import Path

import pytest

from mapping import engine, names
from mapping.language import loader
from mapping.language.expression import FUNCTIONS, SCOPES
from mapping.language.model import (
    ALSO,
    ANSWER,
    API,
    BLOCKS,
    LOOKUP,
    RATE,
    RECORD,
    RULE,
    SCOPES_OF_API,
    SCOPES_OF_CALL,
    SECTIONS,
    SYNC,
    TOP,
)

TEXT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")


def block(language, number=0):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)[number]


def test_the_first_example_is_a_mapping(tmp_path):
    (tmp_path / "own.toml").write_text(block("toml"), "utf-8")

    assert loader.load_file(tmp_path / "own.toml").warnings == ()


def test_the_example_of_look_ups_is_a_mapping(tmp_path, monkeypatch):
    events, answers = (text for text in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL) if text.startswith("# acme"))
    monkeypatch.setattr(loader, "PRESETS", tmp_path)
    (tmp_path / "acme.toml").write_text(events, "utf-8")
    (tmp_path / "acme-api.toml").write_text(answers + block("toml", 4), "utf-8")

    assert loader.load_file(tmp_path / "acme-api.toml").warnings == ()
    (outcome,) = engine.run(
        loader.load_file(tmp_path / "acme.toml"), {"event": "person.changed", "person_id": 7}, {}, {}, {}
    )
    assert outcome.wants == (("contact", "7", ""),)


def test_the_example_of_our_contract_is_accepted():
    outcomes = engine.run(loader.load("direct"), json.loads(block("json")), {}, {}, {})

    assert [outcome.card for outcome in outcomes] == ["contact:C-1", "contact:C-1", "organization:3"]


@pytest.mark.parametrize(
    "key",
    sorted(
        {
            key
            for table in (TOP, RECORD, RULE, ANSWER, ALSO, API, RATE, LOOKUP, SYNC, *SECTIONS.values())
            for key in table
        }
    ),
)
def test_every_key_of_the_format_is_explained(key):
    assert re.search(rf"\b{key}\b", TEXT)


def test_every_scope_and_every_function_of_ours_is_explained():
    ours = {name for name, function in FUNCTIONS.items() if "_Functions" in function["function"].__qualname__}

    scopes = {*SCOPES, *SCOPES_OF_API, *SCOPES_OF_CALL}
    assert {f"${scope}" for scope in scopes} <= set(re.findall(r"`(\$\w*)", TEXT))
    assert set(re.findall(r"^\| `(\w+)\(", TEXT, re.MULTILINE)) == ours
    assert len(ours) == 10


def test_the_blocks_of_the_format_are_explained_with_their_keys():
    for name, keys in BLOCKS.items():
        assert f"[[contact.{name}]]" in TEXT
        line = next(line for line in TEXT.splitlines() if line.startswith(f"[[contact.{name}]]"))
        assert set(keys) == set(re.findall(r"\w+", line.partition("#")[2]))


def test_the_names_that_generic_is_said_to_read_are_those_that_it_reads():
    section = TEXT.partition("## Ready-made: `generic`")[2].partition("\n## ")[0]
    rows = [set(re.findall(r"`([^`]*)`", line)) for line in section.splitlines() if line.startswith("| ")]
    fields = [field for field in names.NAMES if field not in ("companyId", "companyName", "carries")]

    assert [field for field in fields if set(names.NAMES[field]) not in rows] == []
    assert TEXT.count("| id | `externalid`") == 1, "what becomes of an id stands in a table of its own"
    company = next(row for row in rows if "companyid" in row)
    assert company == {*names.NAMES["companyId"], *names.NAMES["companyName"], *names.COMPANIES} - {
        "компанія",
        "компания",
    }


def kinds_of(preset):
    """What each preset's rules take for what, as the page's table says it."""
    records = loader.load(preset).records
    deletions = [record for record in records if record.do in ("delete", "erase")]
    merges = [record for record in deletions if "merged" in record.title]
    columns = [
        [record for record in records if record.do == "change" and record.carries == "whole"],
        [record for record in records if record.do == "change" and record.carries == "full"],
        [record for record in records if record.do == "change" and record.carries in ("partial", "changes")],
        [record for record in deletions if record not in merges or ", or merged" in record.title],
        merges,
    ]
    return [[record.title + (" (erased)" if record.do == "erase" else "") for record in column] for column in columns]


def table():
    rows = (["; ".join(titles) or "-" for titles in kinds_of(preset)] for preset in TABLED)
    lines = [f"| `{preset}` | {' | '.join(row)} |" for preset, row in zip(TABLED, rows, strict=True)]
    return "\n".join([*HEAD, *lines])


HEAD = ("| preset | whole | full | partial, or changes | deletion | merge |", "|---|---|---|---|---|---|")
TABLED = [preset for preset in loader.presets() if any(map(bool, kinds_of(preset)))]


def test_the_table_says_what_each_preset_takes_for_what():
    assert table() in TEXT, f"the table of docs/mapping.md should be:\n{table()}"
