import json

from aws.clients import PATIENT, dynamodb
from aws.table import TOMBSTONE, Cards
from local.in_process import CONNECTIONS
from settings import SETTINGS
from tests.cli.people import person

KEY = "106#Pipedrive#contact:42"


def test_an_erased_card_keeps_no_personal_data_and_does_not_come_back(online, bridge):
    bridge.post("acme", person())

    done = online("erase", "acme", 42, "--yes")
    late = bridge.post("acme", person(at="2026-03-02T10:00:00.000Z"))

    assert done.code == 0
    assert f"{KEY} erased" in done.out
    assert "remove the contact by hand" in done.out
    assert bridge.cards.row(KEY).keys() <= TOMBSTONE
    assert late.body["skipped"][0]["code"] == "erased"


def test_an_erased_card_that_was_to_be_posted_later_is_left_behind_since_now(online, bridge, ringostat):
    bridge.post("acme", person())
    ringostat.faults({"drop": "after"})
    bridge.deliver()
    later = bridge.card(KEY).due_at

    online("erase", "acme", 42, "--yes")

    assert later > bridge.clock.time
    assert bridge.card(KEY).due_at == bridge.clock.time


def test_a_dry_run_erases_nothing(online, bridge):
    bridge.post("acme", person())

    done = online("erase", "acme", 42, "--dry-run")

    assert f"{KEY} would be erased" in done.out
    assert bridge.card(KEY).fields
    assert bridge.card(KEY).erased is None


def test_a_lifted_tombstone_lets_the_next_event_make_the_card_again(online, bridge, ringostat):
    bridge.post("acme", person())
    bridge.deliver()
    online("erase", "acme", 42, "--yes")

    dry, done = online("erase", "acme", 42, "--lift", "--dry-run"), online("erase", "acme", 42, "--lift")
    left = online("left-behind").out.splitlines()
    again = bridge.post("acme", person())
    bridge.deliver()

    assert "  erased  " in next(line for line in left if KEY in line)
    assert (dry.code, done.code) == (0, 0)
    assert again.body["accepted"] == 1
    assert [card["externalId"] for card in ringostat.state()["contacts"]] == ["42"]


def test_a_card_that_is_not_erased_cannot_be_lifted(online, bridge):
    assert online("erase", "acme", 42, "--lift").code == 1


def test_a_card_that_never_came_gets_its_tombstone_too(online, bridge):
    refused = online("erase", "acme", 42, input="n\n")
    done = online("erase", "acme", 42, "--yes")

    assert (refused.code, "There is no such card" in refused.out) == (130, True)
    assert done.out.index("there is no card") < done.out.index(" erased;"), "said first"
    assert "there is no card of this key: events of it are skipped from now on; --lift takes it back" in done.out
    assert bridge.post("acme", person()).body["skipped"][0]["code"] == "erased"
    assert "there is no card" not in online("erase", "acme", 42, "--yes").out


def test_n2_a_card_of_the_project_that_a_connection_had_before_is_reached_by_its_key(online, bridge):
    put_project(bridge, 999)
    bridge.post("acme", person())
    put_project(bridge, 106)
    key = "999#Pipedrive#contact:42"

    assert online("status", "acme", key).out.startswith(key)
    assert online("erase", "acme", key, "--yes").out.startswith(f"{key} erased")
    assert bridge.card(key).erased


def put_project(bridge, project):
    bridge.put_connections({**CONNECTIONS, "acme": {**CONNECTIONS["acme"], "project": project}})


def test_rejected_events_of_the_card_are_deleted_by_what_the_mapping_makes_of_them_now(online, bridge):
    event = {"connection": "acme", "body": json.dumps(person(42)), "receivedAt": 1, "requestId": "one"}
    other = {"connection": "acme", "body": json.dumps(person(43)), "receivedAt": 1, "requestId": "two"}
    nobody = {"connection": "acme", "body": json.dumps(person(None)), "receivedAt": 1, "requestId": "three"}
    gone = {"connection": "gone", "body": json.dumps(person(42)), "receivedAt": 1, "requestId": "four"}
    sqs = online.stack.client("sqs")
    for wrapped in (event, other, nobody, gone):
        attributes = {"code": {"DataType": "String", "StringValue": "no-id"}}
        sqs.send_message(
            QueueUrl=online.stack.queue_url("RejectedQueue"),
            MessageBody=json.dumps(wrapped),
            MessageAttributes=attributes,
        )

    dry = online("erase", "acme", 42, "--dry-run")
    assert online.stack.depth("RejectedQueue") == 4
    done = online("erase", "acme", 42, "--yes")

    assert "1 rejected event of it would be deleted" in dry.out
    assert "1 rejected event of it deleted" in done.out
    assert "2 rejected events of no known card" in done.out
    left = {wrapped["requestId"] for _, wrapped in bridge.rejected()}
    assert left == {"two", "three", "four"}


def test_an_id_of_several_kinds_must_be_told_apart(online, bridge):
    bridge.post("acme-direct", {"kind": "contact", "externalId": "7", "fullName": "Олена", "phones": ["067 000 00 01"]})
    bridge.post("acme-direct", {"kind": "organization", "externalId": "7", "name": "Ромашка"})

    several, one = (
        online("erase", "acme-direct", "7", "--yes"),
        online("erase", "acme-direct", "organization:7", "--yes"),
    )

    assert several.code == 1
    assert "contact:7 or organization:7" in several.err
    assert one.code == 0
    origin = one.out.split("#")[1]
    assert bridge.card(f"106#{origin}#contact:7").erased is None


def test_the_only_card_of_an_id_is_the_one_that_is_meant(online, bridge):
    bridge.post("acme-direct", {"kind": "organization", "externalId": "7", "name": "Ромашка"})

    assert "organization:7 erased" in online("erase", "acme-direct", "7", "--yes").out


def test_an_event_that_comes_in_between_leaves_nothing_behind(bridge):
    class Busy(Cards):
        """The table, with an event that arrives between the reading and the writing of the tombstone."""

        late = [person()]

        def row(self, key):
            found = super().row(key)
            while self.late:
                bridge.post("acme", self.late.pop())
            return found

    Busy(dynamodb(PATIENT), SETTINGS.cards_table).erase(KEY, 1)

    assert bridge.cards.row(KEY).keys() <= TOMBSTONE
