"""The environment of the functions, set before any of them is imported, and the whole bridge inside the process."""

import logging
import os

import pytest
from hypothesis import HealthCheck, settings
from moto import mock_aws

from local import environment  # noqa: F401 - sets the environment of the functions
from local.emulator import Emulator
from local.in_process import AUTH_KEYS, Bridge
from tests import answers, canaries
from tests.servers import Server

# The machine may be busy, and nothing is proven by its speed: no deadline. HYPOTHESIS_PROFILE=slow tries for minutes.
settings.register_profile("quick", max_examples=150, deadline=None, derandomize=True, database=None)
settings.register_profile("slow", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slow" if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else "quick")

WITNESS = canaries.installed()
ANSWERS = answers.watched()


@pytest.fixture(autouse=True)
def witness():
    """Whatever a test does, nothing personal gets out of the functions."""
    WITNESS.forget()
    yield WITNESS
    assert WITNESS.leaks == []


@pytest.fixture(autouse=True)
def documented():
    """Whatever a test asks, docs/openapi.json has the answer."""
    ANSWERS.forget()
    yield ANSWERS
    assert ANSWERS.undocumented == []


@pytest.fixture
def aws():
    """Empty emulated AWS."""
    with mock_aws():
        yield


@pytest.fixture
def nowhere(aws):
    """The bridge with no Ringostat: nothing listens on the discard port."""
    with Bridge("http://127.0.0.1:9") as bridge:
        yield bridge


@pytest.fixture
def ringostat():
    """Ringostat, as far as its help page tells."""
    keys = {int(project): entry["auth_key"] for project, entry in AUTH_KEYS.items()}
    with Emulator(keys=keys) as emulator:
        yield emulator


@pytest.fixture
def bridge(aws, ringostat):
    """The bridge with its Ringostat."""
    with Bridge(ringostat.url) as bridge:
        yield bridge


@pytest.fixture
def serve():
    servers = []

    def start(answer, *arguments, **options):
        script = answer if callable(answer) else lambda _, connection: connection.sendall(answer)
        servers.append(Server(script, *arguments, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def seen(caplog, capfd):
    """Everything that was logged or printed."""
    caplog.set_level(logging.DEBUG)
    return lambda: caplog.text + "".join(capfd.readouterr())


@pytest.fixture
def show(request, capsys):
    """Return what writes a line to the terminal: figures of a proof are shown, whatever pytest captures.

    A worker of xdist has no terminal: what it shows comes with the report of its test.
    """
    if hasattr(request.config, "workerinput"):
        return lambda line: request.node.user_properties.append(("shown", line))
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")

    def write(line):
        with capsys.disabled():
            terminal.ensure_newline()
            terminal.write_line(line)

    return write


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, line in report.user_properties:
            if name == "shown" and report.when == "call":
                terminalreporter.write_line(line)
