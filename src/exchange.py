"""One HTTP request and its answer, by a deadline, whatever the other side does.

A bare connection of urllib3 is used, not its pools: redirects, retries and decoding live there, and each of them would
be a fault here (a followed redirect carries keys and contacts to another host).
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from wire import Answer, says_all

WIRE_FAULTS = (OSError, http.client.HTTPException, HTTPError, ValueError, TypeError)

# At WARNING it quotes headers that it cannot parse, and an answer may echo what we sent.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class Outgoing(NamedTuple):
    """A request as it is sent. It is never logged: `target` and `headers` may hold a key."""

    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]


class BadAddress(OSError):
    """The address is one that is never connected to."""


class Deadline:
    """What the thread of a request and the one that waits for it know of each other."""

    __slots__ = ("_abandoned", "_answer", "_lock", "_sent", "_socket")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._abandoned = False
        self._sent = False
        self._socket: socket.socket | None = None
        self._answer: Answer | None = None

    def watch(self, connected: socket.socket | None) -> None:
        """Name the socket that the deadline shuts; raise if the deadline has passed."""
        self._go_on(connected, sent=False)

    def begin(self, connected: socket.socket | None) -> None:
        """Say that bytes of the request are about to leave; raise if the deadline has passed."""
        self._go_on(connected, sent=True)

    def finish(self, answer: Answer) -> bool:
        """Hand the answer over; return False if the deadline has passed."""
        with self._lock:
            self._answer = self._answer or answer
            return not self._abandoned

    def end(self) -> Answer:
        """Return the answer, or cut the connection and return a time-out."""
        with self._lock:
            if self._answer is None:
                self._abandoned = True
                self._answer = Answer(None, sent=self._sent, error="timeout")
                self._shut()
            return self._answer

    def _go_on(self, connected: socket.socket | None, *, sent: bool) -> None:
        with self._lock:
            if self._abandoned:
                raise TimeoutError  # whatever is not sent yet must not be sent any more
            self._socket, self._sent = connected, sent

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown: it drops the encryption first, and another thread may be sending.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def exchange(
    outgoing: Outgoing,
    connect: Callable[[Deadline], HTTPConnection],
    *,
    seconds: float,
    most: int,
    done: Callable[[HTTPConnection], None] = HTTPConnection.close,
) -> Answer:
    """Send a request and return what came back, by the deadline at the latest. No fault of the wire raises.

    At most `most` bytes are read. `done` is given a connection that can serve again. It runs in a thread of its own:
    nothing else ends a DNS look-up or dripped headers.
    """

    def run() -> None:
        try:
            connection = connect(deadline)
        except WIRE_FAULTS as error:
            deadline.finish(Answer(None, sent=False, error=_why_unconnected(error)))
            return
        answer = _spoken(connection, deadline, outgoing, most)
        in_time = deadline.finish(answer)
        (done if in_time and answer.complete and connection.sock else HTTPConnection.close)(connection)

    deadline = Deadline()
    thread = threading.Thread(target=run, name="exchange", daemon=True)
    thread.start()
    thread.join(seconds)
    return deadline.end()


def opened(
    deadline: Deadline, connected: socket.socket, host: str, tls: ssl.SSLContext | None, *, seconds: float
) -> HTTPConnection:
    """Return a connection over a socket, encrypted with the name of the host if there is a TLS context."""
    # The socket is ours, so that the deadline can end the TLS handshake too. Its own time-out must not come first.
    connection = HTTPConnection(host, timeout=seconds + 1)
    connection.sock = connected
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            secured = tls.wrap_socket(connected, server_hostname=host, do_handshake_on_connect=False)
            connection.sock = secured
            deadline.watch(secured)
            secured.do_handshake()
    except BaseException:
        connection.close()
        raise
    return connection


def _spoken(connection: HTTPConnection, deadline: Deadline, outgoing: Outgoing, most: int) -> Answer:
    method, target, body, headers = outgoing
    try:
        deadline.begin(connection.sock)
        # A server may answer and close before it has read everything (413): the answer is still there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, target, body, headers, preload_content=False, decode_content=False)
        response = connection.getresponse()
    except OSError:
        return Answer(None, error="reset")
    except WIRE_FAULTS:
        return Answer(None, error="garbled")
    status, names = response.status, {name.lower(): value for name, value in response.headers.items()}
    try:
        received = _received(response, most)
    except WIRE_FAULTS:
        return Answer(status, names, error="truncated")
    if len(received) > most:
        return Answer(status, names, received[:most], error="too-long")
    complete = says_all(status, names, received)
    return Answer(status, names, received, complete, error="" if complete else "truncated")


def _received(response: HTTPResponse, most: int) -> bytes:
    # Only a read that gets nothing more shows whether the body is whole.
    received = bytearray()
    while len(received) <= most and (more := response.read(most + 1 - len(received))):
        received += more
    return bytes(received)


def _why_unconnected(error: BaseException) -> str:
    if isinstance(error, BadAddress):
        return "address"
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    return "tls" if isinstance(error, ssl.SSLError) else "connect"
