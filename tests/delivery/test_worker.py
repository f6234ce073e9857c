"""Delivery end to end inside one process: real handlers and table, Ringostat on a real socket, a virtual clock."""

import json

import pytest

from aws.clients import PATIENT, dynamodb
from cards.card import stamped
from cards.key import key_of, throttle_key
from cards.write import Write
from delivery import state
from delivery.policy import EVER_MS
from delivery.wakeups import Wakeup, wakeups_of
from delivery.worker import Run
from intake.merging import Merging
from local.in_process import AUTH_KEYS, connection, counted
from settings import SETTINGS
from tests.handlers.test_api import person
from wire import Answer


def key(number=42, project=106):
    return key_of(project, "Pipedrive", f"contact:{number}")


def change(bridge, number=42, project=106, at=None, **values):
    """Merge one change into a card, as `ingest` does."""
    now = bridge.clock.now()
    fields = {
        "externalId": str(number),
        "fullName": f"Olena {number}",
        "phones.0": [{"value": f"+38067000{number:04}", "name": None, "primary": True}],
        **values,
    }
    news = {key(number, project): [stamped(fields, changed_at=at or now, received_at=now)]}
    Merging(bridge.cards, connection="acme", now=now).merge(news)
    return key(number, project)


def woken(bridge, keys, *, received=1, ends_in=60_000):
    """Run `deliver` with one wake-up."""
    wakeup = Wakeup("message", "receipt", received, list(keys))
    return Run(bridge.worker, bridge.clock.time + ends_in).deliver([wakeup])["batchItemFailures"]


def posts(ringostat):
    return [[record["externalId"] for record in body_of(request)] for request in ringostat.requests]


def body_of(request):
    ((_, records),) = request["body"].items()
    return records


def names(ringostat):
    return {contact["externalId"]: contact["fullName"] for contact in ringostat.state()["contacts"]}


def test_a_due_card_is_posted_and_confirmed(bridge, ringostat):
    change(bridge)

    assert woken(bridge, [key()]) == []

    assert names(ringostat) == {"42": "Olena 42"}
    card = bridge.card(key())
    assert (card.due_at, card.lease_id, card.confirmed_hash) == (None, None, card.hash)


@pytest.mark.parametrize(("mark", "shown", "left"), [("[deleted]", "[deleted] Olena Koval", 0), ("", "Olena Koval", 1)])
def test_a_deleted_card_is_posted_once_more_with_its_mark_if_its_connection_has_one(
    bridge, ringostat, mark, shown, left
):
    bridge.put_connections({"acme": connection("pipedrive", mark_deleted=mark)})
    deletion = {"meta": {"action": "delete", "entity": "person", "entity_id": "42"}, "previous": {"id": 42}}

    for event in (person(), deletion, deletion):
        bridge.post("acme", event)
        bridge.clock.pass_(10)
        bridge.deliver()

    assert names(ringostat) == {"42": shown}
    assert len(posts(ringostat)) == (2 if mark else 1)
    assert len(bridge.cards.left_behind(106, EVER_MS, 10)) == left


def test_the_text_of_a_request_is_ascii_and_compact(bridge):
    class Kept:
        """Ringostat, as far as it is asked."""

        def post(self, _, records, **__):
            kept.extend(records)
            return Answer(200, {}, b'{"success":true}', complete=True)

    kept = []
    bridge.worker = bridge.worker._replace(ringostat=Kept())
    change(bridge, fullName="Олена")

    woken(bridge, [key()])

    assert b'"fullName":"\\u041e\\u043b\\u0435\\u043d\\u0430"' in kept[0]


def test_a_wakeup_for_a_card_that_is_not_due_does_nothing(bridge, ringostat):
    change(bridge)
    woken(bridge, [key()])

    assert woken(bridge, [key(), key(), key(7)]) == []

    assert len(ringostat.requests) == 1


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", "null", '{"keys": 5}', '{"keys": [5, null, "x"]}', "no JSON", "[" * 60_000]
)
def test_a_message_that_is_no_wakeup_is_acknowledged(bridge, body):
    record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
    assert Run(bridge.worker, bridge.clock.time + 60_000).deliver(wakeups_of({"Records": [record]})) == {
        "batchItemFailures": []
    }


