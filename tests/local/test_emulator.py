"""The Ringostat emulator: it takes what Ringostat's help page documents, and fails as it is told."""

import copy
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cards.endpoints import ENDPOINTS
from delivery.classify import classify
from delivery.ringostat import Ringostat
from local.emulator import Emulator
from local.emulator.traffic import Request, Traffic

ROOT = Path(__file__).parents[2]
KEY = "local-key"
EXAMPLES = {
    kind: json.loads((ROOT / f"events/ringostat/{kind}.json").read_text()) for kind in ("contacts", "organizations")
}
CONTACT = EXAMPLES["contacts"]["contacts"][0]


NOW = 1_790_000_000.0


@pytest.fixture(scope="module")
def clock():
    return [NOW]


@pytest.fixture(scope="module")
def started(clock):
    with Emulator(keys={106: KEY, 107: "other-key"}, clock=lambda: clock[0]) as emulator:
        yield emulator


@pytest.fixture
def emulator(started, clock):
    clock[0] = NOW
    started.clear()
    started.faults()
    return started


def send(emulator, method, path, body=None, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=5)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, data, dict(headers))
    response = connection.getresponse()
    received = response.read()
    connection.close()
    return response.status, json.loads(received) if received[:1] in (b"{", b"[", b"n") else received


def sync(emulator, kind, body, **changed):
    headers = {"auth-key": KEY, "x-project-id": "106", "Content-Type": "application/json"}
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    kept = {name: value for name, value in headers.items() if value is not None}
    return send(emulator, "POST", f"/minicrm/{kind}/sync", body, kept)


def contacts(*ids, **changed):
    return {"contacts": [{**copy.deepcopy(CONTACT), "externalId": one, **changed} for one in ids]}


def fields(answer):
    status, body = answer
    assert status == 400
    return {problem["field"] for problem in body["fields"]}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_examples_of_the_help_page_are_accepted(emulator, kind):
    assert sync(emulator, kind, EXAMPLES[kind]) == (200, {"success": True})
    assert emulator.state()[kind] == EXAMPLES[kind][kind]


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"auth_key": "wrong"}, 401),
        ({"auth_key": None}, 401),
        ({"auth_key": "other-key"}, 403),
        ({"x_project_id": "107"}, 403),
        ({"x_project_id": "999"}, 403),
        ({"x_project_id": "x"}, 403),
        ({"x_project_id": None}, 400),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_a_request_needs_the_right_headers(emulator, kind, changed, status):
    assert sync(emulator, kind, EXAMPLES[kind], **changed)[0] == status
    assert len(emulator.state()[kind]) == (status == 200)


