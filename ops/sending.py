"""An event sent to the stack's own entrance, proved as the connection's CRM would."""

from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import click
import urllib3

from access import fault, signed
from connections import Connection
from event import Request
from ops.samples import Sample
from ops.stack import Stack

SECONDS = 35  # API Gateway's own limit is 30


class Answer(NamedTuple):
    """What an event was answered."""

    status: int
    body: bytes


def problem(entry: Connection) -> str:
    """Return why a connection can send no request, empty if it can."""
    if not entry.verify:
        return f"{entry.name} takes no requests, because it has no verify: it sends only by the queue"
    found = fault(entry.verify)
    return f"{entry.name}: {found}" if found else ""


def sent(stack: Stack, entry: Connection, sample: Sample, method: str = "POST") -> Answer:
    """Send a sample; raise ClickException where it can carry no proof, or nothing answers."""
    try:
        request = signed(entry.verify, Request(sample.body, sample.headers, received_at=stack.clock()))
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise click.ClickException(f"the sample cannot carry a proof of the scheme {entry.verify['scheme']}") from None
    url = stack.hooks_url + entry.name + (f"/{quote(request.token, safe='')}" if request.token else "")
    url += f"?{urlencode(sample.query)}" if sample.query else ""
    body = request.body if method == "POST" else None
    try:
        with urllib3.PoolManager(retries=False, timeout=SECONDS) as pool:
            answer = pool.request(method, url, body=body, headers=_headers(request.headers), redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise click.ClickException(f"the API does not answer ({type(error).__name__})") from None
    return Answer(answer.status, answer.data)


def _headers(headers: Any) -> dict[str, str]:
    """Return the headers without those that HTTP itself sets."""
    own = {"host", "content-length", "connection", "transfer-encoding"}
    return {name: text for name, text in headers.items() if name.lower() not in own}
