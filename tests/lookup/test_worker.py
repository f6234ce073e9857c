"""Events that only name a record, the rows that they leave, and the worker that reads the records from the CRM."""

import json
import math
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

import pytest

import clock
from cards.key import wanted_part
from local import template
from local.in_process import aws, connection, counted, overheard, unreachable
from lookup import wakeups
from lookup.rows import Debt
from lookup.wakeups import Waker
from lookup.wanted import Wanting
from mapping.language import loader
from mapping.outcome import Want
from settings import SETTINGS
from tests.lookup.conftest import NAME

NOON = "2026-05-28T12:00:00+03:00"
KEY = "106#Bitrix24#contact:89"


def person(number=89, phone="+380670000001", at=NOON, **fields):
    phones = [{"id": 1, "typeId": "PHONE", "valueType": "WORK", "value": phone}] if phone else []
    return {"name": "Olena", "lastName": "Koval", "assignedById": 7, "updatedTime": at, "fm": phones, **fields}


class Woken:
    """The lookup queue of a sweep."""

    def __init__(self):
        self.sent = []

    def send_all(self, messages):
        self.sent += messages


def say(bridge, event="ONCRMCONTACTUPDATE", number=89):
    answer = bridge.post(
        NAME,
        f"event={event}&data[FIELDS][ID]={number}&ts=1780000000",
        content_type="application/x-www-form-urlencoded",
    )
    assert answer.status == 202
    return answer.body


def phones(bridge, key=KEY):
    return [entry["value"] for entry in bridge.card(key).fields["phones.0"].value]


def test_an_event_that_names_only_an_id_becomes_a_whole_card(looking):
    looking.crm.put("contact", 89, **person(companyId=5, companyIds=[5]))
    looking.crm.put("company", 5, title="Acme", updatedTime=NOON)

    body = say(looking)
    again = looking.look_up(NAME)

    assert (body["lookup"], body["accepted"], body["rejected"]) == (1, 0, [])
    card = looking.card(KEY)
    assert card.fields["fullName"].value == "Koval Olena"
    assert phones(looking) == ["+380670000001"]
    assert looking.card("106#Bitrix24#organization:5").fields["name"].value == "Acme"
    assert [kind for _, kind, _ in looking.crm.requests] == ["contact", "company"]
    assert (again, looking.wanted(NAME)) == (None, [])


def test_a_deal_leads_to_its_contact_and_that_to_its_company_in_one_round(looking):
    looking.crm.put("deal", 7, contactId=89, updatedTime=NOON)
    looking.crm.put("contact", 89, **person(companyIds=[5]))
    looking.crm.put("company", 5, title="Acme", updatedTime=NOON)

    say(looking, "ONCRMDEALUPDATE", 7)
    looking.look_up(NAME)

    assert [kind for _, kind, _ in looking.crm.requests] == ["deal", "contact", "company"]
    assert phones(looking) == ["+380670000001"]


def test_what_is_known_is_not_read_beside_a_deal(looking):
    looking.crm.put("deal", 7, contactId=89, updatedTime=NOON)
    looking.crm.put("contact", 89, **person())
    say(looking)
    looking.look_up(NAME)
    looking.clock.pass_(20)

    say(looking, "ONCRMDEALUPDATE", 7)
    looking.look_up(NAME)

    assert [kind for _, kind, _ in looking.crm.requests] == ["contact", "deal"]


def test_the_second_half_of_a_stamp_is_the_moment_when_the_request_was_begun(looking):
    looking.crm.put("contact", 89, **person())
    say(looking)

    looking.look_up(NAME)

    (asked_at, _, _), stamp = looking.crm.requests[0], looking.card(KEY).fields["fullName"]
    assert stamp.received_at <= asked_at
    assert asked_at - stamp.received_at < 50


def test_of_two_edits_within_one_second_the_newer_stays(looking):
    """Both answers bear the same time of change: only when they were asked for tells them apart."""
    for phone in ("+380670000001", "+380670000009", "+380670000002"):
        looking.crm.put("contact", 89, **person(phone=phone))
        say(looking)
        looking.look_up(NAME)
        looking.clock.pass_(16)

    assert phones(looking) == ["+380670000002"]


