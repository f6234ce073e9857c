"""The command itself: its verbs, its exit codes, how it is installed."""

import ast
import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from cli.main import VERBS, Verbs
from cli.main import bridge as bridge_command
from mapping.language import loader
from tests.cli.people import person

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


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


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["statsu"], "Did you mean 'status'?"),
        (["rejected", "lsit"], "Did you mean 'list'?"),
        (["rejected", "--local"], "Write it after the verb: bridge rejected VERB --local"),
        *(
            (["who", typed], "write -- before it: bridge who -- VALUE")
            for typed in ("-067 000 00 01", "- 067", "--067", "-(067)")
        ),
        (["status", "acme", "-100123"], "write -- before it: bridge status -- VALUE"),
        (["who", "067", "--projct", "1"], "Did you mean '--project'?"),
    ],
)
def test_a_misspelt_verb_and_an_option_before_the_verb_are_told_what_was_meant(run, words, hint):
    done = run(*words)

    assert done.code == 1
    assert hint in done.err


@pytest.mark.parametrize("words", [[], ["rejected"], ["project"]])
def test_the_command_alone_prints_its_help(run, words):
    done = run(*words)

    assert done.code == 0
    assert done.out == run(*words, "--help").out


def test_the_version_is_the_packages(run):
    done = run("--version")

    assert done.code == 0
    assert done.out == f"bridge {PROJECT['version']}\n"


@pytest.fixture
def stored_mapping(online, tmp_path):
    """The name of a mapping that is stored."""
    (tmp_path / "own.toml").write_text('format = 1\nextends = "pipedrive"\n', "utf-8")
    assert online("mapping", "put", tmp_path / "own.toml", "--name", "own", "--yes").code == 0
    return "own"


LISTS = ["connections", "due", "rejected list", "refused list", "left-behind", "presets", "project list"]
LISTS += ["mapping list", "mapping list own", "staff 106"]


@pytest.mark.parametrize("words", LISTS)
def test_every_list_is_json_for_programs(online, bridge, stored_mapping, words):
    bridge.post("acme", person(1))
    bridge.post("acme", {**person(2), "data": {"name": "x"}})

    done = online(*words.split(), "--json")

    assert isinstance(json.loads(done.out), list | dict)
    assert done.code == online(*words.split()).code


def test_n15_a_question_without_an_answer_does_nothing_and_names_the_option_for_scripts(online, bridge):
    bridge.post("acme", person(42))

    done = online("erase", "acme", 42, input="")

    assert done.code == 130
    assert "--yes" in done.err
    assert bridge.card("106#Pipedrive#contact:42").erased is None


def completed(line, **environment):
    """What a shell would be offered at the end of a line, in a process of its own, as the shell starts one."""
    start = f"import sys; sys.path[:0] = {[str(ROOT / 'src'), str(ROOT)]}; from cli.main import main; main()"
    given = {"_BRIDGE_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    call = [sys.executable, "-c", start]
    done = subprocess.run(call, env={**given, **environment}, capture_output=True, text=True, check=True)
    return [entry.partition(",")[2] for entry in done.stdout.splitlines() if entry]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("bridge sta", ["staff", "status"]),
        ("bridge connect pipe", ["pipedrive", "pipedrive-v1"]),
        ("bridge explain --mapping kom", ["kommo", "kom"]),  # the last one asks the shell for files
        ("bridge status --local acme", []),  # no world runs
    ],
)
def test_a_shell_completes_verbs_presets_and_mappings(line, offered):
    assert completed(line, BRIDGE_PORT="9") == offered


def test_a_shell_completes_connections_of_the_bridge_that_is_named(online):
    status = Verbs("bridge").get_command(click.Context(Verbs("bridge")), "status")

    offered = ShellComplete(status, {"obj": online.stack}, "status", "_COMPLETE").get_completions(["--local"], "acme-k")

    assert [item.value for item in offered] == ["acme-kommo"]


@pytest.mark.parametrize(
    "words", ["connect", "mapping get", "mapping list", "mapping diff", "mapping rollback", "mapping rm"]
)
def test_a_shell_completes_stored_mappings_of_the_bridge_that_is_named(online, stored_mapping, words):
    command = bridge_command
    for word in words.split():
        command = command.get_command(click.Context(command), word)

    offered = ShellComplete(command, {"obj": online.stack}, "it", "_COMPLETE").get_completions(["--local"], "ow")

    assert [item.value for item in offered] == [stored_mapping]


def test_names_of_similar_tools_work(run):
    assert run("providers").out == run("presets").out


def test_presets_are_listed_with_crm_title_and_where_to_click(run):
    text = run("presets").out

    for name in loader.presets():
        preset = loader.load(name)
        assert f"{name}  ({preset.crm})  {preset.title}\n" in text
        assert preset.help in text


def test_a_second_ctrl_c_while_the_first_is_told_shows_no_traceback(run, monkeypatch):
    def pressed(_):
        raise KeyboardInterrupt

    @click.command()
    def broken():
        raise click.ClickException("no")

    monkeypatch.setattr(click.ClickException, "show", pressed)
    monkeypatch.setattr(Verbs, "get_command", lambda *_: broken)

    assert run("explain").code == 130


def test_a_fault_of_the_bridge_names_its_place_and_quotes_nothing(run, monkeypatch):
    @click.command()
    def broken():
        raise KeyError("+380670000001")

    monkeypatch.setattr(Verbs, "get_command", lambda *_: broken)

    done = run("explain")

    assert done.code == 70
    assert "KeyError at test_main.py:" in done.err
    assert "+380" not in done.err


PLURAL = re.compile(
    r" ((rejected|refused|stored|more) )?"
    r"(cards|changes|connections|contacts|days|employees|events|lines|owners|projects|records|requests|versions)\b"
)


def test_no_number_stands_before_a_plural_that_is_always_one():
    """`counted` says 1 card and 2 cards; what is always several is a constant."""
    texts = [
        (path.name, text)
        for path in [*(ROOT / "cli").rglob("*.py"), *(ROOT / "ops").glob("*.py")]
        for text in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(text, ast.JoinedStr)
    ]
    fixed = [
        f"{name}:{text.lineno}"
        for name, text in texts
        for number, words in itertools.pairwise(text.values)
        if isinstance(number, ast.FormattedValue) and not ast.unparse(number.value).isupper()
        if isinstance(words, ast.Constant) and PLURAL.match(words.value)
    ]

    assert len(texts) > 300
    assert fixed == []


def test_everything_in_src_is_packaged():
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    source = ROOT / "src"

    assert set(packaged["py-modules"]) == {path.stem for path in source.glob("*.py")}
    assert set(packaged["packages"]) == {
        ".".join(path.parent.relative_to(source).parts) for path in source.rglob("*/__init__.py")
    } | {"cli", "cli.commands", "cli.console", "cli.docs.connect", "ops", "ops.web"}
    data = {path for pattern in packaged["package-data"]["mapping"] for path in (source / "mapping").glob(pattern)}
    assert data == {path for path in (source / "mapping").rglob("*") if path.suffix in (".toml", ".json")}
    for package in ("cli.console", "ops.web"):
        (pattern,) = packaged["package-data"][package]
        assert list(ROOT.joinpath(*package.split(".")).glob(pattern))
