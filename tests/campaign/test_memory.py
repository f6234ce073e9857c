"""The tables and queues of the campaign do what moto's do."""

import json
from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aws.queues import Message, Queue
from aws.table import Cards
from cards import write
from cards.card import Card, Refusal
from cards.endpoints import Stamped
from cards.key import members_page, number_key, throttle_key
from cards.write import Write
from delivery import state
from delivery.classify import Judgement
from delivery.policy import Policy
from delivery.state import Lease
from delivery.throttles import UNMOVED
from local.in_process import aws
from local.memory import Memory
from ops.stack import Signed
from settings import SETTINGS

KEYS = ["106#X#contact:1", "106#X#contact:2", "107#X#contact:1"]
ORGANIZATION = "106#X#organization:9"
NUMBER = number_key(106, "380670000001", "secret")
maybe = st.one_of(st.none(), st.integers(8, 12))
hashes = st.sampled_from([None, "a", "b"])
cards = st.builds(
    Card,
    key=st.sampled_from(KEYS),
    fields=st.sampled_from([{}, {"fullName": Stamped("Олена", 1, 2)}]),
    rev=st.integers(0, 3),
    hash=hashes,
    waiting=st.sampled_from([None, "no-phone-or-email"]),
    lease_id=st.sampled_from([None, "mine", "other"]),
    lease_until=maybe,
    not_before=maybe,
    assert_at=maybe,
    ambiguous=st.booleans(),
    attempts=st.integers(0, 3),
    refused_hash=hashes,
    refusals=st.integers(0, 1),
    refused=st.sampled_from([None, Refusal("a", "400", "fullName", 1)]),
    shown=st.sampled_from([None, {"name": "Олена", "link": None, "numbers": []}]),
    due_at=maybe,
    numbers=st.sampled_from([None, {"+380670000001": 8}]),
)
nows = st.integers(8, 12)
policy = Policy.of(SETTINGS._asdict())._replace(
    quiet_ms=2, assert_after_ms=3, retry_base_ms=1, retry_cap_ms=9, tried_again_after_ms=(2,)
)
lease = Lease("mine", 15)
results = st.sampled_from(
    [
        lambda card, now: state.confirmed(card, Judgement("confirmed", begun_at=now), now, policy),
        lambda card, now: state.ambiguous(card, Judgement("ambiguous"), now, policy, 0.5),
        state.released,
        lambda card, now: state.refused(card, Judgement("bad-data", "400"), now, policy),
    ]
)


def settled(card):
    """Moto holds that two attributes that a row lacks are equal; AWS does not."""
    write = state.settle(card)
    return write._replace(condition=f"attribute_exists(#hash) AND {write.condition}")


