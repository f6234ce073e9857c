"""The console's HTTP: on loopback only, for the one browser that was given its address.

A page of another site may make a browser send requests here, also under a name that leads to this machine (DNS
rebinding), and other programs of this machine may serve pages on other ports, whose requests carry the cookies of all
ports. So a request must name this very host, files need a cookie, and data need a token that only this page knows.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from hmac import compare_digest
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from threading import Event
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
from ops.web.server import Request, Server

FOLDERS = (Path(__file__).with_name("page"), SHARED)
API = "/api/"
TOKEN = "x-bridge-console"  # noqa: S105 - the name of a header
LARGEST_BODY = 65_536
WRONG = "The request is wrong: a value of it, or of this page's address, is missing or malformed. Open the page again."

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
    "replay": lambda stack, given: acting.replay(stack, given["ids"]),
    "retry": lambda stack, given: acting.retry(stack, given["key"]),
    "erase": lambda stack, given: acting.erase(stack, given["key"]),
    "remove": lambda stack, given: acting.remove(stack, given["key"]),
}


class Console:
    """A server on 127.0.0.1:`port` (0: any free one) from its making until `stop`."""

    def __init__(self, stack: Stack, port: int = 0, *, read_only: bool = False) -> None:
        self.stack = stack
        self.read_only = read_only
        self.token, self.cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        for service in ("dynamodb", "sqs", "secretsmanager", "logs"):
            stack.client(service)  # sessions of boto3 are not safe between threads, clients are
        self._server = Server(port, self._answer, largest_body=LARGEST_BODY)
        self.port = self._server.port
        self.url = f"http://127.0.0.1:{self.port}/?token={self.token}"

    def run(self) -> None:
        """Wait for Ctrl-C, while requests are answered."""
        Event().wait()

    def stop(self) -> None:
        """Stop listening."""
        self._server.end()

    def _answer(self, come: Request) -> Reply:
        try:
            reply = self._refusal(come.headers) or self._entered(come) or self._granted(come)
        except Exception as error:  # noqa: BLE001 - its text, which could quote personal data, must not be printed
            say(f"The console failed at a request: {type(error).__name__}. Please report it.", error=True)
            reply = said(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "The console failed. Please report it."})
        return reply._replace(headers={**HEADERS, **reply.headers, "Cache-Control": "no-store"})

    def _refusal(self, headers: Mapping[str, str]) -> Reply | None:
        """Deny what does not come from this page or from the address bar."""
        host = headers.get("host", "")
        if host not in (f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")):
            return _denied("This name is not the console's.")
        is_ours = headers.get("origin", f"http://{host}") == f"http://{host}"
        if not is_ours or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _denied("Only the console's own page may ask.")
        return None

    def _entered(self, come: Request) -> Reply | None:
        """Let the browser in that was given the printed address: it gets the cookie, and the page the token."""
        parts = urlsplit(come.target)
        given = dict(parse_qsl(parts.query)).get("token", "")
        if come.method != "GET" or parts.path != "/" or not _same(given, self.token):
            return None
        cookie = f"{self._cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict"
        return Reply(HTTPStatus.SEE_OTHER, b"", {"Location": f"/#/token/{self.token}", "Set-Cookie": cookie})

    @property
    def _cookie_name(self) -> str:
        return f"bridge-console-{self.port}"  # cookies do not tell ports apart

    def _granted(self, come: Request) -> Reply:
        parts = urlsplit(come.target)
        if not _same(_cookie(come.headers, self._cookie_name), self.cookie):
            return said(HTTPStatus.UNAUTHORIZED, {"error": "Open the address that `bridge console` has printed."})
        if not parts.path.startswith(API):
            page = asset(parts.path, FOLDERS) if come.method == "GET" else None
            return page or absent()
        if not _same(come.headers.get(TOKEN, ""), self.token):
            return said(HTTPStatus.UNAUTHORIZED, {"error": "Open the address that `bridge console` has printed."})
        try:
            given = dict(parse_qsl(parts.query)) if come.method == "GET" else {**json.loads(come.body)}
        except (ValueError, TypeError, RecursionError):
            return said(HTTPStatus.BAD_REQUEST, {"error": "The body is not a JSON object."})
        return self.answer(come.method, parts.path.removeprefix(API), given)

    def answer(self, method: str, name: str, given: Given) -> Reply:
        """Answer a request of the page, which is proved already."""
        if (method, name) == ("GET", "start"):
            return said(HTTPStatus.OK, {"where": self.stack.hooks_url, "readOnly": self.read_only})
        route = {"GET": READ, "POST": ACT}.get(method, {}).get(name)
        if route is None:
            return absent()
        if method == "POST" and self.read_only:
            return _denied("This console only reads: it was started with --read-only.")
        return self._done(route, given)

    def _done(self, route: Route, given: Given) -> Reply:
        try:
            return said(HTTPStatus.OK, route(self.stack, _checked(given)))
        except (KeyError, ValueError, TypeError, RecursionError):
            return said(HTTPStatus.BAD_REQUEST, {"error": WRONG})
        except LookupError as error:
            return said(HTTPStatus.NOT_FOUND, {"error": str(error)})
        except (ClientError, BotoCoreError, BridgeError) as error:
            return said(HTTPStatus.BAD_GATEWAY, {"error": sentence(error)})
        except click.ClickException as error:
            return said(HTTPStatus.BAD_GATEWAY, {"error": error.message})


def _checked(given: Given) -> Given:
    """Return what is asked with; raise TypeError unless `ids` is a list of texts and all else is text."""
    for name, value in given.items():
        if not isinstance(value, list if name == "ids" else str) or not all(isinstance(one, str) for one in value):
            raise TypeError(name)
    return given


def _cookie(headers: Mapping[str, str], name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _denied(why: str) -> Reply:
    return said(HTTPStatus.FORBIDDEN, {"error": why})


def _same(given: str, secret: str) -> bool:
    return compare_digest(given.encode(), secret.encode())