def test_a_record_that_was_restored_is_back_though_it_was_changed_before_its_deletion(looking):
    looking.crm.put("contact", 89, **person())
    say(looking)
    looking.look_up(NAME)
    looking.clock.pass_(16)
    say(looking, "ONCRMCONTACTDELETE")
    assert looking.card(KEY).waiting == "deleted-in-crm"
    looking.clock.pass_(16)

    say(looking)
    looking.look_up(NAME)

    assert looking.card(KEY).waiting is None
    looking.clock.pass_(16)
    say(looking, "ONCRMCONTACTDELETE")
    assert looking.card(KEY).waiting == "deleted-in-crm"


def test_a_record_that_is_named_while_it_is_read_is_read_again_once(looking):
    looking.crm.put("contact", 89, **person(phone="+380670000001"))

    def edit(*_):
        looking.crm.during = None
        looking.crm.put("contact", 89, **person(phone="+380670000002"))
        say(looking)

    say(looking)
    looking.crm.during = edit
    looking.look_up(NAME)
    assert [row.id for row in looking.wanted(NAME)] == ["89"]
    for _ in range(3):
        looking.clock.pass_(16)
        looking.look_up(NAME)

    assert len(looking.crm.requests) == 2
    assert phones(looking) == ["+380670000002"]
    assert looking.wanted(NAME) == []


def test_a_thousand_events_of_a_hundred_records_within_a_minute_are_ten_requests_at_most(quick):
    for number in range(1, 101):
        quick.crm.put("contact", number, **person(number))
    wake_at = None
    for turn in range(1_000):
        say(quick, number=turn % 100 + 1)
        quick.clock.time += 60
        wake_at = wake_at or quick.clock.time + 3_000
        if quick.clock.time >= wake_at:
            wake_at = quick.look_up(NAME) or quick.clock.time + 3_000
    quick.clock.pass_(20)
    quick.look_up(NAME)

    assert len(quick.crm.requests) <= 10
    assert max(len(ids) for *_, ids in quick.crm.requests) == 50
    assert quick.wanted(NAME) == []
    assert all(quick.card(f"106#Bitrix24#contact:{number}").hash for number in range(1, 101))


def test_events_that_come_while_a_round_lasts_wait_for_the_next_though_an_answer_wants_a_company(quick):
    """Else each answer of a contact with a company would lead to a further request while events come."""
    quick.crm.put("company", 5, title="Acme", updatedTime=NOON)
    for number in range(1, 101):
        quick.crm.put("contact", number, **person(number, companyIds=[5]))
    say(quick, number=1)
    quick.look_up(NAME)
    quick.clock.pass_(20)
    quick.crm.requests.clear()
    numbers = iter(range(2, 101))
    quick.crm.during = lambda *_: say(quick, number=next(numbers))

    say(quick, number=1)
    again = quick.look_up(NAME)

    assert [ids for _, kind, ids in quick.crm.requests if kind == "contact"] == [[1]]
    assert again is not None
    quick.crm.during = None
    quick.clock.pass_(16)
    quick.look_up(NAME)
    assert quick.wanted(NAME) == []


def test_a_wake_up_of_a_connection_that_is_new_reads_the_secret_afresh(quick):
    quick.crm.put("contact", 89, **person())
    quick.look_up(NAME)
    entries = {"acme-new": connection("bitrix24", lookups=True)}
    quick.reader = quick.reader._replace(connections=Renewed({}, entries))
    quick.put_api_keys({"acme-new": {"url": quick.crm.url}})
    wanted = Wanting(quick.cards, quick.reader.wakeups, "acme-new", "")
    wanted.want({Want("contact", "89"): Debt("request", 0, "")}, quick.clock.now(), math.inf)

    quick.look_up("acme-new")

    assert len(quick.crm.requests) == 1


class Renewed(NamedTuple):
    """A secret whose value has changed since it was read."""

    old: dict
    new: dict

    def read(self):
        return self.old

    def refresh(self):
        return self.new


def test_ten_events_of_one_record_are_one_row_and_one_request(looking):
    looking.crm.put("contact", 89, **person())
    for _ in range(10):
        say(looking)

    looking.look_up(NAME)

    assert len(looking.crm.requests) == 1


