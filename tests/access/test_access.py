"""Ways to be wrong: each row changes one thing in a request that is admitted."""

import base64
import hashlib
import hmac
import json
import sys
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from access import admit, fault, proves, signed
from access.schemes import SCHEMES
from access.tokens import MAX_UNPROVED_BYTES
from aws.secrets import Secret
from errors import NotAllowed, Unavailable
from event import Request
from mapping.decode import decode
from tests.access.senders import BODY, NOW, SENDERS, URL, hubspot_v2, mac

PATH = {"scheme": "path-token", "token": "secret"}
HEADER = {"scheme": "header-token", "header": "X-Token", "token": ["old", "new"]}
BODY_TOKEN = {"scheme": "body-token", "field": "auth[application_token]", "token": "secret"}
BASIC = {"scheme": "basic", "username": "crm", "password": "p:ä"}
KEY = "0123456789abcdef" * 4
MINUTES = 5 * 60 * 1000
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def credentials(text, scheme="Basic"):
    return {"authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("verify", "headers", "token"),
    [
        (PATH, {}, "secret"),
        ({**PATH, "token": ["other", "secret"]}, {}, "secret"),
        (HEADER, {"x-token": "old"}, ""),
        (HEADER, {"x-token": "new"}, ""),
        (BASIC, credentials("crm:p:ä"), ""),
        (BASIC, credentials("crm:p:ä", "basic"), ""),
        ({**BASIC, "password": ["x", "p:ä"]}, credentials("crm:p:ä"), ""),
    ],
)
def test_a_request_that_sends_the_secret_is_admitted(verify, headers, token):
    assert proves(verify, Request(b"", headers, token))


@pytest.mark.parametrize(
    ("verify", "headers", "token"),
    [
        (PATH, {}, ""),
        (PATH, {}, "Secret"),
        (PATH, {}, "secret "),
        (PATH, {}, "secre"),
        (PATH, {"x-token": "secret"}, ""),
        ({**PATH, "token": ""}, {}, ""),
        ({**PATH, "token": []}, {}, ""),
        ({**PATH, "token": [""]}, {}, ""),
        ({**PATH, "token": None}, {}, "None"),
        ({**PATH, "token": {"secret": 1}}, {}, "secret"),
        ({"scheme": "path-token"}, {}, ""),
        ({**PATH, "token": "ключ"}, {}, "\ud800"),
        (HEADER, {}, "old"),
        (HEADER, {"x-token": ""}, ""),
        (HEADER, {"x-token": "old,old"}, ""),
        (HEADER, {"token": "old"}, ""),
        ({"scheme": "header-token", "token": "x"}, {"x-token": "x"}, ""),
        ({"scheme": "header-token", "token": "x", "header": None}, {"x-token": "x"}, ""),
        (BASIC, {}, ""),
        (BASIC, credentials("crm:p"), ""),
        (BASIC, credentials("crm"), ""),
        (BASIC, credentials("CRM:p:ä"), ""),
        (BASIC, credentials("crm:p:ä", "Bearer"), ""),
        (BASIC, {"authorization": "Basic !!!"}, ""),
        (BASIC, {"authorization": "Basic"}, ""),
        ({**BASIC, "username": None}, credentials("None:p:ä"), ""),
        ({"scheme": "none"}, {}, ""),
        ({"scheme": ["path-token"]}, {}, "secret"),
        ({}, {}, ""),
    ],
)
def test_a_request_with_one_thing_wrong_in_its_secret_is_denied(verify, headers, token):
    assert not proves(verify, Request(b"", headers, token))


def test_basic_credentials_have_one_spelling():
    verify = {"scheme": "basic", "username": "crm", "password": "pwd"}
    written = base64.b64encode(b"crm:pwd").decode()
    other = written.replace("ZA==", "ZB==")

    assert base64.b64decode(other) == b"crm:pwd"
    assert proves(verify, Request(b"", {"authorization": f"Basic {written}"}))
    assert not proves(verify, Request(b"", {"authorization": f"Basic {other}"}))


