"""Schemes in which the CRM sends the secret itself: in the URL, in a header, or as user and password."""

import base64
import hmac
from collections.abc import Iterable, Mapping
from typing import Any


def path_token(verify: Mapping[str, Any], *, body: bytes, headers: Mapping[str, str], token: str) -> bool:  # noqa: ARG001
    """Compare the last part of the URL with `token`, for CRMs that can send nothing but a URL."""
    return _among(token, verify["token"])


def header_token(verify: Mapping[str, Any], *, body: bytes, headers: Mapping[str, str], token: str) -> bool:  # noqa: ARG001
    """Compare the header named `header` with `token`."""
    return _among(headers.get(verify["header"].lower(), ""), verify["token"])


def basic(verify: Mapping[str, Any], *, body: bytes, headers: Mapping[str, str], token: str) -> bool:  # noqa: ARG001
    """Compare HTTP Basic credentials with `username` and `password`.

    https://www.rfc-editor.org/rfc/rfc7617: user and password part at the first colon.
    """
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    decoded = base64.b64decode(credentials, validate=True)
    user, _, password = decoded.partition(b":")
    user_fits = hmac.compare_digest(user, str(verify["username"]).encode())
    return _among(password, verify["password"]) & user_fits & (scheme.lower() == "basic")


def _among(given: str | bytes, valid: str | Iterable[str]) -> bool:
    """Compare with every valid secret, in time that does not tell which of them fits or how much of it.

    An empty secret never fits, else a connection without its secret would stand open.
    """
    given = given.encode(errors="surrogatepass") if isinstance(given, str) else given
    fits = False
    for secret in [valid] if isinstance(valid, str) else valid:
        fits |= hmac.compare_digest(given, secret.encode()) & bool(secret)
    return fits