def wait(status, seconds=""):
    return status, {"Retry-After": seconds} if seconds else {}, b'{"error": "x"}'


@pytest.mark.parametrize("status", [429, 503])
def test_after_retry_after_30_nothing_is_asked_for_30_seconds_and_nothing_is_lost(looking, status):
    looking.crm.put("contact", 89, **person())
    looking.crm.faults = [wait(status, "30")]
    say(looking)
    began = looking.clock.time

    again = looking.look_up(NAME)
    assert began + 30_000 <= again <= began + 31_500
    for _ in range(28):
        looking.clock.pass_(1)
        looking.look_up(NAME)
        looking.sweep()
    assert len(looking.crm.requests) == 1

    looking.clock.pass_(4)
    looking.look_up(NAME)

    assert looking.crm.requests[1][0] - looking.crm.requests[0][0] >= 30_000
    assert phones(looking) == ["+380670000001"]
    assert looking.wanted(NAME) == []


def test_a_crm_that_does_not_say_how_long_is_left_alone_for_a_minute(looking):
    looking.crm.put("contact", 89, **person())
    looking.crm.faults = [wait(429)]
    say(looking)

    looking.look_up(NAME)
    looking.clock.pass_(55)
    looking.look_up(NAME)
    assert len(looking.crm.requests) == 1

    looking.clock.pass_(6)
    looking.look_up(NAME)
    assert len(looking.crm.requests) == 2


def test_a_refused_key_gives_up_no_record_opens_a_circuit_and_is_tried_again(looking):
    looking.crm.put("contact", 89, **person())
    looking.crm.rule = lambda *_: (401, {}, b'{"error": "NO_AUTH_FOUND"}')
    say(looking)

    looking.look_up(NAME)
    looking.clock.pass_(250)
    looking.look_up(NAME)

    assert len(looking.crm.requests) == 1
    assert Waker(looking.cards, None).sweep(looking.clock.now()) == 1
    assert [row.id for row in looking.wanted(NAME)] == ["89"]
    looking.crm.rule = None
    looking.clock.pass_(60)
    looking.look_up(NAME)
    assert phones(looking) == ["+380670000001"]
    assert Waker(looking.cards, None).sweep(looking.clock.now()) == 0


def test_the_trouble_of_one_connection_stops_no_others_sweep(looking, caplog):
    say(looking)
    looking.cards.enrol("broken", "wanting")
    looking.clock.pass_(60)

    def trouble(_, operation, parameters):
        if operation == "Query" and parameters["ExpressionAttributeValues"][":due"] == {"S": wanted_part("broken")}:
            raise ConnectionError

    wakeups = Woken()
    with overheard(trouble):
        assert Waker(looking.cards, wakeups).sweep(looking.clock.now()) == 1

    [left] = [line for line in caplog.records if line.message == "look-ups left to the next sweep"]
    assert (left.connection, left.error) == ("broken", "Unavailable")
    assert [json.loads(message.body)["connection"] for message in wakeups.sent] == [NAME]


def test_a_stray_redirect_is_a_passing_fault_and_only_the_next_one_a_persons_work(looking):
    looking.crm.put("contact", 89, **person())
    looking.crm.faults = [(302, {"Location": "https://login.example.com"}, b"")]
    say(looking)

    looking.look_up(NAME)
    assert Waker(looking.cards, None).sweep(looking.clock.now()) == 0
    looking.clock.pass_(31)
    looking.look_up(NAME)
    assert phones(looking) == ["+380670000001"]

    looking.crm.rule = lambda *_: (302, {"Location": "https://login.example.com"}, b"")
    say(looking)
    for _ in range(3):
        looking.clock.pass_(31)
        looking.look_up(NAME)
    assert len(looking.crm.requests) == 4
    assert Waker(looking.cards, None).sweep(looking.clock.now()) == 1
    assert [row.id for row in looking.wanted(NAME)] == ["89"]


