"""`bridge connect` and the key to a CRM's API: asked for, tried, stored beside the connection, and never shown."""

import json
from urllib.parse import urlsplit

import pytest

from connections import connection_of
from local.crm.dialects import CRMS
from local.in_process import CONNECTIONS, aws, connection
from lookup.answer import Read
from mapping.language import loader
from ops.crm import Crm, api_of
from tests.cli.crm_api import CODE, contact

GIVEN = ["--name", "new", "--project", 106, "--crm-url", "https://acme.bitrix24.eu", "--yes"]


@pytest.fixture(autouse=True)
def persons(crm):
    """40 contacts, of which each tenth has no phone."""
    crm.records["contact"] = [contact(number, phone=number % 10 != 0) for number in range(1, 41)]


def entries(name="connections"):
    return json.loads(aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def test_a_key_is_tried_and_stored_in_the_secret_that_only_look_ups_read(online, crm):
    done = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)

    assert done.code == 0, done.err
    assert entries()["new"]["lookups"] is True
    assert CODE not in json.dumps(entries())
    assert entries("api-keys") == {"new": {"url": crm.api_url}}
    assert "The key may see 40 contacts; 18 of 20 have a phone.\n" in done.out
    assert CODE not in done.out + done.err


def test_records_are_counted_where_a_page_does_not_say_how_many_there_are(online, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]

    assert (
        "may see 120 contacts; 20 of 20 have a phone"
        in online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url).out
    )


def test_a_full_page_is_at_least_so_many_where_they_are_not_counted(online, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    crm.counted = 500, {}, {}

    assert "may see at least 50 contacts" in online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url).out


@pytest.mark.parametrize("number", [0, 30])
def test_a_key_that_sees_no_phone_is_stored_with_a_warning(online, crm, number):
    crm.records["contact"] = [contact(each, phone=False) for each in range(1, number + 1)]

    done = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)

    assert done.code == 0
    assert ("None of them has a phone: " if number else "may see no contacts: ") in done.out
    assert entries("api-keys")["new"]


def test_it_is_asked_for_without_an_echo(online, crm):
    answers = ["new", "106", "", "", "https://acme.bitrix24.eu", "", crm.api_url]

    done = online("connect", "bitrix24", input="\n".join(answers) + "\n")

    assert done.code == 0, done.err
    assert "Inbound webhook" in done.out
    assert entries("api-keys") == {"new": {"url": crm.api_url}}
    assert CODE not in done.out


def test_an_empty_answer_connects_without_look_ups(online, crm):
    answers = ["new", "106", "", "", "https://acme.bitrix24.eu", "", ""]

    done = online("connect", "bitrix24", input="\n".join(answers) + "\n")

    assert done.code == 0, done.err
    assert "lookups" not in entries()["new"]
    assert entries("api-keys") == {}
    assert crm.asked == []


def test_with_yes_nothing_is_asked_and_the_output_says_what_is_missing(online):
    done = online("connect", "bitrix24", *GIVEN)

    assert done.code == 0
    assert "Without look-ups: " in done.out
    assert "--api-only" in done.out
    assert "lookups" not in entries()["new"]


FAULTS = [
    (401, {}, {"error": "NO_AUTH_FOUND", "error_description": CODE}),
    (403, {}, {"error": "insufficient_scope"}),
    (404, {}, {}),
    (302, {"Location": f"http://127.0.0.1:9/{CODE}"}, {}),
    (500, {}, {"error": CODE}),
    (200, {}, b"<html>" + CODE.encode()),
    (200, {}, b'"' + b"x" * (3 << 20) + b'"'),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_key_that_does_not_work_is_not_stored_and_not_shown(online, crm, fault):
    crm.faults = [fault] * 9

    done = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)

    assert done.code == 1
    assert "Nothing was stored; --no-check" in done.err
    assert entries() == CONNECTIONS
    assert entries("api-keys") == {}
    assert CODE not in done.out + done.err


def test_untried_it_is_stored_on_demand(online, crm):
    crm.faults = [(500, {}, {})] * 9

    done = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url, "--no-check")

    assert done.code == 0
    assert crm.asked == []
    assert entries("api-keys") == {"new": {"url": crm.api_url}}


def test_a_host_of_a_private_network_is_said_to_be_one(online):
    own = connection_of({"new": connection("bitrix24")}, "new")
    dialect = api_of(loader.load("bitrix24"))
    own_network, refused = (
        Crm(online.stack, own, dialect, {}).trouble(Read("key", code)) for code in ("address", "401")
    )

    assert "is one of a private network" in own_network
    assert "does not take the API key (401)" in refused


@pytest.mark.parametrize(
    ("preset", "path"),
    [
        ("keycrm", "/v1"),
        ("copper", "/developer_api/v1"),
        ("kommo", "/api/v4"),
        ("pipedrive", "/api/v2"),
        ("hubspot", ""),
        ("monday", ""),
    ],
)
def test_on_this_machine_the_address_of_the_emulated_crm_is_demanded(online, preset, path):
    key = ["--api-token", CODE, *(["--api", "email=crm@example.com"] if preset == "copper" else [])]
    verify = ["--scheme", "path-token"]

    done = online("connect", preset, *GIVEN, *verify, *key)

    assert done.code == 1
    assert f"--api-url http://127.0.0.1:8082{path} asks" in done.err
    assert entries() == CONNECTIONS
    assert path == urlsplit(CRMS[preset].base).path
    assert online("connect", preset, *GIVEN, *verify, *key, "--no-check").code == 0


