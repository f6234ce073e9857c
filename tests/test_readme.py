"""What the README says is so."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from bench import page as performance
from bench.report import RESULTS
from cards.card import stamped
from cards.endpoints import compose
from cli.commands.presets import matrix
from cli.main import bridge
from mapping.language import loader

ROOT = Path(__file__).parents[1]
CONNECT = ROOT / "docs" / "connect"
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_crms_is_made_of_the_presets():
    """`bridge presets --markdown` prints it."""
    assert matrix([loader.load(name) for name in loader.presets()]) in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_the_tables_of_the_performance_page_are_those_of_the_last_bench():
    page = performance.PAGE.read_text("utf-8")

    assert performance.written(page, json.loads(RESULTS.read_text("utf-8"))) == page


def test_the_picture_shows_only_what_ringostat_is_sent():
    """The telephone's half of docs/result.svg, against the body of a saved contact: what presets send, no more."""
    picture = (ROOT / "docs" / "result.svg").read_text("utf-8")
    fields = {
        "fullName": "Олена Коваль",
        "externalId": "42",
        "responsible": "7",
        "contactLink": "https://crm.example.com/contact/42",
        "phones.0": [{"value": "+380670000001", "name": None}],
        "organizations.0": [{"name": "Кава та Ко", "externalId": "1"}],
    }
    body = compose("106#CRM#contact:42", stamped(fields, changed_at=None, received_at=0)).payload

    shown = re.findall(r'class="sent"[^>]*>([^<]+)<', picture)
    links = {"Contact": body["contactLink"], "Lead": body["leadLink"], "Deal": body["dealLink"]}

    assert len(shown) == 4
    assert [text for text in shown if f'"{text}"' not in json.dumps(body, ensure_ascii=False)] == []
    assert re.findall(r'class="button"[^>]*>([^<]+)<', picture) == [name for name, link in links.items() if link]


@pytest.mark.parametrize("name", ["first-day.md", *(f"connect/{path.name}" for path in sorted(CONNECT.glob("*.md")))])
def test_every_command_of_a_page_exists_with_its_options(name):
    page = (ROOT / "docs" / name).read_text("utf-8")
    commands = re.findall(r"(?:^\.venv/bin/|`(?:[^`]*; )?)bridge ([^`\n]+)", page, re.MULTILINE)

    assert len(commands) >= 2
    for words in map(shlex.split, commands):
        command = bridge
        while isinstance(command, click.Group):
            command = command.get_command(click.Context(command), words.pop(0))
            assert command, words
        assert {word for word in words if word.startswith("--")} <= {
            option for parameter in command.params for option in parameter.opts
        }, words
        assert all((ROOT / word).exists() for word in words if word.startswith(("events/", "docs/")))


def test_n16_the_first_deployment_of_the_readme_asks_no_parameter():
    """`sam deploy --guided` asks 28 questions, of which one Enter ends it."""
    readme = (ROOT / "README.md").read_text("utf-8")

    assert "\nmake deploy\n" in readme
    assert "--guided" not in readme
    assert readme.index("make deploy") < readme.index("bridge project add")


def test_n17_a_real_crm_reaches_make_run_through_a_tunnel_of_which_only_one_path_is_open():
    page = (ROOT / "docs" / "development.md").read_text("utf-8").partition("## A real CRM against `make run`\n")[2]

    assert all(tool in page for tool in ("cloudflared", "ngrok", "ssh -R", "/crm/", "KEEP=1"))