writes = st.one_of(
    st.builds(lambda card, now: state.claim(card.key, lease, now), cards, nows),
    st.builds(lambda card, now: state.claim_read(card, lease, now), cards, nows),
    st.builds(lambda card: state.reclaim(card, lease), cards.filter(lambda card: card.lease_id)),
    st.builds(settled, cards),
    st.builds(state.later, cards.filter(lambda card: card.not_before and card.hash)),
    st.builds(
        lambda card, now, result: state.record(card._replace(lease_id="mine", hash="a"), result(card, now)),
        cards,
        nows,
        results,
    ),
    st.builds(
        lambda card, now, result: state.record_moved(card._replace(lease_id="mine"), result(card, now)),
        cards,
        nows,
        results,
    ),
    st.builds(
        lambda before, after, due_at: write.merged(
            before, after._replace(key=before.key), due_at=due_at, expires_at=None
        ),
        cards,
        cards,
        maybe,
    ),
    st.builds(
        lambda card, due_at: Write(
            card.key,
            {
                "rev": 1,
                **write.due(card.key, due_at),
                "hash": card.hash,
                "confirmed_hash": "a",
                "assert_at": card.assert_at,
                "ambiguous": card.ambiguous or None,
            },
        ),
        cards,
        maybe,
    ),
    st.builds(
        lambda seen, until: Write(
            throttle_key(106), {"rests_until": until, "circuit": "auth"}, UNMOVED, {"rests_until": seen}
        ),
        nows,
        maybe,
    ),
    st.builds(lambda card: Write(card.key, {"erased": 1, "fields": None}, "attribute_exists(#rev)"), cards),
)
notes = st.one_of(
    st.builds(
        lambda contacts: Write(members_page(ORGANIZATION, contacts[0]), {}, members=frozenset(contacts)),
        st.sampled_from([KEYS[:1], KEYS]),
    ),
    st.builds(write.renaming, st.just(ORGANIZATION), nows),
    st.builds(write.listed, st.just(NUMBER), st.sampled_from([frozenset(KEYS[:1]), frozenset(KEYS)]), nows),
)
calls = st.one_of(
    st.tuples(st.just("write"), writes),
    st.tuples(st.just("write_all"), st.lists(writes, min_size=1, max_size=3, unique_by=lambda write: write.key)),
    st.tuples(st.just("read"), st.sampled_from([KEYS[:1], KEYS])),
    st.tuples(st.just("due"), st.sampled_from([106, 107]), nows, st.integers(1, 3), st.booleans()),
    st.tuples(st.just("write_all"), st.lists(notes, min_size=1, max_size=2, unique_by=lambda note: note.key)),
    st.tuples(st.just("members"), st.just(ORGANIZATION)),
    st.tuples(st.just("renamed"), nows.map(lambda now: now + write.RENAMED_AFTER_MS), st.integers(1, 3)),
    st.tuples(st.just("left_behind"), st.sampled_from([106, 107]), nows, st.integers(1, 3)),
    st.tuples(st.just("erase"), st.sampled_from([*KEYS, ORGANIZATION]), nows),
    st.tuples(st.just("enrol"), st.sampled_from([106, 107])),
    st.tuples(st.just("projects")),
    st.tuples(st.just("row"), st.sampled_from([*KEYS, NUMBER, throttle_key(106)])),
    st.tuples(st.just("unlist"), st.just(NUMBER), st.sampled_from([frozenset(KEYS[1:]), frozenset(KEYS)]), nows, maybe),
)  # fmt: skip
sends = st.tuples(
    st.just("send"),
    st.text("aя\n", min_size=1, max_size=3),
    st.dictionaries(st.just("code"), st.text("a1", min_size=1)),
    st.just(""),
    st.sampled_from([0, 0, 60]),
)
queue_calls = st.one_of(sends, st.tuples(st.just("receive")), st.tuples(st.just("delete")), st.tuples(st.just("hide")))
numbers = count()
ONE_AWS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)


def done(cards, call):
    name, *arguments = call
    if name == "due":
        *arguments, newest = arguments
        return cards.due(*arguments, newest=newest)
    return getattr(cards, name)(*arguments)


def emptied():
    client = aws("dynamodb")
    for item in client.scan(TableName=SETTINGS.cards_table)["Items"]:
        client.delete_item(TableName=SETTINGS.cards_table, Key={"key": item["key"]})
    return client


@ONE_AWS
@given(st.lists(calls, max_size=12))
def test_a_table_in_memory_answers_as_motos(nowhere, sequence):
    moto = Cards(Signed(emptied()), SETTINGS.cards_table)
    memory = Cards(Memory(lambda: 0).client(), SETTINGS.cards_table)

    for call in sequence:
        assert done(memory, call) == done(moto, call), call


@ONE_AWS
@given(st.lists(queue_calls, max_size=12))
def test_a_queue_in_memory_does_as_motos(nowhere, sequence):
    url = aws("sqs").create_queue(QueueName=f"queue-{next(numbers)}")["QueueUrl"]
    clients = [Signed(aws("sqs")), Memory(lambda: 0).client()]
    held = [[], []]

    for name, *arguments in sequence:
        for client, messages in zip(clients, held, strict=True):
            if name == "send":
                Queue(client, url).send(Message(*arguments))
            elif name == "receive":
                messages.extend(received(client, url))
            elif name == "delete" and messages:
                client.call("DeleteMessage", QueueUrl=url, ReceiptHandle=messages.pop()["ReceiptHandle"])
            elif name == "hide" and messages:
                Queue(client, url).hide({messages.pop()["ReceiptHandle"]: 0})
        assert seen(held[0]) == seen(held[1]), name


def received(client, url):
    answer = client.call(
        "ReceiveMessage",
        QueueUrl=url,
        MaxNumberOfMessages=2,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        VisibilityTimeout=99,
    )
    return answer.get("Messages", [])


def seen(messages):
    return sorted(
        (
            message["Body"],
            json.dumps(message.get("MessageAttributes") or {}, sort_keys=True),
            message["Attributes"]["ApproximateReceiveCount"],
        )
        for message in messages
    )


def test_a_message_received_too_often_becomes_a_dead_letter():
    now = 0
    memory = Memory(lambda: now, receives=2)
    client = memory.client()
    Queue(client, "q").send(Message("poison"))

    for _ in range(3):
        received(client, "q")
        now += 100_000

    assert memory.queues["q"].dead == 1
    assert memory.queues["q"].messages == {}