def test_cards_of_many_wakeups_share_a_post(bridge, ringostat):
    bridge.worker = bridge.worker._replace(policy=bridge.worker.policy._replace(batch_size=10))
    keys = [change(bridge, number) for number in range(1, 26)]

    assert woken(bridge, keys) == []

    assert [len(post) for post in posts(ringostat)] == [10, 10, 5]
    assert len(names(ringostat)) == 25


def test_projects_and_endpoints_have_their_own_posts_and_organizations_go_first(bridge, ringostat):
    organization = key_of(106, "Pipedrive", "organization:9")
    news = {organization: [stamped({"externalId": "9", "name": "Acme"}, changed_at=1, received_at=1)]}
    Merging(bridge.cards, connection="acme", now=1).merge(news)

    woken(bridge, [change(bridge), change(bridge, project=107), organization])

    assert [(request["headers"]["x-project-id"], request["path"]) for request in ringostat.requests] == [
        ("106", "/minicrm/organizations/sync"),
        ("106", "/minicrm/contacts/sync"),
        ("107", "/minicrm/contacts/sync"),
    ]


def test_only_the_newest_state_is_posted(bridge, ringostat):
    for name in ("first", "second", "third"):
        change(bridge, fullName=name)

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "third"}
    assert len(ringostat.requests) == 1


def test_there_and_back_again_before_delivery_costs_no_post(bridge, ringostat):
    change(bridge, fullName="A")
    woken(bridge, [key()])
    change(bridge, fullName="B")
    change(bridge, fullName="A")

    woken(bridge, [key()])

    assert len(ringostat.requests) == 1
    assert bridge.card(key()).due_at is None


def test_an_ambiguous_answer_is_followed_by_quiet_the_newest_state_and_an_assertion(bridge, ringostat):
    ringostat.faults({"drop": "after"})
    change(bridge, fullName="A")
    assert len(woken(bridge, [key()])) == 1
    change(bridge, fullName="B")

    woken(bridge, [key()])
    assert len(ringostat.requests) == 1, "quiet"

    bridge.clock.pass_(60)
    woken(bridge, [key()])
    assert names(ringostat) == {"42": "B"}
    woken(bridge, [key()])
    assert len(ringostat.requests) == 2, "the assertion is not used up early"

    bridge.clock.pass_(300)
    assert bridge.sweep() == 1
    bridge.deliver()
    assert posts(ringostat) == [["42"]] * 3
    assert bridge.card(key()).due_at is None


def test_back_to_the_confirmed_state_after_an_ambiguous_answer_is_posted_again(bridge, ringostat):
    change(bridge, fullName="A")
    woken(bridge, [key()])
    ringostat.faults({"drop": "after"})
    change(bridge, fullName="B")
    woken(bridge, [key()])
    change(bridge, fullName="A")
    bridge.clock.pass_(60)

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "A"}


def test_a_worker_that_died_in_mid_delivery_leaves_an_ambiguous_card(bridge, ringostat):
    change(bridge)
    died = bridge.cards.write(state.claim(key(), state.Lease("dead", bridge.clock.time + 65_000), bridge.clock.time))
    assert died.done

    bridge.clock.pass_(65 + 59)
    woken(bridge, [key()])
    assert ringostat.requests == []

    bridge.clock.pass_(1)
    woken(bridge, [key()])
    assert names(ringostat) == {"42": "Olena 42"}
    assert bridge.card(key()).assert_at is not None


def test_news_during_the_post_is_delivered_by_the_same_worker(bridge, ringostat):
    class Meanwhile:
        """Ringostat, while whose first POST the CRM speaks again."""

        def post(self, *request, **more):
            answer = bridge_ringostat.post(*request, **more)
            if len(ringostat.requests) == 1:
                change(bridge, fullName="newer")
            return answer

    bridge_ringostat = bridge.worker.ringostat
    bridge.worker = bridge.worker._replace(ringostat=Meanwhile())
    change(bridge, fullName="older")

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "newer"}
    assert bridge.card(key()).due_at is None