@pytest.mark.parametrize(
    ("field", "body", "headers"),
    [
        ("auth[application_token]", b"auth%5Bapplication_token%5D=secret", FORM),
        ("auth[application_token]", b"auth[application_token]=secret&event=ONCRMCONTACTADD", FORM),
        ("auth.application_token", b"auth[application_token]=secret", FORM),
        ("token", b'{"token": "secret"}', JSON),
        ("a.b.c", b'{"a": {"b": {"c": "secret"}}}', JSON),
        ("token", b"<notice><token>secret</token></notice>", {"content-type": "text/xml"}),
    ],
)
def test_a_token_is_found_in_any_kind_of_body(field, body, headers):
    verify = {**BODY_TOKEN, "field": "notice.token" if b"<" in body else field}

    assert proves(verify, Request(body, headers))


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", FORM),
        (b"auth[application_token]=Secret", FORM),
        (b"auth[application_token]=", FORM),
        (b"auth[application_token]=secret&auth[application_token]=secret", FORM),
        (b"auth[application_token][]=secret", FORM),
        (b"auth=secret", FORM),
        (b"application_token=secret", FORM),
        (b"auth[application_token]=secret", {"content-type": "image/png"}),
        (b'{"auth": {"application_token": ["secret"]}}', JSON),
        (b'{"auth": ["application_token"]}', JSON),
        (b'{"auth": {"application_token": "x", "application_token": "secret"}}', JSON),
        (b'[{"auth": {"application_token": "secret"}}]', JSON),
        (b'{"auth": {"application_token": "secret"}', JSON),
        (b"[" * 100_000, JSON),
        (b"\xff\xfe", JSON),
        (b'{"auth": {"application_token": "secret"}}' + b" " * 65_536, JSON),
    ],
)
def test_a_body_without_the_token_in_its_place_is_denied(body, headers):
    assert not proves(BODY_TOKEN, Request(body, headers))


@pytest.mark.parametrize("field", ["", "[]", ".", None, 7])
def test_a_connection_without_a_field_admits_no_request(field):
    assert not proves({**BODY_TOKEN, "field": field}, Request(b'{"": "secret"}', JSON))


def changed(name, **wrong):
    """Return a request that is right but for some headers (underscores stand for dashes) or its body."""
    request = SENDERS[name].send(KEY, BODY, NOW)
    headers = {**request.headers, **{key.replace("_", "-"): text for key, text in wrong.items() if key != "body"}}
    kept = {key: text for key, text in headers.items() if text is not None}
    return request._replace(body=wrong.get("body", request.body), headers=kept)


V1 = SENDERS["standard-webhooks"].send(KEY, BODY, NOW).headers["webhook-signature"]
OTHER = SENDERS["standard-webhooks"].send("f" * 64, BODY, NOW).headers["webhook-signature"]
HASH = SENDERS["close"].send(KEY, BODY, NOW).headers["close-sig-hash"]


@pytest.mark.parametrize("name", SENDERS)
def test_a_request_that_was_signed_is_admitted(name):
    assert proves(SENDERS[name].entry(KEY), SENDERS[name].send(KEY, BODY, NOW))


@pytest.mark.parametrize("signature", [f"{OTHER} {V1}", f"{V1} {OTHER}", f"v1a,abc= {V1}", f"v9,{V1[3:]} {V1}"])
def test_one_of_several_signatures_is_enough(signature):
    assert proves(SENDERS["standard-webhooks"].entry(KEY), changed("standard-webhooks", webhook_signature=signature))


