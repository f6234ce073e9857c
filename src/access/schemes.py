"""The ways to prove where a request comes from: one row each, which holds all that the bridge knows of it."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from access import signatures, tokens
from event import Request


class Scheme(NamedTuple):
    """A way to prove where a request comes from.

    `proves` and `signs` are called with `verify=` and `request=`: one checks the proof, the other makes it as the CRM
    does. `needs` are the fields of a connection's `verify`. `headers` hold the proof, so an admitted event loses them;
    `beside` are read with them and prove nothing. Both are written as the vendor writes them. `unread` takes the place
    of `proves`, for as long, where a body must not be read.
    """

    proves: Callable[..., bool]
    signs: Callable[..., Request]
    needs: tuple[str, ...]
    headers: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    unread: Callable[..., bool] | None = None


def _of_body(header: str, written: signatures.Written) -> Scheme:
    """Return the scheme of a CRM that signs the body alone."""
    proves = partial(signatures.of_body, header=header.lower(), written=written)
    signs = partial(signatures.sign_body, header=header.lower(), written=written)
    return Scheme(proves, signs, needs=("secret",), headers=(header,))


SCHEMES = {
    "path-token": Scheme(tokens.path_token, tokens.with_path_token, needs=("token",)),
    "header-token": Scheme(tokens.header_token, tokens.with_header_token, needs=("header", "token")),
    "body-token": Scheme(
        tokens.body_token,
        tokens.with_body_token,
        needs=("field", "token"),
        beside=("Content-Type", "Content-Encoding"),
        unread=tokens.body_hashed,
    ),
    "basic": Scheme(tokens.basic, tokens.with_basic, needs=("username", "password"), headers=("Authorization",)),
    "standard-webhooks": Scheme(
        signatures.standard_webhooks,
        signatures.sign_standard_webhooks,
        needs=("secret",),
        headers=("webhook-signature",),
        beside=("webhook-id", "webhook-timestamp"),
    ),
    "hubspot": Scheme(
        signatures.hubspot,
        signatures.sign_hubspot,
        needs=("url", "secret"),
        headers=("X-HubSpot-Signature-v3", "X-HubSpot-Signature"),
        beside=("X-HubSpot-Request-Timestamp", "X-HubSpot-Signature-Version"),
    ),
    "espocrm": Scheme(
        signatures.espocrm, signatures.sign_espocrm, needs=("hooks",), headers=("Signature", "X-Signature")
    ),
    "close": Scheme(
        signatures.close,
        signatures.sign_close,
        needs=("secret",),
        headers=("Close-Sig-Hash",),
        beside=("Close-Sig-Timestamp",),
    ),
    "twenty": Scheme(
        signatures.twenty,
        signatures.sign_twenty,
        needs=("secret",),
        headers=("X-Twenty-Webhook-Signature",),
        beside=("X-Twenty-Webhook-Timestamp",),
    ),
    "shopify": _of_body("X-Shopify-Hmac-Sha256", signatures.in_base64),
    "woocommerce": _of_body("X-WC-Webhook-Signature", signatures.in_base64),
    "intercom": _of_body("X-Hub-Signature", signatures.in_sha1),
    "chatwoot": Scheme(
        signatures.chatwoot,
        signatures.sign_chatwoot,
        needs=("secret",),
        headers=("X-Chatwoot-Signature",),
        beside=("X-Chatwoot-Timestamp",),
    ),
}

PROOFS = frozenset(name.lower() for scheme in SCHEMES.values() for name in scheme.headers)
