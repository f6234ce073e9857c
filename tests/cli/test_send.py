import json
import time

import pytest

from access import proves, signed
from access.schemes import SCHEMES
from event import Request
from local.in_process import aws, connection
from ops.samples import Sample
from tests.access.senders import SENDERS
from tests.cli.people import person

NOW = 1_780_000_000_000
FORM = "application/x-www-form-urlencoded"
JSON = Sample(json.dumps(person(), ensure_ascii=False).encode(), {"content-type": "application/json"}, {})
FIELDS = Sample(b"event=x&data%5Bid%5D=42", {"content-type": FORM}, {})
KEY = "0123456789abcdef" * 4
ENTRIES = [
    *(sender.entry(secret) for sender in SENDERS.values() for secret in (KEY, [KEY, "f" * 64])),
    {"scheme": "path-token", "token": "a/b ü?"},
    {"scheme": "basic", "username": "crm", "password": "p:ä"},
    {"scheme": "standard-webhooks", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    {"scheme": "hubspot", "url": "https://bridge.example.com/crm/acme%3Fa=1%26", "secret": "secret"},
]


def test_every_scheme_can_be_sent():
    assert {entry["scheme"] for entry in ENTRIES} == SCHEMES.keys()


@pytest.mark.parametrize("sample", [JSON, FIELDS])
@pytest.mark.parametrize("verify", ENTRIES, ids=lambda verify: verify["scheme"])
def test_what_is_signed_is_admitted(verify, sample):
    request = signed(verify, Request(sample.body, sample.headers, received_at=NOW))

    assert proves(verify, request)
    assert all(name == name.lower() for name in request.headers)


@pytest.fixture
def sending(online, entrance, tmp_path, bridge):
    """Send a body as a file, on the bridge's real address."""

    def send(body, *words, suffix=".json"):
        sample = tmp_path / f"sample{suffix}"
        sample.write_text(body if isinstance(body, str) else json.dumps(body))
        return online("send", sample, *words)

    online.stack.hooks_url = entrance
    bridge.clock.time = time.time_ns() // 1_000_000
    return send


@pytest.mark.parametrize("name", ["acme", "basic", "header", "shop"])
def test_a_sample_takes_the_way_of_a_real_event(sending, bridge, ringostat, name):
    done = sending(person(), "--connection", name)
    bridge.deliver()

    assert done.code == 0, done.err
    assert "202  1 accepted\n" in done.out
    assert [card["externalId"] for card in ringostat.state()["contacts"]] == ["42"]


def test_a_rejected_record_is_exit_code_2_with_its_reason(sending):
    done = sending(person(None), "--connection", "acme")

    assert done.code == 2
    assert "record 0: no-id: externalId is empty" in done.out


def test_a_body_that_cannot_be_read_is_exit_code_1_with_the_problem(sending):
    done = sending("{", "--connection", "acme")

    assert done.code == 1
    assert "400  " in done.out


def test_an_entry_without_its_secret_is_told_before_anything_is_sent(sending, bridge):
    put(bridge, {"acme": connection("pipedrive", verify={"scheme": "basic", "username": "crm"})})

    done = sending(person(), "--connection", "acme")

    assert done.code == 1
    assert "verify needs password" in done.err


def test_a_connection_of_the_queue_alone_takes_no_requests(sending, bridge):
    entry = connection("pipedrive")
    del entry["verify"]
    put(bridge, {"acme": entry})

    assert "only by the queue" in sending(person(), "--connection", "acme").err


@pytest.mark.parametrize("body", ["[]", "[" * 60_000], ids=["no object", "too deep"])
def test_a_body_without_a_place_for_the_token_is_told(sending, bridge, body):
    put(bridge, {"acme": connection("pipedrive", verify={"scheme": "body-token", "field": "token", "token": KEY})})

    assert "the sample cannot carry a proof of the scheme body-token" in sending(body, "--connection", "acme").err


def test_an_entrance_that_is_down_is_told(online, tmp_path):
    (tmp_path / "a.json").write_text("{}")

    done = online("send", tmp_path / "a.json", "--connection", "acme")

    assert done.code == 1
    assert "the API does not answer" in done.err


def put(bridge, entries):
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString=json.dumps(entries))


def test_n12_a_connection_that_the_functions_do_not_know_yet_is_tried_again_for_a_minute(sending, online, bridge):
    entry = connection("pipedrive")
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 4:
            bridge.put_connections({"new": entry})

    bridge.post("unknown", {})  # the functions have read what is stored now
    put(bridge, {"new": entry})
    online.stack.sleep = sleep
    done = sending(person(), "--connection", "new")

    assert done.code == 0, done.err
    assert "it is tried again for a minute" in done.err
    assert sum(slept) == 40
