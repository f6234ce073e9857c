"""Calls are botocore's own on the wire; errors, retries and pauses are as AWS documents them."""

import json
import re
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
import pytest
from botocore import xform_name

from aws import client as aws_client
from aws.client import DYNAMODB, SECRETS_MANAGER, SQS, Client, Failure, Patience, endpoint_of
from errors import Unavailable
from local.in_process import by_http
from tests.delivery.test_ringostat import certificate, secured

ONCE = Patience((0.3,))
TWICE = Patience((0.3, 0.3))
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
REGIONS = [
    region for partition in PARTITIONS for region in botocore.session.Session().get_available_regions("sqs", partition)
]
URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/delivery"
KEY = {"key": {"S": "106#Pipedrive#contact:1"}}
CALLS = [
    (DYNAMODB, "GetItem", {"TableName": "cards", "Key": KEY, "ConsistentRead": True}),
    (DYNAMODB, "UpdateItem", {"TableName": "cards", "Key": KEY, "UpdateExpression": "SET #a = :a"}),
    (SQS, "SendMessage", {"QueueUrl": URL, "MessageBody": "{}"}),
    (SECRETS_MANAGER, "GetSecretValue", {"SecretId": "connections"}),
]


class Aws(BaseHTTPRequestHandler):
    """Gives the answers of `server.answers` in turn, the last one again and again; None hangs."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((self.client_address[1], dict(self.headers.items()), body))
        self.server.targets.append(self.path)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            time.sleep(0.6)
            self.close_connection = True
            return
        status, content = answer
        data = json.dumps(content).encode() if isinstance(content, dict) else content
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def serving(*answers, tls=None):
    with ThreadingHTTPServer(("127.0.0.1", 0), Aws) as server:
        server.answers, server.seen, server.targets = list(answers), [], []
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        server.url = f"http{'s' if tls else ''}://localhost:{server.server_port}"
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def over_http(monkeypatch):
    """Over real HTTP, which the other tests leave out."""
    monkeypatch.setattr(Client, "exchange", by_http)
    aws_client.credentials.cache_clear()


def asked_by_botocore(service, region, operation, parameters):
    """Return the request that botocore's own client makes, without sending it."""
    requests = []

    def stop(request, **_):
        requests.append(request)
        raise InterruptedError

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = botocore.session.Session().create_client(service.name, region, **keys)
    client.meta.events.register_first("before-send", stop)
    with pytest.raises(InterruptedError):
        getattr(client, xform_name(operation))(**parameters)
    return requests[0]


@pytest.mark.parametrize(("service", "operation", "parameters"), CALLS, ids=[operation for _, operation, _ in CALLS])
def test_a_request_says_what_botocores_own_client_says(service, operation, parameters):
    theirs = asked_by_botocore(service, "eu-central-1", operation, parameters)
    ours = Client(service, "eu-central-1", ONCE)
    headers = ours.signed(operation, theirs.body)

    assert ours.url == theirs.url
    assert headers["X-Amz-Target"] == theirs.headers["X-Amz-Target"].decode()
    assert headers["Content-Type"] == theirs.headers["Content-Type"].decode()
    assert scope(headers["Authorization"]) == scope(theirs.headers["Authorization"].decode())
    assert json.loads(theirs.body) == parameters


def scope(authorization):
    return re.search(r"Credential=\w+/\d+/(.*?),", authorization)[1]


@pytest.mark.parametrize("service", [DYNAMODB, SQS, SECRETS_MANAGER], ids=lambda service: service.name)
def test_in_every_region_the_address_is_botocores(service):
    session = botocore.session.Session()
    theirs = {region: session.create_client(service.name, region).meta.endpoint_url for region in REGIONS}

    assert len(theirs) > 30
    assert {region: endpoint_of(service.name, region) for region in theirs} == theirs


