"""The `bridge` process of an operator against the running local world."""

import pytest

from local.world import wait_for
from tests.end_to_end import crm

pytestmark = pytest.mark.world


def depth_of(world, name):
    return lambda: world.depth(name) == 0


def test_the_status_of_a_person_goes_from_due_to_delivered(bridge, operate):
    one = crm.person()
    bridge.world.ringostat.faults({"status": 503, "times": 2})

    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: "attempts" in bridge.row(one), what="A failure")
    due = operate("due")
    on_the_way = operate("status", "demo-pipedrive", one.id)
    bridge.settled(one)
    delivered = operate("status", "demo-pipedrive", one.id)

    assert f"106#Pipedrive#contact:{one.id}" in due[1]
    assert on_the_way[0] == delivered[0] == 0
    assert any(word in on_the_way[1] for word in ("retrying", "in delivery", "delivered"))
    assert f"106#Pipedrive#contact:{one.id}  delivered\n" in delivered[1]
    assert one.name in delivered[1]


def test_the_stack_is_found_by_its_name_too(bridge, operate):
    one = crm.person()
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one)

    code, text = operate(
        "status",
        "demo-pipedrive",
        one.id,
        where=(),
        BRIDGE_STACK="bridge",
        AWS_ENDPOINT_URL=bridge.world.aws.endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION="eu-central-1",
        AWS_DEFAULT_REGION="eu-central-1",
    )

    assert code == 0, text
    assert one.name in text


def test_rejected_events_are_listed_shown_replayed_and_dropped(bridge, operate):
    one = crm.person()
    body = crm.pipedrive(one)
    del body["data"]["id"]
    body["meta"].pop("entity_id")

    answer = bridge.world.post("demo-pipedrive", body)
    wait_for(lambda: bridge.world.depth("rejected"), what="The rejected event")
    listed = operate("rejected", "list", "--connection", "demo-pipedrive", "--code", "no-id")
    identity = next(line.split()[0] for line in listed[1].splitlines() if "no-id" in line)
    shown = operate("rejected", "show", identity)
    replayed = operate("rejected", "replay", "--connection", "demo-pipedrive", "--code", "no-id")
    wait_for(depth_of(bridge.world, "inbox"), what="An empty inbox queue")
    again = wait_for(
        lambda: [line for line in operate("rejected", "list")[1].splitlines() if "  no-id  " in line],
        what="The event, rejected again",
    )
    dropped = operate("rejected", "drop", *(line.split()[0] for line in again))

    assert answer.json()["rejected"][0]["code"] == "no-id"
    assert listed[0] == 2
    assert crm.leaks([listed[1]]) == []
    assert one.name in shown[1]
    assert "sent to the inbox queue" in replayed[1]
    assert dropped[0] == 0


def test_a_refused_card_is_listed_and_retried(bridge, operate):
    one = crm.person()
    bridge.world.ringostat.faults({"refuse": {"externalId": str(one.id)}})
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: "refused" in bridge.row(one), what="The refusal")

    listed = operate("refused", "list", "--connection", "demo-pipedrive")
    bridge.world.ringostat.faults()
    retried = operate("refused", "retry", "--connection", "demo-pipedrive")
    bridge.arrived(one)

    assert listed[0] == 2
    assert f"contact:{one.id}" in listed[1]
    assert "due again" in retried[1]


def test_an_erased_person_stays_away_until_the_tombstone_is_lifted(bridge, operate):
    one = crm.person()
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one)

    dry = operate("erase", "demo-pipedrive", one.id, "--dry-run")
    known = bridge.row(one)
    erased = operate("erase", "demo-pipedrive", one.id)
    late = bridge.world.post("demo-pipedrive", crm.pipedrive(one._replace(changed_at=one.changed_at + 5))).json()
    tombstone = bridge.row(one)
    lifted = operate("erase", "demo-pipedrive", one.id, "--lift")
    again = bridge.world.post("demo-pipedrive", crm.pipedrive(one._replace(changed_at=one.changed_at + 9))).json()

    assert dry[0] == erased[0] == lifted[0] == 0
    assert "fields" in known
    assert tombstone.keys() == {"key", "connection", "schema", "rev", "erased"}
    assert late["skipped"][0]["code"] == "erased"
    assert again["accepted"] == 1
