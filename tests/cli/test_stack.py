"""How a stack is found, and what is said when it is not."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import boto3
import click
import pytest
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.stub import Stubber

from errors import Unavailable
from local import template
from local.front import Front
from ops.stack import Stack, in_aws, in_local_world, of_stack

URL = "https://abc.execute-api.eu-central-1.amazonaws.com/crm/"
TABLE = {"LogicalResourceId": "CardsTable", "PhysicalResourceId": "bridge-cards"}
COMING = {"LogicalResourceId": "InboxQueue"}
OF_EVERY_RESOURCE = {"ResourceType": "A", "LastUpdatedTimestamp": 0, "ResourceStatus": "CREATE_COMPLETE"}


class Account:
    """A session whose CloudFormation knows one stack."""

    def __init__(self, resources, outputs):
        stack = {"StackName": "bridge", "CreationTime": 0, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}
        pages = {"StackResourceSummaries": [one | OF_EVERY_RESOURCE for one in resources]}
        self._client = boto3.client("cloudformation")
        stubber = Stubber(self._client)
        stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": "bridge"})
        stubber.add_response("list_stack_resources", pages, {"StackName": "bridge"})
        stubber.activate()

    def client(self, service, **_):
        assert service == "cloudformation"
        return self._client


def test_a_stack_in_aws_is_found_by_its_name():
    stack = in_aws("bridge", Account([TABLE, COMING], [{"OutputKey": "HooksUrl", "OutputValue": URL}]))

    assert stack.hooks_url == URL
    assert stack.ids == {"CardsTable": "bridge-cards"}


@pytest.mark.parametrize(
    ("resources", "outputs"), [([TABLE], []), ([COMING], [{"OutputKey": "HooksUrl", "OutputValue": URL}])]
)
def test_a_stack_of_something_else_is_told(resources, outputs):
    with pytest.raises(click.ClickException, match="not one of ringostat-bridge"):
        in_aws("bridge", Account(resources, outputs))


def test_neither_a_stack_nor_the_local_world_is_wrong_usage(run, monkeypatch):
    monkeypatch.delenv("BRIDGE_STACK", raising=False)

    done = run("due")

    assert done.code == 1
    assert "--stack NAME in AWS, or --local" in done.err


def test_the_front_of_the_local_world_says_where_it_is_to_this_machine_only():
    front = Front(0, 9, "nowhere", {"endpoint": "http://127.0.0.1:9", "region": "eu-central-1", "ids": {"A": "1"}})
    try:
        stack = in_local_world(front.url.rpartition(":")[2])
        foreign = fetched(front.url, "pages.example.com")
    finally:
        front.stop()

    assert stack.ids == {"A": "1"}
    assert stack.hooks_url == f"{front.url}/crm/"
    assert foreign == 502  # forwarded, to nobody here


def fetched(url, host):
    """The status that a page of another site would get, whose name was made to mean this machine."""
    code = f"import http.client as h; c = h.HTTPConnection({url.removeprefix('http://')!r}); "
    code += f"c.request('GET', '/_local', headers={{'Host': {host!r}}}); print(c.getresponse().status)"
    return int(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"endpoint": "x"}', None])
def test_whatever_else_listens_on_the_port_is_not_taken_for_the_local_world(run, monkeypatch, answer):
    class Other(BaseHTTPRequestHandler):
        def do_GET(self):
            if answer is not None:
                self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n" + answer)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Other)
    Thread(target=server.handle_request, daemon=True).start()
    monkeypatch.setenv("BRIDGE_PORT", str(server.server_address[1]))

    done = run("due", "--local")

    server.server_close()
    assert done.code == 1
    assert "start it with `make run`" in done.err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no sqs:x"}}, "ReceiveMessage"), "no sqs:x"),
        (ClientError({"Error": {"Code": "Odd", "Message": "+380670000001"}}, "Query"), "AWS answered Odd to Query"),
        (ClientError({"Error": {"Code": "ValidationError"}}, "DescribeStacks"), "AWS_PROFILE and AWS_REGION choose"),
        (NoCredentialsError(), "sign in first"),
        (Unavailable("SQS took only 1 of 2 messages."), "SQS took only 1 of 2 messages."),
    ],
)
def test_errors_of_aws_become_sentences_that_quote_no_data(error, words):
    @click.command()
    @of_stack
    def failing(stack):
        raise error

    with pytest.raises(click.ClickException) as raised:
        failing.main([], obj=Stack(lambda _: None, {}, ""), standalone_mode=False)

    assert words in raised.value.message
    assert "+380" not in raised.value.message


def test_a_secret_that_is_no_object_is_told(bridge, online):
    boto3.client("secretsmanager").put_secret_value(SecretId="connections", SecretString="[]")

    done = online("status", "acme", 42)

    assert done.code == 1
    assert "ConnectionsSecret holds no JSON object" in done.err


def test_every_name_that_the_command_asks_for_is_in_the_template():
    resources = template.load()["Resources"]
    sources = "\n".join(path.read_text("utf-8") for path in (template.ROOT / "cli").rglob("*.py"))

    for name in ("CardsTable", "InboxQueue", "RejectedQueue", "DeliveryQueue", "ConnectionsSecret"):
        assert name in resources
        assert f'"{name}"' in sources


def test_offline_verbs_do_not_load_boto3():
    code = "import sys, cli.main; from cli.commands import explain, test, validate; print('boto3' in sys.modules)"
    search = f"{template.ROOT / 'src'}:{template.ROOT}"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": search}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
