"""Schemes in which the CRM sends the secret itself: in the URL, in a header, in the body, or as user and password.

Beside each proof is what a sender does (`with_…`), for `bridge send`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from access.compare import fits, is_secret, secrets_of
from event import Request
from mapping.decode import decoded

MAX_UNPROVED_BYTES = 64 * 1024  # read before anybody knows whose they are; the CRMs that need it send ids only
HASHES = 16  # of a body: about the time that reading JSON of its size takes


def path_token(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the last part of the URL with `token`, for CRMs that can send nothing but a URL."""
    return is_secret(request.token, verify, "token")


def with_path_token(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Put `token` at the end of the URL."""
    return request._replace(token=secrets_of(verify, "token")[0])


def header_token(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the header named `header` with `token`."""
    return is_secret(request.headers.get(verify["header"].lower(), ""), verify, "token")


def with_header_token(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Put `token` into the header named `header`."""
    return request._replace(headers={**request.headers, verify["header"].lower(): secrets_of(verify, "token")[0]})


def body_token(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Compare the body's field `field`, such as `token` or `auth[application_token]`, with `token`.

    Bitrix24: https://apidocs.bitrix24.com/api-reference/events/safe-event-handlers.html
    Zoho: https://www.zoho.com/crm/developer/docs/api/v8/notifications/overview.html
    """
    if len(request.body) > MAX_UNPROVED_BYTES:
        return False
    table, name = holder(decoded(request.body, request.headers), verify["field"])
    return is_secret(table[name], verify, "token")


def body_hashed(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Work about as long as `body_token`, without a parser: the body is another scheme's, or for no connection."""
    if len(request.body) > MAX_UNPROVED_BYTES:
        return False
    digests = [hashlib.sha256(request.body).digest() for _ in range(HASHES)]
    return is_secret(digests[0], verify, "token")


def with_body_token(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Put `token` into the body's field `field`; raise ValueError or AttributeError for a body without a place."""
    token, path = secrets_of(verify, "token")[0], _steps(verify["field"])
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        field = path[0] + "".join(f"[{step}]" for step in path[1:])
        return request._replace(body=request.body + b"&" + urlencode({field: token}).encode())
    table = document = json.loads(request.body)
    for step in path[:-1]:
        table = table.setdefault(step, {})
    table[path[-1]] = token
    return request._replace(body=json.dumps(document, ensure_ascii=False).encode())


def holder(body: Any, field: str) -> tuple[Any, str]:
    """Return the table in a decoded body that holds a field, and the field's name there.

    Both `auth.application_token` and `auth[application_token]` are read. Raises LookupError or TypeError for a body
    that has no such place.
    """
    *path, name = _steps(field)
    table = body
    for step in path:
        table = table[step]
    return table, name


def _steps(field: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", field)


def basic(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Compare HTTP Basic credentials with `username` and `password`.

    https://www.rfc-editor.org/rfc/rfc7617: user and password part at the first colon.
    """
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    decoded = base64.b64decode(credentials, validate=True)
    canonical = base64.b64encode(decoded).decode() == credentials  # its last letter has bits that decoding ignores
    user, _, password = decoded.partition(b":")
    user_fits = fits(user, [verify["username"]])
    return is_secret(password, verify, "password") & user_fits & canonical & (scheme.lower() == "basic")


def with_basic(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Send `username` and `password`."""
    text = f"{verify['username']}:{secrets_of(verify, 'password')[0]}"
    credentials = base64.b64encode(text.encode()).decode()
    return request._replace(headers={**request.headers, "authorization": f"Basic {credentials}"})