def test_a_key_that_was_replaced_is_taken_at_once(looking):
    looking.crm.put("contact", 89, **person())
    looking.put_api_keys({NAME: {"url": looking.crm.url.replace("canary-code", "old")}})
    looking.reader.asker.api_keys.read()
    looking.put_api_keys({NAME: {"url": looking.crm.url}})
    looking.pass_secret_minute()
    looking.crm.faults = [(401, {}, b'{"error": "NO_AUTH_FOUND"}')]
    say(looking)

    looking.look_up(NAME)

    assert len(looking.crm.requests) == 2
    assert phones(looking) == ["+380670000001"]


def test_without_a_key_in_the_secret_nothing_is_asked_and_nothing_lost(looking, caplog):
    looking.put_api_keys({})
    say(looking)

    looking.look_up(NAME)

    assert looking.crm.requests == []
    assert [row.id for row in looking.wanted(NAME)] == ["89"]
    (line,) = [record for record in caplog.records if record.msg == "looked up"]
    assert (line.answer, line.why) == (
        "key",
        "the API key of this connection lacks 'url'; enter it with bridge connect",
    )


def test_the_one_that_the_crm_refuses_is_found_and_given_up_alone(quick):
    for number in range(1, 11):
        quick.crm.put("contact", number, **person(number))
        say(quick, number=number)
    quick.crm.rule = lambda _, ids: (400, {}, b'{"error": "BROKEN"}') if 7 in ids else None

    quick.look_up(NAME)

    assert quick.wanted(NAME) == []
    known = quick.cards.read([f"106#Bitrix24#contact:{number}" for number in range(1, 11)])
    assert len(known) == 9
    ((attributes, kept),) = quick.rejected()
    assert attributes["code"] == "lookup-refused"
    assert kept["headers"] == {"content-type": "application/vnd.ringostat-bridge.wanted+json"}


def test_a_record_whose_answer_is_too_large_is_given_up_alone_with_a_code_of_its_own(quick):
    for number in range(1, 6):
        quick.crm.put("contact", number, **person(number, comments="x" * (3_000_000 if number == 4 else 1)))
        say(quick, number=number)

    quick.look_up(NAME)

    ((attributes, _),) = quick.rejected()
    assert attributes["code"] == "answer-too-large"
    assert len(quick.cards.read([f"106#Bitrix24#contact:{number}" for number in range(1, 6)])) == 4


def test_what_was_given_up_is_wanted_again_when_it_is_replayed(looking):
    looking.crm.put("contact", 89, **person())
    looking.crm.faults = [(400, {}, b'{"error": "BROKEN"}')]
    say(looking)
    looking.look_up(NAME)
    ((_, kept),) = looking.rejected()
    looking.clock.pass_(20)

    looking.put(kept)
    assert looking.take_inbox() == 0
    looking.clock.time = clock.now()  # as `inbox` has it
    looking.look_up(NAME)

    assert phones(looking) == ["+380670000001"]


def test_a_crm_that_fails_is_asked_ever_more_rarely_and_nothing_is_lost(quick):
    for number in range(1, 201):
        quick.crm.put("contact", number, **person(number))
        say(quick, number=number)
    quick.crm.rule = lambda *_: (500, {}, b"")
    for _ in range(60):
        quick.look_up(NAME)
        quick.clock.pass_(60)
    assert len(quick.crm.requests) < 30
    assert len(quick.wanted(NAME)) == 200

    quick.crm.rule = None
    for _ in range(300):
        quick.clock.pass_(60)
        quick.look_up(NAME)

    assert quick.wanted(NAME) == []


def test_a_record_that_breaks_the_crm_does_not_hold_up_the_others(quick):
    for number in range(1, 51):
        quick.crm.put("contact", number, **person(number))
        say(quick, number=number)
    quick.crm.rule = lambda _, ids: (500, {}, b"") if 7 in ids else None

    for _ in range(400):
        quick.look_up(NAME)
        quick.clock.pass_(60)

    assert [row.id for row in quick.wanted(NAME)] == ["7"]


def test_what_could_not_be_read_for_14_days_is_given_up(quick):
    say(quick)
    quick.crm.rule = lambda *_: (500, {}, b"")
    for _ in range(13):
        quick.look_up(NAME)
        quick.clock.pass_(86_400)
    assert len(quick.wanted(NAME)) == 1

    quick.clock.pass_(86_400)
    quick.look_up(NAME)

    assert quick.wanted(NAME) == []
    assert [attributes["code"] for attributes, _ in quick.rejected()] == ["lookup-expired"]


