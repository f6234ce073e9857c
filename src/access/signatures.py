"""Schemes in which the CRM signs the raw bytes of its request with a secret that it never sends.

Signatures are compared as they are written, not decoded: base64 has several spellings of the same bytes. Below each
proof is what a sender does (`sign_…`), for `bridge send`; it signs at the time of the request.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from access.compare import fits, is_recent, secrets_of
from event import Request

_ID = re.compile(r"[\w:/=+@~-]{1,256}", re.ASCII)  # no dot: the signed text is divided by dots
_SIGNATURE = re.compile(r"\w+,[\w+/=-]+", re.ASCII)
_BASE64 = r"(whsec_)?([A-Za-z0-9+/]{4}){4,}([A-Za-z0-9+/]{2,3})?={0,2}"
_HEX = r"([0-9A-Fa-f]{2})+"

Written = Callable[[bytes, bytes], str]  # from key and body to the signature as the vendor writes it


def standard_webhooks(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check `webhook-signature` with `secret`, base64 with or without `whsec_`.

    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    Its library signs, we compare: its `verify` knows no clock but the machine's, and raises five kinds of error.
    """
    headers = request.headers
    identity, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")
    recent = is_recent(sent_at, request.received_at, digits=10)
    if not (recent and _ID.fullmatch(identity) and all(map(_SIGNATURE.fullmatch, given))):
        return False
    from standardwebhooks import Webhook  # noqa: PLC0415 - only its senders pay for it

    when, body = datetime.fromtimestamp(int(sent_at), UTC), request.body.decode()
    valid = [Webhook(secret).sign(identity, when, body) for secret in secrets_of(verify, "secret", _BASE64)]
    return any([fits(text, valid) for text in given])  # noqa: C419 - a list, so that every one is compared


