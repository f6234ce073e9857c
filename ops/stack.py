"""Where a stack's things are, and its clients: a stack in AWS by its name, or the local world that `make run` runs."""

import functools
import json
import os
import time
import urllib.request
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import boto3
import click
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import clock
from aws.client import Failure
from aws.queues import Queue
from aws.table import Cards
from connections import Connection, connection_of
from errors import BridgeError, did_you_mean
from mappings import Mappings

PATIENT: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"total_max_attempts": 5, "mode": "standard"},
}
LARGEST_SECRET = 65_536  # bytes; https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
CONNECTIONS_THAT_FIT = 276  # average ones, as `bridge connect pipedrive` stores them: a test measures it
DENIED = frozenset(("AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied"))


class Signed(NamedTuple):
    """A client of boto3, signed in as its user is, with the interface of the functions' own clients."""

    client: Any

    def call(self, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an operation by its name in AWS's API; raise Failure for an error that AWS answered."""
        try:
            answer: dict[str, Any] = getattr(self.client, xform_name(operation))(**parameters)
        except ClientError as error:
            raise Failure(operation, str(error.response["Error"]["Code"]), error.response) from error
        return answer


class Stack:
    """One deployed bridge. `ids` are the physical ids of its resources by the names of template.yaml.

    `clock` gives ms since 1970; `poll_seconds` is how long an empty queue is listened to; `sleep` takes seconds.
    Every method may raise botocore's errors.
    """

    def __init__(  # noqa: PLR0913 - what tests give instead
        self,
        client: Callable[[str], Any],
        ids: Mapping[str, str],
        hooks_url: str,
        *,
        poll_seconds: int = 1,
        clock: Callable[[], int] = clock.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = functools.cache(client)
        self.ids = ids
        self.hooks_url = hooks_url
        self.poll_seconds = poll_seconds
        self.clock = clock
        self.sleep = sleep

    @functools.cached_property
    def cards(self) -> Cards:
        """The cards table."""
        return Cards(Signed(self.client("dynamodb")), self.ids["CardsTable"])

    @functools.cached_property
    def mappings(self) -> Mappings:
        """The mappings of connections, stored ones too."""
        return Mappings(self.cards)

    def queue_url(self, name: str) -> str:
        """Return the URL of `InboxQueue`, `RejectedQueue`, `DeliveryQueue` or `DeadDeliveryQueue`."""
        return self.ids[name]

    def queue(self, name: str) -> Queue:
        """Return a queue by the same names."""
        return Queue(Signed(self.client("sqs")), self.queue_url(name))

    def ahead(self) -> int | None:
        """Return by how many ms this machine's clock is ahead of AWS's, which says whole seconds; None if unknown."""
        answer = self.client("sqs").get_queue_attributes(
            QueueUrl=self.queue_url("InboxQueue"), AttributeNames=["QueueArn"]
        )
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        return None if date is None else self.clock() - int(parsedate_to_datetime(date).timestamp() * 1000)

    def depth(self, name: str) -> int:
        """Return about how many messages a queue holds, those in work included."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.queue_url(name), AttributeNames=wanted)
        return sum(int(answer["Attributes"][attribute]) for attribute in wanted)

    def secret(self, name: str) -> dict[str, Any]:
        """Return the JSON object of `ConnectionsSecret` or `AuthKeysSecret`; raise ClickException if it is none."""
        text = self.client("secretsmanager").get_secret_value(SecretId=self.ids[name]).get("SecretString", "")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise click.ClickException(f"{name} holds no JSON object: repair its value in Secrets Manager.")
        return value

    def put(self, name: str, entries: Mapping[str, Any]) -> None:
        """Write a secret that was read; raise ClickException if it is too large for Secrets Manager."""
        text = as_secret(entries)
        if len(text.encode()) > LARGEST_SECRET:
            raise click.ClickException(f"{name} would be larger than 64 KiB, which is all that a secret holds.")
        self.client("secretsmanager").put_secret_value(SecretId=self.ids[name], SecretString=text)

    @functools.cached_property
    def environment(self) -> Mapping[str, str]:
        """The variables of the functions, as they are deployed."""
        answer = self.client("lambda").get_function_configuration(FunctionName=self.ids["DeliverFunction"])
        variables: dict[str, str] = answer["Environment"]["Variables"]
        return variables

    def connection(self, name: str) -> Connection:
        """Return a connection; raise ClickException if there is none of this name, BadConnection if it is broken."""
        entries = self.secret("ConnectionsSecret")
        connection = connection_of(entries, name)
        if connection is None:
            hint = did_you_mean(name, list(entries)) or "bridge connections lists them"
            raise click.ClickException(f"there is no connection {name!r}; {hint}")
        return connection

    def check_project(self, project: int | None) -> None:
        """Raise ClickException for a project that has neither an auth key, nor a connection, nor a card."""
        entries = [one for one in self.secret("ConnectionsSecret").values() if isinstance(one, dict)]
        given = [*self.secret("AuthKeysSecret"), *(one.get("project") for one in entries), *self.cards.projects()]
        known = {str(one) for one in given}
        if project is not None and str(project) not in known:
            raise click.ClickException(
                f"project {project} has no auth key, no connection and no card; "
                f"there is {', '.join(sorted(known)) or 'none: bridge project add'}"
            )


def as_secret(entries: Mapping[str, Any]) -> str:
    """Return the text of a secret, as short as it can be."""
    return json.dumps(entries, ensure_ascii=False, separators=(",", ":"))


def in_aws(name: str, session: Any = None) -> Stack:
    """Return a stack of the account and region that the usual AWS environment, or a session, names."""
    session = session or boto3.Session()
    config = Config(**PATIENT)
    cloudformation = session.client("cloudformation", config=config)
    outputs = cloudformation.describe_stacks(StackName=name)["Stacks"][0].get("Outputs", ())
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    resources = [resource for page in pages for resource in page["StackResourceSummaries"]]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in resources if "PhysicalResourceId" in one}
    url = next((output["OutputValue"] for output in outputs if output["OutputKey"] == "HooksUrl"), "")
    if not url or "CardsTable" not in ids:
        raise click.ClickException(f"the stack {name!r} is not one of ringostat-bridge, or is not deployed yet")
    return Stack(lambda service: session.client(service, config=config), ids, url)


def in_local_world(port: str) -> Stack:
    """Return the stack of the local world whose front listens on a port of this machine."""
    address = f"http://127.0.0.1:{port}"
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/_local", timeout=5) as answer:
            found = json.load(answer)
        endpoint, region, ids = found["endpoint"], found["region"], found["ids"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise click.ClickException(
            f"no local world answers on port {port}: start it with `make run`, or name its port with BRIDGE_PORT=…"
        ) from None
    session: Any = boto3.Session("test", "test", region_name=region)
    config = Config(**PATIENT, proxies={})
    client = functools.partial(session.client, endpoint_url=endpoint, config=config)
    # One process holds the queues of this world, so no answer misses a message.
    return Stack(client, ids, f"{address}/crm/", poll_seconds=0)


def of_stack(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that name a stack; the command gets it as `stack`, and AWS's errors become sentences."""

    @click.option("--local", is_flag=True, help="The local world of `make run`, on the port BRIDGE_PORT (8080).")
    @click.option(
        "--stack", "stack_name", metavar="NAME", envvar="BRIDGE_STACK", help="The stack in AWS (BRIDGE_STACK)."
    )
    @functools.wraps(command)
    def reaching(*, stack_name: str | None, local: bool, **others: Any) -> int:
        try:
            return command(stack=reached(click.get_current_context(), stack_name, local=local), **others)
        except (ClientError, BotoCoreError, BridgeError) as error:
            raise click.ClickException(sentence(error)) from None

    return reaching


def reached(context: click.Context, name: str | None, *, local: bool) -> Stack:
    """Return the stack that a command was given, or that its options name; raise ClickException."""
    if isinstance(context.obj, Stack):
        return context.obj
    if local:
        return in_local_world(os.environ.get("BRIDGE_PORT") or "8080")
    if not name:
        raise click.UsageError("name the bridge: --stack NAME in AWS, or --local")
    return in_aws(name)


def sentence(error: Exception) -> str:
    """Return what an error of AWS or of the bridge says to a person."""
    if isinstance(error, ClientError):
        return _answered(error)
    return _unreached(error) if isinstance(error, BotoCoreError) else str(error)


def _answered(error: ClientError) -> str:
    """Return what AWS answered: its text only where that names rights, because other texts may quote what was sent."""
    code = error.response.get("Error", {}).get("Code", "unknown")
    if code in DENIED:
        return f"AWS does not permit this: {error.response['Error'].get('Message', code)}"
    if error.operation_name == "DescribeStacks" and code == "ValidationError":
        return "there is no stack of this name in this account and region; AWS_PROFILE and AWS_REGION choose them"
    return f"AWS answered {code} to {error.operation_name}"


def _unreached(error: BotoCoreError) -> str:
    kind = type(error).__name__
    hints = {
        "NoCredentialsError": "sign in first (AWS_PROFILE, `aws sso login`)",
        "NoRegionError": "name the region with AWS_REGION",
        "ProfileNotFound": "AWS_PROFILE names a profile that this machine does not have",
    }
    return f"AWS cannot be reached ({kind}): {hints.get(kind, 'check the network and the sign-in')}"
