"""Dependencies point inwards, the core is pure in all that it loads, and docs/architecture.md shows what is there."""

import ast
import importlib.metadata
import os
import re
import statistics
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SRC = ROOT / "src"


def name_of(path):
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


TREES = {name_of(path): ast.parse(path.read_text("utf-8")) for path in sorted(SRC.rglob("*.py"))}
INNER = {"errors"}
ROOMS = {  # what each may import beside itself
    "errors": set(),
    "clock": set(),
    "settings": set(),
    "telemetry": set(),
    "wire": set(),
    "exchange": {"wire"},
    "cards": INNER,
    "mappings": INNER | {"aws", "cards", "connections", "mapping"},
    "mapping": INNER,
    "connections": INNER,
    "inbox_message": INNER,
    "event": INNER | {"inbox_message"},
    "aws": INNER | {"cards", "settings"},
    "access": INNER | {"aws", "connections", "event", "mapping"},
    "delivery": INNER | {"aws", "cards", "connections", "exchange", "telemetry", "wire"},
    "lookup": INNER
    | {"aws", "cards", "connections", "delivery", "event", "exchange", "mapping", "mappings", "telemetry", "wire"},
    "intake": INNER
    | {
        "access",
        "aws",
        "cards",
        "connections",
        "delivery",
        "event",
        "lookup",
        "mapping",
        "mappings",
        "settings",
        "telemetry",
    },
    "handlers": INNER
    | {
        "access",
        "aws",
        "clock",
        "connections",
        "delivery",
        "event",
        "intake",
        "lookup",
        "mappings",
        "settings",
        "telemetry",
    },
}
PURE = (
    "cards",
    "mapping",
    "delivery.bisect",
    "delivery.classify",
    "delivery.policy",
    "delivery.state",
    "delivery.throttle",
    "lookup.answer",
    "lookup.pace",
    "lookup.paging",
    "lookup.request",
    "lookup.rows",
    "wire",
)
NETWORK = {"aws_lambda_powertools", "boto3", "botocore", "http.client", "socket", "ssl", "urllib3"}
OUTSIDE = NETWORK | {"clock", "logging", "os", "random", "secrets", "settings", "threading", "time", "uuid"}
ONLY_WHEN_NEEDED = {"mapping.direct"}  # pydantic loads sockets by itself; only an event of our own contract loads it


def room_of(module):
    return module.partition(".")[0]


