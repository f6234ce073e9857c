import json

import pytest
from botocore.exceptions import EndpointConnectionError

from local.in_process import aws, receive
from ops.rejected_queue import Held, rejection_of, sendable
from ops.replay import Replay
from settings import SETTINGS
from tests.cli.people import person

NOBODY = person(None)  # no id: cannot be told from others


def depths(stack):
    return {name: stack.depth(f"{name}Queue") for name in ("Rejected", "Inbox")}


def first_id(done):
    return done.out.splitlines()[1].split()[0]


def visible():
    """What anybody else can receive now."""
    return receive(SETTINGS.rejected_queue_url)


def forward(stack, **attributes):
    """Put a message into the rejected queue as the redrive does: as it was in the inbox queue."""
    body = attributes.pop("body", json.dumps(person()))
    aws("sqs").send_message(
        QueueUrl=stack.queue_url("RejectedQueue"),
        MessageBody=body,
        MessageAttributes={
            name.replace("_", "-"): {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        },
    )


def test_rejected_events_are_listed_newest_first_with_code_and_reason(online, bridge):
    bridge.post("acme", NOBODY)
    bridge.clock.pass_(3600)
    bridge.post("shop", NOBODY, token="new")

    done = online("rejected", "list")

    head, first, second, end = done.out.splitlines()
    assert done.code == 2
    assert head.split() == ["id", "arrived", "connection", "code", "reason"]
    assert first.split()[3:6] == ["shop", "no-id", "externalId"]
    assert second.split()[3:6] == ["acme", "no-id", "externalId"]
    assert end == "2 rejected; 1 acme no-id; 1 shop no-id"
    assert "Олена" not in done.out


def test_what_was_listed_is_there_for_the_next_reader(online, bridge):
    for number in range(25):
        bridge.post("acme", person(None, name=f"Олена {number}"))

    listed = online("rejected", "list").out.splitlines()

    assert listed[-1].startswith("25 rejected")
    assert sum(1 for _ in iter(lambda: len(visible()), 0)) >= 3


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ([], 2),
        (["--connection", "shop"], 1),
        (["--code", "bad-body"], 0),
        (["--code", "no-id"], 2),
        (["--since", "30min"], 1),
        (["--since", "2h"], 2),
        (["--since", "2030-01-01"], 0),
    ],
)
def test_filters_choose(online, bridge, words, number):
    bridge.post("acme", NOBODY)
    bridge.clock.pass_(3600)
    bridge.post("shop", NOBODY, token="new")

    assert online("rejected", "list", *words).out.splitlines()[-1].startswith(f"{number} rejected")
    assert online("rejected", "replay", "--dry-run", *words).out.startswith(f"{number} would be replayed")


def test_a_time_that_is_none_is_explained(online):
    done = online("rejected", "list", "--since", "yesterday")

    assert done.code == 1
    assert "90min" in done.err


def test_an_event_is_shown_whole_with_what_its_mapping_makes_of_it_now(online, bridge):
    bridge.post("acme", NOBODY, query={"source": "shop"})

    done = online("rejected", "show", first_id(online("rejected", "list")))

    assert done.code == 0
    assert '"name": "Олена Коваль"' in done.out
    assert "?source" in done.out
    assert "now         reject no-id externalId" in done.out


def test_an_id_that_is_not_there_is_exit_code_1(online, bridge):
    assert online("rejected", "show", "00000000").code == 1


def test_an_event_whose_connection_is_gone_is_shown_all_the_same(online, bridge):
    forward(online.stack, connection="gone", body="{}")

    done = online("rejected", "show", first_id(online("rejected", "list")))

    assert "no connection has this name" in done.out


def test_a_replayed_event_keeps_its_first_time_of_arrival_and_leaves_the_queue(online, bridge):
    arrived = bridge.clock.time + 1
    bridge.post("acme", NOBODY)
    bridge.clock.pass_(3600)

    done = online("rejected", "replay")

    assert done.code == 0
    assert done.out == "1 sent to the inbox queue\n"
    assert depths(online.stack) == {"Rejected": 0, "Inbox": 1}
    [message] = receive(SETTINGS.inbox_queue_url)
    assert json.loads(message["Body"])["receivedAt"] == arrived
    assert "MessageAttributes" not in message


def test_what_is_rejected_again_comes_back_whole_and_is_replayed_once_a_run(online, bridge):
    bridge.post("acme", NOBODY)

    for _ in range(3):
        assert online("rejected", "replay").out == "1 sent to the inbox queue\n"
        assert bridge.take_inbox() == 0

    assert depths(online.stack) == {"Rejected": 1, "Inbox": 0}


def test_an_event_that_comes_back_while_the_run_reads_does_not_go_round_for_ever(online, bridge):
    bridge.post("acme", NOBODY)
    run = Replay(online.stack, wait=Unhurried().wait)

    with Held(online.stack) as held:
        for number, batch in enumerate(held.batches()):
            assert number < 3
            run.replay(batch, held)
            bridge.take_inbox()

    assert run.counts["sent"] == 1
    assert run.counts["back"] == 1
    assert depths(online.stack) == {"Rejected": 1, "Inbox": 0}


class Unhurried:
    def wait(self, number):
        pass


def test_an_event_that_the_redrive_brought_is_replayed_as_its_sender_sent_it(online, bridge):
    forward(online.stack, connection="acme-kommo", content_type="application/x-www-form-urlencoded", body="a=1")
    forward(online.stack, connection="acme")
    forward(online.stack, body=json.dumps({"connection": "acme", "body": person(43)}))
    listed = online("rejected", "list")

    replayed = online("rejected", "replay")
    sent = peeked(SETTINGS.inbox_queue_url)
    bridge.take_inbox()

    assert all(event["receivedAt"] and event["requestId"] for event in sent)
    assert listed.out.count("gave-up") >= 3
    assert replayed.out == "3 sent to the inbox queue\n"
    assert set(bridge.due()) == {"106#Pipedrive#contact:42", "106#Pipedrive#contact:43"}
    assert depths(online.stack)["Inbox"] == 0


