"""A CRM's request becomes a card in Ringostat's contact book."""

import base64
import json
import math
import time

import pytest

from local.world import request, wait_for
from tests.end_to_end import crm

pytestmark = pytest.mark.world

BATCH_SIZE = 100


def taken(answer):
    """The numbers of a 202, and nothing skipped or rejected."""
    body = answer.json()
    assert answer.status == 202
    assert body["request_id"]
    assert body["skipped"] == body["rejected"] == []
    return {name: body[name] for name in ("accepted", "unchanged", "stale")}


def send(world, **message):
    world.sqs.send_message(QueueUrl=world.queue_url("inbox"), **message)


def attribute(text):
    return {"DataType": "String", "StringValue": text}


def rejected(world, request_is_ours):
    """Take the message of one rejected event out of the rejected queue."""

    def look():
        found = world.sqs.receive_message(
            QueueUrl=world.queue_url("rejected"),
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            MessageAttributeNames=["All"],
        )
        return next((message for message in found.get("Messages", []) if request_is_ours(message["Body"])), None)

    return wait_for(look, what="The rejected event")


def test_a_person_saved_in_the_crm_is_in_the_contact_book_within_two_seconds(bridge):
    one = crm.person()

    started = time.monotonic()
    answer = bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    contact = bridge.arrived(one, seconds=2)[str(one.id)]
    took = time.monotonic() - started

    assert taken(answer) == {"accepted": 1, "unchanged": 0, "stale": 0}
    assert took < 2
    directions = [(direction["type"], direction["value"]) for direction in contact["contactDirections"]]
    assert directions == [("phone", one.e164[0]), ("phone", one.e164[1]), ("email", one.email)]
    assert contact["fullName"] == one.name
    assert contact["projectId"] == 106
    assert contact["contactLink"] == f"https://demo.example.com/person/{one.id}"
    assert contact["responsible"] == "7"


def test_the_same_event_three_times_and_an_older_one_cost_one_request_and_change_nothing(bridge):
    one = crm.person()
    older = one._replace(name=f"Ольга {crm.CANARY}", changed_at=one.changed_at - 3600)

    answers = [taken(bridge.world.post("demo-pipedrive", crm.pipedrive(one))) for _ in range(3)]
    late = taken(bridge.world.post("demo-pipedrive", crm.pipedrive(older)))
    bridge.arrived(one)
    bridge.settled(one)

    assert [answer["accepted"] for answer in answers] == [1, 0, 0]
    assert [answer["unchanged"] for answer in answers] == [0, 1, 1]
    assert late == {"accepted": 0, "unchanged": 0, "stale": 1}
    assert len(bridge.posts(one)) == 1
    assert bridge.contacts([one])[str(one.id)]["fullName"] == one.name


def test_a_hundred_contacts_in_one_form_are_a_hundred_cards_in_few_requests(bridge, some):
    people = some(100)

    answer = bridge.world.post("demo-kommo", crm.kommo(people), crm.FORM)
    bridge.arrived(*people, seconds=20)
    bridge.settled(*people)

    assert taken(answer)["accepted"] == 100
    assert len(bridge.posts(*people)) <= math.ceil(100 / BATCH_SIZE) + 1


def test_an_event_on_the_inbox_queue_takes_the_same_way(bridge):
    one = crm.person()

    send(
        bridge.world,
        MessageBody=json.dumps(crm.pipedrive(one)),
        MessageAttributes={"connection": attribute("demo-pipedrive"), "content-type": attribute("application/json")},
    )

    assert bridge.arrived(one)[str(one.id)]["fullName"] == one.name


@pytest.mark.parametrize("wrap", [lambda text: {"body": json.loads(text)}, lambda text: {"body": text}, None])
def test_an_event_wrapped_in_json_takes_the_same_way(bridge, wrap):
    one = crm.person()
    text = json.dumps(crm.pipedrive(one))
    encoded = {"body": base64.b64encode(text.encode()).decode(), "isBase64Encoded": True}

    wrapped = wrap(text) if wrap else encoded
    send(bridge.world, MessageBody=json.dumps({"connection": "demo-pipedrive", **wrapped}))

    assert bridge.arrived(one)[str(one.id)]["fullName"] == one.name


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=windows-1251"])
def test_json_that_is_no_utf_8_is_rejected_and_kept(bridge, content_type):
    one = crm.person()
    sent = json.dumps(crm.pipedrive(one), ensure_ascii=False).encode("cp1251")

    [verdict] = bridge.world.post("demo-pipedrive", sent, content_type).json()["rejected"]

    assert (verdict["code"], verdict["field"]) == ("bad-encoding", "fullName")
    encoded = base64.b64encode(sent.decode("utf-8", "replace").encode()).decode()
    assert (
        rejected(bridge.world, lambda text: encoded in text)["MessageAttributes"]["code"]["StringValue"]
        == "bad-encoding"
    )


def test_a_form_that_is_no_utf_8_arrives_byte_for_byte(bridge):
    one = crm.person()
    sent = f"id={one.id}&name={one.name}&phone={one.phones[0]}".encode("cp1251")

    assert taken(bridge.world.post("demo-generic", sent, crm.FORM))["accepted"] == 1
    assert bridge.arrived(one)[str(one.id)]["fullName"] == one.name


def test_what_cannot_be_mapped_lies_whole_in_the_rejected_queue_with_code_and_reason(bridge):
    one = crm.person()
    body = json.dumps({"nobody": one.name, "phone": one.phones[0], "id": one.id})[:-1]

    send(bridge.world, MessageBody=body, MessageAttributes={"connection": attribute("demo-pipedrive")})

    encoded = base64.b64encode(body.encode()).decode()
    message = rejected(bridge.world, lambda text: encoded in text)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["connection"] == json.loads(message["Body"])["connection"] == "demo-pipedrive"
    assert attributes["code"] == "bad-body"
    assert attributes["reason"]
    assert crm.leaks(attributes.values()) == []


@pytest.mark.parametrize(
    ("connection", "token"), [("demo-pipedrive", "wrong"), ("demo-nobody", "local"), ("demo-pipedrive", "")]
)
def test_a_request_without_proof_gets_one_and_the_same_answer(world, connection, token):
    known = world.post("demo-pipedrive", crm.pipedrive(crm.person()), token="other")

    answer = world.post(connection, crm.pipedrive(crm.person()), token=token)

    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body == known.body


@pytest.mark.parametrize("path", ["/crm/demo-pipedrive/local", "/crm/demo-nobody", "/crm/demo-pipedrive/wrong"])
def test_a_browser_sees_a_page_that_reveals_nothing(world, path):
    answer = world.get(path)

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.body == world.get("/crm/demo-pipedrive/local").body


def test_the_state_of_the_emulated_ringostat_is_there_for_everybody(bridge):
    one = crm.person()

    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one)

    state = request("GET", f"{bridge.world.ringostat_url}/_emulator/state").json()
    assert str(one.id) in {card["externalId"] for card in state["contacts"]}
