"""The wire to Ringostat, against servers that misbehave on real sockets."""

import gzip
import json
import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from cards.endpoints import ENDPOINTS
from delivery import ringostat
from delivery.classify import classify
from delivery.ringostat import Ringostat
from errors import OperatorError
from tests.servers import HEAD, HOSTILE, OK, certificate
from wire import Answer

KEY = "canary-auth-key"
CONTACTS = ENDPOINTS["contacts"]
NAME = "Канарка Ім'я"
RECORD = {"fullName": NAME, "externalId": "7"}
PATIENT = 5.0  # where the deadline is not what is tested, a busy machine must not make it so
SHORT = 0.25


@pytest.fixture
def client():
    clients = []

    def connect(server, scheme="http", **options):
        clients.append(Ringostat(f"{scheme}://localhost:{server.port}", **{"deadline_seconds": PATIENT, **options}))
        return clients[-1]

    yield connect
    for one in clients:
        one.close()


def post(client, *records):
    return client.post(
        CONTACTS,
        [json.dumps(record, separators=(",", ":")).encode() for record in records or [RECORD]],
        project=106,
        auth_key=KEY,
    )


def post_in_time(client, *records):
    started = time.monotonic()
    answer = post(client, *records)
    assert time.monotonic() - started < SHORT + 1
    return answer


def class_of(answer):
    return classify(answer, 0).answer_class


def test_records_are_posted_as_ringostat_documents_it(serve, client):
    server = serve(OK)
    answer = client(server).post(
        ENDPOINTS["organizations"], [b'{"name":"y"}', b'{"name":"x"}'], project=106, auth_key=KEY
    )

    head, body = server.requests[0]
    assert head.startswith("POST /minicrm/organizations/sync HTTP/1.1\r\n")
    assert {f"Host: localhost:{server.port}", "Content-Type: application/json", f"auth-key: {KEY}"} <= set(
        head.split("\r\n")
    )
    assert "x-project-id: 106" in head
    assert body == {"organizations": [{"name": "y"}, {"name": "x"}]}
    assert answer == Answer(
        200, {"content-type": "application/json", "content-length": "17"}, b'{"success": true}', complete=True
    )


def test_a_connection_is_kept(serve, client):
    server = serve(lambda _, connection: connection.sendall(OK) or True)
    one = client(server)

    assert [post(one).status for _ in range(5)] == [200] * 5
    assert server.connections == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(serve, client):
    server = serve(OK)
    one = client(server)

    assert post(one).status == 200
    time.sleep(0.05)
    assert post(one).status == 200
    assert server.connections == 2


def test_a_connection_that_was_idle_for_long_is_replaced(serve, client, monkeypatch):
    monkeypatch.setattr(ringostat, "IDLE_SECONDS", 0.0)
    server = serve(lambda _, connection: connection.sendall(OK) or True)
    one = client(server)

    assert post(one).status == post(one).status == 200
    assert server.connections == 2


def test_a_kept_connection_closed_under_the_request_is_ambiguous(serve, client):
    def answer(server, connection):
        if len(server.requests) > 1:
            return False
        connection.sendall(OK)
        return True

    one = client(serve(answer))

    assert post(one).complete
    assert post(one) == Answer(None, error="reset")


def test_threads_may_share_a_client(serve, client):
    server = serve(lambda _, connection: connection.sendall(OK) or True)
    one = client(server)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(post(one).status)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [200] * 8
    assert server.connections <= 8


@pytest.mark.parametrize(("script", "error"), HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_never_taken_for_success_and_leaks_nothing_when_a_server(serve, client, seen, script, error):
    if error == "timeout":
        answer = post_in_time(client(serve(script), deadline_seconds=SHORT))
    else:
        answer = post(client(serve(script)))

    assert (answer.error, answer.complete, answer.sent) == (error, False, True)
    assert len(answer.body) <= 64 * 1024
    assert class_of(answer) == "ambiguous"
    assert re.findall(f"{KEY}|Канарка", seen() + repr(classify(answer, 0))) == []


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK", "confirmed"),
        (b"HTTP/1.1 200 OK\r\n\r\nOK", "confirmed"),
        (b"HTTP/1.0 200 OK\r\n\r\n{}", "confirmed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "confirmed"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "confirmed"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "confirmed"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, "confirmed"),
        (HEAD + b'17\r\n\r\n{"error": "name"}', "bad-data"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>", "ambiguous"),
        (b"HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n", "bad-data"),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", "slow-down"),
        (b"HTTP/1.1 503 Down\r\nContent-Length: 9\r\n\r\ncut", "ambiguous"),
        (b"HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\ncut", "bad-data"),
    ],
)
def test_an_answer_is_read_for_what_it_is(serve, client, script, expected):
    assert class_of(post(client(serve(script)))) == expected


def test_a_gzip_bomb_is_neither_decoded_nor_taken_for_success(serve, client):
    bomb = gzip.compress(b" " * 50_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    answer = post(client(serve(head + bomb)))

    assert answer.body == bomb[: 64 * 1024]
    assert class_of(answer) == "ambiguous"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve, client, status):
    second = serve(OK)
    target = b"http://localhost:%d/elsewhere" % second.port
    first = serve(b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, target))

    answer = post(client(first))

    assert (answer.status, class_of(answer)) == (status, "configuration")
    assert (second.connections, second.requests) == (0, [])


