"""Ringostat fails, and nothing is lost, repeated or held up for it."""

import json

import pytest

from local.world import wait_for
from tests.end_to_end import crm

pytestmark = pytest.mark.world


@pytest.mark.timeout(360)
@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.slow)])  # from five on the circuit opens
def test_after_many_503_the_card_is_delivered_without_needless_requests(bridge, times):
    one = crm.person()

    bridge.world.ringostat.faults({"status": 503, "times": times, "refuse": {"externalId": str(one.id)}})
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one, seconds=300)
    bridge.settled(one)

    statuses = [request["status"] for request in bridge.posts(one)]
    assert statuses[:times] == [503] * times
    assert statuses[times:] in ([200], [200, 200])  # the newest state, and that once more to be sure
    assert bridge.world.depth("dead-delivery") == 0


def test_one_contact_that_ringostat_refuses_does_not_hold_up_the_other_nine(bridge, some):
    people = some(10)
    bad = people[6]

    bridge.world.ringostat.faults({"refuse": {"externalId": str(bad.id)}})
    bridge.world.post("demo-kommo", crm.kommo(people), crm.FORM)
    good = [one for one in people if one is not bad]
    bridge.arrived(*good)
    row = wait_for(lambda: (found := bridge.row(bad, "Kommo")).get("refusals") and found)
    bridge.settled(*good)

    posts = bridge.posts(*people)
    alone = [post for post in posts if [card["externalId"] for card in post["body"]["contacts"]] == [str(bad.id)]]
    assert bridge.contacts([bad]) == {}
    assert (row["refusals"], json.loads(row["failure"])[:3]) == (1, ["bad-data", 400, "400"])
    assert "refused" not in row, "it is tried again in a minute"
    assert [post["status"] for post in alone] == [400]
    assert len(posts) <= 9
    assert posts[-1]["time"] - posts[0]["time"] < 1  # one invocation: a second one would have waited


def test_a_card_that_was_refused_is_tried_again_when_it_changes(bridge):
    one = crm.person()

    bridge.world.ringostat.faults({"refuse": {"externalId": str(one.id)}})
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: bridge.row(one).get("refusals"))
    bridge.world.ringostat.faults()
    changed = one._replace(name=f"Ольга {crm.CANARY}", changed_at=one.changed_at + 1)
    bridge.world.post("demo-pipedrive", crm.pipedrive(changed))

    bridge.arrived(one)
    bridge.settled(one)
    assert bridge.contacts([one])[str(one.id)]["fullName"] == changed.name
    assert not bridge.row(one).get("refusals")


def test_a_request_whose_answer_got_lost_is_followed_by_the_newest_state(bridge):
    one = crm.person()
    newer = one._replace(name=f"Ольга {crm.CANARY}", changed_at=one.changed_at + 1)

    bridge.world.ringostat.faults({"drop": "after"})
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: bridge.posts(one))
    bridge.world.post("demo-pipedrive", crm.pipedrive(newer))

    wait_for(lambda: bridge.contacts([one])[str(one.id)]["fullName"] == newer.name)
    bridge.settled(one)
    assert len(bridge.posts(one)) <= 3  # the lost one, the newest state, and that once more to be sure
