"""Requests to a connection's address, with its proof: again for a minute while the functions do not know it yet."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import click
import urllib3

from access import fault, signed
from cli.terminal import Cell, say
from connections import Connection
from event import Request
from ops.samples import Sample
from ops.stack import Stack

SECONDS = 35  # API Gateway's own limit is 30
AGAIN_SECONDS = 10
TRIES = 8  # the functions read the connections again before they deny a request, at most once a minute
EMPTY = Sample(b"", {"content-type": "application/json"}, {})  # refused for what it is (400), once its proof is good


class Answer(NamedTuple):
    """What a connection's address answered, and after how many seconds of waiting."""

    status: int
    body: bytes
    waited: int


def sent(stack: Stack, connection: Connection, sample: Sample) -> Answer:
    """Send a sample; raise ClickException where it can carry no proof or nothing answers."""
    for number in range(TRIES):
        answer = _posted(stack, connection, sample)
        if answer.status != HTTPStatus.UNAUTHORIZED or number == TRIES - 1:
            break
        if not number:
            say("The functions do not know it yet: it is tried again for a minute.", error=True)
        stack.sleep(AGAIN_SECONDS)
    return Answer(answer.status, answer.data, number * AGAIN_SECONDS)


def wait(stack: Stack, connection: Connection) -> bool:
    """Wait until the functions know a connection, and say so; return whether they do."""
    if fault(connection.verify) or connection.verify["scheme"] == "body-token":
        # An empty body can carry no token, and any other is an event.
        say("The functions know the connection within a minute.")
        return True
    try:
        answer = sent(stack, connection, EMPTY)
    except click.ClickException as error:
        say(Cell("Not tried: ", "yellow"), error.message)
        return False
    if answer.status == HTTPStatus.BAD_REQUEST:
        say(Cell(f"Ready in {answer.waited} s" if answer.waited else "Ready", "green"), ": events are taken.")
        return True
    say(Cell(f"The address answers {answer.status}", "yellow"), " to a request with its proof; bridge doctor says more")
    return False


def _posted(stack: Stack, connection: Connection, sample: Sample) -> urllib3.BaseHTTPResponse:
    verify = connection.verify
    try:
        request = signed(verify, Request(sample.body, sample.headers, received_at=stack.clock()))
    except (ValueError, AttributeError, TypeError):
        raise click.ClickException(f"the sample cannot carry a proof of the scheme {verify['scheme']}") from None
    url = stack.hooks_url + connection.name + (f"/{quote(request.token, safe='')}" if request.token else "")
    url += f"?{urlencode(sample.query)}" if sample.query else ""
    try:
        with urllib3.PoolManager(retries=False, timeout=SECONDS) as pool:
            return pool.request("POST", url, body=request.body, headers=_headers(request.headers), redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise click.ClickException(f"the API does not answer ({type(error).__name__})") from None


def _headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the headers without those that HTTP itself sets."""
    own = {"host", "content-length", "connection", "transfer-encoding"}
    return {name: text for name, text in headers.items() if name.lower() not in own}
