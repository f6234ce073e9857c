"""The command as people call it, inside the process."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit

import pytest
from click.testing import CliRunner

from cli import main
from local.in_process import aws
from ops.stack import Stack
from settings import SETTINGS
from tests.cli.crm_api import serving


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


def own(client):
    """Return a copy of a client, whose methods a test may replace."""
    copy = object.__new__(type(client))
    vars(copy).update(vars(client))
    return copy


@pytest.fixture
def stack_of():
    """The stack that a bridge inside this process is, at the bridge's own time."""

    def made(bridge):
        url = SETTINGS.inbox_queue_url.rpartition("/")[0]
        dead = aws("sqs").create_queue(QueueName="dead")["QueueUrl"]
        ids = {
            "CardsTable": SETTINGS.cards_table,
            "InboxQueue": f"{url}/inbox",
            "RejectedQueue": f"{url}/rejected",
            "DeliveryQueue": f"{url}/delivery",
            "DeadDeliveryQueue": dead,
            "ConnectionsSecret": SETTINGS.connections_secret,
            "AuthKeysSecret": SETTINGS.auth_keys_secret,
            "ApiKeysSecret": SETTINGS.api_keys_secret,
            "LookupQueue": SETTINGS.lookup_queue_url,
            "LookupFunction": "lookup",
            "DeliverFunction": "deliver",
            "InboxFunction": "inbox",
            "InboxFunctionInbox": "inbox-trigger",
            "DeliverFunctionWakeUps": "deliver-trigger",
            "LookupFunctionWakeUps": "lookup-trigger",
            "SweepFunctionEveryMinute": "every-minute",
        }
        slept = []
        functions = Functions("http://127.0.0.1:9")
        stack = Stack(
            lambda service: functions if service in ("lambda", "events") else own(aws(service)),
            ids,
            "http://127.0.0.1:9/crm/",
            poll_seconds=0,
            clock=bridge.clock.now,
            sleep=slept.append,
        )
        stack.slept = slept
        stack.functions = functions
        return stack

    return made


@pytest.fixture
def online(run, stack_of, bridge):
    """Call an online verb on the bridge of this test; `online.stack` is what it reaches."""

    def call(*words, **given):
        return run(*words, obj=call.stack, **given)

    call.stack = stack_of(bridge)
    return call


class Functions:
    """Lambda's and EventBridge's clients, as far as the command asks them."""

    def __init__(self, ringostat_url):
        self.environment = {"RINGOSTAT_URL": ringostat_url, "LOOPBACK_API": "true", "POWERTOOLS_SERVICE_NAME": "bridge"}
        self.state = "Enabled"
        self.schedule = "ENABLED"
        self.copies = 1000

    def describe_rule(self, **_):
        return {"State": self.schedule}

    def get_function_configuration(self, **_):
        return {"Environment": {"Variables": self.environment}}

    def get_event_source_mapping(self, **_):
        return {"State": self.state}

    def get_account_settings(self):
        return {"AccountLimit": {"ConcurrentExecutions": self.copies}}


@pytest.fixture
def crm():
    """A CRM's API on this machine."""
    with serving() as found:
        yield found


@pytest.fixture
def entrance(bridge):
    """The HTTP address of a bridge inside this process."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self):
            parts = urlsplit(self.path)
            headers = {name.lower(): text for name, text in self.headers.items()}
            body = self.rfile.read(int(headers["content-length"]))
            answer = bridge.request(
                "POST",
                parts.path,
                body,
                content_type=headers.get("content-type", ""),
                headers=headers,
                query=dict(parse_qsl(parts.query)),
            )
            text = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/crm/"
    server.shutdown()
    server.server_close()
    thread.join()
