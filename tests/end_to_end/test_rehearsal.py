"""A rehearsal without an account: the real `sam deploy`, again, and `sam delete` against emulated AWS."""

import os
import subprocess

import pytest

from local import template
from local.ministack import REGION, MiniStack
from tests.end_to_end.test_build import ARCHITECTURE, PYTHON, needs_sam
from tools import build

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.timeout(300), needs_sam]

STACK = "rehearsal"
# MiniStack knows no saved queries, which come and go with the dashboard.
PARAMETERS = ["Dashboard=false", "AlarmEmail=operator@example.com"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    one = MiniStack(tmp_path_factory.mktemp("ministack"))
    one.wait()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def sam(aws, tmp_path_factory):
    """Run SAM CLI against the emulator, on what it has built."""
    directory = tmp_path_factory.mktemp("sam") / "build"
    build.build(directory, python=PYTHON, architecture=ARCHITECTURE)

    def run(*words):
        kept = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
        ours = {
            "AWS_ENDPOINT_URL": aws.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        }
        done = subprocess.run(
            [build.PROGRAM, *words],
            cwd=template.ROOT,
            env=kept | ours,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deploy(*parameters):
        return run(
            *("deploy", "--config-file", template.ROOT / "samconfig.example.toml", "--config-env", "prod"),
            *("--template-file", directory / "template.yaml", "--stack-name", STACK),
            *("--parameter-overrides", *PARAMETERS, *parameters),
        )

    run.deploy = deploy
    return run


def test_the_stack_is_deployed_changed_and_deleted_but_for_the_cards(aws, sam):
    cloudformation = aws.client("cloudformation")

    sam.deploy()
    first = described(cloudformation)
    ids = {resource["LogicalResourceId"]: resource for resource in resources(cloudformation)}
    sam.deploy("BatchSize=50")
    second = described(cloudformation)
    variables = configuration(aws, ids["DeliverFunction"]["PhysicalResourceId"])["Environment"]["Variables"]
    table = ids["CardsTable"]["PhysicalResourceId"]
    sam("delete", "--no-prompts", "--stack-name", STACK)

    assert (first["StackStatus"], second["StackStatus"]) == ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert outputs(first) == outputs(second) == expected_outputs()
    assert variables["BATCH_SIZE"] == "50"
    assert len(aws.client("dynamodb").describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]) == 1
    assert [one for one in cloudformation.list_stacks()["StackSummaries"] if is_live(one)] == []


def described(cloudformation):
    return cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]


def resources(cloudformation):
    return cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]


def configuration(aws, function):
    return aws.client("lambda").get_function_configuration(FunctionName=function)


def outputs(stack):
    return {output["OutputKey"] for output in stack["Outputs"]}


def expected_outputs():
    declared = template.load()["Outputs"].items()
    return {name for name, output in declared if output.get("Condition") != "HasDashboard"}


def is_live(stack):
    return stack["StackName"] == STACK and stack["StackStatus"] != "DELETE_COMPLETE"