@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.1/rest/1/",
        "https://169.254.169.254/rest/1/",
        "https://evil.example.com/rest/1/",
        "x",
        "http://[/",
    ],
)
def test_an_address_that_may_not_be_asked_is_not_stored_and_not_shown(online, address):
    done = online("connect", "bitrix24", *GIVEN, "--api-url", address + CODE)

    assert done.code == 1
    assert entries("api-keys") == {}
    assert CODE not in done.out + done.err


def test_replacing_keeps_the_key_unless_there_is_a_new_one(online, crm):
    online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)

    kept = online("connect", "bitrix24", *GIVEN, "--replace")
    first = entries("api-keys")
    online("connect", "bitrix24", *GIVEN, "--replace", "--api-url", crm.api_url + "x/", "--no-check")

    assert kept.code == 0
    assert first == {"new": {"url": crm.api_url}}
    assert entries()["new"]["lookups"] is True
    assert entries("api-keys") == {"new": {"url": crm.api_url + "x/"}}


def test_replacing_by_another_crm_takes_the_key_away(online, crm):
    online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)

    online("connect", "generic", *GIVEN, "--replace")

    assert "lookups" not in entries()["new"]
    assert entries("api-keys") == {}


@pytest.mark.parametrize("broken", ["text", {"mapping": "nothing", "project": 106}, {"mapping": "bitrix24"}])
def test_a_broken_entry_can_be_replaced(online, crm, broken):
    online.stack.put("ConnectionsSecret", {**CONNECTIONS, "new": broken})

    done = online("connect", "bitrix24", *GIVEN, "--replace", "--api-url", crm.api_url)

    assert done.code == 0, done.err
    assert entries("api-keys") == {"new": {"url": crm.api_url}}


def test_when_a_key_ends_is_kept_beside_it(online, crm):
    done = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url, "--api", "expires=2027-01-01")

    assert done.code == 0, done.err
    assert entries("api-keys")["new"] == {"url": crm.api_url, "expires": "2027-01-01"}


@pytest.mark.parametrize(
    ("preset", "words", "reason"),
    [
        ("generic", ["--api-token", CODE], "looks nothing up"),
        ("bitrix24", ["--api-token", CODE], "takes no 'token'; it needs url"),
        ("bitrix24", ["--api", f"ulr={CODE}"], "did you mean 'url'?"),
        ("bitrix24", ["--api", CODE], "name=value"),
        ("bitrix24", ["--api", "expires=2027-01-01"], "needs url too"),
        ("bitrix24", ["--api", "expires=soon", "--api-url", "https://x.bitrix24.eu/"], "expires"),
    ],
)
def test_what_is_wrong_with_a_key_is_said_without_it(online, preset, words, reason):
    done = online("connect", preset, *GIVEN, *words)

    assert done.code == 1
    assert reason in done.err
    assert CODE not in done.out + done.err
    assert entries() == CONNECTIONS


def test_a_stack_without_look_ups_says_how_to_deploy_them(online, crm):
    online.stack.ids = {name: known for name, known in online.stack.ids.items() if name != "ApiKeysSecret"}

    refused = online("connect", "bitrix24", *GIVEN, "--api-url", crm.api_url)
    done = online("connect", "bitrix24", *GIVEN)

    for output in (refused.err, done.out):
        assert 'parameter_overrides = ["Lookups=true"]' in output
        assert "`make deploy`" in output
    assert refused.code == 1
    assert done.code == 0
    assert "lookups" not in entries()["new"]


def test_a_connection_gets_a_key_alone_and_keeps_all_else(online, crm):
    online("connect", "bitrix24", *GIVEN, "--setting", "link_hosts=acme.bitrix24.eu")
    before = entries()["new"]

    done = online("connect", "bitrix24", "--name", "new", "--api-only", "--api-url", crm.api_url)

    assert done.code == 0, done.err
    assert entries()["new"] == {**before, "lookups": True}
    assert entries("api-keys") == {"new": {"url": crm.api_url}}
    assert "The API key of new is stored" in done.out
    assert "Paste into the CRM" not in done.out


@pytest.mark.parametrize(
    ("preset", "name", "reason"),
    [
        ("bitrix24", "acme", "it reads with pipedrive"),
        ("bitrix24", "acmee", "did you mean 'acme'?"),
        ("bitrix24", "new", "no API key was given"),
    ],
)
def test_a_key_alone_needs_a_connection_of_that_preset_and_a_key(online, preset, name, reason):
    online("connect", "bitrix24", *GIVEN)

    done = online("connect", preset, "--name", name, "--api-only", "--yes")

    assert done.code == 1
    assert reason in done.err


@pytest.mark.parametrize(
    ("preset", "wanted"), [("bitrix24", "--api-url URL"), ("copper", "--api-token KEY --api email=…")]
)
def test_a_key_alone_that_is_not_given_is_one_error_that_names_the_options(online, preset, wanted):
    online("connect", preset, *GIVEN)

    done = online("connect", preset, "--name", "new", "--api-only", "--yes")

    assert (done.code, done.out) == (1, "")
    assert wanted in done.err
    assert entries("api-keys") == {}


def test_a_key_alone_is_said_in_one_error_where_none_can_be_kept(online):
    online("connect", "bitrix24", *GIVEN)
    online.stack.ids = {name: known for name, known in online.stack.ids.items() if name != "ApiKeysSecret"}

    done = online("connect", "bitrix24", "--name", "new", "--api-only", "--yes")

    assert (done.code, done.out) == (1, "")
    assert "Lookups=true" in done.err
