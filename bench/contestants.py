"""Ours and what a user would pick instead, each started as it would run, each with its own stub."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import IO, NamedTuple

from bench import bundle, npm
from bench.corpus import person
from bench.environment import ROOT, VARIABLES
from bench.load import Client
from bench.stub import Stub
from bench.world import request

CHILD = Path(__file__).parent / "function_child.py"
API = json.dumps(request("pipedrive", ""))
MOST_SECONDS = 120  # until one answers
FIRST = 9_000_000  # the person of the first event


class Contestant(NamedTuple):
    """A running one: where to POST, its ways of answering by name; its processes; AWS's, which are not its own."""

    urls: Mapping[str, str]
    processes: Sequence[int]
    stub: Stub
    aws: Sequence[int] = ()

    @property
    def url(self) -> str:
        """Return the address that load goes to."""
        return next(iter(self.urls.values()))


AFTER, AT_ONCE = "three tries, then the answer", "the answer, then five tries"


def ours(stack: ExitStack) -> Contestant:
    """Start api, deliver and sweep from the built bundle, with byte code and real clients of AWS."""
    lambdas = Lambdas(stack, _built(bundle.bundle))
    deliver, sweep = lambdas.start("handlers.deliver"), lambdas.start("handlers.sweep")
    polls = {"queue": "delivery", "url": deliver, "visibility": 360, "receives": 10}
    return lambdas.contestant("", lambdas.start("handlers.api", API), polls=polls, every_minute=sweep)


def tutorial(stack: ExitStack) -> Contestant:
    """Start the tutorial's api, which delivers before it answers."""
    lambdas = Lambdas(stack, _built(bundle.tutorial))
    return lambdas.contestant("one try, then the answer", lambdas.start("api", API))


def tutorial_with_queue(stack: ExitStack) -> Contestant:
    """Start the tutorial's other api, which queues, and its worker."""
    lambdas = Lambdas(stack, _built(bundle.tutorial))
    polls = {"queue": "inbox", "url": lambdas.start("worker"), "visibility": 30, "receives": 3}
    return lambdas.contestant("the answer, then three tries", lambdas.start("enqueue", API), polls=polls)


def floor(stack: ExitStack) -> Contestant:
    """Start the least that gives ours' guarantee: five calls of AWS and a POST, with nothing around them."""
    lambdas = Lambdas(stack, bundle.FLOOR)
    polls = {"queue": "delivery", "url": lambdas.start("forward"), "visibility": 360, "receives": 10}
    return lambdas.contestant("", lambdas.start("receive", API), polls=polls)


def nodered(stack: ExitStack) -> Contestant:
    """Start Node-RED with its flows."""
    folder, stub, port, own = npm.installed("nodered"), Stub(keeps=True), _free_port(), _temporary(stack)
    shutil.copy(npm.PEERS / "nodered" / "flows.json", own)
    settings = npm.PEERS / "nodered" / "settings.js"
    command = ["node_modules/node-red/red.js", "--userDir", str(own), "--settings", str(settings)]
    process = _node(stack, command, folder, {**_peer(stub), "PORT": str(port)})
    return Contestant(_ways(port), [process.pid], stub)


