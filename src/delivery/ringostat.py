"""The one module that talks HTTP to Ringostat.

A bare connection of urllib3 is used, not its pools: redirects, retries and decoding live there, and each of them would
be a fault here (a followed redirect carries the auth key and the contacts to another host).
"""

import http.client
import ipaddress
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from cards.endpoints import Endpoint
from delivery.answer import Answer, says_all
from delivery.policy import CONNECT_SECONDS, IDLE_SECONDS, MAX_ANSWER_BYTES
from errors import OperatorError

WIRE_FAULTS = (OSError, http.client.HTTPException, HTTPError, ValueError, TypeError)

# At WARNING it quotes headers that it cannot parse, and an answer may echo what we sent.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class Ringostat:
    """Ringostat's API at one address, with kept connections; safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        deadline_seconds: float = 10.0,
        ca_certs: str | None = None,
    ) -> None:
        """Take scheme and host of the API; raise OperatorError for an address that would send the key unencrypted.

        `connect_seconds` bounds each step of connecting, `deadline_seconds` the whole POST.
        `ca_certs` is a file of trusted authorities instead of the system's own.
        """
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._netloc = parts.netloc
        self._path = parts.path.rstrip("/")
        self._tls = tls_of(url, ca_certs)
        self._port = parts.port or (443 if self._tls else 80)
        self._connect_seconds = connect_seconds
        self._deadline_seconds = deadline_seconds
        self._idle: list[tuple[HTTPConnection, float]] = []

    def post(self, endpoint: Endpoint, records: Sequence[bytes], *, project: int, auth_key: str) -> Answer:
        """POST composed records of one project and return what came back, by the deadline at the latest.

        A record is the JSON text of a payload. No fault of the wire raises.
        """
        if not re.fullmatch(r"[!-~]+", auth_key):
            return Answer(None, sent=False, error="key")
        headers = {
            "Host": self._netloc,
            "User-Agent": "ringostat-bridge",
            "Content-Type": "application/json",
            "auth-key": auth_key,
            "x-project-id": str(project),
        }
        exchange = _Exchange()
        body = b'{"%b":[%b]}' % (endpoint.name.encode(), b",".join(records))
        request = (self._path + endpoint.path, body, headers)
        thread = threading.Thread(target=self._run, args=(exchange, request), name="ringostat", daemon=True)
        thread.start()
        thread.join(self._deadline_seconds)
        return exchange.end()

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop()[0].close()

    def _run(self, exchange: "_Exchange", request: tuple[str, bytes, dict[str, str]]) -> None:
        try:
            connection = self._kept() or self._new_connection(exchange)
        except WIRE_FAULTS as error:
            exchange.finish(Answer(None, sent=False, error=_why_unconnected(error)))
            return
        answer = _exchanged(connection, exchange, request)
        if exchange.finish(answer) and answer.complete and connection.sock is not None:
            self._idle.append((connection, time.time()))
        else:
            connection.close()

    def _kept(self) -> HTTPConnection | None:
        with suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                # A kept connection that is readable was closed by the other side.
                if connection.is_connected and abs(time.time() - since) < IDLE_SECONDS:
                    return connection
                connection.close()
        return None

    def _new_connection(self, exchange: "_Exchange") -> HTTPConnection:
        # The socket is ours, so that the deadline can end the TLS handshake too. Its own time-out must not come first.
        connection = HTTPConnection(self._host, self._port, timeout=self._deadline_seconds + 1)
        try:
            connection.sock = socket.create_connection((self._host, self._port), self._connect_seconds)
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                secured = self._tls.wrap_socket(
                    connection.sock, server_hostname=self._host, do_handshake_on_connect=False
                )
                connection.sock = secured
                exchange.watch(secured)
                secured.do_handshake()
        except BaseException:
            connection.close()
            raise
        return connection


class _Abandoned(OSError):
    """The deadline has passed: whatever is not sent yet must not be sent any more."""


class _Exchange:
    """One request and its answer, in a separate thread: nothing else ends a DNS look-up or dripped headers."""

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
                raise _Abandoned
            self._socket, self._sent = connected, sent

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                # Not SSLSocket.shutdown: it drops the encryption first, and another thread may be sending.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _exchanged(connection: HTTPConnection, exchange: _Exchange, request: tuple[str, bytes, dict[str, str]]) -> Answer:
    path, body, headers = request
    try:
        exchange.begin(connection.sock)
        # A server may answer and close before it has read everything (413): the answer is still there to be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("POST", path, body, headers, preload_content=False, decode_content=False)
        response = connection.getresponse()
    except OSError:
        return Answer(None, error="reset")
    except WIRE_FAULTS:
        return Answer(None, error="garbled")
    status, names = response.status, {name.lower(): value for name, value in response.headers.items()}
    try:
        received = _received(response)
    except WIRE_FAULTS:
        return Answer(status, names, error="truncated")
    if len(received) > MAX_ANSWER_BYTES:
        return Answer(status, names, received[:MAX_ANSWER_BYTES], error="too-long")
    complete = says_all(status, names, received)
    return Answer(status, names, received, complete, error="" if complete else "truncated")


def _received(response: HTTPResponse) -> bytes:
    # Only a read that gets nothing more shows whether the body is whole.
    received = b""
    while len(received) <= MAX_ANSWER_BYTES and (more := response.read(MAX_ANSWER_BYTES + 1 - len(received))):
        received += more
    return received


def tls_of(url: str, ca_certs: str | None = None) -> ssl.SSLContext | None:
    """Return the TLS context for an address, None for this machine; raise OperatorError for one without encryption."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return ssl.create_default_context(cafile=ca_certs)
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return None
    raise OperatorError("The address of Ringostat must begin with https://; http:// is for this machine only.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why_unconnected(error: BaseException) -> str:
    if isinstance(error, socket.gaierror):
        return "dns"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    return "tls" if isinstance(error, ssl.SSLError) else "connect"
