"""The address that people paste: forwards every request to the emulated HTTP API.

Only `GET /_local` it answers itself: where the parts of this world are, for `bridge --local`.
"""

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import BinaryIO, NamedTuple

from local.door import REFUSALS, Door

TIMEOUT_SECONDS = 35  # API Gateway's own limit is 30
AT_ONCE = 4  # AWS starts a copy for each request; this machine has fewer cores, so the others wait
LOCAL = "/_local"
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", "host"}


class Passage(NamedTuple):
    """A request that came to the door, and its answer."""

    time: float  # seconds since 1970
    method: str
    target: str  # path and query
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    answer: bytes


def _passed_on(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in HOP_BY_HOP]


def _body(headers: Mapping[str, str], stream: BinaryIO) -> bytes:
    """Read a body, by its length or by chunks; raise ValueError where neither can be read."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return b"".join(iter(lambda: _chunk(stream), b""))
    return stream.read(_number(headers.get("Content-Length", "0"), 10))


# https://www.rfc-editor.org/rfc/rfc9112#section-7.1
def _chunk(stream: BinaryIO) -> bytes:
    size = _number(stream.readline(1024).partition(b";")[0].strip().decode("ascii"), 16)
    chunk = stream.read(size)
    while size == 0 and stream.readline(65536).strip():
        pass  # trailers, and the empty line behind them
    if size:
        stream.readline(2)
    return chunk


def _number(text: str, base: int) -> int:
    if not re.fullmatch(r"[0-9A-Fa-f]+", text):
        raise ValueError("A length that is no number.")
    return int(text, base)


def _send(come: BaseHTTPRequestHandler, upstream: http.client.HTTPConnection, host: str, body: bytes) -> None:
    upstream.putrequest(come.command, come.path, skip_host=True, skip_accept_encoding=True)
    upstream.putheader("Host", host)
    for name, value in _passed_on(come.headers.items()):
        upstream.putheader(name, value)
    upstream.putheader("Content-Length", str(len(body)))
    upstream.endheaders(body)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, asks the door, and passes it on."""

    server: "Server"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for status, headers and body

    @property
    def _front(self) -> "Front":
        return self.server.front

    def log_message(self, *_: object) -> None:
        """Say nothing: a path may hold a connection's token."""

    def _take(self) -> None:
        arrived = time.time()
        try:
            body = _body(self.headers, self.rfile)
            self.path.encode("ascii")
        except ValueError:
            self.close_connection = True  # what follows may be anything
            self._say(400, b'{"message":"Bad Request"}')
            return
        if self._front.door is None:
            self._forward(arrived, body)
            return
        with self._front.door.passing() as status:
            if status is None:
                self._forward(arrived, body)
            else:
                self._say(status, REFUSALS[status])
                self._seen(arrived, body, status, REFUSALS[status])

    def _forward(self, arrived: float, body: bytes) -> None:
        with self._front.machine:
            upstream = http.client.HTTPConnection("127.0.0.1", self._front.target_port, timeout=TIMEOUT_SECONDS)
            try:
                _send(self, upstream, self._front.host, body)
                reply = upstream.getresponse()
                answer = reply.read()
            except (OSError, http.client.HTTPException):
                self._say(502, b'{"message":"The emulated HTTP API does not answer"}')
                return
            finally:
                upstream.close()
        self._answer(reply.status, _passed_on(reply.getheaders()), answer)
        self._seen(arrived, body, reply.status, answer)

    def _seen(self, arrived: float, body: bytes, status: int, answer: bytes) -> None:
        self._front.seen(Passage(arrived, self.command, self.path, self.headers.items(), body, status, answer))

    def _get(self) -> None:
        # A page of another site can make a browser send this, but only under its own name.
        ours = self.headers.get("Host", "").partition(":")[0] in ("127.0.0.1", "localhost")
        if self.path == LOCAL and ours:
            self._say(200, self._front.parts)
        else:
            self._take()

    def _say(self, status: int, text: bytes) -> None:
        self._answer(status, [("Content-Type", "application/json")], text)

    def _answer(self, status: int, headers: Iterable[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
        self.wfile.flush()

    do_GET = _get  # noqa: N815 - http.server's
    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _take  # noqa: N815 - http.server's


class Server(ThreadingHTTPServer):
    """A thread for each connection, and room for a CRM's mass edit."""

    daemon_threads = True
    request_queue_size = 1024
    front: "Front"


class Front:
    """A server on 127.0.0.1:`port` (0: any free one) before the HTTP API `host` of the emulator on `target_port`.

    `parts` is what it answers to `GET /_local`. `seen` takes each passage after it was answered. It and `door` can be
    set later; without a door nothing is refused.
    """

    def __init__(self, port: int, target_port: int, host: str, parts: Mapping[str, object]) -> None:
        self.seen: Callable[[Passage], None] = lambda _: None
        self.door: Door | None = None
        self.target_port, self.host, self.parts = target_port, host, json.dumps(parts).encode()
        self.machine = threading.Semaphore(AT_ONCE)
        self._server = Server(("127.0.0.1", port), Handler)
        self._server.front = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
