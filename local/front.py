"""The address that people paste: forwards every request to the emulated HTTP API.

Only `GET /_local` it answers itself: where the parts of this world are, for `bridge --local`.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

TIMEOUT_SECONDS = 35  # API Gateway's own limit is 30
LOCAL = "/_local"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", "host"}


class Passage(NamedTuple):
    """A request that went through, and its answer."""

    time: float  # seconds since 1970
    method: str
    target: str  # path and query
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    answer: bytes


class Front:
    """A server on 127.0.0.1:`port` (0: any free one) before the HTTP API `host` of the emulator on `target_port`.

    `parts` is what it answers to `GET /_local`. `seen` takes each passage after it was answered; it can be set later.
    """

    def __init__(self, port: int, target_port: int, host: str, parts: Mapping[str, object]) -> None:
        self.seen: Callable[[Passage], None] = lambda _: None
        handler = _handler(target_port, host, json.dumps(parts).encode(), self._see)
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})
        self._thread.start()

    def _see(self, passage: Passage) -> None:
        self.seen(passage)

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _passed_on(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def _send(come: BaseHTTPRequestHandler, upstream: http.client.HTTPConnection, host: str, body: bytes) -> None:
    upstream.putrequest(come.command, come.path, skip_host=True, skip_accept_encoding=True)
    upstream.putheader("Host", host)
    for name, value in _passed_on(come.headers.items()):
        upstream.putheader(name, value)
    upstream.putheader("Content-Length", str(len(body)))
    upstream.endheaders(body)


def _handler(
    target_port: int, host: str, parts: bytes, seen: Callable[[Passage], None]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for status, headers and body

        def log_message(self, *_: object) -> None:
            """Say nothing: a path may hold a connection's token."""

        def forward(self) -> None:
            arrived, body = time.time(), self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection("127.0.0.1", target_port, timeout=TIMEOUT_SECONDS)
            try:
                _send(self, upstream, host, body)
                status, answer = self._answer(upstream.getresponse())
            except (OSError, http.client.HTTPException):
                self.send_error(502, "The emulated HTTP API does not answer")
            else:
                headers = self.headers.items()
                seen(Passage(arrived, self.command, self.path, headers, body, status, answer))
            finally:
                upstream.close()

        def get(self) -> None:
            # A page of another site can make a browser send this, but only under its own name.
            ours = self.headers.get("Host", "").partition(":")[0] in ("127.0.0.1", "localhost")
            if self.path != LOCAL or not ours:
                self.forward()
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(parts)))
            self.end_headers()
            self.wfile.write(parts)

        def _answer(self, reply: http.client.HTTPResponse) -> tuple[int, bytes]:
            body = reply.read()
            self.send_response(reply.status)
            for name, value in _passed_on(reply.getheaders()):
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            return reply.status, body

        do_GET = get  # noqa: N815 - http.server's
        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward  # noqa: N815 - http.server's

    return Handler
