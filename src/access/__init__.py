"""Who may come in: whether a request proves that it comes from a connection's CRM."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from access import signatures, tokens
from access.request import Request
from access.scrub import without_proofs
from aws.secrets import Secret
from connections import Connection, connection_of
from errors import NotAllowed, SenderError

if TYPE_CHECKING:
    from intake.ingest import Event


class Scheme(NamedTuple):
    """A way to prove where a request comes from, and the fields that a connection's `verify` needs for it."""

    proves: Callable[[Mapping[str, Any], Request], bool]
    needs: tuple[str, ...]


SCHEMES = {
    "path-token": Scheme(tokens.path_token, ("token",)),
    "header-token": Scheme(tokens.header_token, ("header", "token")),
    "body-token": Scheme(tokens.body_token, ("field", "token")),
    "basic": Scheme(tokens.basic, ("username", "password")),
    "standard-webhooks": Scheme(signatures.standard_webhooks, ("secret",)),
    "hubspot": Scheme(signatures.hubspot, ("url", "secret")),
    "espocrm": Scheme(signatures.espocrm, ("hooks",)),
    "close": Scheme(signatures.close, ("secret",)),
    "twenty": Scheme(signatures.twenty, ("secret",)),
}

# Fits every scheme. What it proves is never asked: only its work is wanted.
_NOBODY: Mapping[str, Any] = {
    **dict.fromkeys(("header", "field", "token", "username", "password", "secret"), "00" * 32),
    "url": "https://bridge.example.com/crm/nobody",
    "hooks": {"nobody": "00" * 32},
}


def admit(connections: Secret, event: "Event", token: str, method: str = "POST") -> tuple["Event", Connection]:
    """Return the event without its proofs, and its connection; raise NotAllowed, or Unavailable if nobody can say.

    Before a request is refused the secret is read afresh, at most once a minute: the connection may be new.
    """
    request = Request(event.body, event.headers, token, method, event.received_at)
    entries = connections.read()
    connection = _proved(entries, event.connection, request)
    if connection is None and (fresh := connections.refresh()) is not entries:
        connection = _proved(fresh, event.connection, request)
    if connection is None:
        raise NotAllowed
    return without_proofs(event, connection.verify), connection


def _proved(entries: Mapping[str, Any], name: str, request: Request) -> Connection | None:
    connection = connection_of(entries, name)
    if connection is not None and proves(connection.verify, request):
        return connection
    _try_the_others(connection, request)
    return None


def proves(verify: Mapping[str, Any], request: Request) -> bool:
    """Say whether a raw request satisfies a connection's `verify` entry; odd input and broken entries never do."""
    name = verify.get("scheme")
    scheme = SCHEMES.get(name) if isinstance(name, str) else None
    return scheme is not None and _holds(scheme, verify, request)


def _holds(scheme: Scheme, verify: Mapping[str, Any], request: Request) -> bool:
    try:
        return scheme.proves(verify, request)
    except (AttributeError, LookupError, TypeError, ValueError, SenderError):
        return False


def _try_the_others(connection: Connection | None, request: Request) -> None:
    """Do the work of every scheme that was not tried, so that the time of a refusal tells nobody which one was."""
    tried = connection.verify.get("scheme") if connection else None
    for name, scheme in SCHEMES.items():
        if name != tried:
            _holds(scheme, _NOBODY, request)


def fault(verify: Mapping[str, Any]) -> str:
    """Return what is wrong with a `verify` entry, quoting none of its values, or an empty text."""
    name = verify.get("scheme")
    if not isinstance(name, str) or name not in SCHEMES:
        return f"verify.scheme must be one of {', '.join(SCHEMES)}."
    missing = [field for field in SCHEMES[name].needs if not _is_filled(verify.get(field))]
    return f"verify needs {' and '.join(missing)} for the scheme {name}." if missing else ""


def _is_filled(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return bool(value) and (isinstance(value, str) or (isinstance(value, list) and all(map(_is_filled, value))))