@pytest.mark.parametrize("secret", [f"whsec_{KEY}", base64.b64encode(b"k" * 25).decode().rstrip("="), "A" * 24])
def test_secrets_of_standard_webhooks_may_have_a_prefix_and_no_padding(secret):
    sender = SENDERS["standard-webhooks"]

    assert proves(sender.entry(secret), sender.send(secret, BODY, NOW))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("standard-webhooks", {"webhook_id": None}),
        ("standard-webhooks", {"webhook_id": ""}),
        ("standard-webhooks", {"webhook_id": "msg_2,msg_2"}),
        ("standard-webhooks", {"webhook_id": "msg.1"}),
        ("standard-webhooks", {"webhook_timestamp": None}),
        ("standard-webhooks", {"webhook_timestamp": f"{NOW // 1000}.9"}),
        ("standard-webhooks", {"webhook_timestamp": f" {NOW // 1000}"}),
        ("standard-webhooks", {"webhook_timestamp": "1_780_000_000"}),
        ("standard-webhooks", {"webhook_timestamp": "١٧٨٠٠٠٠٠٠٠"}),
        ("standard-webhooks", {"webhook_timestamp": "1780000000,1780000000"}),
        ("standard-webhooks", {"webhook_timestamp": "nan"}),
        ("standard-webhooks", {"webhook_signature": None}),
        ("standard-webhooks", {"webhook_signature": ""}),
        ("standard-webhooks", {"webhook_signature": "v1"}),
        ("standard-webhooks", {"webhook_signature": "v1,"}),
        ("standard-webhooks", {"webhook_signature": V1[:-4]}),
        ("standard-webhooks", {"webhook_signature": V1[:-1] + "?="}),
        ("standard-webhooks", {"webhook_signature": V1[:9] + "\n" + V1[9:]}),
        ("standard-webhooks", {"webhook_signature": V1.replace("v1", "v2")}),
        ("standard-webhooks", {"webhook_signature": V1.replace("v1", "v1a")}),
        ("standard-webhooks", {"webhook_signature": f"{V1},{V1}"}),
        ("standard-webhooks", {"webhook_signature": f"{V1}, {V1}"}),
        ("standard-webhooks", {"webhook_signature": f"v1 {V1}"}),
        ("standard-webhooks", {"webhook_signature": f"{V1} "}),
        ("standard-webhooks", {"webhook_signature": V1.swapcase()}),
        ("standard-webhooks", {"webhook_signature": OTHER}),
        ("standard-webhooks", {"body": BODY + b" "}),
        ("standard-webhooks", {"body": b"\xff"}),
        ("standard-webhooks", {"body": b"\xef\xbb\xbf" + BODY}),
        ("standard-webhooks", {"body": BODY.replace(b"\\r\\n", b"\\n")}),
        ("standard-webhooks", {"body": json.dumps(json.loads(BODY)).encode()}),
        ("standard-webhooks", {"body": b""}),
        ("hubspot v3", {"x_hubspot_signature_v3": None}),
        ("hubspot v3", {"x_hubspot_signature_v3": ""}),
        ("hubspot v3", {"x_hubspot_request_timestamp": None}),
        ("hubspot v3", {"x_hubspot_request_timestamp": str(NOW // 1000)}),
        ("hubspot v3", {"x_hubspot_request_timestamp": f"{NOW},{NOW}"}),
        ("hubspot v3", {"x_hubspot_request_timestamp": f"{NOW}.0"}),
        ("hubspot v3", {"body": BODY + b"\n"}),
        ("hubspot v3", {"body": BODY + b"1"}),
        ("hubspot v2", {"x_hubspot_signature": None}),
        ("hubspot v2", {"x_hubspot_signature_version": None}),
        ("hubspot v2", {"x_hubspot_signature_version": "v1"}),
        ("hubspot v2", {"x_hubspot_signature_version": "v2,v2"}),
        ("hubspot v2", {"x_hubspot_signature_v3": "x", "x_hubspot_request_timestamp": str(NOW)}),
        ("hubspot v2", {"body": BODY[:-1]}),
        ("espocrm", {"signature": None}),
        ("espocrm", {"signature": ""}),
        ("espocrm", {"signature": "65f0:"}),
        ("espocrm", {"signature": base64.b64encode(b"65f0:").decode()}),
        ("espocrm", {"signature": base64.b64encode(b"65f1:" + mac(KEY.encode(), BODY).hexdigest().encode()).decode()}),
        ("espocrm", {"signature": base64.b64encode(b"65f0:" + mac(KEY.encode(), BODY).digest()).decode()}),
        ("espocrm", {"body": BODY + b" "}),
        ("espocrm before 11", {"x_signature": None}),
        ("espocrm before 11", {"signature": "AAAA"}),
        ("close", {"close_sig_hash": None}),
        ("close", {"close_sig_hash": HASH.upper()}),
        ("close", {"close_sig_hash": HASH[:32]}),
        ("close", {"close_sig_hash": f"{HASH},{HASH}"}),
        ("close", {"close_sig_timestamp": None}),
        ("close", {"close_sig_timestamp": f"{NOW // 1000}1"}),
        ("close", {"close_sig_timestamp": f"+{NOW // 1000}"}),
        ("close", {"body": b"0" + BODY}),
        ("twenty", {"x_twenty_webhook_signature": None}),
        ("twenty", {"x_twenty_webhook_timestamp": None}),
        ("twenty", {"x_twenty_webhook_timestamp": str(NOW + 1)}),
        ("twenty", {"body": BODY * 2}),
        ("shopify", {"x_shopify_hmac_sha256": None}),
        ("shopify", {"x_shopify_hmac_sha256": mac(KEY.encode(), BODY).hexdigest()}),
        ("shopify", {"body": BODY[1:]}),
        ("woocommerce", {"x_wc_webhook_signature": ""}),
        ("woocommerce", {"body": BODY + b"\n"}),
        ("intercom", {"x_hub_signature": None}),
        ("intercom", {"x_hub_signature": hmac.new(KEY.encode(), BODY, "sha1").hexdigest()}),
        ("intercom", {"x_hub_signature": "sha1="}),
        ("intercom", {"body": BODY + b" "}),
        ("chatwoot", {"x_chatwoot_signature": None}),
        ("chatwoot", {"x_chatwoot_timestamp": None}),
        ("chatwoot", {"x_chatwoot_timestamp": str(NOW // 1000 + 1)}),
        ("chatwoot", {"body": BODY * 2}),
    ],
)
def test_a_signed_request_with_one_thing_wrong_is_denied(name, wrong):
    assert not proves(SENDERS[name].entry(KEY), changed(name, **wrong))


@pytest.mark.parametrize("identity", ["", "msg.1", "msg,1", "msg 1", "msg\n", "повідомлення", "m" * 257])
def test_an_odd_id_is_denied_even_if_it_was_signed(identity):
    when = datetime.fromtimestamp(NOW // 1000, UTC)
    signature = Webhook(KEY).sign(identity, when, BODY.decode())

    request = changed("standard-webhooks", webhook_id=identity, webhook_signature=signature)

    assert not proves(SENDERS["standard-webhooks"].entry(KEY), request)


def test_a_signed_text_cannot_be_divided_in_another_place():
    digit = b"1"
    closes = SENDERS["close"].send(KEY, digit + BODY, NOW)
    hubspots = SENDERS["hubspot v3"].send(KEY, BODY + digit, NOW)
    moved = {"close-sig-timestamp": f"{NOW // 1000}1"}, {"x-hubspot-request-timestamp": f"1{NOW}"}

    assert proves(SENDERS["close"].entry(KEY), closes)
    assert proves(SENDERS["hubspot v3"].entry(KEY), hubspots)
    assert not proves(SENDERS["close"].entry(KEY), closes._replace(body=BODY, headers={**closes.headers, **moved[0]}))
    assert not proves(
        SENDERS["hubspot v3"].entry(KEY), hubspots._replace(body=BODY, headers={**hubspots.headers, **moved[1]})
    )


@pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.timed])
@pytest.mark.parametrize(
    ("late", "admitted"),
    [(0, True), (MINUTES, True), (-MINUTES, True), (MINUTES + 1000, False), (-MINUTES - 1000, False)],
)
def test_a_signed_time_counts_for_five_minutes_both_ways(name, late, admitted):
    request = SENDERS[name].send(KEY, BODY, NOW)._replace(received_at=NOW + late)

    assert proves(SENDERS[name].entry(KEY), request) is admitted


@pytest.mark.parametrize("name", [name for name, sender in SENDERS.items() if sender.signs])
@pytest.mark.parametrize("secret", [None, "", [], [""], 7, {}])
def test_a_connection_without_its_key_admits_no_request(name, secret):
    request = SENDERS[name].send(KEY, BODY, NOW)

    assert not proves(SENDERS[name].entry(secret), request)


@pytest.mark.parametrize(("name", "secret"), [("close", "  "), ("close", "xyz"), ("standard-webhooks", "whsec_")])
def test_a_key_that_is_none_when_decoded_admits_no_request(name, secret):
    empty = SENDERS["close"].send("", BODY, NOW)

    assert not proves(SENDERS[name].entry(secret), empty)
    assert not proves(SENDERS[name].entry(secret), SENDERS[name].send(KEY, BODY, NOW))


def test_the_first_signature_of_hubspot_is_denied():
    signature = hashlib.sha256(KEY.encode() + BODY).hexdigest()
    headers = {"x-hubspot-signature": signature}

    for version in ({}, {"x-hubspot-signature-version": "v1"}):
        assert not proves(SENDERS["hubspot v2"].entry(KEY), Request(BODY, {**headers, **version}, received_at=NOW))


def test_hubspot_signs_the_address_and_the_method():
    request = SENDERS["hubspot v3"].send(KEY, BODY, NOW)
    entry = SENDERS["hubspot v3"].entry(KEY)

    assert not proves({**entry, "url": URL + "&a=b"}, request)
    assert not proves(entry, request._replace(method="PUT"))
    assert not proves(entry, hubspot_v2(KEY, BODY, NOW)._replace(method="PUT"))
    assert not proves(
        entry, request._replace(headers={**request.headers, "host": "x", "x-forwarded-host": "y"}, body=b"")
    )
    assert not proves({**entry, "url": ["https://bridge.example.com"]}, request)


def test_hubspot_v3_decodes_its_twelve_letters_and_no_others():
    request = SENDERS["hubspot v3"].send(KEY, BODY, NOW)
    entry = SENDERS["hubspot v3"].entry(KEY)
    coded = URL.replace(":", "%3A").replace("/", "%2f").replace("?", "%3F")

    assert proves({**entry, "url": coded}, request)
    assert not proves({**entry, "url": URL.replace("e", "%65")}, request)
    assert not proves({**entry, "url": coded}, hubspot_v2(KEY, BODY, NOW))


def test_what_a_lengthened_hash_admits_is_not_json():
    # SHA-256 of secret + text lets anybody who holds one signature sign that text + padding + more.
    signed = len(KEY) + len(f"POST{URL}") + len(BODY)
    padding = b"\x80" + b"\0" * ((55 - signed) % 64) + (signed * 8).to_bytes(8, "big")
    request = hubspot_v2(KEY, BODY + padding + b'{"id": "43"}', NOW)

    assert proves(SENDERS["hubspot v2"].entry(KEY), request)
    for media in ("application/json", "application/x-www-form-urlencoded", "text/plain", "text/xml", ""):
        with pytest.raises(Exception, match=r"Not (JSON|XML)"):
            decode(request.body, media)


HEADERS = sorted({name for sender in SENDERS.values() for name in sender.proof} | {"content-type"})
ODD = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["v1,", "Basic ", "v2", "0" * 13, "nan", ",", str(NOW), str(NOW // 1000), V1, "v1,=", "=" * 48]),
)


@settings(max_examples=150)
@given(
    scheme=st.sampled_from(sorted(SCHEMES)),
    fields=st.dictionaries(
        st.sampled_from(["token", "header", "field", "username", "password", "secret", "url", "hooks"]),
        st.one_of(st.none(), st.integers(), ODD, st.lists(ODD, max_size=2), st.dictionaries(ODD, ODD, max_size=2)),
    ),
    headers=st.dictionaries(st.sampled_from(HEADERS), ODD),
    body=st.binary(max_size=60),
    token=ODD,
)
def test_whatever_comes_the_answer_is_yes_or_no(scheme, fields, headers, body, token):
    assert proves({**fields, "scheme": scheme}, Request(body, headers, token, received_at=NOW)) in (True, False)


class Vault:
    """Secrets Manager with one secret."""

    def __init__(self, **entries):
        entry = {"mapping": "pipedrive", "project": 106, "crm_url": "https://x"}
        self.text = json.dumps({name: {**entry, "verify": verify} for name, verify in entries.items()})

    def call(self, _, **__):
        return {"SecretString": self.text}


class Broken:
    def call(self, operation, **_):
        raise Unavailable(operation)


def connections(verify=None):
    return Secret(Vault(acme=verify or {"scheme": "basic", "username": "crm", "password": "pw"}), "connections")


def request(name="acme", headers=None, token="", body=b"{}"):
    headers = {"x-other": "1", **credentials("crm:pw"), **(headers or {})}
    return Request(body, headers, token, received_at=NOW, connection=name, request_id="request")


def test_an_admitted_event_comes_with_its_connection_and_without_its_secrets():
    admitted, connection = admit(connections(), request(headers={"cookie": "a=b"}))

    assert admitted.headers == {"x-other": "1"}
    assert (connection.project, connection.settings) == (106, {"crm_url": "https://x"})


@pytest.mark.parametrize("name", SENDERS)
def test_no_proof_goes_on_to_mappings_and_queues(name):
    request = SENDERS[name].send(KEY, BODY, NOW)

    admitted, _ = admit(connections(SENDERS[name].entry(["x", KEY])), request._replace(connection="acme"))

    left = json.dumps({**admitted.headers}).encode() + admitted.body
    signature = max((request.headers[header] for header in SENDERS[name].proof), key=len, default=KEY)
    assert KEY.encode() not in left
    assert signature.encode() not in left


def test_a_body_loses_its_token_and_the_keys_beside_it_and_nothing_else():
    request = SENDERS["body-token bitrix24"].send(KEY, BODY, NOW)

    admitted, _ = admit(connections(SENDERS["body-token bitrix24"].entry(KEY)), request._replace(connection="acme"))

    assert decode(admitted.body, admitted.headers["content-type"]) == {
        "event": "ONCRMCONTACTUPDATE",
        "data": {"FIELDS": {"ID": "42"}},
        "auth": {"domain": "acme.example.com"},
    }


@pytest.mark.parametrize("field", ["token", "auth[application_token]"])
def test_a_body_that_held_only_its_token_is_empty(field):
    entry = {"scheme": "body-token", "field": field, "token": KEY}
    sent = {body: signed(entry, Request(body, JSON, connection="acme")) for body in (b"{}", b'{"id": 0}')}

    left = [admit(connections(entry), request)[0].body for request in sent.values()]

    assert left[0] == b""
    assert json.loads(left[1])["id"] == 0


@pytest.mark.parametrize("text", ["Олена 🌻" * 20, "\\ud83c", "\\ud83c\\udf3b", '\\u0000\\n\\"', "é"])
def test_texts_survive_the_loss_of_the_token(text):
    body = f'{{"name": "{text}", "n": [1, 1.5, null, true], "token": "{KEY}"}}'.encode()

    admitted, _ = admit(connections(SENDERS["body-token zoho"].entry(KEY)), Request(body, JSON, connection="acme"))

    wanted = {name: value for name, value in json.loads(body).items() if name != "token"}
    assert decode(admitted.body, admitted.headers["content-type"]) == wanted
    assert len(admitted.body) <= len(body)


def test_an_unknown_connection_and_a_wrong_secret_are_denied_alike():
    with pytest.raises(NotAllowed) as unknown:
        admit(connections(), request("acne"))
    with pytest.raises(NotAllowed) as wrong:
        admit(connections(), request(headers=credentials("crm:wrong")))

    assert str(unknown.value) == str(wrong.value)


def calls_in(room, work):
    """Return the functions of a room that are called during some work, with how often."""
    calls = Counter()

    def count(frame, kind, _):
        if kind == "call" and room in frame.f_code.co_filename.replace("\\", "/"):
            calls[frame.f_code.co_name] += 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def denial(sent, verify=None):
    """Return the work of denying a request."""
    known = connections(verify)
    known.read()

    def denied():
        with pytest.raises(NotAllowed):
            admit(known, sent)

    return denied


def test_a_denied_request_went_through_every_scheme_whatever_it_named():
    def work(name, verify=None):
        return calls_in("/access/", denial(request(name, {"authorization": "Basic !"}, "wrong"), verify))

    unknown = work("acne")
    for name in ("path-token", "espocrm before 11", "close", "hubspot v3"):
        assert work("acme", SENDERS[name].entry(KEY)).items() - unknown.items() <= {("proves", 1)}
    own = work("acme", SENDERS["body-token zoho"].entry(KEY))
    assert unknown["body_hashed"] == own["body_token"] == 1
    assert not unknown["body_token"] + own["body_hashed"]


@pytest.mark.parametrize("name", [name for name in SENDERS if not name.startswith("body-token")])
@pytest.mark.parametrize("whom", ["acme", "acne"])
@pytest.mark.parametrize("media", ["application/json", "application/x-www-form-urlencoded", "text/xml"])
def test_no_parser_sees_the_body_of_a_denied_request(name, whom, media):
    sent = SENDERS["body-token zoho"].send("wrong", BODY, NOW)._replace(connection=whom, token="wrong")
    sent = sent._replace(headers={"content-type": media, **credentials("crm:wrong")})

    assert not calls_in("/mapping/", denial(sent, SENDERS[name].entry(KEY)))


@pytest.mark.parametrize(("size", "is_read"), [(MAX_UNPROVED_BYTES, True), (MAX_UNPROVED_BYTES + 1, False)])
def test_a_body_is_read_before_its_proof_only_by_its_own_scheme_and_only_a_small_one(size, is_read):
    sent = request(headers=JSON, body=b"{}".ljust(size))

    assert bool(calls_in("/mapping/", denial(sent, SENDERS["body-token zoho"].entry(KEY)))) is is_read


class Recording(dict):
    """Headers that remember which of them were asked for."""

    def __init__(self, headers, asked):
        super().__init__(headers)
        self._asked = asked

    def __getitem__(self, name):
        self._asked.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self._asked.add(name)
        return super().__contains__(name)

    def get(self, name, default=None):
        self._asked.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_header_that_a_scheme_reads_is_in_its_row(scheme):
    asked = set()
    for sender in SENDERS.values():
        entry = sender.entry(KEY)
        sent = sender.send(KEY, BODY, NOW)
        for missing in (None, *sent.headers) if entry["scheme"] == scheme else ():
            left = {name: text for name, text in sent.headers.items() if name != missing}
            proves(entry, sent._replace(headers=Recording(left, asked)))
            asked.discard(entry.get("header", "").lower())

    row = SCHEMES[scheme]
    assert asked == {name.lower() for name in (*row.headers, *row.beside)}


@pytest.mark.parametrize("name", SENDERS)
def test_what_proves_is_in_a_header_that_events_lose_and_not_beside_it(name):
    sent = SENDERS[name].send(KEY, BODY, NOW)
    beside = {header.lower() for header in SCHEMES[SENDERS[name].entry(KEY)["scheme"]].beside}
    bare = sent._replace(headers={header: text for header, text in sent.headers.items() if header in beside})

    assert proves(SENDERS[name].entry(KEY), sent)
    assert not SENDERS[name].proof or not proves(SENDERS[name].entry(KEY), bare)


def test_without_the_secret_nothing_can_be_said():
    with pytest.raises(Unavailable):
        admit(Secret(Broken(), "connections"), request())


@pytest.mark.parametrize("name", SENDERS)
def test_a_complete_entry_has_no_fault(name):
    assert fault(SENDERS[name].entry(KEY)) == fault(SENDERS[name].entry([KEY, KEY])) == ""


@pytest.mark.parametrize(
    ("verify", "sentence"),
    [
        ({}, "verify.scheme must be one of path-token, header-token, body-token, basic, "),
        ({"scheme": "none"}, "verify.scheme must be one of "),
        ({"scheme": ["basic"]}, "verify.scheme must be one of "),
        ({"scheme": "basic", "username": "crm"}, "verify needs password for the scheme basic."),
        ({"scheme": "hubspot"}, "verify needs url and secret for the scheme hubspot."),
        ({"scheme": "espocrm", "hooks": {"1": ""}}, "verify needs hooks for the scheme espocrm."),
        ({"scheme": "close", "secret": ["ab", ""]}, "verify needs secret for the scheme close."),
        ({"scheme": "close", "secret": 7}, "verify needs secret for the scheme close."),
    ],
)
def test_a_broken_entry_is_told_what_it_needs(verify, sentence):
    assert fault(verify).startswith(sentence)


def test_a_new_connection_is_known_within_a_minute():
    now = [1000.0]
    vault = Vault()
    connections = Secret(vault, "connections", lambda: now[0])
    connections.read()
    vault.text = Vault(acme={"scheme": "path-token", "token": "new"}).text

    with pytest.raises(NotAllowed):
        admit(connections, request(token="new"))
    now[0] += 60

    assert admit(connections, request(token="new"))[1].name == "acme"
