"""The stand-in for AWS over HTTP, for functions in processes of their own with their real clients."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from bench.stand_in import Aws

METHODS = {
    "GetItem": "get_item",
    "BatchGetItem": "batch_get_item",
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "TransactWriteItems": "transact_write_items",
    "Query": "query",
    "SendMessage": "send_message",
    "SendMessageBatch": "send_message_batch",
    "ChangeMessageVisibilityBatch": "change_message_visibility_batch",
    "GetSecretValue": "get_secret_value",
}


class AwsServer:
    """Serves a stand-in on a free port of loopback; all three services speak JSON and name the call in a header."""

    def __init__(self, aws: Aws) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:  # noqa: N802 - the name that http.server calls
                call = METHODS[self.headers["X-Amz-Target"].rpartition(".")[2]]
                arguments: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps(getattr(aws, call)(**arguments)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
