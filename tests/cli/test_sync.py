"""The first fill, against a real CRM server: each record once, whatever happens on the way."""

import base64
import json

import boto3
import pytest

from local.in_process import CONNECTIONS, connection, receive
from settings import SETTINGS
from tests.cli.crm_api import CODE, company, contact, serving

NAME = "acme-b24"


@pytest.fixture
def crm():
    with serving() as found:
        yield found


@pytest.fixture
def syncing(online, crm, tmp_path, monkeypatch):
    """Run `bridge sync` of a connection to the server; the checkpoint is in an empty folder."""
    monkeypatch.chdir(tmp_path)
    entries = {**CONNECTIONS, NAME: {**connection("bitrix24", crm_url="https://acme.bitrix24.eu"), "lookups": True}}
    online.stack.put("ConnectionsSecret", entries)
    online.stack.put("ApiKeysSecret", {NAME: {"url": crm.api_url}})

    def call(*words, **given):
        return online("sync", NAME, *words, **given)

    call.checkpoint = tmp_path / f"{NAME}.sync.json"
    call.stack = online.stack
    return call


def sent():
    """Every page in the inbox queue, with its records."""
    messages = []
    while found := receive(SETTINGS.inbox_queue_url):
        messages += [json.loads(message["Body"]) for message in found]
    for message in messages:
        message["body"] = json.loads(base64.b64decode(message["body"]))
    return messages


def ids(messages, lookup="contact"):
    return sorted(one["id"] for page in messages if page["lookup"] == lookup for one in page["body"]["result"]["items"])


def test_all_records_become_cards_that_look_like_those_of_events(syncing, crm, bridge, ringostat):
    crm.records["company"] = [company(9)]
    crm.records["contact"] = [contact(number, companyIds=[9]) for number in range(1, 121)]

    done = syncing("--yes")
    bridge.take_inbox()
    bridge.settle()

    assert done.code == 0, done.err
    assert "121 read, 121 sent to the inbox queue\n" in done.out
    cards = {card["externalId"]: card for card in ringostat.state()["contacts"]}
    assert len(cards) == 120
    assert cards["7"]["fullName"] == "Коваль Олена 7"
    assert [one["value"] for one in cards["7"]["contactDirections"]] == ["+380670000007"]
    assert [one["name"] for one in cards["7"]["organizations"]] == ["Рога 9"]
    assert not syncing.checkpoint.exists()
