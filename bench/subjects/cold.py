"""Cold start: a fresh process imports a function from the built bundle and handles one event."""

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench import bundle
from bench.aws_server import AwsServer
from bench.corpus import FORM, person, thin
from bench.environment import SECRETS, VARIABLES
from bench.measure import Figure, Spread, Table, alternating, ratios, spread
from bench.stub import Stub
from bench.world import World, message, request
from local.crm import Crms
from local.crm.dialects import CRMS

CHILD = Path(__file__).parents[1] / "cold_child.py"
ROUNDS = 9
MOST_BARE = 1.25
MOST_TUTORIAL = 0.75


class Start(NamedTuple):
    """Something to start, from which folders, on which event."""

    name: str
    what: str
    folders: Sequence[Path]
    event: Any


class Cost(NamedTuple):
    """What one start cost: CPU seconds, those after its imports, modules imported, MiB at most."""

    cpu: float
    first: float
    modules: int
    peak: float


def tables() -> list[Table]:
    """Build, start, compare."""
    starts = _starts()
    launcher = Launcher()
    costs: dict[str, list[Cost]] = {start.name: [] for start in starts}
    works = {start.name: lambda start=start: _kept(costs[start.name], launcher.start(start)) for start in starts}
    taken = alternating(ROUNDS, works)
    floor = statistics.median(taken.pop("bare interpreter"))
    over = {name: [value - floor for value in values] for name, values in taken.items()}
    over["api, its first answer alone"] = [cost.first for cost in costs["api"]]
    return [_times(over, floor), _weights(costs), *_instructions(launcher, starts)]


def _starts() -> list[Start]:
    runtime = bundle.runtime()
    ours, tutorial = bundle.bundle(), bundle.tutorial()
    warm, tutorial_warm = bundle.compiled(ours), bundle.compiled(tutorial)
    api = request("pipedrive", person(1).decode())
    inbox = {"Records": [message("pipedrive", person(2), 1)]}
    wakeup = {
        "Records": [{**message("", b"", 1), "body": json.dumps({"schema": 1, "keys": ["106#Pipedrive#contact:1"]})}]
    }
    lookup = {"Records": [{**message("", b"", 1), "body": json.dumps({"schema": 1, "connection": "bitrix24"})}]}
    events = {"api": api, "inbox": inbox, "deliver": wakeup, "lookup": lookup, "sweep": {}}
    starts = [Start("bare interpreter", "nothing", [], {})]
    for name, event in events.items():
        starts.append(Start(name, f"handlers.{name}", [warm, runtime], event))
        starts.append(Start(f"{name}: bare libraries", f"bare-{name}", [warm, runtime], event))
    starts.append(Start("api: bare libraries and the same AWS calls", "bare-api-calling", [warm, runtime], api))
    starts.append(Start("tutorial", "api", [tutorial_warm, runtime], api))
    starts.append(Start("api without byte code", "handlers.api", [ours, runtime], api))
    starts.append(Start("api without byte code: bare libraries", "bare-api", [ours, runtime], api))
    starts.append(Start("tutorial without byte code", "api", [tutorial, runtime], api))
    return starts


def _times(over: dict[str, list[float]], floor: float) -> Table:
    figures = []
    for name, baseline, label, most in (
        ("api", "api: bare libraries", "bare libraries", MOST_BARE),
        ("api", "api: bare libraries and the same AWS calls", "those with the same calls", None),
        ("api", "tutorial", "tutorial", MOST_TUTORIAL),
        ("api", "tutorial without byte code", "tutorial as SAM uploads it", None),
        ("api, its first answer alone", "api", "api", None),
        ("inbox", "inbox: bare libraries", "bare libraries", None),
        ("deliver", "deliver: bare libraries", "bare libraries", None),
        ("lookup", "lookup: bare libraries", "bare libraries", None),
        ("sweep", "sweep: bare libraries", "bare libraries", None),
        ("api without byte code", "api", "api", None),
        ("api without byte code", "api without byte code: bare libraries", "bare libraries", MOST_BARE),
        ("api without byte code", "tutorial without byte code", "tutorial", MOST_TUTORIAL),
        ("tutorial", "api: bare libraries", "bare libraries", None),
        ("tutorial without byte code", "tutorial", "tutorial", None),
    ):
        each = spread(over[name]).times(1e3)
        ratio = ratios(over[name], over[baseline])
        figures.append(Figure(name, each.median, "ms", each, label, ratio, most=most, aims_at="ratio"))
    return Table(
        "Cold start, first answer included (CPU over a bare interpreter's)",
        figures,
        [
            f"a bare interpreter takes {floor * 1e3:.0f} ms; AWS and Ringostat are another process, not counted",
            "bare libraries of api: boto3 with three clients, Logger, Metrics, a resolver that answers; no call to AWS",
            "boto3 is the runtime's and always has byte code; the tutorial is without Tracer, which would cost it more",
            "SnapStart restores what was imported: of a start it leaves the first answer, and the restoring",
            "with byte code is what `make build` makes under Python 3.13; without it is what SAM alone uploads",
        ],
    )


