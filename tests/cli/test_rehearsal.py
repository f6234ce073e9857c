"""The person on call: an alarm goes off, its text names the first command, what that says is done, and all is well.

Each is told in docs/operations.md under "When an alarm goes off".
"""

import json
import re

import pytest

import telemetry
from local import template
from local.in_process import AUTH_KEYS, CONNECTIONS, connection
from tests.cli.crm_api import CODE, contact
from tests.cli.people import person
from tests.mapping.cases import EVENTS

RESOURCES = template.load()["Resources"]
ODOO = json.loads((EVENTS / "odoo" / "contact.json").read_text("utf-8"))
DOWN = {"status": 503, "times": None}


@pytest.fixture
def on_call(online, bridge, ringostat, capsys):
    """Let an alarm go off, and run the first command of its text; return what it prints."""
    online.stack.functions.environment["RINGOSTAT_URL"] = ringostat.url
    capsys.readouterr()

    def called(name):
        alarm = RESOURCES[name]["Properties"]
        assert max(measured(capsys, alarm["MetricName"]), default=0) > alarm["Threshold"], name
        text = alarm["AlarmDescription"]["Fn::Sub"]
        first = re.search(r"First step - .*?`bridge ([a-z -]+)`", text).group(1)
        return online(*first.split()).out

    return called


def measured(capsys, metric):
    """What the metric was since the last call, zeros included."""
    telemetry.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return [value for line in lines if metric in line for value in line[metric]]


def fail(bridge, number=5):
    for one in range(1, number + 1):
        bridge.post("acme", person(one))
        bridge.deliver()
    bridge.sweep()


def test_ringostat_is_down(on_call, online, bridge, ringostat):
    ringostat.faults(DOWN)
    fail(bridge)

    said = on_call("CircuitOpenAlarm")
    ringostat.faults()
    bridge.settle()

    assert "Ringostat, or the way to it, fails since" in said
    assert "Nothing to do: it is tried again by itself" in said
    assert online("due").out == "no card is due\n"


def test_the_key_is_wrong(on_call, online, bridge):
    bridge.put_auth_keys({**AUTH_KEYS, "106": {"auth_key": "wrong"}})
    fail(bridge)

    said = on_call("CircuitOpenAlarm")
    repaired = online("project", "add", 106, input=AUTH_KEYS["106"]["auth_key"])
    bridge.pass_secret_minute()
    bridge.settle()

    assert "there is no auth key that Ringostat takes since" in said
    assert "`bridge project add`" in said
    assert repaired.code == 0, repaired.err
    assert online("due").out == "no card is due\n"


def test_one_card_is_refused(on_call, online, bridge, ringostat):
    ringostat.faults({"refuse": {"externalId": "7"}})
    bridge.post("acme", person(7))
    bridge.post("acme", person(8))
    bridge.deliver()
    for seconds in (60, 3600, 86_400):
        bridge.clock.pass_(seconds)
        bridge.sweep()
        bridge.deliver()

    said = on_call("CardRefusedAlarm")
    ringostat.faults()
    retried = online("refused", "retry")
    bridge.settle()

    assert "106#Pipedrive#contact:7" in said
    assert "contact:8" not in said
    assert retried.code == 0
    assert "delivered" in online("status", "acme", 7).out


def test_the_preset_is_wrong(on_call, online, bridge):
    bridge.put_connections({**CONNECTIONS, "shop-odoo": connection("pipedrive")})
    bridge.post("shop-odoo", (EVENTS / "odoo" / "contact.json").read_text("utf-8"))

    said = on_call("EventsRejectedAlarm")
    named = online("explain", EVENTS / "odoo" / "contact.json", "--mapping", "pipedrive").out
    bridge.put_connections({**CONNECTIONS, "shop-odoo": connection("odoo")})
    replayed = online("rejected", "replay", "--connection", "shop-odoo")
    left = bridge.take_inbox()
    bridge.settle()

    assert "no-record" in said
    assert "shop-odoo" in said
    assert "the preset 'odoo' reads this body" in named
    assert (replayed.code, left) == (0, 0)
    assert "delivered" in online("status", "shop-odoo", ODOO["id"]).out


def test_a_hook_is_switched_off(on_call, online, bridge, capsys):
    bridge.post("acme", person(1))
    bridge.settle()
    bridge.clock.pass_(74 * 3600)
    bridge.post("shop", person(2), token="new")
    bridge.settle()
    bridge.sweep()

    said = on_call("SilenceAlarm")
    bridge.post("acme", person(3))
    bridge.settle()
    bridge.sweep()

    assert re.search(r"wrong +acme sent its last event .* it is silent", said)
    assert "see whether its webhook is on in the CRM" in said
    assert measured(capsys, "SilentConnections") == []
    assert "it is silent" not in online("doctor").out


def test_a_crms_key_has_expired(on_call, online, bridge, crm):
    entry = {**connection("bitrix24", crm_url="https://acme.bitrix24.eu"), "lookups": True}
    bridge.put_connections({**CONNECTIONS, "acme-b24": entry})
    bridge.put_api_keys({"acme-b24": {"url": crm.api_url}})
    crm.records["contact"], crm.code = [contact(1)], "another"
    bridge.post("acme-b24", {"event": "ONCRMCONTACTUPDATE", "data": {"FIELDS": {"ID": "1"}}})
    for _ in range(2):
        bridge.clock.pass_(301)
        bridge.look_up("acme-b24")
    bridge.sweep()

    said = on_call("CircuitOpenAlarm")
    crm.code = CODE
    given = ("--name", "acme-b24", "--api-only", "--api-url", crm.api_url)
    repaired = online("connect", "bitrix24", *given)
    bridge.clock.pass_(301)
    bridge.sweep()
    bridge.look_up("acme-b24")
    bridge.settle()

    assert "acme-b24: the CRM refuses the API key" in said
    assert "Make a new key in the CRM and give it with `bridge connect" in said
    assert repaired.code == 0, repaired.err
    assert "delivered" in online("status", "acme-b24", 1).out
