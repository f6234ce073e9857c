"""The console's HTTP: on loopback only, for the one browser that was given its address.

A page of another site may make a browser send requests here, also under a name that leads to this machine (DNS
rebinding), and other programs of this machine may serve pages on other ports, whose requests carry the cookies of all
ports. So a request must name this very host, files need a cookie, and data need a token that only this page knows.
"""

import json
import secrets
import sys
from collections.abc import Callable, Mapping
from hmac import compare_digest
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError

from cli.console import acting, reading
from cli.terminal import say
from errors import BridgeError
from ops.stack import Stack, sentence
from ops.web.assets import HEADERS, SHARED, asset
from ops.web.reply import Reply, absent, said

FOLDERS = (Path(__file__).with_name("page"), SHARED)
API = "/api/"
TOKEN = "X-Bridge-Console"  # noqa: S105 - the name of a header
LARGEST_BODY = 65_536
SECONDS = 60  # that a client may take for its request

Given = Mapping[str, Any]
Route = Callable[[Stack, Given], Any]

READ: Mapping[str, Route] = {
    "book": lambda stack, given: reading.book(stack, *(given.get(name, "") for name in ("after", "text", "state"))),
    "find": lambda stack, given: reading.found(stack, given["text"].strip()),
    "card": lambda stack, given: reading.card(stack, given["key"]),
    "delivery": lambda stack, _: reading.delivery(stack),
    "due": lambda stack, given: reading.due(stack, int(given["project"]), given.get("after", "")),
    "left": lambda stack, given: reading.left_behind(stack, int(given["project"]), given.get("after", "")),
    "rejected": lambda stack, _: reading.rejected(stack),
    "event": lambda stack, given: reading.event(stack, given["id"]),
    "connections": lambda stack, _: reading.connections(stack),
}
ACT: Mapping[str, Route] = {
    "replay": lambda stack, given: acting.replay(stack, [str(one) for one in given["ids"]]),
    "retry": lambda stack, given: acting.retry(stack, str(given["key"])),
    "erase": lambda stack, given: acting.erase(stack, str(given["key"])),
    "remove": lambda stack, given: acting.remove(stack, str(given["key"])),
}


class Console:
    """A server on 127.0.0.1:`port` (0: any free one) from its making; `run` answers until `stop`."""

    def __init__(self, stack: Stack, port: int = 0, *, read_only: bool = False) -> None:
        self.stack = stack
        self.read_only = read_only
        self.token, self.cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.console = self
        self.port = int(self._server.server_address[1])
        self.hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")}
        self.url = f"http://127.0.0.1:{self.port}/?token={self.token}"
        for service in ("dynamodb", "sqs", "secretsmanager", "logs"):
            stack.client(service)  # sessions of boto3 are not safe between threads, clients are

    def run(self) -> None:
        """Answer requests."""
        self._server.serve_forever(0.1)

    def stop(self) -> None:
        """Let `run` end, and stop listening."""
        self._server.shutdown()
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.server_close()

    def answer(self, method: str, name: str, given: Given) -> Reply:
        """Answer a request of the page, which is proved already."""
        if (method, name) == ("GET", "start"):
            return said(HTTPStatus.OK, {"where": self.stack.hooks_url, "readOnly": self.read_only})
        route = {"GET": READ, "POST": ACT}[method].get(name)
        if route is None:
            return absent()
        if method == "POST" and self.read_only:
            return _denied("This console only reads: it was started with --read-only.")
        return self._done(route, given)

    def _done(self, route: Route, given: Given) -> Reply:
        try:
            return said(HTTPStatus.OK, route(self.stack, given))
        except (KeyError, ValueError, TypeError):
            return said(HTTPStatus.BAD_REQUEST, {"error": "The request is not one of this page."})
        except LookupError as error:
            return said(HTTPStatus.NOT_FOUND, {"error": str(error)})
        except (ClientError, BotoCoreError, BridgeError) as error:
            return said(HTTPStatus.BAD_GATEWAY, {"error": sentence(error)})
        except click.ClickException as error:
            return said(HTTPStatus.BAD_GATEWAY, {"error": error.message})


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    console: Console

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that hangs up, and no text of any other error, which could quote personal data."""
        del request, client_address
        if not isinstance(error := sys.exception(), OSError):
            say(f"The console failed at a request: {type(error).__name__}. Please report it.", error=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = SECONDS
    server: _Server

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(said(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, {"error": "The body is too large or has no length."}))
            return
        body = self.rfile.read(int(length))
        self._send(self._refusal() or self._entered() or self._answer(body))

    do_GET = do_POST = _serve  # noqa: N815 - names of http.server

    def _refusal(self) -> Reply | None:
        """Deny what does not come from this page or from the address bar."""
        host = self.headers.get("Host", "")
        if host not in self.server.console.hosts:
            return _denied("This name is not the console's.")
        is_ours = self.headers.get("Origin", f"http://{host}") == f"http://{host}"
        if not is_ours or self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return _denied("Only the console's own page may ask.")
        return None

    def _entered(self) -> Reply | None:
        """Let the browser in that was given the printed address: it gets the cookie, and the page the token."""
        console, parts = self.server.console, urlsplit(self.path)
        given = dict(parse_qsl(parts.query)).get("token", "")
        if self.command != "GET" or parts.path != "/" or not _same(given, console.token):
            return None
        cookie = f"{self._cookie_name}={console.cookie}; Path=/; HttpOnly; SameSite=Strict"
        return Reply(HTTPStatus.SEE_OTHER, b"", {"Location": f"/#/token/{console.token}", "Set-Cookie": cookie})

    @property
    def _cookie_name(self) -> str:
        return f"bridge-console-{self.server.console.port}"  # cookies do not tell ports apart

    def _answer(self, body: bytes) -> Reply:
        console, parts = self.server.console, urlsplit(self.path)
        if not _same(self._cookie(), console.cookie):
            return said(HTTPStatus.UNAUTHORIZED, {"error": "Open the address that `bridge console` has printed."})
        if not parts.path.startswith(API):
            page = asset(parts.path, FOLDERS) if self.command == "GET" else None
            return page or absent()
        if not _same(self.headers.get(TOKEN, ""), console.token):
            return said(HTTPStatus.UNAUTHORIZED, {"error": "Open the address that `bridge console` has printed."})
        try:
            given = dict(parse_qsl(parts.query)) if self.command == "GET" else dict(json.loads(body))
        except (ValueError, TypeError):
            return said(HTTPStatus.BAD_REQUEST, {"error": "The body is not a JSON object."})
        return console.answer(self.command, parts.path.removeprefix(API), given)

    def _cookie(self) -> str:
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(self._cookie_name)
        except CookieError:
            return ""
        return found.value if found else ""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        headers = {**HEADERS, **reply.headers, "Cache-Control": "no-store", "Content-Type": reply.content_type}
        for name, value in {**headers, "Content-Length": str(len(reply.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def version_string(self) -> str:
        """Say nothing of what answers."""
        return "bridge"

    def log_message(self, *_: Any) -> None:
        """Print nothing: addresses hold keys and what was searched for."""


def _denied(why: str) -> Reply:
    return said(HTTPStatus.FORBIDDEN, {"error": why})


def _same(given: str, secret: str) -> bool:
    return compare_digest(given.encode(), secret.encode())
