"""The stand-in for AWS over HTTP, for functions in processes of their own with their real clients."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aws.client import Failure
from bench.stand_in import Aws


class AwsServer:
    """Serves a stand-in on a free port of loopback; all three services speak JSON and name the call in a header."""

    def __init__(self, aws: Aws) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                operation = self.headers["X-Amz-Target"].rpartition(".")[2]  # GetItem
                arguments: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = _answer(aws, operation, arguments)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _answer(aws: Aws, operation: str, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of an answer; an error names itself and may bring the row that it is about."""
    try:
        return 200, aws.call(operation, **arguments)
    except Failure as error:
        return 400, {"__type": f"com.amazonaws#{error.aws_code}", **error.answer}