def test_an_early_answer_to_a_large_request_is_read(serve, client):
    def answer(_, connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    assert post(client(serve(answer, reads=False)), {"fullName": "x" * 5_000_000}).status == 413


def test_a_request_that_is_not_read_ends_by_the_deadline(serve, client):
    server = serve(lambda server, _: server.stopped.wait(3), reads=False)

    assert post_in_time(client(server, deadline_seconds=SHORT), {"fullName": "x" * 20_000_000}) == Answer(
        None, error="timeout"
    )


def test_a_closed_port_is_not_sent(serve, client):
    server = serve(OK)
    server.close()

    answer = post(client(server))

    assert answer == Answer(None, sent=False, error="connect")
    assert class_of(answer) == "not-sent"


def test_an_unknown_host_is_not_sent():
    answer = post_in_time(Ringostat("https://ringostat.invalid", deadline_seconds=SHORT))

    assert (answer.sent, answer.error in ("dns", "timeout")) == (False, True)


def test_a_slow_name_server_ends_by_the_deadline_and_nothing_is_sent_later(serve, client, monkeypatch):
    look_up, looked_up = socket.getaddrinfo, threading.Event()

    def slow(*arguments, **options):
        time.sleep(2 * SHORT)
        try:
            return look_up(*arguments, **options)
        finally:
            looked_up.set()

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    server = serve(OK)

    assert post_in_time(client(server, deadline_seconds=SHORT)) == Answer(None, sent=False, error="timeout")
    assert looked_up.wait(2)
    time.sleep(0.1)
    assert server.requests == []


@pytest.mark.parametrize("key", ["", "with space", "line\r\nx-evil: 1", "ключ"])
def test_a_key_that_cannot_be_a_header_is_never_sent(serve, client, key):
    server = serve(OK)
    answer = client(server).post(CONTACTS, [b"{}"], project=106, auth_key=key)

    assert answer == Answer(None, sent=False, error="key")
    assert class_of(answer) == "auth"
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["http://api.ringostat.net", "http://10.0.0.1", "ftp://localhost", "https://", "api.ringostat.net"]
)
def test_an_address_without_tls_is_for_this_machine_only(url):
    with pytest.raises(OperatorError, match="https://"):
        Ringostat(url)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    now = datetime.now(UTC)
    return {
        "good": certificate(folder / "good.pem", "localhost", now + timedelta(days=1)),
        "expired": certificate(folder / "expired.pem", "localhost", now - timedelta(days=1)),
        "foreign": certificate(folder / "foreign.pem", "example.com", now + timedelta(days=1)),
    }


def secured(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_https_is_spoken_and_kept(serve, client, certificates):
    server = serve(lambda _, connection: connection.sendall(OK) or True, secured(certificates["good"]))
    one = client(server, "https", ca_certs=certificates["good"])

    assert [post(one).complete for _ in range(3)] == [True] * 3
    assert server.connections == 1


@pytest.mark.parametrize(("name", "trusted"), [("good", None), ("expired", "expired"), ("foreign", "foreign")])
def test_a_certificate_that_is_untrusted_expired_or_foreign_is_denied(serve, client, certificates, name, trusted):
    server = serve(OK, secured(certificates[name]))
    answer = post(client(server, "https", ca_certs=certificates[trusted] if trusted else None))

    assert answer == Answer(None, sent=False, error="certificate")
    assert class_of(answer) == "not-sent"
    assert server.requests == []


def test_a_server_without_tls_is_not_sent_anything(serve, client):
    server = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n", reads=False)

    assert post(client(server, "https")) == Answer(None, sent=False, error="tls")


def test_a_hanging_handshake_ends_by_the_deadline_and_its_connection_is_cut(serve, client):
    cut = threading.Event()

    def answer(_, connection):
        while connection.recv(1000):
            pass
        cut.set()

    one = client(serve(answer, reads=False), "https", deadline_seconds=SHORT)

    assert post_in_time(one) == Answer(None, sent=False, error="timeout")
    assert cut.wait(2)


@pytest.mark.parametrize("name", ["drips headers", "drips the body", "hangs"])
def test_the_deadline_holds_over_tls_too(serve, client, certificates, name):
    server = serve(HOSTILE[name][0], secured(certificates["good"]))

    one = client(server, "https", ca_certs=certificates["good"], deadline_seconds=SHORT)

    assert post_in_time(one) == Answer(None, error="timeout")


def test_headers_that_cannot_be_parsed_are_not_quoted_in_a_log(serve, client, seen):
    echo = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + KEY.encode() + b"\r\n\r\nOK"

    post(client(serve(echo)))

    assert KEY not in seen()
