"""How a CRM of each scheme proves itself: by others' libraries, or written from the vendors' documents."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlencode

from standardwebhooks import Webhook

from event import Request

NOW = 1_780_000_000_000  # May 2026
URL = "https://bridge.example.com/crm/acme?event=Contact.update"
BODY = json.dumps({"id": "42", "name": "Олена 🌻 Koval", "note": "a\\u0000\r\n"}, ensure_ascii=False).encode()


class Sender(NamedTuple):
    """A CRM. `entry` makes its `verify` of one secret or a list; `send` signs; `proof` are the headers that prove."""

    entry: Callable
    send: Callable
    proof: tuple = ()
    timed: bool = False
    signs: bool = False  # the body too


def mac(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256)


def path_token(secret, body, now):
    return Request(body, {}, secret, received_at=now)


def header_token(secret, body, now):
    return Request(body, {"x-token": secret}, received_at=now)


def bitrix24(secret, body, now):
    fields = {"event": "ONCRMCONTACTUPDATE", "data[FIELDS][ID]": "42", "auth[domain]": "acme.example.com"}
    form = urlencode({**fields, "auth[application_token]": secret, "auth[access_token]": "key-of-the-account"})
    return Request(form.encode(), {"content-type": "application/x-www-form-urlencoded"}, received_at=now)


def zoho(secret, body, now):
    notification = {"module": "Contacts", "ids": ["42"], "operation": "update", "token": secret}
    return Request(json.dumps(notification).encode(), {"content-type": "application/json"}, received_at=now)


def basic(secret, body, now):
    credentials = base64.b64encode(f"crm:{secret}".encode()).decode()
    return Request(body, {"authorization": f"Basic {credentials}"}, received_at=now)


def standard_webhooks(secret, body, now):
    when = datetime.fromtimestamp(now // 1000, UTC)
    headers = {
        "webhook-id": "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
        "webhook-timestamp": str(now // 1000),
        "webhook-signature": Webhook(secret).sign("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", when, body.decode()),
    }
    return Request(body, headers, received_at=now)


def hubspot_v3(secret, body, now):
    signature = base64.b64encode(mac(secret.encode(), f"POST{URL}".encode(), body, str(now).encode()).digest()).decode()
    return Request(
        body, {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": str(now)}, received_at=now
    )


def hubspot_v2(secret, body, now):
    signature = hashlib.sha256(f"{secret}POST{URL}".encode() + body).hexdigest()
    return Request(body, {"x-hubspot-signature": signature, "x-hubspot-signature-version": "v2"}, received_at=now)


def espocrm(secret, body, now):
    signature = base64.b64encode(b"65f0:" + mac(secret.encode(), body).hexdigest().encode()).decode()
    return Request(body, {"signature": signature}, received_at=now)


def espocrm_before_11(secret, body, now):
    signature = base64.b64encode(b"65f0:" + mac(secret.encode(), body).digest()).decode()
    return Request(body, {"x-signature": signature}, received_at=now)


def close(secret, body, now):
    sent_at = str(now // 1000)
    signature = mac(bytes.fromhex(secret), sent_at.encode(), body).hexdigest()
    return Request(body, {"close-sig-timestamp": sent_at, "close-sig-hash": signature}, received_at=now)


def twenty(secret, body, now):
    signature = mac(secret.encode(), f"{now}:".encode(), body).hexdigest()
    headers = {"x-twenty-webhook-timestamp": str(now), "x-twenty-webhook-signature": signature}
    return Request(body, {**headers, "x-twenty-webhook-nonce": "1"}, received_at=now)


def shopify(secret, body, now):
    signature = base64.b64encode(mac(secret.encode(), body).digest()).decode()
    return Request(body, {"x-shopify-hmac-sha256": signature, "x-shopify-topic": "customers/update"}, received_at=now)


def woocommerce(secret, body, now):
    signature = base64.b64encode(mac(secret.encode(), body).digest()).decode()
    return Request(
        body, {"x-wc-webhook-signature": signature, "x-wc-webhook-topic": "customer.updated"}, received_at=now
    )


def intercom(secret, body, now):
    return Request(
        body, {"x-hub-signature": "sha1=" + hmac.new(secret.encode(), body, "sha1").hexdigest()}, received_at=now
    )


def chatwoot(secret, body, now):
    sent_at = str(now // 1000)
    signature = "sha256=" + mac(secret.encode(), f"{sent_at}.".encode(), body).hexdigest()
    return Request(body, {"x-chatwoot-timestamp": sent_at, "x-chatwoot-signature": signature}, received_at=now)


def entry(scheme, of_the_secret, **others):
    return lambda secret: {"scheme": scheme, of_the_secret: secret, **others}


HUBSPOT = entry("hubspot", "secret", url=URL)
SENDERS = {
    "path-token": Sender(entry("path-token", "token"), path_token),
    "header-token": Sender(entry("header-token", "token", header="X-Token"), header_token, ("x-token",)),
    "body-token bitrix24": Sender(entry("body-token", "token", field="auth[application_token]"), bitrix24),
    "body-token zoho": Sender(entry("body-token", "token", field="token"), zoho),
    "basic": Sender(entry("basic", "password", username="crm"), basic, ("authorization",)),
    "standard-webhooks": Sender(
        entry("standard-webhooks", "secret"),
        standard_webhooks,
        ("webhook-id", "webhook-timestamp", "webhook-signature"),
        timed=True,
        signs=True,
    ),
    "hubspot v3": Sender(
        HUBSPOT, hubspot_v3, ("x-hubspot-signature-v3", "x-hubspot-request-timestamp"), timed=True, signs=True
    ),
    "hubspot v2": Sender(HUBSPOT, hubspot_v2, ("x-hubspot-signature", "x-hubspot-signature-version"), signs=True),
    "espocrm": Sender(
        lambda secret: {"scheme": "espocrm", "hooks": {"65f0": secret, "65f1": "another"}},
        espocrm,
        ("signature",),
        signs=True,
    ),
    "espocrm before 11": Sender(
        lambda secret: {"scheme": "espocrm", "hooks": {"65f0": secret}}, espocrm_before_11, ("x-signature",), signs=True
    ),
    "close": Sender(entry("close", "secret"), close, ("close-sig-timestamp", "close-sig-hash"), timed=True, signs=True),
    "twenty": Sender(
        entry("twenty", "secret"),
        twenty,
        ("x-twenty-webhook-timestamp", "x-twenty-webhook-signature"),
        timed=True,
        signs=True,
    ),
    "shopify": Sender(entry("shopify", "secret"), shopify, ("x-shopify-hmac-sha256",), signs=True),
    "woocommerce": Sender(entry("woocommerce", "secret"), woocommerce, ("x-wc-webhook-signature",), signs=True),
    "intercom": Sender(entry("intercom", "secret"), intercom, ("x-hub-signature",), signs=True),
    "chatwoot": Sender(
        entry("chatwoot", "secret"), chatwoot, ("x-chatwoot-timestamp", "x-chatwoot-signature"), timed=True, signs=True
    ),
}