def sign_standard_webhooks(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign with the library."""
    from standardwebhooks import Webhook  # noqa: PLC0415 - as above

    sent_at = request.received_at // 1000
    identity, when = f"msg_{request.received_at}", datetime.fromtimestamp(sent_at, UTC)
    signature = Webhook(_first(verify)).sign(identity, when, request.body.decode())
    return _with(request, webhook_id=identity, webhook_timestamp=str(sent_at), webhook_signature=signature)


# https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
# v1 signs neither time nor address and is not accepted. v2 signs no time: docs/security.md says what a replay can do.
_HUBSPOT_DECODED = {f"{ord(letter):02X}": letter for letter in ":/?@!$'()*,;"}


def hubspot(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check HubSpot's newest signature in the request with the app's client `secret` and the `url` entered there.

    The address is never rebuilt from the request: its headers are the sender's, and a proxy's own name may differ.
    """
    if "x-hubspot-signature-v3" in request.headers:
        return _hubspot_v3(verify=verify, request=request)
    if request.headers.get("x-hubspot-signature-version") != "v2":
        return False
    target = f"{request.method}{verify['url']}".encode()
    given = request.headers.get("x-hubspot-signature", "")
    signed = (hashlib.sha256(secret.encode() + target + request.body) for secret in secrets_of(verify, "secret"))
    return fits(given, [digest.hexdigest() for digest in signed])


def _hubspot_v3(*, verify: Mapping[str, Any], request: Request) -> bool:
    sent_at = request.headers.get("x-hubspot-request-timestamp", "")
    if not is_recent(sent_at, request.received_at, digits=13):
        return False
    signed = [_signed_by_hubspot(secret, verify["url"], request, sent_at) for secret in secrets_of(verify, "secret")]
    return fits(request.headers["x-hubspot-signature-v3"], signed)


def sign_hubspot(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign as v3."""
    sent_at = str(request.received_at)
    signature = _signed_by_hubspot(_first(verify), verify["url"], request, sent_at)
    return _with(request, x_hubspot_signature_v3=signature, x_hubspot_request_timestamp=sent_at)


def _signed_by_hubspot(secret: str, address: str, request: Request, sent_at: str) -> str:
    url = re.sub("%([0-9A-Fa-f]{2})", lambda code: _HUBSPOT_DECODED.get(code[1].upper(), code[0]), address)
    mac = _hmac(secret.encode(), request.method.encode(), url.encode(), request.body, sent_at.encode())
    return base64.b64encode(mac.digest()).decode()


def espocrm(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check `Signature`, or where it is missing the older `X-Signature`, with `hooks`: {id: secret key}.

    https://docs.espocrm.com/development/webhooks/ — every webhook of an EspoCRM has its own id and key. The new
    header holds the digest in hex, the old one (gone in EspoCRM 11) its bytes.
    """
    name = "signature" if "signature" in request.headers else "x-signature"
    if name not in request.headers:
        return False
    keys = [(identity, key) for identity in verify["hooks"] for key in secrets_of(verify["hooks"], identity)]
    signed = [(f"{identity}:".encode(), _hmac(key.encode(), request.body)) for identity, key in keys]
    written = [before + (d.hexdigest().encode() if name == "signature" else d.digest()) for before, d in signed]
    return fits(request.headers[name], map(base64.b64encode, written))


def sign_espocrm(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign with the first of the hooks, in the new header."""
    identity = next(iter(verify["hooks"]))
    mac = _hmac(_first(verify["hooks"], identity).encode(), request.body)
    return _with(request, signature=base64.b64encode(f"{identity}:{mac.hexdigest()}".encode()).decode())


def close(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check `close-sig-hash` with `secret`, the hexadecimal signature key of the webhook subscription.

    https://developer.close.com/resources/webhook-subscriptions/ names no window for its time; ours is five minutes.
    """
    sent_at = request.headers.get("close-sig-timestamp", "")
    if not is_recent(sent_at, request.received_at, digits=10):
        return False
    keys = [bytes.fromhex(secret) for secret in secrets_of(verify, "secret", _HEX)]
    signed = [_hmac(key, sent_at.encode(), request.body).hexdigest() for key in keys]
    return fits(request.headers.get("close-sig-hash", ""), signed)


def sign_close(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign time and body."""
    sent_at = str(request.received_at // 1000)
    mac = _hmac(bytes.fromhex(_first(verify)), sent_at.encode(), request.body)
    return _with(request, close_sig_timestamp=sent_at, close_sig_hash=mac.hexdigest())


def twenty(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check `X-Twenty-Webhook-Signature` with `secret`.

    https://github.com/twentyhq/twenty, `call-webhook.job.ts` of its server
    """
    sent_at = request.headers.get("x-twenty-webhook-timestamp", "")
    if not is_recent(sent_at, request.received_at, digits=13):
        return False
    keys = [secret.encode() for secret in secrets_of(verify, "secret")]
    signed = [_hmac(key, sent_at.encode(), b":", request.body).hexdigest() for key in keys]
    return fits(request.headers.get("x-twenty-webhook-signature", ""), signed)


def sign_twenty(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign time and body."""
    sent_at = str(request.received_at)
    mac = _hmac(_first(verify).encode(), sent_at.encode(), b":", request.body)
    return _with(request, x_twenty_webhook_timestamp=sent_at, x_twenty_webhook_signature=mac.hexdigest())


def of_body(*, header: str, written: Written, verify: Mapping[str, Any], request: Request) -> bool:
    """Check a `header` that holds nothing but the body's digest under `secret`, as `written` writes it.

    Neither the time nor the address is signed: what a replay can do is in docs/security.md.
    """
    signed = [written(secret.encode(), request.body) for secret in secrets_of(verify, "secret")]
    return fits(request.headers.get(header, ""), signed)


def sign_body(*, header: str, written: Written, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign the body."""
    signature = written(_first(verify).encode(), request.body)
    return request._replace(headers={**request.headers, header: signature})


def in_base64(key: bytes, body: bytes) -> str:
    """Return HMAC-SHA256 in base64, as Shopify and WooCommerce write it.

    https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
    https://github.com/woocommerce/woocommerce, `generate_signature` of class-wc-webhook.php
    """
    return base64.b64encode(_hmac(key, body).digest()).decode()


def in_sha1(key: bytes, body: bytes) -> str:
    """Return HMAC-SHA1 in hex behind `sha1=`, as Intercom writes it.

    https://developers.intercom.com/docs/webhooks/webhook-notifications; an HMAC's security outlives that of its hash.
    """
    return f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}"


def chatwoot(*, verify: Mapping[str, Any], request: Request) -> bool:
    """Check `X-Chatwoot-Signature` with `secret`: `sha256=` and the digest of time, a dot and body.

    https://github.com/chatwoot/chatwoot, `webhooks/trigger.rb`; versions before it sign nothing.
    """
    sent_at = request.headers.get("x-chatwoot-timestamp", "")
    if not is_recent(sent_at, request.received_at, digits=10):
        return False
    signed = [_signed_by_chatwoot(secret, sent_at, request) for secret in secrets_of(verify, "secret")]
    return fits(request.headers.get("x-chatwoot-signature", ""), signed)


def sign_chatwoot(*, verify: Mapping[str, Any], request: Request) -> Request:
    """Sign time and body."""
    sent_at = str(request.received_at // 1000)
    signature = _signed_by_chatwoot(_first(verify), sent_at, request)
    return _with(request, x_chatwoot_timestamp=sent_at, x_chatwoot_signature=signature)


def _signed_by_chatwoot(secret: str, sent_at: str, request: Request) -> str:
    return f"sha256={_hmac(secret.encode(), sent_at.encode(), b'.', request.body).hexdigest()}"


def _with(request: Request, **proofs: str) -> Request:
    """Return a request with headers more; underscores stand for dashes."""
    named = {name.replace("_", "-"): text for name, text in proofs.items()}
    return request._replace(headers={**request.headers, **named})


def _first(entry: Mapping[str, Any], name: str = "secret") -> str:
    """Return the first secret; during a rotation several are valid."""
    return secrets_of(entry, name)[0]


def _hmac(key: bytes, *parts: bytes) -> hmac.HMAC:
    signed = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        signed.update(part)
    return signed