def test_an_answer_is_read():
    with serving((200, {"Item": KEY})) as server:
        client = Client(DYNAMODB, "eu-central-1", ONCE, endpoint=server.url)

        assert client.call("GetItem", TableName="cards", Key=KEY) == {"Item": KEY}
    [(_, headers, body)] = server.seen
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
    assert server.targets == ["/"], "what is signed is the path that is sent"
    assert json.loads(body) == {"TableName": "cards", "Key": KEY}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
        ({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": KEY}, None),
        # https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization
        ({"__type": "ResourceNotFoundException", "Message": "no such secret"}, "ResourceNotFoundException"),
        ({"__type": "aws.protocoltests.json10#FooError:http://example.com/"}, "FooError"),
        (b"<html>", "400"),
        (b"", "400"),
        (b"[]", "400"),
    ],
)
def test_an_error_has_the_name_that_aws_gives_it(answer, code):
    with serving((400, answer)) as server, pytest.raises(Failure) as failure:
        Client(DYNAMODB, "eu-central-1", TWICE, endpoint=server.url).call("UpdateItem")

    assert failure.value.aws_code == (code or "ConditionalCheckFailedException")
    assert failure.value.answer.get("Item") == (None if code else KEY)
    assert str(failure.value) == f"AWS answered {failure.value.aws_code} to UpdateItem."
    assert len(server.seen) == 1


THROTTLED = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"})


@pytest.mark.parametrize("first", [THROTTLED, (500, {}), (503, b""), None], ids=["throttled", "500", "503", "silence"])
def test_what_passes_is_tried_again(first):
    with serving(first, (200, {})) as server:
        assert Client(DYNAMODB, "eu-central-1", TWICE, endpoint=server.url).call("UpdateItem") == {}

    assert len(server.seen) == 2


@pytest.mark.parametrize("first", [THROTTLED, (500, {}), None], ids=["throttled", "500", "silence"])
def test_one_attempt_is_one_request(first):
    with serving(first) as server, pytest.raises(Unavailable):
        Client(DYNAMODB, "eu-central-1", ONCE, endpoint=server.url).call("UpdateItem")

    assert len(server.seen) == 1


def test_a_closed_port_is_unavailable():
    client = Client(DYNAMODB, "eu-central-1", ONCE, endpoint="http://127.0.0.1:9")

    with pytest.raises(Unavailable, match=r"AWS does not answer GetItem \(NewConnectionError\)"):
        client.call("GetItem")


def test_a_connection_is_kept_while_it_is_young_and_never_used_after_a_pause():
    now = [1000.0]
    with serving((200, {})) as server:
        client = Client(DYNAMODB, "eu-central-1", ONCE, endpoint=server.url, wall_clock=lambda: now[0])
        for pause in (0, 19, 21, -100, 1):
            now[0] += pause
            client.call("GetItem")
    ports = [port for port, _, _ in server.seen]

    assert ports[0] == ports[1]
    assert len({ports[1], ports[2], ports[3]}) == 3
    assert ports[3] == ports[4]


def test_a_server_that_no_authority_vouches_for_is_refused(tmp_path):
    path = certificate(tmp_path / "authority.pem", "localhost", datetime.now(UTC) + timedelta(days=1))

    with serving((200, {}), tls=secured(path)) as server, pytest.raises(Unavailable, match="SSLError"):
        Client(SQS, "eu-central-1", ONCE, endpoint=server.url).call("SendMessage")


def test_all_connections_share_the_authorities_that_are_read_once(tmp_path, monkeypatch):
    path = certificate(tmp_path / "authority.pem", "localhost", datetime.now(UTC) + timedelta(days=1))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    aws_client.tls.cache_clear()
    try:
        with serving((200, {}), tls=secured(path)) as server:
            for service in (DYNAMODB, SQS, SECRETS_MANAGER):
                assert Client(service, "eu-central-1", ONCE, endpoint=server.url).call("Any") == {}
        assert aws_client.tls.cache_info().misses == 1
    finally:
        aws_client.tls.cache_clear()


def test_with_snapstart_the_keys_come_from_an_address(monkeypatch):
    keys = {"AccessKeyId": "ASIA", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")

    class Keys(Aws):
        def do_GET(self):
            data = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with ThreadingHTTPServer(("127.0.0.1", 0), Keys) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/keys")
        aws_client.credentials.cache_clear()
        try:
            headers = Client(SQS, "eu-central-1", ONCE).signed("SendMessage", b"{}")
        finally:
            aws_client.credentials.cache_clear()
            server.shutdown()

    assert "Credential=ASIA/" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "t"


def test_without_keys_the_message_says_so(monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    aws_client.credentials.cache_clear()

    with pytest.raises(Unavailable, match="credentials"):
        Client(SQS, "eu-central-1", ONCE).signed("SendMessage", b"{}")