def _weights(costs: dict[str, list[Cost]]) -> Table:
    figures = []
    for name in ("api", "inbox", "deliver", "lookup", "sweep", "tutorial"):
        modules, peak = costs[name][-1].modules, statistics.median(cost.peak for cost in costs[name])
        figures.append(Figure(f"{name}: modules imported", modules, ""))
        figures.append(Figure(f"{name}: memory at most", peak, "MiB"))
    for name, folder in (("bundle", bundle.BUILD / "bundle"), ("tutorial's bundle", bundle.BUILD / "tutorial")):
        figures.append(Figure(f"{name}: files", bundle.size(folder) / 1e6, "MB"))
        figures.append(Figure(f"{name}: zipped", _zipped(folder) / 1e6, "MB"))
    figures.append(Figure("bundle: zipped, with byte code", _zipped(bundle.BUILD / "bundle-compiled") / 1e6, "MB"))
    return Table("Weight", figures)


def _zipped(folder: Path) -> int:
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    return archive.stat().st_size


def _instructions(launcher: "Launcher", starts: Sequence[Start]) -> list[Table]:
    """Count instructions, which no neighbour disturbs, of the starts that have a target."""
    if shutil.which("valgrind") is None:
        return [Table("Instructions: valgrind is not on this machine, so none were counted", [])]
    wanted = ("bare interpreter", "api", "api: bare libraries", "tutorial")
    counts = launcher.instructions([start for start in starts if start.name in wanted])
    over = {name: number - counts["bare interpreter"] for name, number in counts.items()}
    figures = [
        Figure(
            "api",
            over["api"] / 1e6,
            "million",
            None,
            label,
            _exact(over["api"] / over[baseline]),
            most=most,
            aims_at="ratio",
        )
        for baseline, label, most in (
            ("api: bare libraries", "bare libraries", MOST_BARE),
            ("tutorial", "tutorial", MOST_TUTORIAL),
        )
    ]
    return [Table("Cold start in instructions (callgrind, over a bare interpreter's; with byte code)", figures)]


def _exact(value: float) -> Spread:
    return Spread(value, value, value)


def _kept(costs: list[Cost], cost: Cost) -> float:
    costs.append(cost)
    return cost.cpu


class Launcher:
    """Starts processes against one stand-in for AWS and one for Ringostat."""

    def __init__(self) -> None:
        self._aws = World().aws
        crm = Crms(contacts=3, crms={"bitrix24": CRMS["bitrix24"]})
        self._aws.secrets |= SECRETS | {"api-keys": json.dumps({"bitrix24": crm.secret("bitrix24")})}
        server, stub = AwsServer(self._aws), Stub()
        self._environment = {
            **VARIABLES,
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": server.url,
            "RINGOSTAT_URL": stub.url,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
        }

    def start(self, start: Start) -> Cost:
        """Return what a start cost by its own account."""
        report = json.loads(self._run([], start))
        if report["status"] not in (None, 200, 202):
            raise RuntimeError(f"{start.name} answered {report['status']}")
        return Cost(report["cpu"], report["cpu"] - report["ready"], report["modules"], report["peak"])

    def instructions(self, starts: Sequence[Start]) -> dict[str, int]:
        """Return the instructions of starts under callgrind."""
        counts = {}
        for start in starts:
            said = self._run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], start)
            (line,) = (line for line in said.splitlines() if "Collected" in line)
            counts[start.name] = int(line.rpartition(":")[2])
        return counts

    def _run(self, before: Sequence[str], start: Start) -> str:
        self._forget()
        folders = [str(folder) for folder in start.folders]
        command = [*before, sys.executable, "-S", "-s", str(CHILD), start.what, *folders]
        done = subprocess.run(  # noqa: S603
            command, input=json.dumps(start.event), env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{start.name}: {done.stderr[-2000:]}")
        return done.stderr

    def _forget(self) -> None:
        """Make every first event the same: a card that is due, a record that is wanted, and nothing else."""
        world = World()
        world.ingest(person(1))
        world.ingest(thin(1), "bitrix24", FORM)
        self._aws.memory = world.aws.memory
