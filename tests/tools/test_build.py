"""Which Python builds what is deployed. What is built is tested in tests/end_to_end/test_build.py."""

import os
import sys

import pytest

from tools import build


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with an empty PATH and without pyenv; a function puts an executable on it."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}{os.pathsep}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))

    def add(place, text):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    return add


DEAD = "echo 'pyenv: python3.99: command not found' >&2; exit 127"
VERSION = "versions/3.99.1/bin/python3.99"


def test_without_the_runtimes_python_there_is_none(machine):
    machine("shims/python3.99", DEAD)

    assert build.runtime_python("3.99") is None


def test_behind_a_shim_that_runs_nothing_pyenvs_own_directory_is_looked_at(machine):
    machine("shims/python3.99", DEAD)
    real = machine(VERSION, "echo $0")

    assert build.runtime_python("3.99") == real


def test_a_shim_that_runs_is_not_the_interpreter(machine):
    """SAM looks on PATH itself, so it is the interpreter's own directory that must be put there."""
    machine("shims/python3.99", f'exec {sys.executable} "$@"')

    assert str(build.runtime_python("3.99")) == sys.executable
