"""Schemathesis reads docs/openapi.json and sends the local world what it can think of."""

import re
import subprocess

import pytest

from local import template
from local.world import TOKEN
from tools.contracts import openapi

SCHEMATHESIS = template.ROOT / ".venv-fuzz" / "bin" / "schemathesis"  # it pins what the bridge pins otherwise
CONFIG = """\
[parameters]
"path.connection" = "{connection}"
"path.token" = "{token}"

[phases.coverage]
unexpected-methods = ["PUT", "PATCH", "DELETE"] # an HTTP API knows no TRACE

[[operations]]
include-path = "/healthz"
checks.unsupported_method.enabled = false # the gateway has no such route: 404

[checks]
positive_data_acceptance.enabled = false # whether data is good is the mapping's to say
negative_data_rejection.enabled = false # an event that is merely uninteresting is a 202
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.world,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not SCHEMATHESIS.exists(), reason="make .venv-fuzz/done installs Schemathesis, which is missing"
    ),
]


@pytest.mark.parametrize(
    ("connection", "phases", "most"),
    [("demo-direct", "examples,coverage,fuzzing", 40), ("demo-pipedrive", "fuzzing", 40), ("nobody", "fuzzing", 20)],
)
def test_no_request_gets_a_server_error_or_an_undocumented_answer(world, tmp_path, connection, phases, most):
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.format(connection=connection, token=TOKEN))
    flags = ["--phases", phases, "--seed", "1", "--max-examples", str(most)]

    run = subprocess.run(
        [SCHEMATHESIS, "--config-file", config, "run", openapi.FILE, "--url", world.bridge_url, "--no-color", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    print(connection, *re.findall(r"\d+ generated.*", run.stdout))  # noqa: T201 - the campaign's figure
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-1000:]


def test_the_document_is_openapi():
    run = subprocess.run(
        [SCHEMATHESIS.with_name("python"), "-m", "openapi_spec_validator", openapi.FILE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout
