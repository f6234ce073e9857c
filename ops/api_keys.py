"""The keys to CRMs' APIs, by connection: the third secret, which a stack has only if it was deployed with look-ups."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ops.stack import Stack

SECRET = "ApiKeysSecret"  # noqa: S105 - its name in template.yaml
EXPIRES = "expires"  # the field of an entry that says when its key ends
HOW_TO_DEPLOY = (
    'this stack looks nothing up. Write parameter_overrides = ["Lookups=true"] below [default.deploy.parameters] in '
    "samconfig.toml (below [prod.deploy.parameters] for ENV=prod), run `make deploy`"
)


def are_kept(stack: Stack) -> bool:
    """Return whether the stack was deployed with look-ups."""
    return SECRET in stack.ids


def of(stack: Stack) -> dict[str, Any]:
    """Return the entries by connection; none where the stack keeps none."""
    return stack.secret(SECRET) if are_kept(stack) else {}


def may_be_local(stack: Stack) -> bool:
    """Return whether the stack's CRMs may be on this machine: the parameter LoopbackApi, for tests and rehearsals."""
    return stack.environment.get("LOOPBACK_API") == "true"


def end_of(entry: Mapping[str, Any]) -> int | None:
    """Return when a key ends, in ms since 1970: as its entry says, else as a JSON Web Token in it says; None: unknown.

    https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4; Kommo's long-lived token is one.
    """
    if EXPIRES in entry:
        return moment(str(entry[EXPIRES]))
    return min((end for text in entry.values() if (end := _end_of_token(str(text))) is not None), default=None)


def moment(text: str) -> int | None:
    """Return a date or a time of ISO 8601 in ms since 1970 (UTC if it names no zone), None for any other text."""
    try:
        found = datetime.fromisoformat(text)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _end_of_token(text: str) -> int | None:
    _, _, rest = text.partition(".")
    payload, _, signature = rest.partition(".")
    if not signature:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return int(claims["exp"]) * 1000
    except (binascii.Error, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
