"""Programs from npm: installed into build/peers when they are first wanted, and run on the Node.js that is here."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.environment import ROOT

PEERS = Path(__file__).parent / "peers"
BUILD = ROOT / "build" / "peers"
INSTALL = (
    *("install", "--no-audit", "--no-fund", "--omit=dev", "--no-package-lock", "--loglevel=error"),
    "--ignore-scripts",  # of two thousand packages, whose modules in C++ the peers can do without but for those named
)
MOST_SECONDS = 1200


class NotHere(Exception):
    """A program cannot run on this machine; the text says why."""


def node() -> str:
    """Return the path of Node.js; raise NotHere without it."""
    path = shutil.which("node")
    if path is None:
        raise NotHere("Node.js is not on this machine")
    return path


def version(name: str) -> str:
    """Return what is installed for a peer: `n8n 1.123.81`."""
    wanted = json.loads((PEERS / name / "package.json").read_text("utf-8"))["dependencies"]
    return ", ".join(f"{package} {exact}" for package, exact in wanted.items())


def installed(name: str, compiled: Sequence[str] = ()) -> Path:
    """Return the folder with a peer's node_modules, installed once for each package.json; raise NotHere.

    `compiled` names the packages whose install scripts must run.
    """
    npm, wanted, target = shutil.which("npm"), PEERS / name / "package.json", BUILD / name
    if npm is None:
        raise NotHere("npm is not on this machine")
    done = target / "done"
    if not done.exists() or done.read_text("utf-8") != wanted.read_text("utf-8"):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        shutil.copy(wanted, target)
        _run([npm, *INSTALL], target)
        if compiled:
            _run([npm, "rebuild", *compiled], target)
        shutil.copy(wanted, done)
    return target


def _run(command: Sequence[str], target: Path) -> None:
    environment = {**os.environ, **_headers()}
    try:
        run = subprocess.run(  # noqa: S603
            command,
            cwd=target,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise NotHere(f"npm {command[1]} did not end within {MOST_SECONDS} s") from None
    if run.returncode:
        said = [line.removeprefix("npm error ") for line in run.stderr.splitlines() if line.startswith("npm error")]
        raise NotHere(f"npm {command[1]} failed ({'; '.join(said[:3])})")


def _headers() -> dict[str, str]:
    """Say where the headers of Node.js are if they came with it, for modules that must be compiled."""
    prefix = Path(node()).resolve().parent.parent
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include" / "node" / "node.h").exists() else {}
