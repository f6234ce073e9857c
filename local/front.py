"""The address that people paste: forwards every request to the emulated HTTP API.

Only `GET /_local` it answers itself: where the parts of this world are, for `bridge --local`.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

from local.door import REFUSALS, Door
from ops.web.reply import Reply, said
from ops.web.server import Request, Server

TIMEOUT_SECONDS = 35  # API Gateway's own limit is 30
AT_ONCE = 4  # AWS starts a copy for each request; this machine has fewer cores, so the others wait
LOCAL = "/_local"
LARGEST_BODY = 1024 * 1024 * 1024  # whatever is too large, API Gateway says
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "server", "date", "host"}


class Passage(NamedTuple):
    """A request that came to the door, and its answer."""

    time: float  # seconds since 1970
    method: str
    target: str  # path and query
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    status: int
    answer: bytes


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in HOP_BY_HOP}


class Front:
    """A server on 127.0.0.1:`port` (0: any free one) before the HTTP API `host` of the emulator on `target_port`.

    `parts` is what it answers to `GET /_local`. `seen` takes each passage. It and `door` can be
    set later; without a door nothing is refused.
    """

    def __init__(self, port: int, target_port: int, host: str, parts: Mapping[str, object]) -> None:
        self.seen: Callable[[Passage], None] = lambda _: None
        self.door: Door | None = None
        self.target_port, self.host, self.parts = target_port, host, parts
        self.machine = threading.Semaphore(AT_ONCE)
        self._server = Server(port, self._answer, largest_body=LARGEST_BODY)
        self.url = f"http://127.0.0.1:{self._server.port}"

    def stop(self) -> None:
        """Stop listening."""
        self._server.end()

    def _answer(self, come: Request) -> Reply:
        # A page of another site can make a browser send this, but only under its own name.
        ours = come.headers.get("host", "").partition(":")[0] in ("127.0.0.1", "localhost")
        if (come.method, come.target) == ("GET", LOCAL) and ours:
            return said(HTTPStatus.OK, self.parts)
        arrived = time.time()
        reply = self._passed(come)
        self.seen(Passage(arrived, *come, reply.status, reply.body))
        return reply

    def _passed(self, come: Request) -> Reply:
        if self.door is None:
            return self._forwarded(come)
        with self.door.passing() as status:
            return Reply(status, REFUSALS[status]) if status else self._forwarded(come)

    def _forwarded(self, come: Request) -> Reply:
        headers = {**_passed_on(come.headers.items()), "Host": self.host, "Content-Length": str(len(come.body))}
        with self.machine:
            upstream = http.client.HTTPConnection("127.0.0.1", self.target_port, timeout=TIMEOUT_SECONDS)
            try:
                upstream.request(come.method, come.target, come.body, headers)
                reply = upstream.getresponse()
                answered = _passed_on(reply.getheaders())
                return Reply(reply.status, reply.read(), answered, "")
            except (OSError, http.client.HTTPException):
                return said(HTTPStatus.BAD_GATEWAY, {"message": "The emulated HTTP API does not answer"})
            finally:
                upstream.close()
