"""Requests as others sign them: vectors of the vendors, of their clients, and of captured events."""

import pytest

from access import proves
from event import Request
from tests.access.senders import BODY, NOW, SENDERS

HUBSPOT = {
    "scheme": "hubspot",
    "url": "https://www.example.com/webhook_uri",
    "secret": "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy",
}
HUBSPOT_EVENT = {**HUBSPOT, "url": "https://www.example.com/webhook_uri?event=a"}
SIGNED_BY_OPENSSL = '{"id":42,"first_name":"Олена"}'.encode()
PERSON = '[{"name":"Олена 🌻"}]'.encode()
ESPOCRM = {"scheme": "espocrm", "hooks": {"1": "x", "65f0a1b2c3d4e5f60": "c7b8a1d2e3f4a5b6c7d8e9f0a1b2c3d4"}}
ESPOCRM_SIGNATURE = (
    "NjVmMGExYjJjM2Q0ZTVmNjA6NDBlODhjMDg3YTg1MTY1ZDVhMTFkZDI0YjEzMWIxNzdjYmUzMjBkMTk1ZTFiZGI2MWZhMTE5MThmOWJiZjQyOQ=="
)
CLOSE = {"scheme": "close", "secret": "058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c"}


@pytest.mark.parametrize(
    ("verify", "body", "headers", "now"),
    [
        # The first two of HubSpot's are its documentation's, the others signed by hubspot-api-client 12.0.0.
        (
            HUBSPOT,
            b"{'example_field':'example_value'}",
            {
                "x-hubspot-signature-v3": "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=",
                "x-hubspot-request-timestamp": "1693657560000",
            },
            1_693_657_560_000,
        ),
        (
            HUBSPOT,
            b'{"example_field":"example_value"}',
            {
                "x-hubspot-signature": "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900",
                "x-hubspot-signature-version": "v2",
            },
            NOW,
        ),
        (
            HUBSPOT_EVENT,
            PERSON,
            {
                "x-hubspot-signature-v3": "ADD2e6efj6wPp/MvHobh4aHlSNRUz0c19ILx6QQMvZU=",
                "x-hubspot-request-timestamp": "1780000000000",
            },
            NOW + 299_999,
        ),
        (
            HUBSPOT_EVENT,
            PERSON,
            {
                "x-hubspot-signature": "27e786c14b008547990971f5c5ecfdb7bde5d05fce7a73da19f669ffc13dcc5e",
                "x-hubspot-signature-version": "v2",
            },
            NOW,
        ),
        (ESPOCRM, b'[{"id":"6623c1f2a9d0b1c3e"}]', {"signature": ESPOCRM_SIGNATURE}, NOW),
        (
            ESPOCRM,
            b'[{"id":"6623c1f2a9d0b1c3e"}]',
            {"x-signature": "NjVmMGExYjJjM2Q0ZTVmNjA6QOiMCHqFFl1aEd0ksTGxd8vjINGV4b22H6EZGPm79Ck="},
            NOW,
        ),
        (
            CLOSE,
            b'{"event":{"id":"ev_test"},"subscription_id":"whsub_test"}',
            {
                "close-sig-hash": "8ba1610df0384f28e05e87692a2505b2e88006424f9a32f8d2852008bc710c9d",
                "close-sig-timestamp": "1544271440",
            },
            1_544_271_440_000,
        ),
        (
            {"scheme": "twenty", "secret": "twenty-secret"},
            b'{"eventName":"person.created"}',
            {
                "x-twenty-webhook-signature": "56e63468345a83da4ccac62802f893727be7a06acaa58904f2511d2cd0fc5a3e",
                "x-twenty-webhook-timestamp": "1746259200000",
            },
            1_746_259_200_000,
        ),
        # The next four are signed by OpenSSL 3: openssl dgst -sha256 -hmac hush-1234 -binary | base64
        (
            {"scheme": "shopify", "secret": "hush-1234"},
            SIGNED_BY_OPENSSL,
            {"x-shopify-hmac-sha256": "e+5VmC50LeKCOgYvmRfvmBQe3h6wedyNjDmpHuuz9/I="},
            NOW,
        ),
        (
            {"scheme": "woocommerce", "secret": "hush-1234"},
            SIGNED_BY_OPENSSL,
            {"x-wc-webhook-signature": "e+5VmC50LeKCOgYvmRfvmBQe3h6wedyNjDmpHuuz9/I="},
            NOW,
        ),
        (
            {"scheme": "intercom", "secret": "hush-1234"},
            SIGNED_BY_OPENSSL,
            {"x-hub-signature": "sha1=69702ae6f0c997244856e76dde2325e8658cb66f"},
            NOW,
        ),
        (
            {"scheme": "chatwoot", "secret": "hush-1234"},
            SIGNED_BY_OPENSSL,
            {
                "x-chatwoot-signature": "sha256=e07d93fccba63d4c72b962daf6e65959fddeda65515308af1af6463621461864",
                "x-chatwoot-timestamp": "1780000000",
            },
            NOW,
        ),
        # https://github.com/standard-webhooks/standard-webhooks: the example of its libraries
        (
            {"scheme": "standard-webhooks", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
            b'{"test": 2432232314}',
            {
                "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp": "1614265330",
                "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            },
            1_614_265_330_000,
        ),
    ],
)
def test_what_others_signed_is_admitted_and_no_other_body(verify, body, headers, now):
    assert proves(verify, Request(body, headers, received_at=now))
    assert not proves(verify, Request(body + b" ", headers, received_at=now))


@pytest.mark.parametrize("name", SENDERS)
def test_while_one_secret_takes_over_from_another_no_valid_request_is_denied(name):
    sender = SENDERS[name]
    old, new = "0" * 64, "1" * 64
    steps = [old, [old], [old, new], [new, old], [new], new]

    for verify in map(sender.entry, steps[:4]):
        assert proves(verify, sender.send(old, BODY, NOW))
    for verify in map(sender.entry, steps[2:]):
        assert proves(verify, sender.send(new, BODY, NOW))
    for verify in map(sender.entry, steps[4:]):
        assert not proves(verify, sender.send(old, BODY, NOW))


@pytest.mark.parametrize("name", ["close", "standard-webhooks"])
def test_a_malformed_secret_beside_a_good_one_denies_no_request(name):
    assert proves(SENDERS[name].entry(["пароль", "0" * 64]), SENDERS[name].send("0" * 64, BODY, NOW))
