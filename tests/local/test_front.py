"""The address that people paste passes every request on, and refuses as AWS does where it has a door."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local import template
from local.door import Door
from local.front import Front
from local.template import Throttle
from local.world import request


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the body."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.end_headers()
        self.wfile.write(json.dumps([self.path, body.decode()]).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def front():
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        front = Front(0, server.server_port, "api", {})
        yield front
        front.stop()
        server.shutdown()


def spoken(front, text):
    """Send these bytes and return what comes back until the front closes, or has answered."""
    with socket.create_connection(("127.0.0.1", int(front.url.rpartition(":")[2])), 10) as one:
        one.sendall(text)
        return one.recv(65536).decode()


def test_a_chunked_body_arrives_whole(front):
    head = b"POST /crm/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    answer = spoken(front, head + b'5;x=1\r\nab"cd\r\n1\r\ne\r\n0\r\nX-Trailer: 1\r\n\r\n')

    assert answer.startswith("HTTP/1.1 202 ")
    assert answer.endswith(r'["/crm/a", "ab\"cde"]')


def test_each_passage_is_seen_with_what_came_and_what_was_answered(front):
    seen = []
    front.seen = seen.append

    request("POST", f"{front.url}/crm/a?b=%20", b"x", {"X-Api-Key": "k"})

    [(_, *passage)] = seen
    assert passage[:2] == ["POST", "/crm/a?b=%20"]
    assert passage[2]["x-api-key"] == "k"
    assert passage[3:] == [b"x", 202, b'["/crm/a?b=%20", "x"]']


@pytest.mark.parametrize(
    "text",
    [
        "POST /crm/é HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST //[ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST http://[/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /crm/a\x01 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        "POST /crm/a HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /crm/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
        "POST /crm/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
    ],
)
def test_what_cannot_be_read_is_a_bad_request(front, text, caplog):
    assert spoken(front, text.encode()).startswith("HTTP/1.1 400 ")
    assert not caplog.records


def test_a_hundred_requests_at_once_are_all_answered(front):
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda number: request("POST", f"{front.url}/{number}", b"x"), range(100)))

    assert [answer.json() for answer in answers] == [[f"/{number}", "x"] for number in range(100)]


def test_a_throttle_lets_a_burst_in_and_then_its_rate():
    now = [0.0]
    door = Door(Throttle(rate=2, burst=3), 1000, lambda: now[0])

    def passed():
        with door.passing() as status:
            return status

    at_once = [passed() for _ in range(4)]
    now[0] = 1.0
    later = [passed() for _ in range(3)]
    now[0] = 100.0
    much_later = [passed() for _ in range(4)]

    assert (at_once, later, much_later) == ([None, None, None, 429], [None, None, 429], [None, None, None, 429])
    assert door.refused == {429: 3}
    assert door.told().split() == ["door", "refused", "before", "any", "function:", "3", "with", "429"]
    assert door.told() == ""


def test_no_request_waits_for_a_copy():
    door = Door(Throttle(rate=1000, burst=1000), 2)
    with ExitStack() as inside:
        assert [inside.enter_context(door.passing()) for _ in range(4)] == [None, None, 503, 503]
    with door.passing() as status:
        assert status is None


@pytest.mark.parametrize(
    ("door", "status", "message"),
    [
        (Door(Throttle(rate=0, burst=0), 10), 429, "Too Many Requests"),
        (Door(Throttle(rate=9, burst=9), 0), 503, "Service Unavailable"),
    ],
)
def test_a_refusal_is_api_gateways_own(front, door, status, message):
    front.door = door

    answer = request("POST", front.url, b"x")

    assert (answer.status, answer.json()) == (status, {"message": message})
    assert "Retry-After" not in answer.headers


def test_the_throttle_is_the_templates_by_number_or_by_parameter():
    changed = template.load()
    settings = changed["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]
    before = template.throttle(changed)
    settings |= {"ThrottlingRateLimit": {"Ref": "Rate"}, "ThrottlingBurstLimit": 7}
    changed["Parameters"]["Rate"] = {"Type": "Number", "Default": 5}

    assert before.rate > 0
    assert before.burst > 0
    assert template.throttle(changed) == (5, 7)
