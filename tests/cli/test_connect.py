import json
import re
import runpy
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from access import fault
from access.schemes import SCHEMES
from cli.entry import Wish, verify
from cli.first_event import first_event
from cli.guides import rendered, steps
from cli.questions import Questions
from cli.terminal import Cell
from intake.heard import HOUR_MS
from local.in_process import CONNECTIONS, aws
from mapping.language import loader
from ops.stack import CONNECTIONS_THAT_FIT, LARGEST_SECRET
from tests.cli.people import person

ROOT = Path(__file__).parents[2]
GIVEN = ["--name", "new", "--project", 106, "--country", "UA", "--time-zone", "Europe/Kyiv"]


def entries(name="connections"):
    return json.loads(aws("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def test_a_connection_is_stored_beside_the_others_and_its_address_is_printed(online):
    done = online("connect", "pipedrive", *GIVEN, "--crm-url", "https://new.example.com/", "--yes")

    stored = entries()
    new = stored.pop("new")
    password = new["verify"].pop("password")
    assert done.code == 0, done.err
    assert stored == CONNECTIONS
    assert new == {
        "mapping": "pipedrive",
        "project": 106,
        "country": "UA",
        "time_zone": "Europe/Kyiv",
        "crm_url": "https://new.example.com",
        "verify": {"scheme": "basic", "username": "crm"},
    }
    assert len(password) >= 32
    assert "Paste into the CRM:\nhttp://127.0.0.1:9/crm/new\n" in done.out
    assert password in done.out
    assert "Tools and apps > Webhooks > Create" in done.out


def test_a11_as_many_connections_fit_the_secret_as_is_said(online):
    """The entry is an average one; the text is what Secrets Manager holds."""
    given = ["--name", "acme-0001", *GIVEN[2:], "--crm-url", "https://acme-0001.pipedrive.com"]
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString="{}")
    online("connect", "pipedrive", *given, "--yes")

    size = len(aws("secretsmanager").get_secret_value(SecretId="connections")["SecretString"].encode())

    assert (LARGEST_SECRET - 1) // (size - 1) == CONNECTIONS_THAT_FIT  # a comma for each, in place of a brace


def test_what_is_not_given_is_asked_with_suggestions(online):
    answers = ["asked", "107", "", "", "https://acme.bitrix24.eu", "path-token", ""]

    done = online("connect", "bitrix24", input="\n".join(answers) + "\n")

    assert done.code == 0, done.err
    new = entries()["asked"]
    token = new["verify"]["token"]
    assert (new["project"], new["country"], new["time_zone"]) == (107, "UA", "Europe/Kyiv")
    assert new["verify"] == {"scheme": "path-token", "token": token}
    assert f"Paste into the CRM:\nhttp://127.0.0.1:9/crm/asked/{token}\n" in done.out


def test_two_secrets_are_never_the_same(online):
    for name in ("one", "two"):
        online("connect", "kommo", "--project", 106, "--name", name, "--yes")

    assert entries()["one"]["verify"]["token"] != entries()["two"]["verify"]["token"]


ONLY_THE_CRM_KNOWS = {"espocrm": "hooks=one:key,two:other"}  # by scheme; of all others that sign: secret


def from_the_crm(scheme):
    """The options that give what only the CRM can supply."""
    given = ONLY_THE_CRM_KNOWS.get(scheme, "secret=from-the-crm" if "secret" in SCHEMES[scheme].needs else "")
    return ["--verify", given] if given else []


@pytest.mark.parametrize("preset", loader.presets())
def test_every_preset_can_be_connected_with_its_own_scheme_and_is_complete(online, preset):
    scheme = loader.load(preset).verify.split(",")[0].strip()
    given = from_the_crm(scheme) if scheme in SCHEMES else []

    done = online("connect", preset, "--project", 106, "--name", "new", "--yes", *given)

    assert done.code == 0, done.err
    verify = entries()["new"].get("verify", {})
    assert verify.get("scheme", "queue") == scheme
    assert not (verify and fault(verify))
    assert "nothing gets in" not in done.out
    assert "\nIn the CRM:\n" in done.out, "a CRM's name may be Form"


@pytest.mark.parametrize(
    ("preset", "scheme"), [*(("generic", scheme) for scheme in SCHEMES), ("zoho", "body-token"), ("close", "close")]
)
def test_what_only_the_crm_knows_must_be_given_with_yes(online, preset, scheme):
    done = online("connect", preset, "--project", 106, "--name", "new", "--yes", "--scheme", scheme)

    stored = entries()
    if done.code == 0:
        assert not fault(stored["new"]["verify"])
    else:
        assert f"the scheme {scheme} needs the " in done.err
        assert "--verify " in done.err
        assert "http://127.0.0.1:9/crm/new" in done.err
        assert stored == CONNECTIONS


def test_where_the_crm_takes_any_token_it_is_invented_and_shown(online):
    done = online("connect", "copper", *GIVEN, "--yes")

    verify = entries()["new"]["verify"]
    assert (verify["scheme"], verify["field"]) == ("body-token", "key")
    assert len(verify["token"]) >= 32
    assert verify["token"] in done.out
    assert "field               key\n" in done.out


def test_the_token_of_an_application_of_bitrix24_is_given(online):
    given = ["--scheme", "body-token", "--verify", "token=theirs"]

    assert "--verify token=" in online("connect", "bitrix24", *GIVEN, *given[:2], "--yes").err
    assert online("connect", "bitrix24", *GIVEN, *given, "--yes").code == 0
    assert entries()["new"]["verify"] == {"scheme": given[1], "field": "auth[application_token]", "token": "theirs"}


def test_each_webhook_of_espocrm_has_its_own_key(online):
    online("connect", "espocrm", *GIVEN, "--yes", "--verify", "hooks=one:a:b,two:c")

    assert entries()["new"]["verify"]["hooks"] == {"one": "a:b", "two": "c"}
    assert "id:key,id:key" in online("connect", "espocrm", *GIVEN, "--yes", "--replace", "--verify", "hooks=x").err


def test_what_is_left_empty_is_said_with_the_option_that_gives_it(online):
    done = online("connect", "close", *GIVEN, input="\n" * 9)

    assert done.code == 0, done.err
    assert "secret is empty: nothing gets in before you give it with --verify secret=… --replace" in done.out


def test_a_connection_of_the_queue_alone_gets_no_address(online):
    done = online("connect", "direct", *GIVEN, "--scheme", "queue", "--yes")

    assert "verify" not in entries()["new"]
    assert "Paste" not in done.out
    assert "message attribute    connection = new\n" in done.out
    assert "by the queue alone" in online("connections").out


@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_every_answer_each_scheme_is_complete(scheme):
    class Answers(Questions):
        def ask(self, _question, _given, check, *_, **__):
            return check("id:key")

    wish = Wish(None, loader.load("generic"), Answers(silent=False), {"preset": "generic", "verify": ()})

    assert not fault(verify(wish, scheme, "https://bridge.example.com/crm/acme"))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--name", "acme"], "there is a connection 'acme' already"),
        (["--name", "Größe"], "small letters"),
        (["--name", "a/b"], "small letters"),
        (["--country", "UKR"], "two letters"),
        (["--time-zone", "Kyiv"], "no such zone"),
        (["--crm-url", "http://new.example.com"], "must begin with https://"),
        (["--scheme", "none"], "'none' is not one of"),
        (["--setting", "x"], "name=value"),
        (["--verify", "x"], "name=value"),
        (["--verify", "pasword=x"], "did you mean 'password'?"),
        (["--verify", "password="], "is empty"),
        (["--scheme", "queue", "--verify", "token=x"], "it needs nothing"),
        (["--scheme", "queue", "--verify", "hooks=x"], "it needs nothing"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_stored(online, words, reason):
    done = online("connect", "pipedrive", *GIVEN, *words, "--yes")

    assert done.code == 1
    assert reason in done.err
    assert entries() == CONNECTIONS


def test_without_a_single_project_it_must_be_named(online):
    done = online("connect", "pipedrive", "--yes", "--name", "new")

    assert done.code == 1
    assert "--project N" in done.err


def test_a_mapping_that_is_not_there_gets_a_hint(online):
    assert "pipedrive" in online("connect", "pipedriv", *GIVEN, "--yes").err


def test_a_connection_is_replaced_only_on_demand(online):
    done = online("connect", "kommo", "--name", "acme", "--project", 106, "--yes", "--replace")

    assert done.code == 0
    assert entries()["acme"]["mapping"] == "kommo"
    assert entries().keys() == CONNECTIONS.keys()


def test_a_connection_that_becomes_another_crms_is_verified_as_that_crm_does_best(online):
    online("connect", "kommo", *GIVEN, "--yes")
    token = entries()["new"]["verify"]["token"]

    done = online("connect", "pipedrive", "--name", "new", "--replace", "--yes")
    assert entries()["new"]["verify"]["scheme"] == "basic"
    assert entries()["new"]["verify"]["password"] in done.out

    online("connect", "kommo", *GIVEN, "--yes", "--replace", "--scheme", "path-token", "--verify", f"token={token}")
    online("connect", "odoo", "--name", "new", "--replace", "--yes")
    assert entries()["new"]["verify"] == {"scheme": "path-token", "token": token}


def test_a_secret_that_would_grow_too_large_is_not_written(online):
    done = online("connect", "pipedrive", *GIVEN, "--yes", "--setting", "x=" + "y" * 70_000)

    assert done.code == 1
    assert "64 KiB" in done.err
    assert entries() == CONNECTIONS


def test_the_steps_of_the_guide_name_the_connections_own_address():
    told = "\n".join(steps("pipedrive-v1", "https://x.example.com/crm/new"))

    assert "https://x.example.com/crm/new" in told
    assert "<base address>" not in told
    assert "connections secret" not in told


@pytest.mark.parametrize("preset", loader.presets())
def test_what_connect_did_is_no_step_and_the_others_count_from_one(preset):
    told = steps(preset, "https://x.example.com/crm/new")

    numbers = [int(line.partition(".")[0]) for line in told if re.match(r"\d+\. ", line)]
    assert numbers == list(range(1, len(numbers) + 1)) != []
    assert not [line for line in told if "connections secret" in line or '"project":' in line]
    assert not [line for line in told for number in re.findall(r"step (\d+)", line) if int(number) > numbers[-1]]


def test_a_step_that_names_another_follows_its_number():
    told = "\n".join(steps("salesforce-cdc", "https://x"))

    named = re.search(r"the rule of step (\d+)", told)[1]
    assert re.search(rf"^{named}\. Make a rule", told, re.MULTILINE)


def test_an_installed_bridge_has_the_guides_with_it(tmp_path):
    packaging = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    package = "cli.docs.connect"
    folder = tmp_path / package.replace(".", "/")
    folder.mkdir(parents=True)
    for path in (ROOT / packaging["package-dir"][package]).glob(*packaging["package-data"][package]):
        shutil.copy(path, folder)
    installed = runpy.run_path(shutil.copy(ROOT / "cli" / "guides.py", tmp_path / "cli"))

    told = {preset: installed["steps"](preset, "https://x") for preset in loader.presets()}

    assert package in packaging["packages"]
    assert told == {preset: steps(preset, "https://x") for preset in loader.presets()}
    assert all(told.values())


def test_a_mapping_without_a_guide_has_no_steps():
    assert steps("nothing-of-this-name", "") == []


def test_connections_are_listed_without_their_secrets(online):
    done = online("connections")

    assert done.code == 0
    assert "acme" in done.out
    assert "pipedrive" in done.out
    assert "path-token" in done.out
    assert done.out.endswith(f"{len(CONNECTIONS)} connections\n")
    for secret in ("local", "new", "old", "p:ä", "secret"):
        assert secret not in done.out.replace("secrets", "")


def test_broken_connections_are_told(online):
    broken = {
        "no-mapping": {"project": 106, "verify": {}},
        "odd-mapping": {"mapping": "pipedriv", "project": 106, "verify": {}},
        "open": {"mapping": "pipedrive", "project": 106, "verify": {"scheme": "none"}},
        "keyless": {"mapping": "pipedrive", "project": 999, "verify": {"scheme": "path-token", "token": "x"}},
    }
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString=json.dumps(broken))

    done = online("connections")

    assert done.code == 1
    for name, words in {
        "no-mapping": "needs mapping and project",
        "odd-mapping": "there is no mapping 'pipedriv'",
        "open": "verify.scheme must be one of",
        "keyless": "bridge project add 999",
    }.items():
        assert any(line.startswith(f"{name}: ") and words in line for line in done.out.splitlines())


ASKED = ["bitrix24", "asked", "107", "UA", "Europe/Kyiv", "https://acme.bitrix24.eu", "path-token", ""]


@pytest.mark.parametrize(
    ("place", "wrong", "reason"),
    [
        (1, "Acme Kommo", "small letters"),
        (1, "acme", "there is a connection 'acme' already"),
        (2, "abc", "by its number"),
        (2, "0", "by its number"),
        (2, "999", "bridge project add 999"),
        (3, "Ukraine", "two letters"),
        (4, "Kyiv", "no such zone"),
        (5, "acme.bitrix24.eu", "must begin with https://"),
        (5, "https://", "must begin with https://"),
        (6, "token", "there is no scheme 'token'"),
        (6, "hubspot", "Bitrix24 cannot send what the scheme hubspot proves"),
        (7, "http://10.0.0.1/rest/1/x/", "must be https://HOST"),
    ],
)
def test_n9_a_wrong_answer_says_what_is_wrong_and_is_asked_again(online, place, wrong, reason):
    preset, *answers = [*ASKED[:place], wrong, *ASKED[place:]]

    done = online("connect", preset, input="\n".join(answers) + "\n")

    assert done.code == 0, done.err
    assert reason in done.out
    new = entries()["asked"]
    assert new.pop("verify").keys() == {"scheme", "token"}
    assert new == {
        "mapping": "bitrix24",
        "project": 107,
        "country": "UA",
        "time_zone": "Europe/Kyiv",
        "crm_url": "https://acme.bitrix24.eu",
    }


def test_n9_the_suggested_name_is_one_that_none_has(online):
    online("connect", "kommo", *GIVEN[2:], "--name", "kommo", "--yes")

    done = online("connect", "kommo", *GIVEN[2:], "--crm-url", "https://acme.kommo.com", input="\n\n")

    assert done.code == 0, done.err
    assert "[kommo-2]" in done.out
    assert "kommo-2" in entries()


@pytest.mark.parametrize("scheme", ["hubspot", "body-token", "basic"])
def test_n9_a_scheme_that_the_crm_cannot_do_is_refused_before_anything_is_asked(online, scheme):
    done = online("connect", "odoo", "--scheme", scheme)

    assert (done.code, done.out) == (1, "")
    assert f"Odoo cannot send what the scheme {scheme} proves" in done.err
    assert "it can do path-token, queue" in done.err


def test_n9_only_what_the_crm_can_do_is_offered(online):
    answers = ["odoo-1", "106", "", "", "https://acme.odoo.com", ""]

    done = online("connect", "odoo", input="\n".join(answers) + "\n")

    assert "How requests are verified" not in done.out
    assert "(path-token, body-token)" in online("connect", "bitrix24", input="x1\n106\n\n\n\n\n\n").out
    assert entries()["odoo-1"]["verify"]["scheme"] == "path-token"


def test_n9_a_missing_address_of_the_crm_is_said(online):
    without = online("connect", "pipedrive", *GIVEN, "--yes", "--no-wait")
    given = online("connect", "pipedrive", *GIVEN, "--yes", "--replace", "--crm-url", "https://acme.pipedrive.com")

    assert "Without the address of your CRM" in without.out
    assert "--crm-url" in without.out
    assert "Without the address" not in given.out


def test_n2_a_project_without_an_auth_key_is_refused_to_a_script(online):
    words = ["connect", "odoo", "--name", "new", "--project", 999, "--yes"]

    refused = online(*words)
    assert refused.code == 1
    assert "project 999 has no auth key" in refused.err
    assert "bridge project add 999" in refused.err
    assert entries() == CONNECTIONS
    assert online(*words, "--no-check").code == 0


def test_n10_the_output_is_steps_for_this_connection_and_the_next_command(online):
    done = online("connect", "kommo", *GIVEN, "--yes")

    address = f"http://127.0.0.1:9/crm/new/{entries()['new']['verify']['token']}"
    lines = done.out.splitlines()
    assert lines.count(address) == 1
    assert "1. " in done.out
    assert "**" not in done.out
    assert "bridge status new ID" in lines
    assert "bridge doctor" in lines


@pytest.mark.parametrize("preset", loader.presets())
def test_n10_no_markdown_is_left_in_any_guides_steps(preset):
    text = "\n".join(
        first + "".join(part if isinstance(part, str) else part.text for part in parts)
        for first, parts in rendered(steps(preset, "https://x.example.com/crm/new"))
    )

    assert not re.search(r"\*\*|```|\]\(|^\s*\|", text, re.MULTILINE)


def test_n10_a_table_a_link_and_a_fence_become_plain():
    told = list(
        rendered(["1. See **[a](b.md)**, `x`:", "", "   | `a` | b |", "   |---|---|", "   ```json", "   {}", "   ```"])
    )

    assert told == [
        ("1. ", ["See ", Cell("a", "bold"), ", ", Cell("x", "cyan"), ":"]),
        ("", []),
        ("     ", ["", Cell("a", "cyan"), "    ", "b"]),
        ("     ", ["{}"]),
    ]


def test_n11_replacing_keeps_the_secret_and_the_settings_unless_a_new_one_is_wanted(online):
    online("connect", "pipedrive", *GIVEN, "--setting", "responsible=7", "--origin", "Pipedrive-2", "--yes")
    first = entries()["new"]

    done = online("connect", "pipedrive", "--name", "new", "--crm-url", "https://b.example.com", "--replace", "--yes")
    second = entries()["new"]
    online("connect", "pipedrive", "--name", "new", "--replace", "--new-secret", "--yes")

    assert done.code == 0, done.err
    assert second == {**first, "crm_url": "https://b.example.com"}
    assert entries()["new"]["verify"]["password"] != first["verify"]["password"]
    assert {**entries()["new"], "verify": first["verify"]} == second


def test_a_second_account_of_the_same_crm_is_warned_of_and_kept_apart_by_its_origin(online):
    warned = online("connect", "pipedrive", *GIVEN, "--yes")
    listed, examined = online("connections").out, online("doctor").out
    apart = online("connect", "pipedrive", *GIVEN, "--origin", "Pipedrive-2", "--yes", "--replace")

    words = "acme, basic, header, new bring contacts of Pipedrive to project 106"
    assert words in warned.out
    assert "--origin NAME" in warned.out
    assert words in listed
    assert words in examined
    assert "The same CRM twice" not in apart.out
    assert entries()["new"]["origin"] == "Pipedrive-2"


@pytest.mark.parametrize("origin", ["a#b", " ", "x" * 61])
def test_an_origin_that_no_key_can_hold_is_refused(online, origin):
    assert "without '#'" in online("connect", "pipedrive", *GIVEN, "--origin", origin, "--yes").err


@pytest.fixture
def door(online, entrance, bridge):
    """The bridge's real address; the functions read a new connection when they are waited for the third time."""
    online.stack.hooks_url = entrance
    bridge.clock.time = time.time_ns() // 1_000_000
    bridge.post("unknown", {})  # with what is stored now in their memory
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            bridge.put_connections(entries())

    online.stack.sleep = sleep
    return slept


BY_BITRIX24 = ["bitrix24", "--scheme", "body-token", "--verify", "token=theirs"]


@pytest.mark.parametrize(
    "words", [["kommo"], ["pipedrive"], ["direct"], ["copper"], BY_BITRIX24], ids=lambda words: words[0]
)
def test_n12_it_waits_until_the_functions_know_the_connection(online, door, bridge, words):
    done = online("connect", *words, *GIVEN, "--yes")

    assert done.code == 0, done.err
    assert "Ready in 30 s" in done.out
    assert "5 minutes" not in done.out
    assert door == [10, 10, 10]
    assert online.stack.depth("InboxQueue") == online.stack.depth("RejectedQueue") == 0


def test_n12_it_does_not_wait_for_what_no_harmless_request_can_show(online, door):
    done = online("connect", "close", *GIVEN, input="\n" * 9)  # its secret is not given yet

    assert "within a minute" in done.out
    assert online("connect", "copper", *GIVEN, "--yes", "--replace", "--no-wait").code == 0
    assert "within 5 minutes" in online("connect", "copper", *GIVEN, "--yes", "--replace").out
    assert online("connect", "kommo", *GIVEN[2:], "--name", "other", "--yes", "--no-wait").code == 0
    assert door == []


def test_n12_with_wait_it_ends_with_the_first_event(online, door, bridge):
    def sleep(seconds):
        door.append(seconds)
        bridge.put_connections(entries())
        if seconds == 5:
            bridge.post("new", {"id": "7", "name": "Олена", "phone": "0670000001"}, token=token())

    def token():
        return entries()["new"]["verify"]["token"]

    online.stack.sleep = sleep
    done = online("connect", "generic", *GIVEN, "--scheme", "path-token", "--yes", "--wait")

    assert done.code == 0, done.err
    assert "The first event came, and its mapping knows it" in done.out
    assert door == [10, 5]


def test_a_connection_that_was_heard_within_the_hour_is_not_waited_for(online, bridge, capsys):
    bridge.post("acme", person())
    bridge.clock.time += HOUR_MS - 1_000
    assert first_event(online.stack, "acme") == 0
    assert "acme sent events within the last hour" in capsys.readouterr().out

    bridge.clock.time += 2_000
    online.stack.sleep = lambda _: bridge.post("acme", person(43))
    assert first_event(online.stack, "acme") == 0
    assert "The first event came, and its mapping knows it" in capsys.readouterr().out


def test_n12_with_wait_an_event_that_is_rejected_ends_it_too(online, door, bridge):
    def sleep(_):
        bridge.put_connections(entries())
        if len(entries()) > len(CONNECTIONS):
            bridge.post("new", {}, token=entries()["new"]["verify"]["token"])

    online.stack.sleep = sleep
    done = online("connect", "generic", *GIVEN, "--scheme", "path-token", "--yes", "--wait")

    assert done.code == 2
    assert "bridge rejected list --connection new" in done.out


def test_two_accounts_of_one_crm_that_have_their_own_origins_keep_two_cards_of_one_id(online, bridge, ringostat):
    for name in ("one", "two"):
        given = ["--name", name, *GIVEN[2:], "--crm-url", "https://acme.pipedrive.com", "--scheme", "path-token"]
        online("connect", "pipedrive", *given, "--origin", f"Pipedrive-{name}", "--yes")
    bridge.put_connections(entries())

    for name in ("one", "two"):
        bridge.post(name, person(), token=entries()[name]["verify"]["token"])
    bridge.deliver()

    assert sorted(card["origin"] for card in ringostat.state()["contacts"]) == ["Pipedrive-one", "Pipedrive-two"]
    assert "106#Pipedrive-two#contact:42" in online("status", "two", "42").out
