"""An event that only names a record becomes a card, through the deployed stack and a CRM on this machine."""

import json
import time

import pytest

from local.world import World, wait_for
from tests.end_to_end import crm
from tests.lookup.crm import Crm

pytestmark = pytest.mark.world

NAME = "acme-bitrix24"


@pytest.fixture(scope="module")
def stand():
    """A world of its own, for functions keep secrets for five minutes, and its CRM."""
    there = Crm(lambda: int(time.time() * 1000))
    with World(enforce_roles=True) as world:
        entry = {**world.connections["demo-bitrix24"], "lookups": True}
        for secret, value in (
            ("ConnectionsSecret", {**world.connections, NAME: entry}),
            ("ApiKeysSecret", {NAME: {"url": there.url}}),
        ):
            world.aws.client("secretsmanager").put_secret_value(
                SecretId=world.ids[secret], SecretString=json.dumps(value)
            )
        yield world, there
    there.close()


def say(world, event, number):
    return world.post(NAME, f"event={event}&data[FIELDS][ID]={number}", crm.FORM).json()


def contact(world, number):
    found = [card for card in world.state()["contacts"] if card["externalId"] == str(number)]
    return found[0] if found else None


def test_a_thin_event_is_a_whole_contact_within_eight_seconds(stand):
    world, there = stand
    phones = [{"typeId": "PHONE", "value": f"+3806700000{n}"} for n in ("01", "02")]
    there.put("contact", 89, name="Olena", lastName="Koval", assignedById=7, companyIds=[5], fm=phones)
    there.put("company", 5, title="Acme")

    started = time.monotonic()
    answer = say(world, "ONCRMCONTACTUPDATE", 89)
    card = wait_for(lambda: contact(world, 89), seconds=20, what="The contact")
    took = time.monotonic() - started

    assert answer["lookup"] == 1
    assert card["fullName"] == "Koval Olena"
    assert [direction["value"] for direction in card["contactDirections"]] == ["+380670000001", "+380670000002"]
    assert card["responsible"] == "7"
    assert took < 8
    wait_for(lambda: (contact(world, 89)["organizations"] or [{}])[0].get("name") == "Acme", what="Its organization")


def test_after_a_request_to_wait_it_comes_by_the_wake_up_that_was_hidden_or_the_sweep(stand):
    world, there = stand
    there.put("contact", 90, name="Taras", lastName="Shevchuk", fm=[{"typeId": "PHONE", "value": "+380670000003"}])
    refusals = [(429, {"Retry-After": "2"}, b"{}")]
    there.rule = lambda _, ids: refusals.pop() if 90 in ids and refusals else None

    say(world, "ONCRMCONTACTADD", 90)

    wait_for(lambda: contact(world, 90), seconds=40, what="The contact")
    asked = [at for at, _, ids in there.requests if 90 in ids]
    assert asked[1] - asked[0] >= 2_000
    lines = [line.text for line in world.logs.all()]
    assert [line for line in lines if '"ERROR"' in line or "canary" in line or "3806700000" in line] == []
