"""Asking a CRM's API, against servers that misbehave on real sockets, and addresses that must not be asked."""

import gzip
import socket
import ssl
import time

import pytest

from lookup.fetch import Fetcher, is_public
from mapping.decode import MAX_ANSWER_BYTES
from tests.servers import HEAD, HOSTILE, OK, certificate
from wire import Answer

PATH = "/rest/1/canary-code/crm.item.list.json"
HEADERS = {"Authorization": "Bearer canary-token", "Content-Type": "application/json"}
BODY = b'{"filter":{"@id":[89]},"canary":1}'
PUBLIC = "93.184.215.14"


def ask(fetcher, url, headers=HEADERS, body=BODY, method="POST"):
    return fetcher.fetch(method, url, headers, body)


def here(server, path=PATH):
    return f"http://127.0.0.1:{server.port}{path}"


@pytest.fixture
def loopback():
    return Fetcher(loopback=True, seconds=5)


def test_a_request_arrives_as_it_was_built(serve, loopback):
    server = serve(OK)

    answer = ask(loopback, here(server, PATH + "?a=1&b=%20"))

    head, body = server.requests[0]
    lines = head.split("\r\n")
    assert lines[0] == f"POST {PATH}?a=1&b=%20 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "Accept-Encoding: identity", "Authorization: Bearer canary-token"} <= set(
        lines
    )
    assert body == {"filter": {"@id": [89]}, "canary": 1}
    assert (answer.status, answer.body, answer.complete) == (200, b'{"success": true}', True)


def test_a_get_has_no_body(serve, loopback):
    server = serve(OK)

    assert ask(loopback, here(server), {}, None, "GET").complete
    assert server.requests[0][1] is None


def test_no_header_of_a_mapping_changes_where_or_how_it_is_asked(serve, loopback):
    server = serve(OK)

    ask(loopback, here(server), {"host": "evil.example", "ACCEPT-ENCODING": "gzip", "Transfer-Encoding": "chunked"})

    head = server.requests[0][0].lower()
    assert "evil" not in head
    assert "gzip" not in head
    assert "chunked" not in head


@pytest.mark.parametrize(
    "url",
    [
        "http://crm.example.com/rest",
        "https://crm.example.com:8443/rest",
        "https://user:word@crm.example.com/rest",
        "https://crm.example.com\\@evil.example/",
        "https://[::1]/rest",
        "https://localhost/rest",
        "https:///rest",
        "ftp://crm.example.com/",
        "https://crm.example.com/a b",
        "https://crm.example.com/\r\nHost: evil",
        "https://crm.exämple.com/",
        "https://crm.example.com:99999/",
        "crm.example.com/rest",
        "http://127.0.0.1/rest",
        "http://127.0.0.2:8080/rest",
        "http://localhost:8080/rest",
        "",
    ],
)
def test_no_request_leaves_for_any_but_https_on_port_443(url):
    def nowhere(*_):
        pytest.fail("resolved or connected")

    fetcher = Fetcher(loopback=True, resolve=nowhere, connect=nowhere)

    assert ask(fetcher, url) == Answer(None, sent=False, error="address")


def test_this_machine_is_asked_only_where_it_was_permitted(serve):
    server = serve(OK)

    assert ask(Fetcher(), here(server)) == Answer(None, sent=False, error="address")
    assert server.connections == 0


INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "192.0.0.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "255.255.255.255",
    "240.0.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.215.14",
    "::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "not an address",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused_after_it_was_resolved(address):
    fetcher = Fetcher(resolve=lambda *_: [PUBLIC, address], connect=lambda *_: pytest.fail("connected"))

    assert not is_public(address)
    assert ask(fetcher, "https://crm.example.com/rest") == Answer(None, sent=False, error="address")


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_an_address_of_the_internet_is_public(address):
    assert is_public(address)


@pytest.mark.parametrize("host", ["2130706433.0", "0x7f.1", "127.1", "0177.0.0.1", "127.0.0.1"])
def test_another_spelling_of_this_machine_is_refused_too(host):
    fetcher = Fetcher(loopback=True, connect=lambda *_: pytest.fail("connected"), seconds=5)

    answer = ask(fetcher, f"https://{host}/rest")

    assert answer.error in ("address", "dns")
    assert not answer.sent


@pytest.fixture(scope="module")
def trusted(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("certificates") / "crm.pem", "crm.example.com")


