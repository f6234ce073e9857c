"""The Makefile's own installation of a lock, from an index in a folder: whatever is newer there, the lock decides."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions, metadata
from typing import NamedTuple

import pytest
from packaging.markers import default_environment
from packaging.utils import canonicalize_name

from local.template import ROOT
from tests import locks, wheels

NEWER = "9999.0"
PYTHON = sys._base_executable  # a virtual environment is made by the Python that people have


class Clone(NamedTuple):
    """A clone with nothing installed, and what the only index offers."""

    root: object
    index: object

    def lock(self, name, pins):
        """Write a lock of these versions and hashes."""
        lines = (f"{package}=={version} --hash=sha256:{digest}\n" for package, version, digest in pins)
        (self.root / "requirements" / f"{name}.txt").write_text("".join(lines))

    def make(self, target):
        ours = {
            "PATH": os.environ["PATH"],
            "PYTHON": PYTHON,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": f"{self.index} {self.root}/no-such-folder",  # pip warns of it
        }
        return subprocess.run(
            ["make", target], cwd=self.root, env=ours, capture_output=True, text=True, check=False, timeout=120
        )

    def installed(self):
        (folder,) = self.root.glob(".venv/lib/python*/site-packages")
        found = {canonicalize_name(one.name): one.version for one in distributions(path=[str(folder)])}
        return {name: version for name, version in found.items() if name not in ("pip", "setuptools")}


@pytest.fixture
def clone(tmp_path):
    clone = Clone(tmp_path / "clone", tmp_path / "index")
    for folder in (clone.index, clone.root / "requirements", clone.root / "tools"):
        folder.mkdir(parents=True)
    for path in ("Makefile", "tools/__init__.py", "tools/install.py"):
        shutil.copy(ROOT / path, clone.root / path)
    return clone


@pytest.mark.timeout(180)
def test_our_locks_are_installed_as_they_stand_though_all_their_packages_have_newer_releases(clone):
    expected = {pin.name: pin.version for pin in locks.read("dev") if pin.wanted(default_environment())}
    pins = {}
    for name, version in expected.items():
        lines = [f"{key}: {text}" for key, text in metadata(name).items() if key in ("Requires-Dist", "Provides-Extra")]
        pins[name] = (name, version, wheels.make(clone.index, name, version, lines))
        wheels.make(clone.index, name, NEWER, lines)
    clone.lock("run", [pins[pin.name] for pin in locks.read("run") if pin.name in pins])
    clone.lock("dev", pins.values())

    first, second = clone.make(".venv/dev"), clone.make(".venv/dev")

    assert (first.stderr, first.returncode) == ("", 0)
    assert [line.partition(",")[0] for line in first.stdout.splitlines()] == [
        ".venv: requirements/run.txt",
        ".venv: requirements/dev.txt",
    ]
    assert clone.installed() == expected
    assert "up to date" in second.stdout


def missing(_index):
    return [("alpha", "1.0", "0" * 64)]


def of_another_hash(index):
    wheels.make(index, "alpha", "1.0")
    return [("alpha", "1.0", "0" * 64)]


def not_closed(index):
    return [("beta", "1.0", wheels.make(index, "beta", "1.0", ["Requires-Dist: gamma>=2"]))]


@pytest.mark.parametrize(
    ("index", "said", "to_do"),
    [
        (missing, "alpha==1.0 of requirements/run.txt is not installed", "check the network"),
        (of_another_hash, "alpha==1.0 of requirements/run.txt is not installed", "`make pins`"),
        (not_closed, "beta 1.0 requires gamma, which is not installed", "`make pins`"),
    ],
)
def test_a_failure_is_one_line_with_the_environment_the_package_and_what_to_do(clone, index, said, to_do):
    clone.lock("run", index(clone.index))

    done = clone.make(".venv/run")

    line, makes_own = done.stderr.splitlines()
    assert line.startswith(".venv: ")
    assert said in line
    assert to_do in line
    assert line.endswith("see .venv/run.log")
    assert makes_own.startswith("make: ***")
    assert not (clone.root / ".venv" / "run").exists()
