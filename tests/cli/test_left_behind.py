"""What the CRM deleted, emptied or erased and Ringostat may still show is listed until a person has removed it."""

import pytest

from local.in_process import CONNECTIONS, connection
from tests.cli.people import person
from tests.mapping.cases import EVENTS

KEY = "106#Pipedrive#contact:42"
LATER = "2026-03-02T10:00:00.000Z"


def deletion(number=42, at=LATER):
    meta = {"action": "delete", "entity": "person", "entity_id": str(number), "timestamp": at}
    return {"meta": meta, "data": None, "previous": {"id": number}}


@pytest.fixture
def delivered(bridge):
    bridge.post("acme", person())
    bridge.deliver()


def test_r2_a_deleted_card_is_listed_with_what_ringostat_shows(online, bridge, ringostat, delivered):
    number = len(ringostat.requests)
    bridge.post("acme", deletion())
    bridge.deliver()

    done = online("left-behind")

    assert len(ringostat.requests) == number
    assert done.code == 2
    assert KEY in done.out
    assert "deleted-in-crm" in done.out
    assert "+380" in done.out
    assert done.out.endswith("1 left behind\n")
    assert "left-behind" in online("status", "acme", 42).out
    assert "1 card left behind" in online("doctor").out


def test_an_erased_card_is_listed_without_personal_data(online, bridge, delivered):
    online("erase", "acme", 42, "--yes")

    lines = online("left-behind").out

    assert f"{KEY}" in lines
    assert "erased" in lines
    assert "+380" not in lines


def test_r3_a_deletion_is_logged_with_its_card_and_told_by_status(online, bridge, delivered, caplog):
    caplog.clear()
    bridge.post("acme", deletion())

    ingested = [(one.cards, one.codes) for one in caplog.records if one.getMessage() == "ingested"]
    assert ingested == [([KEY], {"deleted-in-crm": 1})]
    assert "left-behind" in online("status", "acme", 42).out


def test_r3_an_erasure_in_the_crm_is_carried_out(online, bridge):
    bridge.put_connections({**CONNECTIONS, "acme-hubspot": connection("hubspot")})
    saved = {"objectId": 257, "properties": {"firstname": {"value": "Олена"}, "phone": {"value": "067 000 00 01"}}}
    bridge.post("acme-hubspot", saved)
    bridge.deliver()
    key = "106#HubSpot#contact:257"
    assert bridge.card(key).fields

    bridge.post("acme-hubspot", (EVENTS / "hubspot" / "app-webhooks-are-thin.json").read_text("utf-8"))

    assert bridge.card(key).erased
    assert not bridge.card(key).fields
    assert key in online("left-behind").out


def test_csv_has_titles_and_no_formula(online, bridge, delivered):
    bridge.post("acme", deletion())

    titles, line = online("left-behind", "--csv").out.splitlines()

    assert titles == "since,key,why,name,numbers,link"
    assert ",'+380" in line


def test_what_was_removed_by_hand_leaves_the_list_and_is_posted_when_it_comes_back(
    online, bridge, ringostat, delivered
):
    bridge.post("acme", deletion())

    assert online("left-behind", "--removed", KEY).code == 0
    assert online("left-behind").out == "0 left behind\n"
    assert online("left-behind", "--removed", KEY).code == 1

    number = len(ringostat.requests)
    bridge.post("acme", person(at="2026-03-03T10:00:00.000Z"))
    bridge.deliver()
    assert len(ringostat.requests) == number + 1


def test_newer_data_take_a_card_off_the_list(online, bridge, delivered):
    bridge.post("acme", deletion())
    bridge.post("acme", person(at="2026-03-03T10:00:00.000Z"))
    bridge.deliver()

    assert online("left-behind").code == 0


def test_a_card_that_was_never_posted_is_not_left_behind(online, bridge):
    bridge.post("acme", person())
    bridge.post("acme", deletion())

    assert online("left-behind").out == "0 left behind\n"
