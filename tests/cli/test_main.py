"""The command itself: its verbs, its exit codes, how it is installed."""

import tomllib
from pathlib import Path

import click
import pytest

from cli.main import VERBS, Verbs
from mapping.language import loader

ROOT = Path(__file__).parents[2]


def test_help_lists_every_verb_with_its_own_line(run):
    done = run("--help")

    assert done.code == 0
    for verb, line in VERBS.items():
        command = Verbs("bridge").get_command(click.Context(Verbs("bridge")), verb)
        assert command.short_help == line
        assert f"  {verb} " in done.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(run, verb):
    assert run(verb, "--help").code == 0


def test_a_verb_that_does_not_exist_is_exit_code_1(run):
    done = run("expalin")

    assert done.code == 1
    assert "No such command" in done.err


def test_names_of_similar_tools_work(run):
    assert run("providers").out == run("presets").out


def test_presets_are_listed_with_crm_title_and_where_to_click(run):
    text = run("presets").out

    for name in loader.presets():
        preset = loader.load(name)
        assert f"{name}  ({preset.crm})  {preset.title}\n" in text
        assert preset.help in text


def test_a_fault_of_the_bridge_names_its_place_and_quotes_nothing(run, monkeypatch):
    @click.command()
    def broken():
        raise KeyError("+380670000001")

    monkeypatch.setattr(Verbs, "get_command", lambda *_: broken)

    done = run("explain")

    assert done.code == 70
    assert "KeyError at test_main.py:" in done.err
    assert "+380" not in done.err


def test_everything_in_src_is_packaged():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    source = ROOT / "src"

    assert set(packaged["py-modules"]) == {path.stem for path in source.glob("*.py")}
    assert set(packaged["packages"]) == {
        ".".join(path.parent.relative_to(source).parts) for path in source.rglob("*/__init__.py")
    } | {"cli", "cli.commands", "cli.docs.connect", "ops"}
    data = {path for pattern in packaged["package-data"]["mapping"] for path in (source / "mapping").glob(pattern)}
    assert data == {path for path in (source / "mapping").rglob("*") if path.suffix in (".toml", ".json")}
