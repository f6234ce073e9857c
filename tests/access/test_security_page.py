"""docs/security.md says what the code does, and every test that it names exists."""

import json
import re
from pathlib import Path

import pytest

from access import compare, fault, tokens
from access.schemes import SCHEMES
from cards import card
from mapping import decode, engine, normalize

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()


def table(title):
    """Return the rows of the first table below a heading or sentence, without its head."""
    lines = iter(PAGE.partition(title)[2].splitlines())
    rows = []
    for line in lines:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
        elif rows:
            break
    return rows[2:]


def test_every_scheme_and_its_fields_are_on_the_page():
    rows = table("## Who gets in")

    assert {row[0].strip("` "): tuple(re.findall(r"`(\w+)`", row[1])) for row in rows} == {
        name: scheme.needs for name, scheme in SCHEMES.items()
    }


def test_every_example_of_the_page_is_a_complete_entry():
    examples = [json.loads(line) for line in PAGE.partition("```json\n")[2].partition("```")[0].splitlines()]

    assert [example["scheme"] for example in examples] == list(SCHEMES)
    assert [fault(example) for example in examples] == [""] * len(SCHEMES)


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("body", f"{decode.MAX_BYTES // 1024} KiB"),
        ("body of a `body-token` connection", f"{tokens.MAX_UNPROVED_BYTES // 1024} KiB"),
        ("records of one event", f"{decode.MAX_RECORDS:,}"),
        ("JSON, nested", f"{decode.MAX_JSON_DEPTH} deep"),
        ("form, nested", f"{decode.MAX_FORM_DEPTH} deep"),
        ("XML, nested", f"{decode.MAX_XML_DEPTH} deep"),
        ("fields of a form", f"{decode.MAX_FORM_FIELDS:,}"),
        ("phones, e-mails and organizations of one list", f"{engine.MAX_ENTRIES}"),
        ("text", f"{normalize.LONGEST_TEXT} characters after cleaning"),
        ("card", f"{card.LARGEST_BYTES // 1000} KB"),
        ("time in a signature", f"{compare.WINDOW_MS // 60_000} minutes, both ways"),
        ("time of a change in the future", f"{card.CLOCK_TOLERANCE_MS // 60_000} minutes"),
    ],
)
def test_a_limit_of_the_page_is_the_codes(what, limit):
    limits = {row[0].partition(", which")[0]: row[1] for row in table("## Limits")}

    assert limits[what] == limit


def test_every_test_that_the_page_names_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)

    missing = [name for path, name in named if f"def {name}(" not in (ROOT / path).read_text()]
    assert len(named) == len(table("## Threats"))
    assert missing == []
