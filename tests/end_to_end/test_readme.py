"""The README's own commands, word for word, as somebody who just cloned the repository runs them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from local.template import ROOT
from local.world import wait_for

pytestmark = [pytest.mark.world, pytest.mark.slow]

COMMANDS = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
READY = "What the functions log:\n"


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


def shell(command):
    return json.loads(
        subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, timeout=30).stdout
    )


@pytest.fixture
def clone(tmp_path):
    """The repository as git has it, and nothing that was installed or built."""
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, files.split("\0")):
        if (ROOT / name).exists():  # not one that was just deleted
            target = tmp_path / "clone" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
    return tmp_path / "clone"


@pytest.fixture
def running(clone):
    """The world that `make run` makes there, until Ctrl-C."""
    assert COMMANDS[0] == "make run\n"
    assert is_free(8080), "port 8080 is taken, and the README names it"
    assert is_free(8081), "port 8081 is taken, and the README names it"
    assert is_free(8082), "port 8082 is taken, and the README names it"
    # make hands its own on
    ours = ("BRIDGE_PORT", "RINGOSTAT_PORT", "CRM_PORT", "VENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: text for name, text in os.environ.items() if name not in ours}
    process = subprocess.Popen(
        ["bash", "-c", COMMANDS[0]],
        cwd=clone,
        env=environment | {"PYTHONUNBUFFERED": "1", "PYTHON": sys._base_executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if line.endswith(READY):
            break
    else:
        pytest.fail("".join(said))
    yield clone
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)


@pytest.mark.timeout(600)
def test_one_pasted_command_shows_a_card_in_ringostats_contact_book(running):
    send, look = (command for command in COMMANDS if command.startswith("curl"))

    answer = shell(send)
    [contact] = wait_for(lambda: shell(look)["contacts"], 2, "The card in Ringostat's contact book")

    assert (answer["accepted"], answer["rejected"]) == (1, [])
    assert contact["fullName"] == "Олена Коваль"
    assert [direction["value"] for direction in contact["contactDirections"]] == [
        "+380670000001",
        "+380440000002",
        "olena@example.com",
    ]
    assert contact["contactLink"] == "https://demo.example.com/person/42"
    assert contact["responsible"] == "7"
    # What runs is there, and what only tests need is not.
    explain = ".venv/bin/bridge explain --mapping pipedrive events/pipedrive/person-with-odd-phones.json"
    subprocess.run(["bash", "-c", explain], cwd=running, stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert not (running / ".venv" / "bin" / "pytest").exists()
