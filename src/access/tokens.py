"""Schemes in which the CRM sends the secret itself: in the URL, in a header, in the body, or as user and password."""

import base64
import re
from collections.abc import Mapping
from typing import Any

from access.compare import fits, secrets_of
from access.request import Request
from mapping.decode import decode

MAX_UNPROVED_BYTES = 64 * 1024  # read before anybody knows whose they are; the CRMs that need it send ids only


def path_token(verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the last part of the URL with `token`, for CRMs that can send nothing but a URL."""
    return fits(request.token, secrets_of(verify, "token"))


def header_token(verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the header named `header` with `token`."""
    return fits(request.headers.get(verify["header"].lower(), ""), secrets_of(verify, "token"))


def body_token(verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the body's field `field`, such as `token` or `auth[application_token]`, with `token`.

    Bitrix24: https://apidocs.bitrix24.com/api-reference/events/safe-event-handlers.html
    Zoho: https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html
    """
    if len(request.body) > MAX_UNPROVED_BYTES:
        return False
    table, name = holder(decode(request.body, request.headers.get("content-type", "")), verify["field"])
    return fits(table[name], secrets_of(verify, "token"))


def holder(body: Any, field: str) -> tuple[Any, str]:
    """Return the table in a decoded body that holds a field, and the field's name there.

    Both `auth.application_token` and `auth[application_token]` are read. Raises LookupError or TypeError for a body
    that has no such place.
    """
    *path, name = re.findall(r"[^.\[\]]+", field)
    table = body
    for step in path:
        table = table[step]
    return table, name


def basic(verify: Mapping[str, Any], request: Request) -> bool:
    """Compare HTTP Basic credentials with `username` and `password`.

    https://www.rfc-editor.org/rfc/rfc7617: user and password part at the first colon.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    decoded = base64.b64decode(credentials, validate=True)
    canonical = base64.b64encode(decoded).decode() == credentials  # its last letter has bits that decoding ignores
    user, _, password = decoded.partition(b":")
    user_fits = fits(user, [verify["username"]])
    return fits(password, secrets_of(verify, "password")) & user_fits & canonical & (scheme.lower() == "basic")