def n8n(stack: ExitStack) -> Contestant:
    """Start n8n with its workflows, on SQLite; what succeeded is not kept, and no telemetry is sent."""
    folder, stub = npm.installed("n8n", compiled=["sqlite3"]), Stub(keeps=True)
    port, own = _free_port(), _temporary(stack)
    environment = {
        **_peer(stub),
        "N8N_USER_FOLDER": str(own),
        "N8N_LISTEN_ADDRESS": "127.0.0.1",
        "N8N_PORT": str(port),
        "N8N_RUNNERS_BROKER_PORT": str(_free_port()),
        "N8N_EXPRESSION_ENGINE": "legacy",  # the newer wants an isolated-vm that Node.js 20 cannot have
        "N8N_BLOCK_ENV_ACCESS_IN_NODE": "false",
        "EXECUTIONS_DATA_SAVE_ON_SUCCESS": "none",
        "DB_SQLITE_POOL_SIZE": "4",
        "N8N_DIAGNOSTICS_ENABLED": "false",
        "N8N_VERSION_NOTIFICATIONS_ENABLED": "false",
        "N8N_PERSONALIZATION_ENABLED": "false",
        "N8N_TEMPLATES_ENABLED": "false",
        "N8N_COMMUNITY_PACKAGES_ENABLED": "false",
        "N8N_LOG_LEVEL": "error",
    }
    program = "node_modules/n8n/bin/n8n"
    workflows = npm.PEERS / "n8n" / "workflows.json"
    for arguments in (["import:workflow", f"--input={workflows}"], ["update:workflow", "--all", "--active=true"]):
        if _node(stack, [program, *arguments], folder, environment).wait(MOST_SECONDS):
            raise npm.NotHere(f"n8n {arguments[0]} failed")
    process = _node(stack, [program, "start"], folder, environment)
    return Contestant(_ways(port), [process.pid], stub)


class Lambdas:
    """Functions of one bundle, a process each, with the stand-in for AWS around them."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self._folders = [folder, bundle.runtime()]
        self._stub = Stub(keeps=True)
        self._aws = _python(stack, ["-m", "bench.lambda_service"], os.environ)
        self._environment = {
            **VARIABLES,
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": _line(self._aws),
            "RINGOSTAT_URL": self._stub.url,
        }
        self._processes: list[int] = []

    def start(self, module: str, template: str = "null") -> str:
        """Start a function and return its address."""
        process = _python(self._stack, ["-S", "-s", str(CHILD), module, *map(str, self._folders)], self._environment)
        _tell(process, template)
        self._processes.append(process.pid)
        return f"http://127.0.0.1:{_line(process)}"

    def contestant(self, way: str, url: str, **invoked: object) -> Contestant:
        """Tell AWS what to invoke, and return them all."""
        _tell(self._aws, json.dumps(invoked))
        return Contestant({way: url + "/crm/pipedrive/local"}, self._processes, self._stub, aws=[self._aws.pid])


def ready(contestant: Contestant) -> Contestant:
    """Return a contestant when it has answered by each of its addresses; raise NotHere if it does not."""
    for number, url in enumerate(contestant.urls.values()):
        ends = time.monotonic() + MOST_SECONDS
        while not (answer := Client(url).post(person(FIRST + number))).is_success:
            if time.monotonic() > ends:
                raise npm.NotHere(f"it answered {answer.status} for {MOST_SECONDS} s")
            time.sleep(0.2)
    return contestant


@cache
def _built(make: Callable[[], Path]) -> Path:
    return bundle.compiled(make())


def _ways(port: int) -> dict[str, str]:
    return {AFTER: f"http://127.0.0.1:{port}/webhook/after", AT_ONCE: f"http://127.0.0.1:{port}/webhook/first"}


def _peer(stub: Stub) -> dict[str, str]:
    return {"RINGOSTAT_URL": stub.url, "RINGOSTAT_KEY": "local-key", "NODE_ENV": "production"}


def _temporary(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory()))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _python(stack: ExitStack, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return _started(stack, [sys.executable, *arguments], ROOT, environment, subprocess.PIPE)


def _node(
    stack: ExitStack, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[str]:
    return _started(stack, [npm.node(), *arguments], folder, {**os.environ, **environment}, subprocess.DEVNULL)


def _started(
    stack: ExitStack, command: Sequence[str], folder: Path, environment: Mapping[str, str], output: int
) -> subprocess.Popen[str]:
    """Start a process that ends with the stack."""
    process = subprocess.Popen(  # noqa: S603 - our own programs and those of npm
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(_ended, process)
    return process


def _ended(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()


def _line(process: subprocess.Popen[str]) -> str:
    return _pipe(process.stdout).readline().strip()


def _tell(process: subprocess.Popen[str], *lines: str) -> None:
    stream = _pipe(process.stdin)
    stream.writelines(line + "\n" for line in lines)
    stream.flush()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None  # noqa: S101 - it was asked for
    return stream
