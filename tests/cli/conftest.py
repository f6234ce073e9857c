"""The command as people call it, inside the process."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from cli.main import bridge


@pytest.fixture
def run():
    """Call `bridge` and return its exit code, standard output and standard error."""

    def call(*words, **given):
        done = CliRunner().invoke(bridge, [str(word) for word in words], prog_name="bridge", **given)
        return SimpleNamespace(code=done.exit_code, out=done.stdout, err=done.stderr)

    return call


@pytest.fixture
def explained(run):
    """Call `bridge explain --json` and return its document."""

    def call(*words, **given):
        return json.loads(run("explain", "--json", *words, **given).out)

    return call