def paths(value, path=()):
    """Yield where each key of the documented bodies stands."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        if isinstance(value, dict):
            yield (*path, name)
        yield from paths(item, (*path, name))


def spelled(path):
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def at(body, path):
    for part in path:
        body = body[part]
    return body


REQUIRED = [(kind, path) for kind, body in EXAMPLES.items() for path in paths(body)]


@pytest.mark.parametrize(("kind", "path"), REQUIRED, ids=[spelled(path) for _, path in REQUIRED])
def test_a_missing_parameter_is_named(emulator, kind, path):
    body = copy.deepcopy(EXAMPLES[kind])
    del at(body, path[:-1])[path[-1]]

    assert fields(sync(emulator, kind, body)) == {spelled(path)}
    assert emulator.state()[kind] == []


@pytest.mark.parametrize(("kind", "path"), REQUIRED, ids=[spelled(path) for _, path in REQUIRED])
def test_a_parameter_of_the_wrong_type_is_named(emulator, kind, path):
    body = copy.deepcopy(EXAMPLES[kind])
    at(body, path[:-1])[path[-1]] = {"a": 1} if path[-1] in EXAMPLES else 1.5

    assert spelled(path) in {field.removesuffix(".a") for field in fields(sync(emulator, kind, body))}


NULLABLE = {"externalId", "staffId", "contactLink", "leadLink", "dealLink", "googleClientId", "organizations"}


@pytest.mark.parametrize(("kind", "path"), REQUIRED, ids=[spelled(path) for _, path in REQUIRED])
def test_null_is_allowed_where_it_is_documented(emulator, kind, path):
    body = copy.deepcopy(EXAMPLES[kind])
    at(body, path[:-1])[path[-1]] = None
    nullable = kind == "contacts" and len(path) == 3 and path[-1] in NULLABLE

    answer = sync(emulator, kind, body)

    assert answer[0] == (200 if nullable else 400)
    if not nullable:
        assert spelled(path) in fields(answer)


BAD = {
    "projectId": [107, "106", True, 106.5],
    "fullName": ["", "  ", 7],
    "externalId": ["", 7],
    "responsible": [0, ""],
    "contactLink": [
        "http://crm.example.com/1",
        "crm.example.com",
        "https://",
        "https:///1",
        "",
        "https://a b",
        "https://[",
    ],
    "contactDirections": [[], "x", [{"type": "phone", "name": "x", "value": "+380670000001", "main": True}]],
    "organizations": [{}, "x", [None]],
    "fullname": ["another spelling"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_value_is_refused_and_named_but_not_quoted(emulator, name, value):
    answer = sync(emulator, "contacts", contacts("1", **{name: value}))

    assert any(field.startswith(f"contacts[0].{name}") for field in fields(answer))
    assert "crm.example.com" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("kind", "value", "accepted"),
    [
        ("phone", "+380111111111", True),
        ("phone", "+12345678", True),
        ("phone", "380670000001", False),
        ("phone", "+1234567", False),
        ("phone", "+1234567890123456", False),
        ("phone", "+38 067 000 00 01", False),
        ("phone", "+\uff138067000000", False),
        ("email", "olena@example.com", True),
        ("email", "olena", False),
        ("email", "o@e x", False),
        ("fax", "+380670000001", False),
    ],
)
def test_a_direction_is_a_phone_in_e164_or_an_email(emulator, kind, value, accepted):
    body = contacts("1", contactDirections=[{"type": kind, "name": "x", "value": value}])

    assert sync(emulator, "contacts", body)[0] == (200 if accepted else 400)


def test_a_direction_twice_is_refused(emulator):
    body = contacts("1", contactDirections=[CONTACT["contactDirections"][0]] * 2)

    assert fields(sync(emulator, "contacts", body)) == {"contacts[0].contactDirections[1]"}


def test_a_contact_without_any_id_is_refused(emulator):
    assert fields(sync(emulator, "contacts", contacts(None, leadId=None))) == {
        "contacts[0].externalId",
        "contacts[0].leadId",
    }


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"[" * 50_000, b"\xff", b'{"contacts": []}'])
def test_a_body_that_is_none_is_refused(emulator, body):
    assert sync(emulator, "contacts", body)[0] == 400


@pytest.mark.parametrize("fault", [{"status": 400}, {"body": {"success": False}}])
def test_a_fault_may_meet_one_request_in_so_many_whatever_else_is_set(emulator, fault):
    for number in range(9):
        emulator.faults({**fault, "every": 3, "times": None})
        sync(emulator, "contacts", contacts(str(number)))

    assert len(emulator.state()["contacts"]) == 6


def test_a_bad_record_refuses_the_whole_array(emulator):
    body = contacts("1", "2", "3")
    body["contacts"][1]["fullName"] = ""

    assert fields(sync(emulator, "contacts", body)) == {"contacts[1].fullName"}
    assert emulator.state()["contacts"] == []


def test_a_card_is_replaced_by_project_origin_and_id(emulator):
    for name in ("A", "B"):
        sync(emulator, "contacts", contacts("1", "2", fullName=name))
    sync(emulator, "contacts", contacts("1", fullName="C", origin="Other CRM"))
    sync(emulator, "contacts", contacts(None, fullName="D"))
    sync(emulator, "contacts", contacts(None, fullName="E"))

    assert [contact["fullName"] for contact in emulator.state()["contacts"]] == ["B", "B", "C", "E"]


def test_the_history_of_a_card_says_what_landed_in_which_order(emulator, clock):
    for name in ("A", "B", "A"):
        clock[0] += 1
        sync(emulator, "contacts", contacts("1", fullName=name))

    (card,) = emulator.history()
    assert (card["project"], card["origin"], card["id_name"], card["id"]) == (106, "Crm name", "externalId", "1")
    assert [(state["time"] - NOW, state["card"]["fullName"]) for state in card["states"]] == [
        (1, "A"),
        (2, "B"),
        (3, "A"),
    ]
    assert send(emulator, "GET", "/_emulator/history") == (200, [json.loads(json.dumps(card))])


def test_a_call_shows_the_client_only_if_the_card_came_before_it(emulator):
    before = send(emulator, "POST", "/_emulator/calls", {"phone": "380111111111"})
    sync(emulator, "contacts", EXAMPLES["contacts"])
    after = send(emulator, "POST", "/_emulator/calls", {"phone": "+380 11 111 11 11"})

    assert before[1]["fullName"] is None
    assert after[1]["fullName"] == "Client name"
    assert after[1]["leadLink"] == CONTACT["leadLink"]
    assert [call["fullName"] for call in emulator.state()["calls"]] == [None, "Client name"]


def test_of_two_clients_with_a_number_the_call_shows_the_one_changed_last(emulator):
    sync(emulator, "contacts", contacts("1", "2", fullName="A"))
    sync(emulator, "contacts", contacts("1", fullName="B"))

    assert emulator.call("+380111111111")["fullName"] == "B"


def test_a_client_whose_number_is_gone_is_not_shown(emulator):
    sync(emulator, "contacts", contacts("1"))
    sync(emulator, "contacts", contacts("1", contactDirections=[CONTACT["contactDirections"][1]]))

    assert emulator.call("+380111111111")["fullName"] is None


def test_requests_are_shown_without_the_key(emulator):
    sync(emulator, "contacts", EXAMPLES["contacts"])
    sync(emulator, "contacts", b"{broken", auth_key="wrong")

    status, requests = send(emulator, "GET", "/_emulator/requests")

    assert status == 200
    assert requests == emulator.requests
    assert [(request["number"], request["status"]) for request in requests] == [(1, 200), (2, 401)]
    assert requests[0]["path"] == "/minicrm/contacts/sync"
    assert requests[0]["time"] == NOW
    assert requests[0]["headers"]["x-project-id"] == "106"
    assert requests[0]["body"] == EXAMPLES["contacts"]
    assert requests[1]["body"] == "{broken"
    assert KEY not in json.dumps(requests)
    assert send(emulator, "GET", "/_emulator/requests?last=1")[1] == requests[1:]


def test_only_the_last_requests_are_kept():
    traffic = Traffic()
    for number in range(1, 10_051):
        traffic.add(Request(number, NOW, "/", {}, b"x", 200, b""))

    assert [request.number for request in traffic.last()][::9_999] == [51, 10_050]


def test_large_requests_are_kept_up_to_64_mib():
    traffic = Traffic()
    for number in range(1, 11):
        traffic.add(Request(number, NOW, "/", {}, b"x" * 10 * 1024 * 1024, 200, b""))

    assert [request.number for request in traffic.last()] == [5, 6, 7, 8, 9, 10]


def test_the_state_is_shown_and_forgotten(emulator):
    sync(emulator, "contacts", EXAMPLES["contacts"])
    emulator.call("1")

    status, state = send(emulator, "GET", "/_emulator/state")

    assert (status, state) == (200, emulator.state())
    assert (len(state["contacts"]), state["organizations"], len(state["calls"]), state["requests"]) == (1, [], 1, 1)
    assert send(emulator, "DELETE", "/_emulator/state")[0] == 200
    assert emulator.state() == {"contacts": [], "organizations": [], "calls": [], "requests": 0}
    assert emulator.requests == []


def test_a_lone_surrogate_does_not_break_the_state(emulator):
    sync(emulator, "contacts", contacts("1", fullName="x\ud83d"))

    assert send(emulator, "GET", "/_emulator/state")[1]["contacts"][0]["fullName"] == "x\ud83d"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/minicrm/contacts/sync", {}, 404),
        ("POST", "/_emulator/state", {}, 404),
        ("POST", "/_emulator/calls", {}, 400),
        ("GET", "/_emulator/state", {"Host": "evil.example.com"}, 404),
        ("GET", "/_emulator/state", {"Host": "["}, 404),
        ("GET", "/_emulator/state", {"Origin": "http://evil.example.com"}, 404),
        ("POST", "/minicrm/contacts/sync", {"Content-Length": "-1"}, 400),
        ("POST", "/minicrm/contacts/sync", {"Content-Length": "99999999"}, 413),
    ],
)
def test_other_requests_are_answered_too(emulator, method, path, headers, status):
    assert send(emulator, method, path, None, headers)[0] == status


def test_a_body_in_chunks_is_taken(emulator):
    with closing(http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=5)) as connection:
        headers = {"auth-key": KEY, "x-project-id": "106", "Content-Type": "application/json"}
        body = json.dumps(contacts("1")).encode()
        connection.request("POST", "/minicrm/contacts/sync", iter([body[:9], body[9:]]), headers, encode_chunked=True)

        assert connection.getresponse().status == 200


# Faults


@pytest.fixture
def client(emulator):
    one = Ringostat(emulator.url, deadline_seconds=0.3)
    yield one
    one.close()


def class_of(client, *ids):
    records = [json.dumps(one).encode() for one in contacts(*(ids or ("1",)))["contacts"]]
    answer = client.post(ENDPOINTS["contacts"], records, project=106, auth_key=KEY)
    return classify(answer, 0).answer_class


FAULTS = {
    "status": ({"status": 503}, "ambiguous", 0),
    "status with a wait": ({"status": 429, "headers": {"Retry-After": "5"}}, "slow-down", 0),
    "status, but it lands": ({"status": 504, "apply": True}, "ambiguous", 1),
    "error inside 200": ({"body": {"error": {"code": 400}}}, "bad-data", 0),
    "plain text": ({"body": "OK", "apply": True}, "confirmed", 1),
    "HTML": ({"body": "<html>"}, "ambiguous", 0),
    "dropped before": ({"drop": "before"}, "ambiguous", 0),
    "dropped after": ({"drop": "after"}, "ambiguous", 1),
    "dripped": ({"drip": 0.05}, "ambiguous", 1),
    "cut inside the headers": ({"truncate": True}, "ambiguous", 1),
    "cut inside the body": ({"truncate": "body"}, "ambiguous", 1),
    "redirected": ({"redirect": "http://127.0.0.1:9/"}, "configuration", 0),
    "refused": ({"refuse": {"externalId": "1"}, "times": 1}, "bad-data", 0),
}


@pytest.mark.parametrize(("fault", "expected", "landed"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_shown_once_and_then_all_is_well(emulator, client, fault, expected, landed):
    assert send(emulator, "PUT", "/_emulator/faults", [fault]) == (200, None)

    assert class_of(client) == expected
    assert len(emulator.state()["contacts"]) == landed
    assert class_of(client) == "confirmed"
    assert emulator.coming_faults() == []


def test_a_delayed_request_lands_late(emulator, client):
    emulator.faults({"delay": 0.4})

    assert class_of(client) == "ambiguous"
    assert emulator.state()["contacts"] == []
    deadline = time.monotonic() + 2
    while not emulator.state()["contacts"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(emulator.state()["contacts"]) == 1


def test_faults_are_used_up_in_order(emulator, client):
    emulator.faults({"status": 503, "times": 2}, {"status": 401}, {"drop": "before"})

    assert [class_of(client) for _ in range(5)] == ["ambiguous", "ambiguous", "auth", "ambiguous", "confirmed"]


def test_a_refused_record_refuses_every_array_that_holds_it(emulator, client):
    emulator.faults({"refuse": {"externalId": "7"}}, {"status": 503})

    assert class_of(client, "1", "7") == "bad-data"
    assert emulator.requests[-1]["answer"]["fields"][0]["field"] == "contacts[1].externalId"
    assert class_of(client, "1") == "ambiguous"
    assert class_of(client, "7") == "bad-data"
    assert class_of(client, "1", "2") == "confirmed"


@pytest.mark.parametrize(
    "faults",
    [
        [{}],
        [{"times": 2}],
        [{"stauts": 503}],
        [{"status": "503"}],
        [{"status": 700}],
        [{"status": 503, "times": 0}],
        [{"drop": "sometimes"}],
        [{"truncate": 3}],
        [{"delay": -1}],
        [{"drip": "slow"}],
        [{"pad": -1}],
        [{"pad": "3 MiB"}],
        {"status": 503},
        7,
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(emulator, faults):
    assert send(emulator, "PUT", "/_emulator/faults", faults)[0] == 400
    assert emulator.coming_faults() == []


def test_an_answer_can_be_huge_and_still_be_read(emulator):
    emulator.faults({"pad": 3_000_000})

    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=5)
    connection.request("GET", "/_emulator/state")
    assert len(connection.getresponse().read()) < 1000
    headers = {"auth-key": KEY, "x-project-id": "106", "Content-Type": "application/json"}
    connection.request("POST", "/minicrm/contacts/sync", json.dumps(contacts("1")).encode(), headers)
    received = connection.getresponse().read()
    connection.close()

    assert len(received) > 3_000_000
    assert json.loads(received) == {"success": True}


def test_it_keeps_connections(emulator, client):
    assert [class_of(client) for _ in range(3)] == ["confirmed"] * 3


def test_a_port_that_is_taken_is_said_so(emulator):
    with pytest.raises(OSError, match="in use"):
        Emulator(emulator.port, keys={106: KEY})


def test_while_it_is_down_connections_end_and_it_comes_back_as_it_was(emulator):
    sync(emulator, "contacts", contacts("1"))
    connection = socket.create_connection(("127.0.0.1", emulator.port), 5)

    emulator.go_down()
    with connection, suppress(ConnectionResetError):
        assert connection.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        sync(emulator, "contacts", contacts("2"))
    emulator.come_back()

    assert sync(emulator, "contacts", contacts("3"))[0] == 200
    assert [card["externalId"] for card in emulator.state()["contacts"]] == ["1", "3"]


def test_stopping_ends_open_connections_and_waiting_requests():
    emulator = Emulator(keys={106: KEY})
    emulator.faults({"delay": 30})
    connection = socket.create_connection(("127.0.0.1", emulator.port), 5)
    connection.sendall(b"POST /minicrm/contacts/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
    started = time.monotonic()

    emulator.stop()

    with connection, suppress(ConnectionResetError):
        assert connection.recv(10) == b""
    assert time.monotonic() - started < 2


def test_it_runs_as_a_process():
    command = [sys.executable, "-m", "local.emulator", "--port", "0", "--project", f"106={KEY}"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[-1]
        port = int(url.rpartition(":")[2])
        taken = subprocess.run(
            [*command[:4], str(port), *command[5:]], cwd=ROOT, capture_output=True, text=True, check=False
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0

    assert taken.returncode == 1
    assert f"Port {port} is taken" in taken.stderr
