"""What a request loses when it becomes an event, before mappings, queues and logs see it: its proofs."""

import json
from collections.abc import Mapping
from typing import Any

from access.schemes import PROOFS
from access.tokens import holder
from event import Event, Request
from mapping.decode import decoded

SECRETS = PROOFS | {"cookie", "proxy-authorization"}  # the others are no scheme's, and no mapping's either

# Beside its own token Bitrix24 sends an app the keys of the whole account:
# https://apidocs.bitrix24.com/api-reference/events/index.html
BESIDE = ("application_token", "access_token", "refresh_token")


def without_proofs(request: Request, verify: Mapping[str, Any]) -> Event:
    """Return the event of a proved request, without what proved it.

    A body that held the token is written again as JSON, which decodes to the same data less the secrets; one that held
    nothing else is empty, and refused as such (400): `bridge connect` asks so whether a connection is known.
    """
    hidden = SECRETS | {str(verify.get("header", "")).lower()}
    headers = {name: text for name, text in request.headers.items() if name not in hidden}
    body = request.body
    if verify["scheme"] == "body-token":
        body = _without_tokens(decoded(body, request.headers), verify["field"])
        headers["content-type"] = "application/json"
    return Event(request.connection, body, headers, request.query, request.received_at, request.request_id)


def _without_tokens(body: Any, field: str) -> bytes:
    table, name = holder(body, field)
    for secret in (name, *BESIDE):
        table.pop(secret, None)
    if _says_nothing(body):
        return b""
    # Half a surrogate pair has no bytes in UTF-8; what replaces it is JSON's own way to write it.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def _says_nothing(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_says_nothing, value.values()))
