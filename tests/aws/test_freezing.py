"""In a world that freezes: no webhook is lost to a dead connection, and throttling is waited for."""

import gc
import socket
import time

import pytest
import time_machine

from aws.client import DYNAMODB, IDLE_SECONDS, SECRETS_MANAGER, SQS, Failure, Patience
from aws.clients import NEEDED, QUICK
from aws.pauses import LONGEST_SECONDS
from aws.queues import Message, Queue
from aws.secrets import Secret
from aws.table import Cards
from cards.write import Write
from delivery.ringostat import Ringostat
from errors import Unavailable
from handlers import api
from local.in_process import counted, overheard
from lookup.fetch import Fetcher
from settings import SETTINGS
from tests.delivery.test_ringostat import post
from tests.freezing import THROTTLED, Proxy, answered, cancelled, failed, frozen_aws, reaching, unprocessed
from tests.handlers.test_api import person
from tests.servers import OK

SLOW = Patience((1, 10))  # twice, as QUICK, but the machine of a test may be busy
PAUSES = {"short": IDLE_SECONDS / 2, "long": IDLE_SECONDS * 3}


class Frozen:
    """The bridge whose `api` reaches AWS over a proxy; `pass_` passes wall-clock time, as a freeze does."""

    def __init__(self, bridge, server, proxy, patience, monkeypatch):
        self.bridge, self.proxy, self.late = bridge, proxy, server.late
        self.seconds = 1000.0
        dynamodb, sqs, secrets = (
            reaching(proxy, service, patience, lambda: self.seconds)
            for service, patience in ((DYNAMODB, patience), (SQS, patience), (SECRETS_MANAGER, NEEDED))
        )
        stores = api.STORES._replace(
            cards=Cards(dynamodb, SETTINGS.cards_table), delivery=Queue(sqs, SETTINGS.delivery_queue_url)
        )
        monkeypatch.setattr(api, "STORES", stores)
        monkeypatch.setattr(api, "INBOX", Queue(sqs, SETTINGS.inbox_queue_url))
        monkeypatch.setattr(api, "CONNECTIONS", Secret(secrets, SETTINGS.connections_secret, lambda: self.seconds))

    def pass_(self, seconds):
        self.seconds += seconds

    def post(self, number=1):
        return self.bridge.post("acme", person(number))


@pytest.fixture
def frozen(nowhere, monkeypatch, request):
    with frozen_aws() as (server, proxy):
        yield Frozen(nowhere, server, proxy, getattr(request, "param", SLOW), monkeypatch)


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("how", ["reset", "silence"])
def test_a1_a_webhook_after_a_pause_becomes_a_card(frozen, how, pause):
    before = [frozen.post(number).body["accepted"] for number in (1, 2)]
    frozen.proxy.freeze(how)
    frozen.pass_(PAUSES[pause])

    after = frozen.post(3)

    assert before == [1, 1]
    assert (after.status, after.body.get("accepted")) == (202, 1)
    assert frozen.bridge.wakeups() == [[f"106#Pipedrive#contact:{number}"] for number in (1, 2, 3)]
    assert bool(frozen.proxy.met) is (pause == "short"), "after a long pause no old connection is used"


def test_a1_two_attempts_fit_into_odoos_second():
    # https://github.com/odoo/odoo/blob/17.0/odoo/addons/base/models/ir_actions.py: timeout=1
    assert len(QUICK.seconds) == 2
    assert sum(QUICK.seconds) + QUICK.seconds[0] < 1, "the table and the queue each met a dead connection"


@pytest.mark.parametrize("frozen", [QUICK], indirect=True)
def test_a1_with_everything_hanging_the_answer_comes_within_3_seconds(frozen):
    frozen.post()
    frozen.proxy.hangs = True
    frozen.pass_(1)

    started = time.monotonic()
    answer = frozen.post()

    assert answer.status == 503
    assert time.monotonic() - started < 3
    assert sum(NEEDED.seconds) + 2 * sum(QUICK.seconds) < 3, "where the connections are to be read again, too"


def test_a1_an_idle_connection_is_kept_alive(frozen):
    frozen.post()

    kept = [one for one in gc.get_objects() if isinstance(one, socket.socket) and _leads_to(one, frozen.proxy.port)]
    alive = [one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) for one in kept]

    assert alive
    assert all(alive)


def _leads_to(one, port):
    try:
        return one.getpeername()[1] == port
    except OSError:
        return False


@pytest.mark.parametrize("how", ["reset", "silence"])
def test_a1_a_post_to_ringostat_after_a_pause_meets_no_dead_connection(serve, how):
    server = serve(lambda _, connection: connection.sendall(OK) or True)
    with Proxy(server.port) as proxy, time_machine.travel(1000.0) as clock:
        ringostat = Ringostat(proxy.url)
        before = post(ringostat).status
        proxy.freeze(how)
        clock.shift(IDLE_SECONDS + 1)

        assert (before, post(ringostat).status, proxy.met) == (200, 200, 0)
        ringostat.close()


