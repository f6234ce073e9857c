"""The command as people call it, inside the process."""

import json
from types import SimpleNamespace

import boto3
import pytest
from click.testing import CliRunner

from cli import main
from cli.stack import Stack
from settings import SETTINGS


@pytest.fixture
def run():
    """Call `bridge` and return its exit code, standard output and standard error."""

    def call(*words, **given):
        done = CliRunner().invoke(main.bridge, [str(word) for word in words], prog_name="bridge", **given)
        return SimpleNamespace(code=done.exit_code, out=done.stdout, err=done.stderr)

    return call


@pytest.fixture
def explained(run):
    """Call `bridge explain --json` and return its document."""

    def call(*words, **given):
        return json.loads(run("explain", "--json", *words, **given).out)

    return call


@pytest.fixture
def stack_of():
    """The stack that a bridge inside this process is, at the bridge's own time."""

    def made(bridge):
        url = SETTINGS.inbox_queue_url.rpartition("/")[0]
        dead = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
        ids = {
            "CardsTable": SETTINGS.cards_table,
            "InboxQueue": f"{url}/inbox",
            "RejectedQueue": f"{url}/rejected",
            "DeliveryQueue": f"{url}/delivery",
            "DeadDeliveryQueue": dead,
            "ConnectionsSecret": SETTINGS.connections_secret,
            "AuthKeysSecret": SETTINGS.auth_keys_secret,
        }
        slept = []
        stack = Stack(
            boto3.client, ids, "http://127.0.0.1:9/crm/", poll_seconds=0, clock=bridge.clock.now, sleep=slept.append
        )
        stack.slept = slept
        return stack

    return made


@pytest.fixture
def online(run, stack_of, bridge):
    """Call an online verb on the bridge of this test; `online.stack` is what it reaches."""

    def call(*words, **given):
        return run(*words, obj=call.stack, **given)

    call.stack = stack_of(bridge)
    return call
