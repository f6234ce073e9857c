"""The clients know every call that is made, and ask what botocore alone would ask."""

import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, SSLError
from botocore.loaders import Loader

from aws import clients
from tests.delivery.test_ringostat import certificate, secured
from tools import aws_models

SRC = Path(clients.__file__).parents[1]
OURS = clients.SESSION
OWN = botocore.session.Session()
EVERYWHERE = [
    *(region for partition in OWN.get_available_partitions() for region in OWN.get_available_regions("sqs", partition)),
    "eu-unknown-9",
    "cn-unknown-9",
]
OPTIONS = [{}, {"use_fips_endpoint": True}, {"use_dualstack_endpoint": True}]
CALLS = {
    "dynamodb": lambda client: client.get_item(TableName="cards", Key={"key": {"S": "106#X#contact:1"}}),
    "secretsmanager": lambda client: client.get_secret_value(SecretId="connections"),
    "sqs": lambda client: client.send_message(QueueUrl="https://sqs.eu-central-1.amazonaws.com/1/q", MessageBody="{}"),
}


def test_the_committed_descriptions_are_those_of_the_pinned_botocore():
    committed = {path.relative_to(aws_models.MODELS).as_posix(): path.read_text("utf-8") for path in files()}

    assert committed == aws_models.models(), "run `make models`"


def files():
    return [path for path in aws_models.MODELS.rglob("*") if path.is_file()]


def test_every_call_that_is_made_is_described_and_no_other():
    texts = [path.read_text("utf-8") for path in SRC.rglob("*.py")]
    made = {name for text in texts for name in re.findall(r"client\.(\w+)\(", text)}

    assert made == {xform_name(name) for names in aws_models.OPERATIONS.values() for name in names}


@pytest.mark.parametrize("service", clients.VERSIONS)
def test_the_version_of_a_description_is_the_newest(service):
    assert clients.VERSIONS[service] == Loader().determine_latest_version(service, "service-2")
    assert (aws_models.MODELS / service / clients.VERSIONS[service] / "service-2.json").exists()


@pytest.mark.parametrize("service", clients.VERSIONS)
def test_a_client_is_made_of_our_description(service):
    described = OURS.create_client(service, "eu-central-1").meta.service_model.operation_names

    assert set(described) == set(aws_models.OPERATIONS[service])


@pytest.mark.parametrize("service", clients.VERSIONS)
def test_in_every_region_the_same_is_asked_of_the_same_address(service):
    for region in EVERYWHERE:
        for options in OPTIONS:
            assert asked(OURS, service, region, options) == asked(OWN, service, region, options), (region, options)


@pytest.mark.parametrize("service", clients.VERSIONS)
def test_an_address_given_by_the_environment_is_taken(service, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    assert asked(OURS, service, "eu-central-1", {})["url"].startswith("http://127.0.0.1:9/")


def asked(session, service, region, options):
    """Return the request of one call, without sending it; or why it cannot be made."""
    requests = []

    def stop(request, **_):
        requests.append(request)
        raise InterruptedError

    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    try:
        client = session.create_client(service, region, config=Config(**options), **keys)
        client.meta.events.register_first("before-send", stop)
        CALLS[service](client)
    except InterruptedError:
        (request,) = requests
    except BotoCoreError as error:  # not every partition has every kind of address
        return {"refused": str(error)}
    scope = re.search(rb"Credential=a/\d+/(.*?),", request.headers["Authorization"])[1]
    return {
        "url": request.url,
        "address": client.meta.endpoint_url,
        "scope": scope,
        "target": request.headers["X-Amz-Target"],
        "type": request.headers["Content-Type"],
        "body": request.body,
    }


def test_errors_have_their_classes():
    known = OURS.create_client("dynamodb", "eu-central-1").exceptions

    assert issubclass(known.ConditionalCheckFailedException, known.ClientError)
    assert issubclass(known.TransactionCanceledException, known.ClientError)


@pytest.mark.parametrize(("service", "kind"), [("sts", "service-2"), ("dynamodb", "waiters-2")])
def test_what_is_not_among_ours_is_found_in_botocores_own(service, kind):
    assert clients.Models().load_service_model(service, kind) == Loader().load_service_model(service, kind)


class Aws(BaseHTTPRequestHandler):
    """Answers each call with an empty object on a connection of its own."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@contextmanager
def serving(path):
    """Serve AWS under the certificate of a new authority; give the address."""
    with HTTPServer(("127.0.0.1", 0), Aws) as server:
        server.socket = secured(path).wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"https://localhost:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def authority(tmp_path):
    return certificate(tmp_path / "authority.pem", "localhost", datetime.now(UTC) + timedelta(days=1))


def called(service, url, **verify):
    """Make a call with a client of its own."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    client = OURS.create_client(service, "eu-central-1", endpoint_url=url, config=clients.QUICK, **keys, **verify)
    try:
        return CALLS[service](client)["ResponseMetadata"]["HTTPStatusCode"]
    finally:
        client.close()


def test_authorities_are_read_once_for_all_clients_and_connections(authority):
    read = clients.httpsession.create_urllib3_context().load_verify_locations.cache_info
    before = read().misses

    with serving(authority) as url:
        answers = [called(service, url, verify=authority) for service in CALLS for _ in range(2)]

    assert answers == [200] * 6
    assert read().misses == before + 1


def test_a_server_that_no_authority_vouches_for_is_refused(authority):
    with serving(authority) as url, pytest.raises(SSLError):
        called("sqs", url)