def test_a1_a_crm_is_asked_over_a_new_connection_each_time(serve):
    server = serve(lambda _, connection: connection.sendall(OK) or True)
    with Proxy(server.port) as proxy:
        fetcher = Fetcher(loopback=True)
        before = fetcher.fetch("GET", proxy.url, {}, None).status
        proxy.freeze("silence")

        assert (before, fetcher.fetch("GET", proxy.url, {}, None).status, proxy.met) == (200, 200, 0)


@pytest.mark.parametrize("seconds", [0.4, 60])
def test_a2_a_slow_or_lost_first_answer_of_secrets_manager_loses_no_webhook(frozen, seconds):
    frozen.late["GetSecretValue"] = [seconds]

    assert frozen.post().status == 202


def test_a2_without_a_good_value_the_next_request_asks_again(frozen):
    frozen.late["GetSecretValue"] = [60] * len(NEEDED.seconds)

    assert [frozen.post().status for _ in range(2)] == [503, 202]


def test_a2_a_good_value_serves_while_secrets_manager_fails(frozen):
    frozen.post()
    frozen.pass_(301)
    frozen.late["GetSecretValue"] = [60] * len(NEEDED.seconds)

    assert [frozen.post().status for _ in range(3)] == [202] * 3


def write(number):
    return Write(f"106#Pipedrive#contact:{number}", {"rev": 1}, "attribute_not_exists(#rev)")


def written(bridge):
    return len(bridge.cards.read([write(number).key for number in range(100)]))


@pytest.fixture
def hundred():
    return [write(number) for number in range(100)]


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a7_a_transaction_cancelled_by_throttling_is_tried_again_whole(nowhere, hundred, code):
    answers = answered("TransactWriteItems", cancelled(*[code] * 100), cancelled("ConditionalCheckFailed", code))
    with overheard(answers), counted() as calls:
        assert nowhere.cards.write_all(hundred) == {}

    assert calls == ["TransactWriteItems"] * 3
    assert written(nowhere) == 100


def test_a7_throttling_without_end_is_an_error_after_few_calls(nowhere, hundred):
    answers = answered("TransactWriteItems", *[cancelled(*["ThrottlingError"] * 100)] * 99)
    with overheard(answers), counted() as calls, pytest.raises(Unavailable, match="throttles"):
        nowhere.cards.write_all(hundred)

    assert calls == ["TransactWriteItems"] * len(LONGEST_SECONDS)


@pytest.mark.parametrize("code", ["TransactionConflict", "ConditionalCheckFailed", "ValidationError"])
def test_a7_only_the_rows_that_a_cancelled_transaction_names_are_written_alone(nowhere, hundred, code):
    codes = ["None"] * 98 + [code] * 2
    with overheard(answered("TransactWriteItems", cancelled(*codes))), counted() as calls:
        assert nowhere.cards.write_all(hundred) == {}

    assert calls == ["TransactWriteItems"] * 2 + ["UpdateItem"] * 2
    assert written(nowhere) == 100


def test_a7_single_writes_stop_at_the_first_that_is_throttled(nowhere, hundred):
    answers = (
        answered("TransactWriteItems", (400, {"__type": "ValidationException"})),
        answered("UpdateItem", *[THROTTLED] * 99),
    )
    with overheard(answers[0]), overheard(answers[1]), counted() as calls, pytest.raises(Failure):
        nowhere.cards.write_all(hundred)

    assert calls.count("UpdateItem") <= 2


def test_a7_keys_left_unread_are_asked_for_again_after_a_pause(nowhere, hundred, pauses):
    nowhere.cards.write_all(hundred)
    with overheard(answered("BatchGetItem", unprocessed, unprocessed)), counted() as calls:
        assert written(nowhere) == 100

    assert calls == ["BatchGetItem"] * 3
    assert len(pauses) == 2


def test_a7_keys_left_unread_again_and_again_are_an_error(nowhere):
    with overheard(answered("BatchGetItem", *[unprocessed] * 99)), pytest.raises(Unavailable):
        written(nowhere)


def test_a7_messages_that_sqs_did_not_take_are_sent_again_after_a_pause(nowhere, pauses):
    with overheard(answered("SendMessageBatch", failed("1", "2"), failed("2", code="RequestThrottled"))):
        Queue(api.sqs(QUICK), SETTINGS.inbox_queue_url).send_all([Message(str(number)) for number in range(3)])

    assert len(pauses) == 2


@pytest.mark.parametrize(("sender", "times"), [(True, 1), (False, len(LONGEST_SECONDS))])
def test_a7_messages_that_sqs_never_takes_are_an_error(nowhere, sender, times):
    answers = answered("SendMessageBatch", *[failed("1", sender=sender)] * 99)
    with overheard(answers), counted() as calls, pytest.raises(Unavailable, match="took only 9 of 10"):
        Queue(api.sqs(QUICK), SETTINGS.inbox_queue_url).send_all([Message(str(number)) for number in range(10)])

    assert len(calls) == times


@pytest.fixture
def pauses(monkeypatch):
    """The pauses that were made; they take no time."""
    made = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made
