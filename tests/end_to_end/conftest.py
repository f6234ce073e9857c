"""The local world, shared by the tests of this folder."""

import os
import subprocess
import sys

import pytest

from local import template
from local.world import World, wait_for
from tests.end_to_end import crm

SHIFTED = "import time, time_machine; time_machine.travel(time.time() + {}).start(); "
COMMAND = "import sys; sys.path[:0] = ['src', '.']; from cli.main import main; main()"


class Bridge:
    """A world and what a test asks of it about its own persons."""

    def __init__(self, world):
        self.world = world

    def contacts(self, people):
        """What Ringostat knows of these persons now, by their id in the CRM."""
        wanted = {str(one.id) for one in people}
        return {card["externalId"]: card for card in self.world.state()["contacts"] if card["externalId"] in wanted}

    def arrived(self, *people, seconds=10):
        """Wait until Ringostat knows them all."""
        return wait_for(
            lambda: len(found := self.contacts(people)) == len(people) and found, seconds, "Every contact in Ringostat"
        )

    def posts(self, *people):
        """The requests to Ringostat that hold one of these persons, oldest first."""
        wanted = {str(one.id) for one in people}
        return [
            request
            for request in self.world.ringostat.requests
            if wanted & {card["externalId"] for card in request["body"].get("contacts", ())}
        ]

    def row(self, one, crm_name="Pipedrive"):
        """The row of a person in the cards table."""
        return self.world.rows()[f"106#{crm_name}#contact:{one.id}"]

    def settled(self, *people, seconds=20):
        """Wait until nothing is left to do for these persons."""
        wanted = {str(one.id) for one in people}

        def due():
            return [key for key, row in self.world.rows().items() if key.split(":")[-1] in wanted and "due" in row]

        wait_for(lambda: not due(), seconds, "Rest")


@pytest.fixture(scope="session")
def world():
    with World() as one:
        yield one


@pytest.fixture
def bridge(world):
    yield Bridge(world)
    world.ringostat.faults()


@pytest.fixture(autouse=True)
def no_personal_data_in_any_log(request):
    """Whatever a test did, the functions' logs hold nothing personal."""
    yield
    if "world" in request.fixturenames:
        assert crm.leaks(line.text for line in request.getfixturevalue("world").logs.all()) == []


@pytest.fixture
def some():
    """Make so many persons."""
    return lambda number: [crm.person() for _ in range(number)]


@pytest.fixture
def operate(world):
    """Run `bridge … --local` as a process of its own, whose clock may be so many seconds ahead.

    Return its exit code and output.
    """
    port = world.bridge_url.rpartition(":")[2]

    def run(*words, where=("--local",), given=None, seconds=30, ahead=0, **environment):
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "BRIDGE_"))}
        program = SHIFTED.format(ahead) + COMMAND if ahead else COMMAND
        done = subprocess.run(
            [sys.executable, "-c", program, *map(str, words), *where],
            cwd=template.ROOT,
            env={**kept, "BRIDGE_PORT": port, "TZ": "UTC", **environment},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        assert "fault of the bridge" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    return run
