"""The one module that talks HTTP to Ringostat."""

import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection

from aws.client import IDLE_SECONDS
from cards.endpoints import Endpoint
from delivery.policy import CONNECT_SECONDS, MAX_ANSWER_BYTES
from errors import OperatorError
from exchange import Deadline, Outgoing, exchange, opened
from wire import Answer

JSON_RPC = "/api/json-rpc"  # https://help.ringostat.com/en/articles/9188142
MAX_RESULT_BYTES = 4 * 1024 * 1024  # of a list: some 600 bytes an employee


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
        body = b'{"%b":[%b]}' % (endpoint.name.encode(), b",".join(records))
        return self._exchanged(endpoint.path, body, auth_key, MAX_ANSWER_BYTES, {"x-project-id": str(project)})

    def call(self, method: str, parameters: Mapping[str, Any], *, auth_key: str) -> Answer:
        """Call a method of the JSON-RPC and return what came back, as `post` does."""
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": parameters, "id": 1}).encode()
        return self._exchanged(JSON_RPC, body, auth_key, MAX_RESULT_BYTES, {})

    def _exchanged(self, path: str, body: bytes, auth_key: str, most: int, more: Mapping[str, str]) -> Answer:
        if not re.fullmatch(r"[!-~]+", auth_key):
            return Answer(None, sent=False, error="key")
        headers = {
            "Host": self._netloc,
            "User-Agent": "ringostat-bridge",
            "Content-Type": "application/json",
            "auth-key": auth_key,
            **more,
        }
        return exchange(
            Outgoing("POST", self._path + path, body, headers),
            self._connected,
            seconds=self._deadline_seconds,
            most=most,
            done=self._keep,
        )

    def close(self) -> None:
        """Close the kept connections."""
        while self._idle:
            self._idle.pop()[0].close()

    def _connected(self, deadline: Deadline) -> HTTPConnection:
        if kept := self._kept():
            return kept
        connected = socket.create_connection((self._host, self._port), self._connect_seconds)
        return opened(deadline, connected, self._host, self._tls, seconds=self._deadline_seconds)

    def _keep(self, connection: HTTPConnection) -> None:
        self._idle.append((connection, time.time()))

    def _kept(self) -> HTTPConnection | None:
        with suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                # A kept connection that is readable was closed by the other side.
                if connection.is_connected and abs(time.time() - since) < IDLE_SECONDS:
                    return connection
                connection.close()
        return None


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
