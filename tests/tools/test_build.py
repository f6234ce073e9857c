"""Which Python builds what is deployed. What is built is tested in tests/end_to_end/test_build.py."""

import json
import os
import struct
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from local import template
from tools import build, package


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


def library(folder, machine):
    """The first bytes of a library: magic, 64 bits, little-endian, and the processor in the 19th."""
    path = folder / "pydantic_core" / "core.so"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HHI", 3, machine, 1))


def test_a3_a_library_for_another_processor_is_found(tmp_path):
    """A3 of the review of AWS: it was found in the next outage, by the first event that `api` had to keep."""
    library(tmp_path, 62)

    build.check(tmp_path, "x86_64")
    with pytest.raises(build.WrongArchitecture, match=r"core\.so is for x86_64, the functions are for arm64"):
        build.check(tmp_path, "arm64")


def test_a3_a_build_that_holds_one_fails(tmp_path, machine, monkeypatch):
    library(tmp_path / "made" / "Sweep", 62)
    resource = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "Sweep"}}
    (tmp_path / "made" / "template.yaml").write_text(json.dumps({"Resources": {"SweepFunction": resource}}))
    sam = machine("sam", f'cp -r {tmp_path / "made"} "$5"')  # build --template-file … --build-dir …
    monkeypatch.setattr(build, "PROGRAM", sam)

    build.build(tmp_path / "x86" / "build", architecture="x86_64")
    with pytest.raises(build.WrongArchitecture):
        build.build(tmp_path / "arm" / "build")


@pytest.mark.parametrize("by_uv", [False, True])
def test_a3_build_and_deployment_have_one_processor(by_uv):
    """A3: it is no parameter of the stack, which could differ from what was built."""
    built = build.built_from(template.load(), "x86_64", by_uv=by_uv)

    assert built["Globals"]["Function"]["Architectures"] == ["x86_64"]
    assert "Architecture" not in built["Parameters"]
    assert [name for name, one in template.functions(built).items() if "Architectures" in one] == []


def test_without_credentials_one_line_says_it_before_anything_is_built(tmp_path):
    env = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": "eu-central-1"}
    command = [sys.executable, "-m", "tools.package", "--check", "a-bucket"]

    done = subprocess.run(command, cwd=build.ROOT, env=env, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr == "The bucket cannot be reached, see AWS_PROFILE: Unable to locate credentials\n"


def test_the_link_opens_the_page_that_creates_the_stack_of_the_uploaded_template():
    address = urlsplit(package.link("a-bucket", "eu-central-1"))
    fragment = urlsplit(address.fragment)

    assert (address.hostname, fragment.path) == ("eu-central-1.console.aws.amazon.com", "/stacks/quickcreate")
    assert parse_qs(fragment.query) == {
        "templateURL": [f"https://a-bucket.s3.eu-central-1.amazonaws.com/{package.KEY}"],
        "stackName": ["ringostat-bridge"],
    }