def test_a_record_that_is_not_there_is_counted_and_wanted_no_more(looking, caplog):
    say(looking, number=1)

    looking.look_up(NAME)

    assert looking.wanted(NAME) == []
    assert [record.code for record in caplog.records if hasattr(record, "of")] == ["deleted-in-crm"]


def test_a_contact_without_phone_and_email_is_read_once_more_a_minute_later(looking):
    looking.crm.put("contact", 89, **person(phone=""))
    say(looking, "ONCRMCONTACTADD")
    looking.look_up(NAME)
    looking.crm.put("contact", 89, **person())

    looking.clock.pass_(50)
    looking.look_up(NAME)
    assert len(looking.crm.requests) == 1
    looking.clock.pass_(20)
    looking.look_up(NAME)

    assert phones(looking) == ["+380670000001"]
    looking.crm.put("contact", 89, **person(phone="", at="2026-05-28T13:00:00+03:00"))
    for _ in range(5):
        looking.clock.pass_(70)
        looking.look_up(NAME)
    assert len(looking.crm.requests) == 2


def test_a_worker_that_dies_after_the_read_and_before_the_clearing_reads_again(looking):
    looking.crm.put("contact", 89, **person())
    say(looking)
    with overheard(_dying_at_the_clearing), pytest.raises(Killed):
        looking.look_up(NAME)
    assert phones(looking) == ["+380670000001"]

    looking.clock.pass_(10)
    assert looking.look_up(NAME) is not None  # the lease of the dead worker
    looking.clock.pass_(60)
    looking.look_up(NAME)

    assert len(looking.crm.requests) == 2
    assert looking.wanted(NAME) == []


class Killed(BaseException):
    """The process is gone."""


def _dying_at_the_clearing(_, operation, parameters):
    is_row = operation == "UpdateItem" and parameters["Key"]["key"]["S"].startswith(("wanted#", "lookup#"))
    values = parameters.get("ExpressionAttributeValues", {})
    is_lease = "lease_id" in str(parameters.get("UpdateExpression")) and ":set_lease_id" in values
    if is_row and not is_lease and "#asked_at" not in parameters["UpdateExpression"]:
        raise Killed


def test_two_workers_never_ask_at_once(looking):
    looking.crm.put("contact", 89, **person())
    seen = []
    looking.crm.during = lambda *_: seen.append(looking.look_up(NAME))

    say(looking)
    looking.look_up(NAME)

    assert len(looking.crm.requests) == 1
    assert seen[0] > looking.clock.time


def test_of_many_wake_ups_during_a_rest_one_comes_back(looking):
    looking.crm.put("contact", 89, **person())
    say(looking)
    looking.look_up(NAME)

    say(looking)
    again = [looking.look_up(NAME) for _ in range(5)]

    assert again[0] is not None
    assert again[1:] == [None] * 4


def test_the_days_budget_is_kept_and_the_rest_is_read_the_next_day(looking, monkeypatch):
    mappings = {name: loader.load(name) for name in ("bitrix24", "bitrix24-api")}
    few = mappings["bitrix24-api"]
    mappings["bitrix24-api"] = few._replace(api=few.api._replace(per_day=3))
    monkeypatch.setattr(loader, "load", mappings.get)
    for _ in range(10):
        say(looking)
        looking.look_up(NAME)
        looking.clock.pass_(60)
    assert len(looking.crm.requests) == 3
    assert len(looking.wanted(NAME)) == 1

    looking.clock.pass_(86_400)
    looking.look_up(NAME)

    assert len(looking.crm.requests) == 4


@pytest.mark.parametrize(
    "number", ["89&entityTypeId=2", "$result[x]", "') OR Id != ('", "../users", "1" * 100, "٨٩", "0", "-1", ""]
)
def test_no_request_leaves_for_an_id_that_is_none(looking, number):
    body = looking.post(NAME, {"event": "ONCRMCONTACTUPDATE", "data": {"FIELDS": {"ID": number}}}).body

    assert [record["code"] for record in body["rejected"]] == ["no-id"]
    assert looking.wanted(NAME) == []


