"""What the README says is so."""

import re
from pathlib import Path

import pytest

from cli.commands.presets import matrix
from mapping.language import loader

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_crms_is_made_of_the_presets():
    """`bridge presets --markdown` prints it."""
    assert matrix([loader.load(name) for name in loader.presets()]) in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
