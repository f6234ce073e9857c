"""Dependencies point inwards, the core is pure, and no module hides one of Python's or of a dependency."""

import ast
import importlib.metadata
import re
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
MODULES = sorted(SRC.rglob("*.py"))
ROOMS = {
    "errors": set(),
    "mapping": {"errors", "mapping"},
    "cards": {"errors", "cards"},
    "connections": {"errors"},
    "inbox_message": {"errors"},
    "event": {"errors", "inbox_message"},
    "access": {"errors", "aws", "connections", "event", "access", "mapping"},
    "aws": {"errors", "cards", "aws"},
    "delivery": {"errors", "aws", "cards", "connections", "telemetry", "delivery"},
    "intake": {
        "errors",
        "event",
        "access",
        "mapping",
        "cards",
        "aws",
        "connections",
        "delivery",
        "intake",
        "settings",
        "telemetry",
    },
}
PURE = ["mapping", "cards/card.py", "delivery/state.py", "delivery/classify.py", "delivery/bisect.py"]
IMPURE = {"boto3", "botocore", "os", "time", "logging", "socket", "urllib3", "threading", "random", "settings", "clock"}


def imported(path):
    """Return the top-level names that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module.partition(".")[0]


def room_of(path):
    return path.relative_to(SRC).parts[0].removesuffix(".py")


OWN = {room_of(path) for path in MODULES}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_further_in(room):
    used = {name for path in MODULES if room_of(path) == room for name in imported(path)} & OWN

    assert used <= ROOMS[room]


@pytest.mark.parametrize("part", PURE)
def test_the_core_knows_no_aws_no_clock_and_no_environment(part):
    paths = [path for path in MODULES if path.relative_to(SRC).as_posix().startswith(part)]

    assert paths
    assert not {name for path in paths for name in imported(path)} & IMPURE


@pytest.mark.parametrize(
    ("pattern", "room"),
    [
        (r"os\.environ", "settings.py"),
        (r"import boto3|import botocore.session", "aws/clients.py"),
        (r"import urllib3|from urllib3", "delivery/ringostat.py"),
        (r"import hmac", "access"),
    ],
)
def test_each_concept_has_one_room(pattern, room):
    found = [path.relative_to(SRC).as_posix() for path in MODULES if re.search(pattern, path.read_text())]

    assert all(path.startswith(room) for path in found)


def test_no_module_hides_one_of_python_or_of_a_dependency():
    dependencies = importlib.metadata.packages_distributions()

    assert not OWN & (sys.stdlib_module_names | (set(dependencies) - OWN))


@pytest.mark.parametrize("handler", ["api", "inbox", "deliver", "sweep"])
def test_a_handler_ends_in_one_statement(handler):
    last = ast.parse((SRC / "handlers" / f"{handler}.py").read_text()).body[-1]

    assert isinstance(last, ast.FunctionDef)
    assert last.name == "lambda_handler"
    assert len(last.body) == 2, "a docstring and one statement"


def test_an_event_is_made_only_of_a_request_that_was_admitted_or_of_a_message_of_the_queue():
    made = re.compile(r"\bEvent\(")

    assert {path.relative_to(SRC).as_posix() for path in MODULES if made.search(path.read_text())} == {
        "event.py",
        "access/scrub.py",
    }
    assert {path.relative_to(SRC).as_posix() for path in MODULES if "without_proofs(" in path.read_text()} == {
        "access/__init__.py",
        "access/scrub.py",
    }


@pytest.mark.parametrize("path", sorted((SRC / "handlers").glob("*.py")), ids=lambda path: path.stem)
def test_a_handler_is_short(path):
    assert len(path.read_text().splitlines()) <= 60


def test_no_module_is_a_drawer_for_everything():
    assert not {path.stem for path in MODULES} & {"utils", "common", "base", "misc", "helpers"}
