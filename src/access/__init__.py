"""Who may come in: whether a request proves that it comes from a connection's CRM."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from access.tokens import basic, header_token, path_token
from connections import Connection, Secret, connection_of
from errors import NotAllowed

if TYPE_CHECKING:
    from ingest import Event

SCHEMES = {"path-token": path_token, "header-token": header_token, "basic": basic}
NOBODY = {"scheme": "path-token", "token": "no connection has this name, yet its request is compared like any other"}


def admit(connections: Secret, event: "Event", token: str) -> tuple["Event", Connection]:
    """Return the event without its secrets, and its connection; raise NotAllowed, or Unavailable if nobody can say."""
    connection = connection_of(connections.read(), event.connection)
    verify = connection.verify if connection else NOBODY
    proved = proves(verify, body=event.body, headers=event.headers, token=token)
    if connection is None or not proved:
        raise NotAllowed
    secret = {"authorization", "cookie", str(verify.get("header", "")).lower()}
    public = {name: text for name, text in event.headers.items() if name not in secret}
    return event._replace(headers=public), connection


def proves(verify: Mapping[str, Any], *, body: bytes, headers: Mapping[str, str], token: str) -> bool:
    """Say whether a raw request satisfies a connection's `verify` entry.

    `headers` has lower-case names, `token` is the last part of the URL (empty if there is none). Whatever a scheme
    raises on odd input, the request is refused.
    """
    scheme = SCHEMES.get(str(verify.get("scheme")))
    if scheme is None:
        return False
    try:
        return scheme(verify, body=body, headers=headers, token=token)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
