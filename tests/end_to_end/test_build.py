"""What SAM CLI builds: imported and invoked as Lambda does it, from a directory that holds nothing else."""

import json
import os
import platform
import re
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from local import template
from local.ministack import REGION, free_port
from local.world import wait_for
from tools import build, install

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.timeout(300)]

PYTHON = build.runtime_python()
LOCK = template.ROOT / "requirements" / "run.txt"
# AWS's runtime client, and boto3 with what it needs: no library of the bundle is among them but urllib3 and jmespath.
RUNTIME = "awslambdaric|boto3|botocore|jmespath|python-dateutil|s3transfer|simplejson|six|snapshot-restore-py|urllib3"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
RAPID = "lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-" + ARCHITECTURE
FUNCTIONS = template.functions(template.load())
EVENTS = template.ROOT / "events" / "lambda"
MIB = 2**20

needs_sam = pytest.mark.skipif(not build.PROGRAM.exists(), reason="SAM CLI is not installed: run `make .venv-sam/done`")
needs_python = pytest.mark.skipif(PYTHON is None, reason="the runtime's Python is not on this machine")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The artefacts for this machine's processor."""
    directory = tmp_path_factory.mktemp("sam") / "build"
    build.build(directory, python=PYTHON, architecture=ARCHITECTURE)
    return directory


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """What Lambda's runtime brings along: boto3 and AWS's runtime client, for the runtime's Python."""
    directory = tmp_path_factory.mktemp("runtime")
    pins = re.findall(rf"^(?:{RUNTIME})==(?:.*\\\n)*.*\n", LOCK.read_text("utf-8"), re.MULTILINE)
    lock = tmp_path_factory.mktemp("lock") / "runtime.txt"
    lock.write_text("".join(pins))
    options = ["--quiet", *install.OPTIONS, "--target", directory]
    subprocess.run([PYTHON, "-m", "pip", "install", *options, "-r", lock], check=True)
    return directory


@needs_sam
def test_sam_cli_finds_nothing_wrong_with_the_template():
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    command = [build.PROGRAM, "validate", "--lint", "--region", REGION]

    done = subprocess.run(
        command, cwd=template.ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.returncode == 0, done.stdout + done.stderr


@needs_sam
@needs_python
def test_the_package_is_small_and_holds_what_it_needs_and_nothing_of_the_repository(built):
    artefact = build.artefact(built, "ApiFunction")
    print(  # noqa: T201 - a figure for whoever runs it
        f"bundle: {build.zipped_size(artefact) / MIB:.1f} MiB zipped, {build.size(artefact) / MIB:.1f} MiB unzipped"
    )

    assert build.zipped_size(artefact) < 8 * MIB
    assert {"handlers", "mapping", "phonenumbers", "aws_lambda_powertools", "pydantic_core"} <= set(names(artefact))
    assert not {"boto3", "botocore", "tests", "local", "cli", "pytest"} & set(names(artefact))
    assert (artefact / "mapping" / "presets" / "pipedrive.toml").exists()


@needs_sam
@needs_python
def test_byte_code_of_every_module_is_there_and_is_used_wherever_the_package_lies(built):
    artefact = build.artefact(built, "ApiFunction")
    modules = list(artefact.rglob("*.py"))
    os.utime(artefact / "errors.py", (10**9, 10**9))  # Lambda's files have other times than those of the build

    command = [PYTHON, "-v", "-B", "-S", "-c", "import errors"]
    done = subprocess.run(command, cwd=artefact, capture_output=True, text=True, check=True)

    assert all((module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc").exists() for module in modules)
    assert f"code object from '{artefact}/__pycache__/errors.cpython-313.pyc'" in done.stderr


@needs_sam
def test_without_the_runtimes_python_uv_builds_the_same(tmp_path):
    directory = tmp_path / "build"

    build.build(directory)

    artefact = build.artefact(directory, "DeliverFunction")
    assert list(artefact.glob("pydantic_core/*cpython-313-aarch64-linux-gnu.so"))
    assert (artefact / "handlers" / "deliver.py").exists()


@needs_sam
@needs_python
@pytest.mark.parametrize("name", ["api", "inbox", "deliver", "sweep"])
def test_a_built_function_takes_its_event_under_aws_own_runtime(built, runtime, bridge, name):
    logical = f"{name.title()}Function"
    event = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))

    with Emulated(build.artefact(built, logical), runtime, bridge.world, logical) as function:
        answer = function.invoke(event)

    assert answer in (0, {"batchItemFailures": []}) or answer["statusCode"] == 202


@needs_sam
@needs_python
def test_a_contact_that_the_built_api_takes_reaches_ringostat(built, runtime, bridge):
    event = json.loads((EVENTS / "api.json").read_text("utf-8"))
    body = json.loads(event["body"])
    body["data"]["id"] = 990_001
    body["meta"]["entity_id"] = "990001"
    event["body"] = json.dumps(body)

    with Emulated(build.artefact(built, "ApiFunction"), runtime, bridge.world, "ApiFunction") as api:
        answer = api.invoke(event)

    assert json.loads(answer["body"])["accepted"] == 1
    wait_for(lambda: [card for card in bridge.world.state()["contacts"] if card["externalId"] == "990001"])


def names(artefact):
    return [path.name for path in artefact.iterdir()]


class Emulated:
    """One function under AWS's runtime interface emulator, with the environment that the stack gives it."""

    def __init__(self, artefact: Path, runtime: Path, world, logical: str):
        (program,) = (template.ROOT / ".venv-sam").glob(RAPID)
        self._port = free_port()
        given = world.aws.client("lambda").get_function_configuration(FunctionName=world.ids[logical])["Environment"]
        command = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        command += ["--runtime-api-address", f"127.0.0.1:{free_port()}"]
        self._process = subprocess.Popen(
            [*command, PYTHON, "-m", "awslambdaric", FUNCTIONS[logical]["Handler"]],
            cwd=artefact,
            env={
                **given["Variables"],
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{artefact}{os.pathsep}{runtime}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "LAMBDA_TASK_ROOT": str(artefact),
                "AWS_LAMBDA_FUNCTION_NAME": logical,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_ENDPOINT_URL": world.aws.endpoint,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(10)

    def invoke(self, event):
        url = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        until = time.monotonic() + 30
        while True:
            try:
                with direct.open(url, json.dumps(event).encode(), timeout=60) as answer:
                    return json.load(answer)
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
