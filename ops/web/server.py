"""HTTP on loopback. waitress reads and checks requests (https://docs.pylonsproject.org/projects/waitress/).

It would answer by a fixed number of threads, where those that wait hold up others; here threads grow with the requests.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Lock, Thread
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import create_server
from waitress.task import Task

from ops.web.reply import Reply

SECONDS = 60  # that a client may be silent, in a request or between two
CONNECTIONS = 4096
AT_ONCE = 1000  # a CRM's mass edit, which meets the door all at once
PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """A request that has come whole."""

    method: str
    target: str  # path and query, as they came
    headers: Mapping[str, str]  # names in lower case
    body: bytes


# Bytes in place of a reply are sent as they are, and the connection ends; without any, it ends without an answer.
Answer = Callable[[Request], Reply | Iterator[bytes]]


class _Task(Task):
    complete = True

    def execute(self) -> None:
        asked: Any = self.request
        server: Any = self.channel.server
        headers = {name.replace("_", "-").lower(): text for name, text in asked.headers.items()}
        body = asked.get_body_stream().read()
        reply = server.application(Request(asked.command, asked.request_uri, headers, body))
        if not isinstance(reply, Reply):
            for piece in reply:
                self.channel.write_soon(piece)
            raise ClientDisconnected
        self.status = f"{reply.status} {PHRASES.get(reply.status, '')}"
        named = {"Content-Type": reply.content_type, **reply.headers}
        self.response_headers = [(name, text) for name, text in named.items() if text]
        if reply.stream:
            self.version = "1.0"  # ends with its connection; a chunked one that is cut is an error in the browser
            for piece in reply.stream:
                self.write(piece)
            return
        self.content_length = len(reply.body)
        body = reply.body if self.has_body and asked.command != "HEAD" else b""
        self.channel.write_soon(self.build_response_header() + body)  # one packet, where `write` makes two
        self.wrote_header = True


class _Parser(HTTPRequestParser):
    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
            asked: Any = self
            urlsplit(asked.request_uri)
        except ValueError as error:  # as of `//[`; waitress would log it with the target, which may hold a token
            raise ParsingError("Bad URI") from error
        if not asked.request_uri.isprintable():
            raise ParsingError("Bad URI")


class _Channel(HTTPChannel):
    parser_class = _Parser
    task_class: Any = _Task


class Server:
    """Answers at 127.0.0.1:`port` (0: any free one) from its making until `end`; OSError if the port is taken."""

    def __init__(self, port: int, answer: Answer, *, largest_body: int) -> None:
        listener = socket.create_server(("127.0.0.1", port))
        self.port: int = listener.getsockname()[1]
        self._threads = ThreadPoolExecutor(AT_ONCE)
        self._open: dict[int, Any] = {}  # what listens and all connections
        self._waking, self._ended = Lock(), False
        self._server: Any = create_server(
            answer,  # type: ignore[arg-type] # only `_Task` calls it
            self._open,
            _dispatcher=self,  # type: ignore[arg-type] # only `add_task` is called
            sockets=[listener],
            ident="",
            channel_timeout=SECONDS,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            max_request_body_size=largest_body + 1,
        )
        self._server.channel_class = _Channel  # type: ignore[union-attr] # one socket, so one server
        self._server.pull_trigger = self._wake  # type: ignore[union-attr,method-assign]
        self._thread = Thread(target=self._server.run, daemon=True)
        self._thread.start()

    def add_task(self, channel: HTTPChannel) -> None:
        """Answer a request; waitress calls it."""
        self._threads.submit(channel.service)

    def end(self) -> None:
        """Stop listening, and end all connections."""
        self._wake(self._close)
        self._thread.join()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _wake(self, action: Callable[[], None] | None = None) -> None:
        """Wake the server's thread by its pipe; once that is closed, its number may be another file's."""
        with self._waking:
            if not self._ended:
                self._server.trigger.pull_trigger(action)

    def _close(self) -> None:
        with self._waking:
            self._ended = True
        self._server.close()
        for connection in list(self._open.values()):
            connection.handle_close()
