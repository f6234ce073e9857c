"""The one module that talks HTTP to a CRM's API, whose address and answers are not trusted.

Nothing of a URL, of headers or of a body is logged or put into an exception: the path of Bitrix24 is its key.
"""

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection

from exchange import BadAddress, Deadline, Outgoing, exchange, opened
from mapping.decode import MAX_ANSWER_BYTES
from wire import Answer

CONNECT_SECONDS = 5.0
DEADLINE_SECONDS = 20.0
HTTPS_PORT = 443
LOOPBACK = "127.0.0.1"
HOST = re.compile(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
OURS = frozenset(("host", "accept-encoding", "connection", "content-length", "transfer-encoding", "user-agent"))

# IPv6 addresses that carry an IPv4 address: mapped, compatible, NAT64, 6to4, Teredo.
# https://www.iana.org/assignments/iana-ipv6-special-registry/
CARRIERS = [
    ipaddress.IPv6Network(network)
    for network in ("::ffff:0:0/96", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
]


class _Place(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    target: str  # path and query
    is_loopback: bool


def resolved(host: str, port: int) -> list[str]:
    """Return the addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def connected(address: str, port: int) -> socket.socket:
    """Return a socket to an address."""
    return socket.create_connection((address, port), CONNECT_SECONDS)


class Fetcher:
    """Asks CRMs. `loopback` permits http://127.0.0.1:PORT too, where the emulator of tests and of `make run` is.

    `ca_certs` is a file of trusted authorities instead of the system's own.
    """

    def __init__(
        self,
        *,
        loopback: bool = False,
        seconds: float = DEADLINE_SECONDS,
        ca_certs: str | None = None,
        resolve: Callable[[str, int], Sequence[str]] = resolved,
        connect: Callable[[str, int], socket.socket] = connected,
    ) -> None:
        self._loopback = loopback
        self._seconds = seconds
        self._tls = ssl.create_default_context(cafile=ca_certs)
        self._resolve = resolve
        self._connect = connect

    def fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send one request and return what came back, within 20 s and 2 MiB. Nothing raises, no redirect is followed.

        The error is `address` for a URL that may not be asked, `key` for headers that cannot be sent.
        """
        place = _place(url)
        if place is None or (place.is_loopback and not self._loopback):
            return Answer(None, sent=False, error="address")
        if not all(re.fullmatch(r"[ -~]*", text) for text in headers.values()):
            return Answer(None, sent=False, error="key")
        outgoing = Outgoing(method, place.target, body, _headers(place, headers))

        def connect(deadline: Deadline) -> HTTPConnection:
            return self._connection(place, deadline)

        answer = exchange(outgoing, connect, seconds=self._seconds, most=MAX_ANSWER_BYTES)
        encoded = answer.headers.get("content-encoding", "identity").lower() != "identity"
        return answer._replace(body=b"", complete=False, error="garbled") if encoded else answer

    def _connection(self, place: _Place, deadline: Deadline) -> HTTPConnection:
        """Connect to an address that was looked at: a name may resolve to another one the next time."""
        if place.is_loopback:
            return opened(deadline, self._connect(LOOPBACK, place.port), place.host, None, seconds=self._seconds)
        addresses = self._resolve(place.host, place.port)
        if not addresses or not all(map(is_public, addresses)):
            raise BadAddress
        deadline.watch(None)  # a name server may take longer than the deadline
        return opened(deadline, self._first(addresses, place.port), place.host, self._tls, seconds=self._seconds)

    def _first(self, addresses: Sequence[str], port: int) -> socket.socket:
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except OSError:
                continue
        return self._connect(addresses[-1], port)


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet, and not one that only this network reaches."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    carries = isinstance(found, ipaddress.IPv6Address) and any(found in network for network in CARRIERS)
    return found.is_global and not found.is_multicast and not carries


def _place(url: str) -> _Place | None:
    """Return where a URL leads; None for any but https on its own port, or http on this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    if not re.fullmatch(r"[!-~]+", url) or not HOST.fullmatch(host) or "@" in parts.netloc:
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https" and port in (None, HTTPS_PORT):
        return _Place(host, HTTPS_PORT, target, is_loopback=False)
    if parts.scheme == "http" and host == LOOPBACK and port:
        return _Place(host, port, target, is_loopback=True)
    return None


def _headers(place: _Place, headers: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: text for name, text in headers.items() if name.lower() not in OURS},
        "Host": f"{place.host}:{place.port}" if place.is_loopback else place.host,
        "User-Agent": "ringostat-bridge",
        "Accept-Encoding": "identity",
    }