def test_one_bad_card_of_ten_is_found_alone_and_the_others_go_on(bridge, ringostat):
    ringostat.faults({"refuse": {"externalId": "7"}, "times": None})

    woken(bridge, [change(bridge, number) for number in range(1, 11)])

    assert sorted(names(ringostat), key=int) == [str(number) for number in range(1, 11) if number != 7]
    assert len(ringostat.requests) <= 9
    card = bridge.card(key(7))
    assert (card.failure.code, card.refused_hash, card.refusals) == ("400", card.hash, 1)

    for seconds in (60, 3600, 86_400):
        bridge.clock.pass_(seconds)
        woken(bridge, [key(7)])
    card = bridge.card(key(7))
    assert (card.refused.code, card.refused.hash, card.due_at) == ("400", card.hash, None)
    assert len(ringostat.requests) <= 12


@pytest.mark.parametrize(
    "fault", [{"status": 400}, {"body": {"success": False}}, {"body": {"error": {"code": -32602}}}]
)
def test_a_refusal_that_passes_costs_one_post_and_a_minute(bridge, ringostat, fault):
    ringostat.faults(fault)
    change(bridge)
    woken(bridge, [key()])
    assert len(woken(bridge, [key()])) == 1, "a stray wake-up finds it waiting"
    assert len(ringostat.requests) == 1

    bridge.clock.pass_(60)
    woken(bridge, [key()])

    assert names(ringostat) == {"42": "Olena 42"}
    assert bridge.card(key()).failure is None


def test_while_every_card_is_refused_the_project_rests_and_each_is_delivered_in_the_end(bridge, ringostat):
    ringostat.faults({"status": 400, "times": None})
    for number in range(1, 13):
        woken(bridge, [change(bridge, number)])
    assert len(ringostat.requests) == 5
    for _ in range(60):
        bridge.clock.pass_(60)
        bridge.sweep()
        bridge.deliver()
    assert len(ringostat.requests) <= 5 + 12, "one card each five minutes"

    ringostat.faults()
    bridge.settle()

    assert len(names(ringostat)) == 12


def test_a_refused_card_is_tried_again_when_its_content_changes(bridge, ringostat):
    ringostat.faults({"refuse": {"externalId": "42"}, "times": 1})
    change(bridge)
    woken(bridge, [key()])
    assert len(ringostat.requests) == 1

    change(bridge, fullName="mended")
    woken(bridge, [key()])
    assert names(ringostat) == {"42": "mended"}
    assert bridge.card(key()).refused is None


@pytest.mark.parametrize(
    ("fault", "wait"),
    [({"status": 503}, 30), ({"status": 504}, 60), ({"status": 429, "headers": {"Retry-After": "90"}}, 90)],
)
def test_what_cannot_be_delivered_now_waits_and_is_then_delivered(bridge, ringostat, fault, wait):
    ringostat.faults({**fault, "times": 3})
    change(bridge)
    woken(bridge, [key()])

    assert bridge.card(key()).not_before - bridge.clock.time >= wait * 999
    bridge.settle(seconds=600)
    assert names(ringostat) == {"42": "Olena 42"}


def test_after_an_answer_that_holds_for_all_nothing_more_is_posted(bridge, ringostat):
    bridge.worker = bridge.worker._replace(policy=bridge.worker.policy._replace(batch_size=10))
    ringostat.faults({"status": 429, "times": None})

    woken(bridge, [change(bridge, number) for number in range(25)])

    assert len(ringostat.requests) == 1
    assert len(bridge.due()) == 25


def test_a_wrong_key_refuses_no_card_and_is_read_afresh(bridge, ringostat):
    change(bridge)
    bridge.put_auth_keys({"106": {"auth_key": "wrong"}})
    bridge.worker.auth_keys.read()
    bridge.put_auth_keys(AUTH_KEYS)
    bridge.pass_secret_minute()

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "Olena 42"}
    assert [request["status"] for request in ringostat.requests] == [401, 200]


