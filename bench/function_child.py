"""Run in a fresh process by `bench.contestants`: an execution environment of Lambda behind a small HTTP server.

`function_child.py MODULE FOLDER…`: the folders are all there is to import from. The first line of standard input is
API Gateway's event of a request, which each POST completes, or null if the body of a POST is the event. It prints its
port and serves until it is killed; one invocation at a time, as in Lambda.
"""

# ruff: noqa: ANN001, ANN002, ANN201 - a separate program, like cold_child.py

import importlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

CONTEXT = SimpleNamespace(
    function_name="bridge",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:bridge",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 60_000,
)


class Server(ThreadingHTTPServer):
    """Lets a crowd of clients connect at once."""

    request_queue_size = 128
    daemon_threads = True


class Invocation(BaseHTTPRequestHandler):
    """One invocation for each POST; what the function raises is answered 500, as API Gateway does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self):
        """Invoke the function."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            status, answer = invoked(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Say nothing."""


def invoked(body):
    """Return status and body."""
    try:
        if template is None:
            return 200, json.dumps(handler(json.loads(body), CONTEXT)).encode()
        context = {**template["requestContext"], "timeEpoch": time.time_ns() // 1_000_000}
        answer = handler({**template, "requestContext": context, "body": body.decode()}, CONTEXT)
        return answer["statusCode"], answer["body"].encode()
    except Exception:  # noqa: BLE001 - whatever it is, Lambda survives it
        return 500, b'{"message":"Internal Server Error"}'


what, sys.path[:0] = sys.argv[1], sys.argv[2:]
lock = threading.Lock()
template = json.loads(sys.stdin.readline())
handler = importlib.import_module(what).lambda_handler
server = Server(("127.0.0.1", 0), Invocation)
print(server.server_address[1], flush=True)  # noqa: T201 - how the parent learns it
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the function's logs are written, but not kept
server.serve_forever()
