"""The README's own commands, word for word, as somebody who just cloned the repository runs them."""

import json
import os
import re
import signal
import socket
import subprocess

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
def running():
    """The world that `make run` makes, until Ctrl-C."""
    assert COMMANDS[0] == "make run\n"
    assert is_free(8080), "port 8080 is taken, and the README names it"
    assert is_free(8081), "port 8081 is taken, and the README names it"
    environment = {name: text for name, text in os.environ.items() if name not in ("BRIDGE_PORT", "RINGOSTAT_PORT")}
    process = subprocess.Popen(
        ["bash", "-c", COMMANDS[0]],
        cwd=ROOT,
        env=environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.endswith(READY):
            break
    yield
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)


@pytest.mark.timeout(180)
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