def test_a_key_that_stays_wrong_leaves_the_card_due(bridge, ringostat):
    bridge.put_auth_keys({"106": {"auth_key": "wrong"}})
    change(bridge)

    woken(bridge, [key()])

    card = bridge.card(key())
    assert card.refused is None
    assert card.due_at > bridge.clock.time


def test_a_project_without_a_key_posts_nothing_and_stays_due(bridge, ringostat):
    bridge.put_auth_keys({})
    change(bridge)

    woken(bridge, [key()])

    assert ringostat.requests == []
    assert bridge.card(key()).due_at is not None


def test_without_time_nothing_is_started_and_the_wakeup_comes_back(bridge, ringostat):
    change(bridge)

    assert woken(bridge, [key()], ends_in=2_000) == [{"itemIdentifier": "message"}]
    assert ringostat.requests == []
    assert bridge.card(key()).lease_id is None


def test_a_wakeup_received_often_is_left_to_the_sweep(bridge, ringostat):
    ringostat.faults({"status": 503})
    change(bridge)

    assert woken(bridge, [key()], received=6) == []
    assert bridge.card(key()).due_at is not None


def test_a_fault_of_our_own_leaves_the_card_ambiguous_and_the_wakeup_comes_back(bridge):
    class Broken:
        """Ringostat's client with a fault of ours."""

        def post(self, *_, **__):
            raise RuntimeError("+380670000042")

    change(bridge)
    bridge.worker = bridge.worker._replace(ringostat=Broken())

    assert len(woken(bridge, [key()])) == 1
    assert bridge.card(key()).lease_id is not None


def test_a_claim_that_the_sdk_sent_twice_is_still_ours(bridge, ringostat):
    change(bridge)
    bridge.worker = bridge.worker._replace(new_id=lambda: "mine")
    bridge.cards.write(state.claim(key(), state.Lease("mine", bridge.clock.time + 65_000), bridge.clock.time))

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "Olena 42"}


def test_one_card_costs_two_calls_and_many_cost_three(bridge, ringostat):
    keys = [change(bridge, number) for number in range(1, 33)]
    woken(bridge, [keys.pop()])
    with counted() as calls:
        woken(bridge, keys[:1])
        single = list(calls)
        calls.clear()
        woken(bridge, keys[1:])

    assert single == ["UpdateItem", "UpdateItem"]
    assert calls == ["BatchGetItem", "TransactWriteItems", "TransactWriteItems"]


def test_rows_carry_their_schema(bridge):
    change(bridge)

    row = dynamodb(PATIENT).call("GetItem", TableName=SETTINGS.cards_table, Key={"key": {"S": key()}})["Item"]

    assert row["schema"] == {"N": "1"}
    assert json.loads(row["fields"]["S"])["externalId"][0] == "42"


def test_a_card_given_up_after_an_ambiguous_answer_is_posted_again_when_it_returns_to_what_was_confirmed(
    bridge, ringostat
):
    change(bridge, fullName="A")
    woken(bridge, [key()])
    change(bridge, fullName="B")
    bridge.clock.pass_(15 * 86_400)
    ringostat.faults({"drop": "after"})
    woken(bridge, [key()])
    assert bridge.card(key()).refused.code == "expired"
    change(bridge, fullName="A")

    woken(bridge, [key()])

    assert names(ringostat) == {"42": "A"}


def test_a_waiting_card_does_not_keep_the_probe_from_the_others(bridge, ringostat):
    """News that came during a POST leaves `due_at` before the end of a quiet period."""
    change(bridge, 1, fullName="waits")
    later = bridge.clock.time + 6 * 3_600_000
    bridge.cards.write(Write(key(1), {"not_before": later, "due_at": bridge.clock.time}))
    change(bridge, 2)
    bridge.clock.pass_(120)
    bridge.cards.write(Write(throttle_key(106), {"circuit": "transport", "rests_until": bridge.clock.time - 30_000}))

    for _ in range(2):
        bridge.sweep()
        bridge.deliver()

    assert names(ringostat) == {"2": "Olena 2"}
