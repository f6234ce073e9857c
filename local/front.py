"""The address that people paste: forwards every request to the emulated HTTP API, and nothing else."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TIMEOUT_SECONDS = 35  # API Gateway's own limit is 30
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date"}


class Front:
    """A server on 127.0.0.1:`port` (0: any free one) before the HTTP API `host` of the emulator on `target_port`."""

    def __init__(self, port: int, target_port: int, host: str) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(target_port, host))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1})
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(target_port: int, host: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # one packet for status, headers and body

        def log_message(self, *_: object) -> None:
            """Say nothing: a path may hold a connection's token."""

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            upstream = http.client.HTTPConnection("127.0.0.1", target_port, timeout=TIMEOUT_SECONDS)
            try:
                self._send(upstream, body)
                self._answer(upstream.getresponse())
            except (OSError, http.client.HTTPException):
                self.send_error(502, "The emulated HTTP API does not answer")
            finally:
                upstream.close()

        def _send(self, upstream: http.client.HTTPConnection, body: bytes) -> None:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            upstream.putheader("Host", host)
            for name, value in self.headers.items():
                if name.lower() not in HOP_BY_HOP | {"host"}:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)

        def _answer(self, reply: http.client.HTTPResponse) -> None:
            body = reply.read()
            self.send_response(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = forward  # noqa: N815 - http.server's

    return Handler
