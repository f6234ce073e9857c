"""The stack: template.yaml itself deployed to MiniStack, with the two things that it does not do supplied.

MiniStack runs `python3.13` functions in its own way, so the runtime is swapped for `provided.al2023` with a
bootstrap that starts AWS's runtime client; and it does not read the routes that SAM writes into an HTTP API's body.
"""

import io
import json
import shlex
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.ministack import ACCOUNT, REGION, MiniStack, NotReady
from local.template import CODE, Template, packaged, routes

NAME = "bridge"
START_SECONDS = 30
DELIVER_SECONDS = 10  # a minute in template.yaml: a worker that is killed is waited for as long as it might have run
UNWATCHED = {"Alarms": "false", "Dashboard": "false"}  # MiniStack knows neither saved queries nor metrics to show
BATCHED = {"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"}
RUNTIME = Path(__file__).with_name("runtime.py")


def deploy(aws: MiniStack, template: Template, source: Path, parameters: Mapping[str, object]) -> dict[str, str]:
    """Create the stack with `source` as its code; return the physical ids of its resources by logical id.

    Raise NotReady with CloudFormation's reasons if it cannot be created.
    """
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=CODE["bucket"], CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=CODE["bucket"], Key=CODE["key"], Body=bundle(source))
    s3.put_object(Bucket=CODE["bucket"], Key="template.json", Body=json.dumps(runnable(template)).encode())
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{aws.endpoint}/{CODE['bucket']}/template.json",  # a body of its own may have 51,200 bytes
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": str(value)}
            for name, value in (UNWATCHED | dict(parameters)).items()
        ],
    )
    _wait(cloudformation)
    resources = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    _add_routes(aws, template, ids)
    _number_concurrency(aws)
    return ids


def runnable(template: Template) -> Template:
    """Return the template with the runtime swapped for one whose process we start, shorter runs, plain HTTP let in.

    The queues' policies demand TLS, which loopback does not have; MiniStack obeys them when roles are enforced.
    """
    result = packaged(template)
    result["Globals"]["Function"]["Runtime"] = "provided.al2023"
    result["Resources"]["DeliverFunction"]["Properties"]["Timeout"] = DELIVER_SECONDS
    resources = result["Resources"].items()
    result["Resources"] = {name: item for name, item in resources if item["Type"] != "AWS::SQS::QueuePolicy"}
    for resource in result["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            _permit_batches(resource["Properties"]["Policies"])
        elif resource["Type"] == "AWS::IAM::Policy":
            _permit_batches([resource["Properties"]])
    return result


def _permit_batches(policies: list[dict[str, Any]]) -> None:
    """Add the batch to each action on messages: in AWS the one permits the other, MiniStack asks for its own name.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    """
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            statement["Action"] += [f"{action}Batch" for action in statement["Action"] if action in BATCHED]


def bundle(source: Path) -> bytes:
    """Return `source` zipped as a code package, with the bootstrap; the libraries are this interpreter's own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                archive.write(path, path.relative_to(source))
        archive.write(RUNTIME, "local_runtime.py")
        bootstrap = zipfile.ZipInfo("bootstrap")
        bootstrap.external_attr = 0o755 << 16
        command = f'exec {shlex.quote(sys.executable)} local_runtime.py "$_HANDLER"'
        archive.writestr(bootstrap, f"#!/bin/sh\n{command}\n")
    return buffer.getvalue()


def _wait(cloudformation: Any) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        status = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
        if status == "CREATE_COMPLETE":
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(0.05)
    events = cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
    reasons = [
        f"  {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in events
        if "FAILED" in event["ResourceStatus"] and event.get("ResourceStatusReason")
    ]
    raise NotReady("\n".join(["template.yaml could not be deployed to the emulator:", *reasons]))


def _add_routes(aws: MiniStack, template: Template, ids: Mapping[str, str]) -> None:
    gateway, api = aws.client("apigatewayv2"), ids["HttpApi"]
    integrations = {
        name: gateway.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            PayloadFormatVersion="2.0",
            IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{ids[name]}",
        )["IntegrationId"]
        for name in {function for _, function in routes(template)}
    }
    for route, function in routes(template):
        gateway.create_route(ApiId=api, RouteKey=route, Target=f"integrations/{integrations[function]}")


def _number_concurrency(aws: MiniStack) -> None:
    """Turn each MaximumConcurrency into the number that it is in AWS; from a parameter MiniStack keeps a text."""
    functions_api = aws.client("lambda")
    for mapping in functions_api.list_event_source_mappings()["EventSourceMappings"]:
        concurrency = int(mapping["ScalingConfig"]["MaximumConcurrency"])
        functions_api.update_event_source_mapping(
            UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency}
        )
