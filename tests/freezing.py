"""A world that freezes: what AWS does and its emulators do not.

Connections die in a pause (https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html, "Lambda purges idle
connections over time"), answers are slow or lost, and services throttle.
"""

import json
import socket
import threading
from collections import defaultdict
from contextlib import contextmanager, suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aws.client import DYNAMODB, SECRETS_MANAGER, SQS, Client
from aws.clients import PATIENT
from local.in_process import by_http, by_moto
from settings import AWS
from tests.servers import reset

SERVICES = {service.target: Client(service, AWS.region, PATIENT) for service in (DYNAMODB, SQS, SECRETS_MANAGER)}


class Proxy:
    """Before a port of this machine. A context manager.

    `freeze` kills the connections that are open: what is sent on them meets a reset, or silence. While `hangs`, every
    connection is silent. `met` counts how often something was sent on a dead one.
    """

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.hangs = False
        self.met = 0
        self._dead = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def freeze(self, how):
        self._dead = dict.fromkeys(self._dead, how)

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(("127.0.0.1", self._target))
                self._dead[client] = ""
                threading.Thread(target=self._there, args=(client, upstream), daemon=True).start()
                threading.Thread(target=self._back, args=(client, upstream), daemon=True).start()

    def _there(self, client, upstream):
        with suppress(OSError), client, upstream:
            while data := client.recv(65536):
                how = "silence" if self.hangs else self._dead[client]
                self.met += bool(how)
                if how == "reset":
                    reset(client)
                    return
                if not how:
                    upstream.sendall(data)

    def _back(self, client, upstream):
        with suppress(OSError):
            while data := upstream.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in self._dead:
            client.close()


class Emulated(BaseHTTPRequestHandler):
    """Answers by moto, after as many seconds as `server.late` has for the operation."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target, _, operation = self.headers["X-Amz-Target"].partition(".")
        late = self.server.late[operation]
        if late and self.server.stopped.wait(late.pop(0)):
            return
        status, answer = by_moto(SERVICES[target], operation, body, None)
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Aws(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Emulated)
        self.late = defaultdict(list)
        self.stopped = threading.Event()

    def handle_error(self, *_):
        """Say nothing of a caller that has gone."""


@contextmanager
def frozen_aws():
    """Give emulated AWS behind a proxy: both."""
    with Aws() as server, Proxy(server.server_port) as proxy:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            yield server, proxy
        finally:
            server.stopped.set()
            server.shutdown()


def reaching(proxy, service, patience, wall_clock):
    """Return a client that reaches AWS over the proxy, by real connections."""
    client = Client(service, AWS.region, patience, endpoint=proxy.url, wall_clock=wall_clock)
    client.exchange = partial(by_http, client)
    return client


def answered(operation, *answers):
    """Return a `hear` (local.in_process.overheard) that gives the answers to an operation in turn; None is moto's."""
    left = list(answers)

    def hear(_, called, parameters):
        answer = left.pop(0) if called == operation and left else None
        answer = answer(parameters) if callable(answer) else answer
        return answer and (answer[0], json.dumps(answer[1]).encode())

    return hear


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
THROTTLED = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"})


def cancelled(*codes):
    """Return the answer to a transaction that was cancelled for these reasons, one for each of its items.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
    """
    reasons = [{"Code": code} for code in codes]
    kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return 400, {"__type": kind, "CancellationReasons": reasons}


def unprocessed(parameters):
    """Answer a BatchGetItem by nothing but the keys left unread.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """
    return 200, {"Responses": {}, "UnprocessedKeys": parameters["RequestItems"]}


def failed(*ids, code="InternalError", sender=False):
    """Return the answer to a batch of SQS of which these entries were not taken.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_BatchResultErrorEntry.html
    """
    return 200, {"Successful": [], "Failed": [{"Id": one, "SenderFault": sender, "Code": code} for one in ids]}
