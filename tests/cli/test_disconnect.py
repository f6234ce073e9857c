"""A connection ends: its entry and its key go, and it is said what stays."""

import json

import pytest

from cli.guides import removal
from local.in_process import CONNECTIONS, aws
from mapping.language import loader


def put(secret, entries):
    aws("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(entries))


def get(secret):
    return json.loads(aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


@pytest.fixture
def api_keys(online):
    name = online.stack.ids["ApiKeysSecret"]
    put(name, {"acme": {"token": "t"}, "shop": {"token": "s"}})
    return name


def test_n11_a_connection_and_its_key_are_removed_and_all_others_stay(online, api_keys):
    done = online("disconnect", "acme", input="y\n")

    assert done.code == 0, done.err
    assert get("connections") == {name: entry for name, entry in CONNECTIONS.items() if name != "acme"}
    assert get(api_keys) == {"shop": {"token": "s"}}
    assert "acme is removed, and its API key" in done.out
    assert "In the CRM: Delete the webhooks in Pipedrive." in done.out
    assert "bridge rejected list --connection acme" in done.out
    assert "Its cards stay" in done.out


def test_n11_no_is_no(online, api_keys):
    assert online("disconnect", "acme", input="n\n").code == 130
    assert get("connections") == CONNECTIONS


def test_n11_a_script_says_yes(online, api_keys):
    assert online("disconnect", "shop", "--yes").code == 0
    assert "shop" not in get("connections")


def test_n11_a_name_that_is_none_is_told_with_the_nearest(online):
    done = online("disconnect", "acmee", "--yes")

    assert done.code == 1
    assert "did you mean 'acme'?" in done.err


def test_n11_a_broken_connection_is_removed_too(online, api_keys):
    put("connections", {**CONNECTIONS, "broken": {"mapping": "pipedrive"}, "odd": 7})

    assert online("disconnect", "broken", "--yes").code == 0
    assert "delete the webhook that calls this address" in online("disconnect", "odd", "--yes").out
    assert get("connections") == CONNECTIONS


@pytest.mark.parametrize("preset", loader.presets())
def test_every_preset_says_what_to_switch_off(preset):
    assert removal(preset)
