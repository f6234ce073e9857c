"""A record is edited in a CRM that says only its number: it is looked up there, and its card comes to Ringostat."""

import time

import pytest

from local.world import World, wait_for
from tests.end_to_end import crm as people

pytestmark = [pytest.mark.world, pytest.mark.timeout(120)]

SECONDS = 8  # from the edit to the card, of a connection that does not rest
# A connection that was just asked rests for 15 s, so what asks a CRM a second time is slow.
EDITS = [
    ("bitrix24", "contact", "Bitrix24"),
    pytest.param("bitrix24", "deal", "Bitrix24", marks=pytest.mark.slow),
    ("hubspot", "contact", "HubSpot"),
    ("keycrm", "deal", "KeyCRM"),
    pytest.param("keycrm", "deal", "KeyCRM", marks=pytest.mark.slow),  # every second order names its client
    ("copper", "contact", "Copper"),
    ("kommo", "deal", "Kommo"),
    ("pipedrive", "deal", "Pipedrive"),
    ("monday", "contact", "monday CRM"),
]


@pytest.fixture(scope="module")
def world():
    """A world in which each function may do what its role permits, and no more."""
    with World(enforce_roles=True) as one:
        yield one


@pytest.fixture
def somebody(world):
    """Make somebody in a CRM, of whom the bridge got no event; wait until it may be asked at once."""

    def make(crm):
        one = people.person()
        company = world.crms.edit(crm, "company", None, name=f"ТОВ {people.CANARY}", send_event=False)
        names = {"name": "Олена", "last": f"{people.CANARY}-{one.id}"}
        more = {"phones": list(one.phones), "emails": [one.email], "company": company.id, "owner": 4}
        record = world.crms.edit(crm, "contact", None, **names, **more, send_event=False)
        wait_for(lambda: may_be_asked(world, crm), 40, "The end of a rest")
        return one, record

    yield make
    world.crms.faults("bitrix24")


def may_be_asked(world, crm):
    pace = world.rows().get(f"lookup#demo-{crm}", {})
    return "lease_until" not in pace and pace.get("not_before", 0) <= time.time() * 1000


def last_request(world):
    return max((one.number for one in world.crms.requests()), default=0)


def requests_since(world, number, path):
    """Return the requests of one CRM: others may still be asked for what an earlier test made wanted."""
    return [one for one in world.crms.requests() if one.number > number and path in one.path]


def cards(world, origin, record):
    found = world.state()["contacts"]
    return [one for one in found if (one["origin"], one["externalId"]) == (origin, str(record.id))]


def values(card, kind):
    return {one["value"] for one in card["contactDirections"] if one["type"] == kind}


@pytest.mark.parametrize(("crm", "kind", "origin"), EDITS)
def test_an_edit_is_a_card_at_ringostat_within_eight_seconds(world, somebody, crm, kind, origin):
    one, record = somebody(crm)

    started = time.monotonic()
    if kind == "contact":
        world.crms.edit(crm, kind, record.id, owner=5)
    else:
        world.crms.edit(crm, kind, None, name="Угода", contact=record.id, owner=5)
    (card,) = wait_for(
        lambda: [card for card in cards(world, origin, record) if values(card, "phone")], 20, "A card with phones"
    )
    took = time.monotonic() - started

    assert took < SECONDS
    assert set(card["fullName"].split()) == {"Олена", f"{people.CANARY}-{one.id}"}
    assert values(card, "phone") == set(one.e164[:1] if crm == "monday" else one.e164)  # its board has one such column
    assert values(card, "email") == {one.email}
    assert card["responsible"] in ("4", "5")
    if crm != "monday":  # whose board has no companies
        assert wait_for(lambda: companies(world, origin, record), 20, "The company") == [f"ТОВ {people.CANARY}"]


def companies(world, origin, record):
    return [one["name"] for card in cards(world, origin, record) for one in card["organizations"] or []]


@pytest.mark.slow
def test_a_crm_that_wants_to_be_left_alone_is_left_alone_and_nothing_is_lost(world, somebody):
    _, record = somebody("bitrix24")
    world.crms.faults("bitrix24", {"status": 429, "headers": {"Retry-After": "20"}})
    before = last_request(world)

    world.crms.edit("bitrix24", "contact", record.id, owner=5)
    (card,) = wait_for(lambda: cards(world, "Bitrix24", record), 60, "The card")

    refused, again = requests_since(world, before, "/rest/")[:2]
    assert (refused.status, again.status) == (429, 200)
    assert again.time - refused.time >= 20
    assert card["responsible"] == "5"


@pytest.mark.slow
def test_a_burst_of_edits_is_few_requests_and_the_last_one_wins(world, somebody):
    _, record = somebody("hubspot")
    before = last_request(world)

    for owner in range(1, 8):
        world.crms.edit("hubspot", "contact", record.id, owner=owner)
    wait_for(lambda: [one for one in cards(world, "HubSpot", record) if one["responsible"] == "7"], 40, "The last edit")

    assert len(requests_since(world, before, "contacts/batch/read")) <= 2


@pytest.mark.slow
def test_who_is_deleted_while_the_event_is_under_way_makes_no_card(world, somebody):
    _, record = somebody("copper")

    world.crms.edit("copper", "contact", record.id, owner=5)
    world.crms.drop("copper", "contact", record.id, send_event=False)
    row = f"wanted#demo-copper#contact:{record.id}"
    wait_for(lambda: "due" not in world.rows().get(row, {"due": "not yet wanted"}), 20, "An end")

    assert cards(world, "Copper", record) == []


def test_the_key_stands_in_no_log(world):
    assert [line.text for line in world.logs.all() if "local-key" in line.text or '"ERROR"' in line.text] == []
