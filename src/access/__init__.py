"""Who may come in: whether a request proves that it comes from a connection's CRM."""

from collections.abc import Callable, Mapping
from typing import Any

from access.schemes import SCHEMES
from access.scrub import without_proofs
from aws.secrets import Secret
from connections import Connection, connection_of
from errors import NotAllowed, SenderError
from event import Event, Request

# A `verify` entry that every scheme accepts. The result is ignored; it only takes the same time.
_DUMMY: Mapping[str, Any] = {
    **dict.fromkeys((field for scheme in SCHEMES.values() for field in scheme.needs), "00" * 32),
    "url": "https://bridge.example.com/crm/dummy",
    "hooks": {"dummy": "00" * 32},
}


def admit(connections: Secret, request: Request) -> tuple[Event, Connection]:
    """Return the event that a request is, and its connection; raise NotAllowed, or Unavailable if nothing can be said.

    Before a request is denied the secret is read afresh, at most once a minute: the connection may be new.
    """
    entries = connections.read()
    connection = _proved(entries, request)
    if connection is None and (fresh := connections.refresh()) is not entries:
        connection = _proved(fresh, request)
    if connection is None:
        raise NotAllowed
    return without_proofs(request, connection.verify), connection


def _proved(entries: Mapping[str, Any], request: Request) -> Connection | None:
    connection = connection_of(entries, request.connection)
    if connection is not None and proves(connection.verify, request):
        return connection
    _try_the_others(connection, request)
    return None


def proves(verify: Mapping[str, Any], request: Request) -> bool:
    """Return whether a raw request satisfies a connection's `verify` entry; odd input and broken entries never do."""
    name = verify.get("scheme")
    scheme = SCHEMES.get(name) if isinstance(name, str) else None
    return scheme is not None and _holds(scheme.proves, verify, request)


def _holds(proof: Callable[..., bool], verify: Mapping[str, Any], request: Request) -> bool:
    try:
        return proof(verify=verify, request=request)
    except (AttributeError, LookupError, TypeError, ValueError, SenderError):
        return False


def _try_the_others(connection: Connection | None, request: Request) -> None:
    """Do the work of every scheme that was not tried, so that the time of a denial does not reveal which one was.

    No body is read for it, because no connection has proved it.
    """
    tried = connection.verify.get("scheme") if connection else None
    for name, scheme in SCHEMES.items():
        if name != tried:
            _holds(scheme.unread or scheme.proves, _DUMMY, request)


def signed(verify: Mapping[str, Any], request: Request) -> Request:
    """Return a request with the proof that the CRM of a `verify` entry would give it; raise KeyError for no scheme."""
    return SCHEMES[verify["scheme"]].signs(verify=verify, request=request)


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
