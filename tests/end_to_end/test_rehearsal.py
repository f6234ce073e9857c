"""A rehearsal without an account: the real `sam deploy`, again, and `sam delete` against emulated AWS."""

import json
import os
import subprocess

import pytest
from botocore.exceptions import ClientError

from local import template
from local.ministack import REGION, MiniStack
from local.world import wait_for
from tests.end_to_end.test_build import ARCHITECTURE, PYTHON, needs_sam
from tools import build, package

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.timeout(300), needs_sam]

STACK = "rehearsal"
# MiniStack knows no saved queries, which come and go with the dashboard.
PARAMETERS = ["Dashboard=false", "AlarmEmail=operator@example.com"]
FIRST = ["FirstProject=106", "FirstAuthKey=a-key", "FirstPreset=kommo", f"FirstToken={'t' * 20}"]


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
            *("--parameter-overrides", *PARAMETERS, *FIRST, *parameters),
        )

    run.deploy = deploy
    run.built = directory
    return run


def test_the_stack_is_deployed_changed_and_deleted_but_for_the_cards(aws, sam):
    cloudformation = aws.client("cloudformation")

    sam.deploy()
    first = described(cloudformation)
    ids = {resource["LogicalResourceId"]: resource for resource in resources(cloudformation)}
    connections = secret(aws, ids["ConnectionsSecret"]) | {"second": {}}
    secrets = aws.client("secretsmanager")
    secrets.put_secret_value(
        SecretId=ids["ConnectionsSecret"]["PhysicalResourceId"], SecretString=json.dumps(connections)
    )
    sam.deploy("BatchSize=50")
    second = described(cloudformation)
    kept, keys = secret(aws, ids["ConnectionsSecret"]), secret(aws, ids["AuthKeysSecret"])
    variables = configuration(aws, ids["DeliverFunction"]["PhysicalResourceId"])["Environment"]["Variables"]
    table = ids["CardsTable"]["PhysicalResourceId"]
    sam("delete", "--no-prompts", "--stack-name", STACK)

    assert (first["StackStatus"], second["StackStatus"]) == ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    assert outputs(first) == outputs(second) == expected_outputs()
    assert variables["BATCH_SIZE"] == "50"
    assert connections["first"]["verify"] == {"scheme": "path-token", "token": "t" * 20}
    assert (kept, keys) == (connections, {"106": {"auth_key": "a-key"}})
    assert len(aws.client("dynamodb").describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]) == 1
    assert [one for one in cloudformation.list_stacks()["StackSummaries"] if is_live(one)] == []


def test_a_link_makes_a_stack_that_a_crm_can_send_to_at_once(aws, sam, monkeypatch):
    """Without Python or SAM: the console is given the template's address and the parameters."""
    for name, text in {
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    place = {"LocationConstraint": REGION}
    aws.client("s3").create_bucket(Bucket="published", CreateBucketConfiguration=place)

    link = package.uploaded("published", sam.built)
    parameters = dict(one.split("=", 1) for one in [*PARAMETERS, *FIRST])
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{aws.endpoint}/published/{package.KEY}",
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[{"ParameterKey": name, "ParameterValue": text} for name, text in parameters.items()],
    )
    wait_for(lambda: described(cloudformation)["StackStatus"] == "CREATE_COMPLETE", 30, "The stack")
    made = {one["OutputKey"]: one["OutputValue"] for one in described(cloudformation)["Outputs"]}
    sam("delete", "--no-prompts", "--stack-name", STACK)

    assert f"published.s3.{REGION}.amazonaws.com" in link
    assert made["FirstHookUrl"] == f"{made['HooksUrl']}first/TOKEN"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SyncSchedule": "rate(1 day)"}, "SyncSchedule needs Lookups=true"),
        ({"Alarms": "false", "AlarmEmail": "a@example.com"}, "AlarmEmail needs Alarms=true"),
        ({"DomainName": "bridge.example.com"}, "give both or neither"),
        ({"FirstProject": "106", "FirstPreset": "kommo"}, "give all or none"),
        ({"SnapStart": "true", "ProvisionedCopies": "1"}, "either SnapStart or ProvisionedCopies"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_deployed(aws, given, said):
    """A9 and S4 of the review of AWS."""
    changed = template.packaged(build.with_versions(template.load(), "1"))

    with pytest.raises(ClientError, match=said):
        aws.client("cloudformation").create_stack(
            StackName="refused",
            TemplateBody=json.dumps(changed),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
        )


def secret(aws, resource):
    answer = aws.client("secretsmanager").get_secret_value(SecretId=resource["PhysicalResourceId"])
    return json.loads(answer["SecretString"])


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
    absent = {"HasDashboardConsole", "HasDomain", "HasConsole"}  # MiniStack's conditions know no partition
    return {name for name, output in declared if output.get("Condition") not in absent}


def is_live(stack):
    return stack["StackName"] == STACK and stack["StackStatus"] != "DELETE_COMPLETE"