def imported(tree):
    """What a module imports, inside functions too; of `from a import b` it is `a.b`, if that is a module of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in TREES else node.module for name in names)


def packages(name):
    """A dotted name and the packages that hold it."""
    steps = name.split(".")
    return {".".join(steps[: end + 1]) for end in range(len(steps))}


NAMES = {module: set(imported(tree)) for module, tree in TREES.items()}
USES = {module: names & TREES.keys() for module, names in NAMES.items()}
OWN_ROOMS = {room_of(module) for module in TREES}


def reached(module):
    """The module and everything of ours that it imports, directly or through others."""
    found, todo = set(), [module]
    while todo:
        if (name := todo.pop()) not in found:
            found.add(name)
            todo += USES[name]
    return found


def is_part(module, rooms):
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


PURE_MODULES = [module for module in TREES if is_part(module, PURE)]


def test_every_room_has_a_row_here():
    assert ROOMS.keys() == OWN_ROOMS


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_lies_further_in(room):
    used = {room_of(name) for module, names in USES.items() if room_of(module) == room for name in names}

    assert used <= ROOMS[room] | {room}


def test_no_room_is_above_and_below_another():
    TopologicalSorter(ROOMS).prepare()


def test_no_module_imports_itself_through_others():
    """A package is imported before what it holds, so its own name among what a module of it uses is no arrow."""
    TopologicalSorter({module: names - packages(module) for module, names in USES.items()}).prepare()


@pytest.mark.parametrize("module", PURE_MODULES)
def test_the_core_knows_no_aws_no_network_no_clock_and_no_environment(module):
    used = {f"{by}: {name}" for by in reached(module) for name in NAMES[by] if packages(name) & OUTSIDE}

    assert used == set()


def test_the_core_loads_no_aws_and_no_network():
    """What is really loaded, by libraries too."""
    modules = sorted(set(PURE_MODULES) - ONLY_WHEN_NEEDED)
    program = f"import sys, {', '.join(modules)}\nprint(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=SRC, capture_output=True, text=True, check=True
    ).stdout.split()

    assert set(modules) <= set(loaded)
    assert NETWORK & set(loaded) == set()


@pytest.mark.parametrize("module", PURE_MODULES)
def test_the_core_asks_for_no_present_time(module):
    calls = {node.attr for node in ast.walk(TREES[module]) if isinstance(node, ast.Attribute)}

    assert not calls & {"now", "today", "utcnow"}


@pytest.mark.parametrize(
    ("concept", "rooms"),
    [
        ("boto3", ["aws"]),
        ("botocore", ["aws"]),
        ("os", ["settings"]),
        ("urllib3", ["aws.client", "delivery.ringostat", "exchange", "lookup.fetch"]),
        ("hmac", ["access", "aws.client"]),
    ],
)
def test_each_concept_has_one_room(concept, rooms):
    found = {module for module, names in NAMES.items() if concept in {room_of(name) for name in names}}

    assert {module for module in found if not is_part(module, rooms)} == set()


def test_no_module_hides_one_of_python_or_of_a_dependency():
    dependencies = importlib.metadata.packages_distributions()

    assert not OWN_ROOMS & (sys.stdlib_module_names | (set(dependencies) - OWN_ROOMS))


@pytest.mark.parametrize("handler", [module for module in TREES if module.startswith("handlers.")])
def test_a_handler_is_short_and_ends_in_one_statement(handler):
    lines = (SRC / f"{handler.replace('.', '/')}.py").read_text("utf-8").splitlines()
    last = TREES[handler].body[-1]

    assert len(lines) <= 60
    assert isinstance(last, ast.FunctionDef)
    assert last.name == "lambda_handler"
    assert len(last.body) == 2, "a docstring and one statement"


def loaded_by(handler):
    """Return the modules that are there when a function has started."""
    program = f"import sys; from local import environment; import handlers.{handler}; print(*sorted(sys.modules))"
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{SRC}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()


@pytest.mark.parametrize("handler", ["api", "deliver", "inbox"])
def test_a_function_that_looks_nothing_up_does_not_load_it(handler):
    """The first event after a pause waits for all that is loaded."""
    loaded = loaded_by(handler)

    assert f"handlers.{handler}" in loaded
    assert not [name for name in loaded if room_of(name) == "lookup"]


def test_a3_inbox_starts_with_the_library_that_is_built_for_a_processor():
    """The first event that `api` kept would find out, in an outage."""
    assert "pydantic_core._pydantic_core" in loaded_by("inbox")


def test_functions_are_short():
    lengths = sorted(
        node.end_lineno - node.lineno + 1
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    )

    assert statistics.median(lengths) <= 6
    assert lengths[len(lengths) * 9 // 10] <= 14


def test_an_event_is_made_only_of_a_request_that_was_admitted_or_of_a_message_of_the_queue():
    calls = {
        name: {module for module, tree in TREES.items() if name in called(tree)} for name in ("Event", "without_proofs")
    }

    assert calls == {"Event": {"event", "access.scrub"}, "without_proofs": {"access"}}


def called(tree):
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def test_no_module_is_a_drawer_for_everything():
    assert not {module.rpartition(".")[2] for module in TREES} & {"utils", "common", "base", "misc", "helpers"}


def test_the_commands_import_only_what_is_theirs():
    """A verb of `bridge` stands on `ops`, on the command's own helpers and on `src`, not on another verb."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "cli" / "commands").glob("*.py")]
    names = {name for tree in trees for name in imported(tree)}

    assert not {room_of(name) for name in names} & {"bench", "local", "tests", "tools"}
    assert not {name for name in names if name.startswith("cli.commands.")}


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("ops", {"bench", "cli", "local", "tests", "tools"}),
        ("cli", {"bench", "local", "tests", "tools"}),
        ("local", {"bench", "tests", "tools"}),
        ("bench", {"tests", "tools"}),
    ],
)
def test_what_surrounds_src_imports_nothing_above_itself(room, above):
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / room).rglob("*.py")]

    assert not {room_of(name) for tree in trees for name in imported(tree)} & above


@pytest.mark.parametrize("room", ["src", "cli", "local", "ops"])
def test_a_text_nested_too_deep_is_caught_where_a_wrong_one_is(room):
    """Python raises RecursionError for it, which is no ValueError."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / room).rglob("*.py")]
    tries = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Try)]
    reading = [node for node in tries if re.search(r"\b(json|tomllib)\.loads?\(", "".join(map(ast.unparse, node.body)))]
    caught = [" ".join(ast.unparse(handler.type) for handler in node.handlers if handler.type) for node in reading]

    assert caught
    assert [one for one in caught if "ValueError" in one and "RecursionError" not in one] == []


PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_the_page_shows_the_rooms_that_are_there():
    tree = PAGE.split("```")[1]
    there = {path.name for path in SRC.iterdir() if path.name != "__pycache__"} - {"requirements.txt"}

    assert set(re.findall(r"^([a-z_]+(?:/|\.py))", tree, re.MULTILINE)) == {
        f"{name}/" if (SRC / name).is_dir() else name for name in there
    }


def test_what_the_walk_names_is_there():
    walk = PAGE.split("## The walk of an event")[1].split("\n## ")[0]
    named = re.findall(r"`([a-z_.]+):([A-Za-z_.]+)`", walk)

    assert len(named) > 10
    for module, thing in named:
        body = TREES[module].body
        for part in thing.split("."):
            [found] = [node for node in body if getattr(node, "name", "") == part]
            body = found.body


def test_every_path_on_the_page_is_there():
    paths = re.findall(r"`((?:src|tests|docs|cli|events|local|ops)/[\w./<>-]+)`", PAGE)

    assert paths
    assert [path for path in paths if "<" not in path and not (ROOT / path).exists()] == []
