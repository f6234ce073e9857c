"""A request as the CRM of a connection would prove it: what `access` checks, done from the sender's side."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from ops.samples import Sample

FORM = "application/x-www-form-urlencoded"


class Signed(NamedTuple):
    """What goes over the wire: the last part of the address, if any, headers and body."""

    token: str
    headers: Mapping[str, str]
    body: bytes


def signed(verify: Mapping[str, Any], sample: Sample, now: int) -> Signed:
    """Return a sample with the proof of a `verify` entry at `now` (ms); raise KeyError for an unknown scheme."""
    return _SCHEMES[verify["scheme"]](verify, sample.body or b"", dict(sample.headers), now)


def _first(secret: Any) -> str:
    """Return the first of a list of secrets, which a rotation has; for hooks, its first key."""
    return str(secret[0] if isinstance(secret, list) else secret)


def _path_token(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], _: int) -> Signed:
    return Signed(quote(_first(verify["token"]), safe=""), headers, body)


def _header_token(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], _: int) -> Signed:
    return Signed("", {**headers, verify["header"]: _first(verify["token"])}, body)


def _body_token(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], _: int) -> Signed:
    token = _first(verify["token"])
    if headers.get("content-type", "").startswith(FORM):
        path = re.findall(r"[^.\[\]]+", verify["field"])
        field = path[0] + "".join(f"[{step}]" for step in path[1:])
        return Signed("", headers, body + b"&" + urlencode({field: token}).encode())
    document = json.loads(body)
    *path, name = re.findall(r"[^.\[\]]+", verify["field"])
    table = document
    for step in path:
        table = table.setdefault(step, {})
    table[name] = token
    return Signed("", headers, json.dumps(document, ensure_ascii=False).encode())


def _basic(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], _: int) -> Signed:
    credentials = base64.b64encode(f"{verify['username']}:{_first(verify['password'])}".encode()).decode()
    return Signed("", {**headers, "authorization": f"Basic {credentials}"}, body)


def _standard_webhooks(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], now: int) -> Signed:
    from standardwebhooks import Webhook  # noqa: PLC0415 - only its senders pay for it

    identity, when = f"msg_{now}", datetime.fromtimestamp(now // 1000, UTC)
    signature = Webhook(_first(verify["secret"])).sign(identity, when, body.decode())
    proof = {"webhook-id": identity, "webhook-timestamp": str(now // 1000), "webhook-signature": signature}
    return Signed("", headers | proof, body)


def _hubspot(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], now: int) -> Signed:
    text = b"POST" + verify["url"].encode() + body + str(now).encode()
    signature = base64.b64encode(_hmac(_first(verify["secret"]).encode(), text).digest()).decode()
    return Signed("", headers | {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": str(now)}, body)


def _espocrm(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], _: int) -> Signed:
    identity, key = next(iter(verify["hooks"].items()))
    text = f"{identity}:{_hmac(_first(key).encode(), body).hexdigest()}"
    return Signed("", headers | {"signature": base64.b64encode(text.encode()).decode()}, body)


def _close(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], now: int) -> Signed:
    sent_at = str(now // 1000)
    signature = _hmac(bytes.fromhex(_first(verify["secret"])), sent_at.encode() + body).hexdigest()
    return Signed("", headers | {"close-sig-timestamp": sent_at, "close-sig-hash": signature}, body)


def _twenty(verify: Mapping[str, Any], body: bytes, headers: dict[str, str], now: int) -> Signed:
    signature = _hmac(_first(verify["secret"]).encode(), f"{now}:".encode() + body).hexdigest()
    proof = {"x-twenty-webhook-timestamp": str(now), "x-twenty-webhook-signature": signature}
    return Signed("", headers | proof, body)


def _hmac(key: bytes, text: bytes) -> hmac.HMAC:
    return hmac.new(key, text, hashlib.sha256)


_SCHEMES: Mapping[str, Callable[[Mapping[str, Any], bytes, dict[str, str], int], Signed]] = {
    "path-token": _path_token,
    "header-token": _header_token,
    "body-token": _body_token,
    "basic": _basic,
    "standard-webhooks": _standard_webhooks,
    "hubspot": _hubspot,
    "espocrm": _espocrm,
    "close": _close,
    "twenty": _twenty,
}