def peeked(url):
    messages = aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [json.loads(message["Body"]) for message in messages["Messages"]]


def test_a_message_that_is_no_event_is_listed_and_goes_round_unchanged(online, bridge):
    forward(online.stack, body="no JSON")

    online("rejected", "replay")

    assert [message["Body"] for message in receive(SETTINGS.inbox_queue_url)] == ["no JSON"]


def test_only_what_the_inbox_queue_took_leaves_the_rejected_queue(online, bridge):
    for number in range(4):
        bridge.post("acme", person(None, name=f"Олена {number}"))
    partly(online.stack, lambda entry: entry["Id"] in ("0", "2"))

    done = online("rejected", "replay")

    assert done.code == 1
    assert done.out == "2 sent to the inbox queue; 2 were not taken by the inbox queue and stay\n"
    assert depths(online.stack) == {"Rejected": 2, "Inbox": 2}
    assert len(visible()) == 2


def partly(stack, takes):
    """Let SQS take only some messages of a batch."""
    sqs = stack.client("sqs")
    send = sqs.send_message_batch

    def some(*, QueueUrl, Entries):  # noqa: N803 - boto3's names
        answer = send(QueueUrl=QueueUrl, Entries=[entry for entry in Entries if takes(entry)])
        return answer | {"Failed": [{"Id": entry["Id"]} for entry in Entries if not takes(entry)]}

    sqs.send_message_batch = some


@pytest.mark.parametrize("at", ["send_message_batch", "delete_message_batch"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), EndpointConnectionError(endpoint_url="")])
def test_wherever_a_replay_is_cut_off_no_event_is_lost(online, bridge, at, when, error):
    bodies = {f"Олена {number}" for number in range(25)}
    for name in bodies:
        bridge.post("acme", person(None, name=name))
    cut(online.stack, at, when, error)

    done = online("rejected", "replay")

    assert done.code == (130 if isinstance(error, KeyboardInterrupt) else 1)
    assert "sent to the inbox queue" in done.out
    assert depths(online.stack)["Rejected"] + depths(online.stack)["Inbox"] >= 25
    left = [message for url in (SETTINGS.rejected_queue_url, SETTINGS.inbox_queue_url) for message in everything(url)]
    assert {json.loads(rejection_of(message).sample.body)["data"]["name"] for message in left} == bodies
    assert not depths(online.stack)["Rejected"] - sum(1 for message in left if "code" in attributes(message))


def attributes(message):
    return message.get("MessageAttributes", {})


def cut(stack, at, when, error):
    """End a run in the second call of a method."""
    sqs = stack.client("sqs")
    call, calls = getattr(sqs, at), []

    def failing(**given):
        calls.append(given)
        if len(calls) == 2 and when == "before":
            raise error
        answer = call(**given)
        if len(calls) == 2:
            raise error
        return answer

    setattr(sqs, at, failing)


def everything(url):
    found = []
    while messages := receive(url):
        found += messages
    return found


def test_a_rate_spreads_the_events(online, bridge):
    for number in range(30):
        bridge.post("acme", person(None, name=f"Олена {number}"))

    online("rejected", "replay", "--rate", 5)

    first, _second = online.stack.slept  # before the second and third ten
    assert 1.5 < first <= 2


def test_a_slow_replay_holds_what_it_read_for_as_long_as_it_takes(online, bridge):
    for number in range(20):
        bridge.post("acme", person(None, name=f"Олена {number}"))

    assert Held(online.stack).seconds == 120
    assert Held(online.stack, a_second=0.1).seconds == 320


def test_a_piece_fits_into_one_call():
    def sized(number):
        body = json.dumps({"connection": "acme", "body": "x" * number})
        return rejection_of({"MessageId": str(number), "ReceiptHandle": "", "Body": body})

    small, large = [sized(1)] * 21, [sized(150_000), sized(150_000), sized(10)]

    assert [len(piece) for piece in sendable(small)] == [10, 10, 1]
    assert [len(piece) for piece in sendable(large)] == [1, 2]


def test_what_comes_back_while_it_is_read_is_no_second_message(online, bridge):
    bridge.post("acme", NOBODY)
    with Held(online.stack) as held:
        held.seconds = 0

        assert len(held.all()) == 1


def test_one_empty_answer_is_not_the_end_of_the_queue(online, bridge):
    bridge.post("acme", NOBODY)
    sqs = online.stack.client("sqs")
    receive_message, answers = sqs.receive_message, [{}]
    sqs.receive_message = lambda **given: answers.pop() if answers else receive_message(**given)

    assert online("rejected", "list").out.endswith("1 rejected; 1 acme no-id\n")


def test_an_event_is_dropped_by_its_id(online, bridge):
    bridge.post("acme", NOBODY)
    bridge.post("acme", person(None, name="Інша"))
    identity = first_id(online("rejected", "list"))

    done = online("rejected", "drop", identity)

    assert (done.code, done.out) == (0, "1 deleted\n")
    assert depths(online.stack)["Rejected"] == 1


@pytest.mark.parametrize("identity", ["", "abc"])
def test_a_short_id_drops_nothing(online, bridge, identity):
    bridge.post("acme", NOBODY)

    assert online("rejected", "drop", identity).code == 1
    assert depths(online.stack)["Rejected"] == 1
