"""What an admitted event loses before mappings, queues and logs see it: the proofs that it brought along."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from access.tokens import holder
from mapping.decode import decode

if TYPE_CHECKING:
    from intake.ingest import Event

PROOFS = frozenset(
    {
        "authorization",
        "close-sig-hash",
        "cookie",
        "proxy-authorization",
        "signature",
        "webhook-signature",
        "x-hubspot-signature",
        "x-hubspot-signature-v3",
        "x-signature",
        "x-twenty-webhook-signature",
    }
)

# Beside its own token Bitrix24 sends an app the keys of the whole account:
# https://apidocs.bitrix24.com/api-reference/events/index.html
BESIDE = ("application_token", "access_token", "refresh_token")


def without_proofs(event: "Event", verify: Mapping[str, Any]) -> "Event":
    """Return a proved event without what proved it.

    A body that held the token is written again as JSON, which decodes to the same data less the secrets.
    """
    hidden = PROOFS | {str(verify.get("header", "")).lower()}
    headers = {name: text for name, text in event.headers.items() if name not in hidden}
    if verify["scheme"] != "body-token":
        return event._replace(headers=headers)
    body = _without_tokens(decode(event.body, event.headers.get("content-type", "")), verify["field"])
    return event._replace(headers={**headers, "content-type": "application/json"}, body=body)


def _without_tokens(body: Any, field: str) -> bytes:
    table, name = holder(body, field)
    for secret in (name, *BESIDE):
        table.pop(secret, None)
    # Half a surrogate pair has no bytes in UTF-8; what replaces it is JSON's own way to write it.
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")
