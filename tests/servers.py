"""Servers on real sockets that answer what a test wants, and misbehave in every way."""

import json
import socket
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"success": true}'


class Server:
    """One thread per connection: reads a request, hands the socket to `answer`, again while that returns True."""

    def __init__(self, answer, context=None, *, reads=True):
        self.answer = answer
        self.context = context
        self.reads = reads
        self.requests = []
        self.connections = 0
        self.sent = 0
        self.stopped = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                while not self.stopped.is_set() and (not self.reads or self._read(connection)):
                    if not self.answer(self, connection):
                        return

    def _read(self, connection):
        received = b""
        while b"\r\n\r\n" not in received:
            received += (more := connection.recv(65536))
            if not more:
                return False
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        while len(body) < length:
            body += (more := connection.recv(65536))
            if not more:
                return False
        self.requests.append((head.decode(), json.loads(body) if body else None))
        return True

    def drip(self, connection, text, seconds=0.05):
        for byte in text:
            if self.stopped.wait(seconds):
                return
            connection.sendall(bytes([byte]))

    def close(self):
        self.stopped.set()
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def reset(connection):
    # A close with linger 0 sends RST.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def flood(connection, head, chunk):
    connection.sendall(head)
    for _ in range(50):
        connection.sendall(chunk)


MEGABYTE = b" " * 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


HOSTILE = {
    "drips headers": (lambda server, connection: server.drip(connection, OK), "timeout"),
    "drips the body": (
        lambda server, connection: (connection.sendall(HEAD + b"100\r\n\r\n"), server.drip(connection, b"x" * 100)),
        "timeout",
    ),
    "hangs": (lambda server, _: server.stopped.wait(3), "timeout"),
    "continues for ever": (
        lambda server, connection: server.drip(connection, b"HTTP/1.1 100 Continue\r\n\r\n" * 99, 0.002),
        "timeout",
    ),
    "closes": (lambda *_: False, "reset"),
    "resets": (lambda _, connection: reset(connection), "reset"),
    "is cut in the status line": (b"HTTP/1.1 200", "truncated"),
    "is cut inside the headers": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Wed", "truncated"),
    "is cut behind the headers": (HEAD + b"17\r\n\r\n", "truncated"),
    "is cut inside the body": (HEAD + b'17\r\n\r\n{"success"', "truncated"),
    "is cut inside a chunk": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"success"',
        "truncated",
    ),
    "is cut before the last chunk": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n{"success": true}\r\n',
        "truncated",
    ),
    "is empty without a length": (b"HTTP/1.1 200 OK\r\n\r\n", "truncated"),
    "sends 50 MB": (
        lambda _, connection: flood(connection, HEAD + b"52428800\r\n\r\n", MEGABYTE),
        "too-long",
    ),
    "sends 50 MB in chunks": (
        lambda _, connection: flood(
            connection, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n"
        ),
        "too-long",
    ),
    "speaks something else": (b"SSH-2.0-OpenSSH_9.9\r\n", "garbled"),
    "has two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nOK", "garbled"),
    "sends 1,000 headers": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n", "garbled"),
    "sends a header of 1 MB": (b"HTTP/1.1 200 OK\r\na: " + b"b" * 1_000_000 + b"\r\n\r\n", "garbled"),
}


def certificate(path, host, until=None):
    """Make a certificate with its key, valid for a day; return its path."""
    until = until or datetime.now(UTC) + timedelta(days=1)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), until - timedelta(9), until
    )
    names = [x509.DNSName(host), x509.IPAddress(ip_address("127.0.0.2"))]
    signed = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)
