"""HTTP on loopback, with connections that can be made to fail."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from typing import Any
from urllib.parse import urlsplit

from local.emulator.faults import NONE, Fault
from ops.web.assets import asset
from ops.web.reply import Reply, absent, said

CONTROL = "/_emulator/"
MAX_BODY = 16 * 1024 * 1024
PART = "/_bridge/"
PHRASES = {status.value: status.phrase for status in HTTPStatus}


# Method, path with query, headers in lower case, body; a fault to show while answering, and the answer (None: hang up).
Receive = Callable[[str, str, Mapping[str, str], bytes], tuple[Fault, Reply | None]]
Control = Callable[[str, str, bytes], Reply]  # method, path with query, body


class Server(ThreadingTCPServer):
    """One thread per connection; listens from its making until `end`. `folders` hold the files of the page."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, receive: Receive, control: Control, folders: Sequence[Path]) -> None:
        self.receive = receive
        self.control = control
        self.folders = folders
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop listening, and end all connections; their threads close them."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent about a client that hangs up in the middle: tests do so all the time."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "The body is too large or has no length."}))
            return
        body = self.rfile.read(int(length))
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        if path.startswith((CONTROL, PART)):
            self._send(self.server.control(self.command, self.path, body) if self._is_ours() else absent())
        elif self.command == "GET" and self._is_ours() and (page := asset(path, self.server.folders)):
            self._send(page)
        else:
            self._answer(*self.server.receive(self.command, self.path, headers, body))

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names of http.server

    def _is_ours(self) -> bool:
        """Deny requests from pages of other sites, which a browser on this machine may have open."""
        host = self.headers.get("Host", "")
        origin = self.headers.get("Origin", f"http://{host}")
        site = self.headers.get("Sec-Fetch-Site", "none")
        known = urlsplit(f"http://{host}").hostname in ("127.0.0.1", "localhost") and origin == f"http://{host}"
        return known and (site in ("none", "same-origin") or self.headers.get("Sec-Fetch-Mode") == "navigate")

    def _answer(self, fault: Fault, reply: Reply | None) -> None:
        if reply is None:
            self.close_connection = True
        else:
            self._send(reply, fault)

    def _send(self, reply: Reply, fault: Fault = NONE) -> None:
        self.close_connection = self.close_connection or reply.stream is not None
        head = [
            f"HTTP/1.1 {reply.status} {PHRASES.get(reply.status, '')}",
            f"Content-Type: {reply.content_type}",
            "Connection: close" if reply.stream else f"Content-Length: {len(reply.body) + fault.pad}",
            *(f"{name}: {value}" for name, value in reply.headers.items()),
        ]
        text = "\r\n".join([*head, "", ""]).encode() + reply.body + b" " * fault.pad
        if fault.truncate:
            self.close_connection = True
            text = text[:-1] if fault.truncate == "body" else head[0].encode() + b"\r\nContent-Ty"
        if fault.drip:
            for byte in text:
                self.wfile.write(bytes([byte]))
                time.sleep(fault.drip)
        else:
            self.wfile.write(text)
        for piece in reply.stream or ():
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        """Print nothing: `requests` has it all."""