def secured(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def leading_to(server, answers, seen):
    """A fetcher whose names resolve to one answer after the other, and whose connections all end at the server."""

    def connect(address, port):
        seen.append((address, port))
        return socket.create_connection(("127.0.0.1", server.port))

    return {"resolve": lambda *_: answers.pop(0), "connect": connect, "seconds": 5}


def test_a_host_is_resolved_once_and_the_address_that_was_judged_is_connected_to(serve, trusted):
    seen = []
    server = serve(OK, secured(trusted))
    fetcher = Fetcher(ca_certs=trusted, **leading_to(server, [[PUBLIC], ["127.0.0.1"]], seen))

    assert ask(fetcher, "https://crm.example.com/rest").complete
    assert ask(fetcher, "https://crm.example.com/rest").error == "address"
    assert seen == [(PUBLIC, 443)]
    assert "Host: crm.example.com\r\n" in server.requests[0][0]


def test_the_certificate_must_be_that_of_the_name_and_not_of_the_address(serve, trusted):
    server = serve(OK, secured(trusted))
    fetcher = Fetcher(ca_certs=trusted, **leading_to(server, [[PUBLIC]], []))

    assert ask(fetcher, "https://other.example.com/rest") == Answer(None, sent=False, error="certificate")
    assert server.requests == []


def test_the_next_address_is_tried_where_one_does_not_answer(serve, trusted):
    server = serve(OK, secured(trusted))

    def connect(address, _):
        if address == PUBLIC:
            raise TimeoutError
        return socket.create_connection(("127.0.0.1", server.port))

    fetcher = Fetcher(ca_certs=trusted, resolve=lambda *_: [PUBLIC, "8.8.8.8"], connect=connect, seconds=5)

    assert ask(fetcher, "https://crm.example.com/rest").complete


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve, loopback, status):
    second = serve(OK)
    first = serve(b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, here(second).encode()))

    assert ask(loopback, here(first)).status == status
    assert second.connections == 0


def test_nothing_is_asked_twice(serve, loopback):
    server = serve(lambda *_: False)

    assert ask(loopback, here(server)).error == "reset"
    assert server.connections == 1


def test_an_answer_ends_at_2_mib(serve, loopback):
    answer = ask(loopback, here(serve(HEAD + b"3145728\r\n\r\n" + b"x" * 3 * 1024 * 1024)))

    assert (len(answer.body), answer.complete, answer.error) == (MAX_ANSWER_BYTES, False, "too-long")


def test_an_answer_of_just_2_mib_is_whole(serve, loopback):
    answer = ask(loopback, here(serve(HEAD + b"%d\r\n\r\n" % MAX_ANSWER_BYTES + b"x" * MAX_ANSWER_BYTES)))

    assert (len(answer.body), answer.complete) == (MAX_ANSWER_BYTES, True)


def test_an_encoded_answer_is_not_decoded(serve, loopback):
    bomb = gzip.compress(b" " * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)

    answer = ask(loopback, here(serve(head + bomb)))

    assert (answer.body, answer.complete, answer.error) == (b"", False, "garbled")


def test_a_name_server_that_hangs_ends_by_the_deadline():
    connections = []
    fetcher = Fetcher(
        resolve=lambda *_: time.sleep(0.5) or [PUBLIC], connect=lambda *_: connections.append(1), seconds=0.1
    )
    started = time.monotonic()

    assert ask(fetcher, "https://crm.example.com/rest") == Answer(None, sent=False, error="timeout")
    assert time.monotonic() - started < 0.4
    time.sleep(0.6)
    assert connections == []


def test_a_header_that_cannot_be_sent_is_not(serve, loopback):
    server = serve(OK)

    assert ask(loopback, here(server), {"Authorization": "Bearer x\r\nHost: evil"}).error == "key"
    assert server.connections == 0


def statuses():
    return {
        str(status): HEAD.replace(b"200", b"%d" % status) + b"23\r\n\r\n" + b'{"error": "canary-code"}'[:23]
        for status in (200, 204, 400, 401, 403, 404, 410, 423, 429, 500, 503)
    }


FAILURES = {name: script for name, (script, error) in HOSTILE.items()} | statuses()


@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES.keys())
def test_nothing_of_a_request_or_an_answer_is_written_whatever_happens(serve, seen, script):
    answer = ask(Fetcher(loopback=True, seconds=0.3), here(serve(script)))

    assert "canary" not in seen()
    assert "canary" not in repr(answer._replace(body=b""))


@pytest.mark.parametrize(
    "url", [f"https://crm.invalid{PATH}", f"http://127.0.0.1:9{PATH}", f"https://canary@x.y{PATH}"]
)
def test_nothing_of_a_request_that_never_left_is_written(seen, url):
    assert not ask(Fetcher(loopback=True, seconds=0.5), url).sent
    assert "canary" not in seen()