def test_without_an_api_key_the_event_is_rejected_with_what_to_do(looking):
    looking.put_connections({NAME: {**connection_of(looking), "lookups": False}})

    body = say(looking)

    assert (body["lookup"], [record["code"] for record in body["rejected"]]) == (0, ["no-api-key"])
    assert "bridge connect" in body["rejected"][0]["reason"]
    assert len(looking.rejected()) == 1


def connection_of(bridge):
    return json.loads(aws("secretsmanager").get_secret_value(SecretId=SETTINGS.connections_secret)["SecretString"])[
        NAME
    ]


def test_too_many_wanted_records_are_rejected_and_kept(looking, monkeypatch):
    monkeypatch.setattr(wakeups, "MOST_WANTED", 5)
    for number in range(1, 8):
        say(looking, number=number)
    looking.sweep()

    assert [record["code"] for record in say(looking, number=9)["rejected"]] == ["lookup-full"]
    looking.look_up(NAME)
    looking.sweep()
    assert say(looking, number=9)["lookup"] == 1


def test_the_sweep_wakes_what_is_due_and_measures_its_age(looking, caplog):
    say(looking)
    looking.clock.pass_(120)
    with overheard(lambda _, operation, body: sent.append(body) if operation == "SendMessage" else None):
        sent = []
        looking.sweep()

    assert [json.loads(body["MessageBody"]) for body in sent] == [{"schema": 1, "connection": NAME}]


def test_calls_to_aws_of_an_event_that_names_a_record_and_of_one_that_does_not(looking):
    say(looking)  # enrols the connection
    with counted() as calls:
        say(looking)
    assert Counter(calls) == {"GetItem": 1, "UpdateItem": 1, "SendMessage": 1}


def test_calls_to_aws_of_a_look_up_of_one_record(looking):
    looking.crm.put("contact", 89, **person())
    say(looking)
    looking.look_up(NAME)
    looking.clock.pass_(20)
    looking.crm.put("contact", 89, **person(name="Olha", at="2026-05-28T13:00:00+03:00"))
    say(looking)
    with counted() as calls:
        looking.look_up(NAME)

    assert Counter(calls) == {"GetItem": 2, "BatchGetItem": 1, "Query": 1, "UpdateItem": 5, "SendMessage": 1}
    page = (template.ROOT / "docs" / "cost.md").read_text("utf-8")
    assert f"alone takes {len(calls)} calls in `lookup`" in page


def test_an_event_whose_wanted_row_cannot_be_written_goes_to_the_inbox_queue(looking):
    with overheard(unreachable("dynamodb", "UpdateItem")):
        assert say(looking) == {"request_id": "request-1", "queued": True}
    looking.crm.put("contact", 89, **person())

    assert looking.take_inbox() == 0
    looking.clock.time = clock.now()  # as `inbox` has it
    looking.look_up(NAME)

    assert phones(looking) == ["+380670000001"]


def test_the_worker_ends_by_its_deadline(quick):
    for number in range(1, 201):
        say(quick, number=number)

    again = quick.look_up(NAME, seconds=26)

    assert len(quick.crm.requests) < 4
    assert again is not None
    assert quick.wanted(NAME) != []


def test_a_rate_is_kept(quick):
    for number in range(1, 201):
        say(quick, number=number)

    quick.look_up(NAME)

    times = [at for at, *_ in quick.crm.requests]
    assert len(times) == 4
    assert min(later - sooner for sooner, later in pairwise(times)) >= 490


def test_no_secret_and_nothing_of_a_person_is_logged(looking, caplog):
    faults = [
        (status, {}, b'{"error": "canary-code", "phone": "+380670000001"}')
        for status in (200, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503)
    ]
    for fault in faults:
        looking.crm.rule = lambda *_, fault=fault: fault
        say(looking)
        looking.look_up(NAME)
        looking.clock.pass_(4_000)

    assert sum(record.msg == "looked up" for record in caplog.records) >= len(faults)
    written = "".join(str(vars(record)) for record in caplog.records)
    assert "canary" not in written
    assert "380670000001" not in written
