"""The night that heals: what events have missed is read page by page, between look-ups."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connections import connection_of
from local.crm import Crms
from local.in_process import CONNECTIONS, connection, counted
from lookup.night import NIGHTLY, OVERLAP_MS
from lookup.pace import DAY_MS
from tests.lookup.conftest import NAME
from tests.lookup.test_worker import person, phones, say

FIRST = 3  # calls of a process's first night: two secrets, and that the connection may want something


def moment(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")


def key(number):
    return f"106#Bitrix24#contact:{number}"


def edited(bridge, *numbers, phone="+380670000001", ago_ms=3_600_000):
    """Change contacts in the CRM, which tells nobody."""
    for number in numbers:
        at = moment(bridge.clock.time - ago_ms)
        bridge.crm.put("contact", number, **person(number, phone, at))


def rounds(bridge, number=30):
    """Let workers go on until nothing is wanted; every quarter of a minute one comes."""
    for _ in range(number):
        bridge.look_up(NAME)
        if not bridge.wanted(NAME):
            return
        bridge.clock.pass_(16)
    pytest.fail("the night does not end")


@pytest.fixture
def said(quick, caplog):
    """Let the night end; return the lines that say so."""

    def said(message):
        caplog.clear()
        rounds(quick)
        return [line for line in caplog.records if line.msg == message]

    return said


@pytest.fixture
def healed(said):
    return lambda: {line.lookup: (line.healed, line.read) for line in said("healed")}


def test_what_no_event_told_is_a_card_in_the_morning_and_is_counted(quick, healed):
    edited(quick, *range(1, 121))
    quick.begin_night()

    assert healed()["contact"] == (120, 120)
    assert phones(quick, key(120)) == ["+380670000001"]


def test_a_night_without_news_says_so_and_what_did_not_change_is_not_read(quick, healed):
    edited(quick, 1)
    edited(quick, 2, ago_ms=3 * DAY_MS)
    quick.begin_night()
    rounds(quick)
    quick.clock.pass_(DAY_MS / 1000)
    edited(quick, 3)

    quick.begin_night()
    found = healed()

    assert found["contact"] == (1, 1)
    assert quick.cards.read([key(2)]) == {}
    quick.clock.pass_(DAY_MS / 1000)
    quick.begin_night()
    assert healed()["contact"] == (0, 0)


def test_the_next_night_begins_where_this_one_began_and_a_little_before(quick):
    quick.begin_night()
    begun = quick.wanted(NAME)[0].since
    rounds(quick)
    quick.clock.pass_(600)

    (row,) = quick.cards.rows([f"wanted#{NAME}#{NIGHTLY}:contact"]).values()

    assert json.loads(row["night"])["since"] == begun - OVERLAP_MS
    assert "due" not in row


def test_a_night_goes_on_where_a_worker_ended(quick):
    edited(quick, *range(1, 151))
    quick.begin_night()
    quick.look_up(NAME, seconds=26)
    pages = [ids for _, kind, ids in quick.crm.requests if kind == "contact"]
    assert 0 < len(pages) < 4

    quick.clock.pass_(16)
    rounds(quick)

    pages = [ids for _, kind, ids in quick.crm.requests if kind == "contact"]
    assert [number for page in pages for number in page] == list(range(1, 151))


def test_a_second_call_of_the_schedule_does_not_begin_a_night_that_is_not_over(quick):
    edited(quick, *range(1, 151))
    quick.begin_night()
    quick.look_up(NAME, seconds=27)
    quick.begin_night()

    quick.clock.pass_(16)
    rounds(quick)

    pages = [ids for _, kind, ids in quick.crm.requests if kind == "contact"]
    assert [number for page in pages for number in page] == list(range(1, 151))


def test_a_record_that_an_event_names_goes_before_the_next_page(quick):
    edited(quick, *range(1, 201))
    quick.crm.put("contact", 900, **person(900, at=moment(quick.clock.time)))
    quick.begin_night()
    asked = []

    def live(kind, ids):
        if kind == "contact":
            asked.append(len(ids))
            if len(asked) == 1:
                say(quick, number=900)

    quick.crm.during = live
    quick.look_up(NAME)

    assert asked[:3] == [50, 1, 50]


def test_a_crm_that_asks_to_wait_is_waited_for(quick, healed):
    edited(quick, *range(1, 121))
    quick.begin_night()
    quick.crm.faults = [(429, {"Retry-After": "90"}, b"")]
    quick.look_up(NAME)
    before = len(quick.crm.requests)
    quick.clock.pass_(60)
    quick.look_up(NAME)
    assert len(quick.crm.requests) == before

    quick.clock.pass_(60)
    assert healed()["contact"] == (120, 120)


def test_a_page_that_comes_again_and_again_ends_the_night_which_the_next_one_repeats(quick, healed, said):
    edited(quick, *range(1, 121))
    page = {"result": {"items": [{"id": number, **person(number)} for number in range(1, 51)]}}
    quick.crm.rule = lambda kind, _: (200, {}, json.dumps(page).encode()) if kind == "contact" else None
    quick.begin_night()
    assert [line.code for line in said("not healed")] == ["bad-page"]

    quick.crm.rule = None
    quick.clock.pass_(3600)
    quick.begin_night()
    assert healed()["contact"] == (70, 120)


def test_what_an_event_said_later_than_the_page_was_asked_for_wins(quick):
    edited(quick, 1, ago_ms=3_600_000)
    quick.begin_night()

    def edit(*_):
        quick.crm.during = None
        quick.crm.put("contact", 1, **person(1, "+380670000002", moment(quick.clock.time)))
        say(quick, number=1)

    quick.crm.during = edit
    rounds(quick)

    assert phones(quick, key(1)) == ["+380670000002"]


def test_a_night_without_news_costs_what_the_cost_page_says(looking):
    with counted() as calls:
        looking.begin_night()
        looking.look_up(NAME)

    told = re.search(r"takes (\d+) requests to the CRM and (\d+) calls", Path("docs/cost.md").read_text("utf-8"))
    assert told
    assert (len(looking.crm.requests), len(calls) - FIRST) == tuple(map(int, told.groups()))


def test_connections_that_look_nothing_up_have_no_nights(quick):
    quick.put_connections({**CONNECTIONS, NAME: connection("bitrix24")})

    quick.begin_night()

    assert quick.cards.wanting() == []
    assert not connection_of({NAME: connection("bitrix24")}, NAME).lookups


def test_a_night_whose_mapping_asks_no_api_any_more_ends_in_words_of_its_own(quick, said):
    quick.begin_night()
    quick.put_connections({**CONNECTIONS, NAME: connection("generic", lookups=True)})

    (first, *_) = ended = said("not healed")

    assert {line.lookup for line in ended} == {"organization", "contact", "lead"}
    assert (first.code, "reads no such records" in first.why) == ("lookup-unknown", True)
    assert quick.rejected() == []


def test_a_page_that_is_too_large_is_read_in_smaller_ones(quick, caplog):
    with Crms(contacts=60, clock=lambda: quick.clock.time / 1000) as crms:
        crms.limited("keycrm", on=False)
        for number in (*range(1, 54), 60):
            crms.edit("keycrm", "contact", number, name="x" * 50_000 if number < 54 else "Olena", send_event=False)
        quick.put_connections({**CONNECTIONS, "acme-key": connection("keycrm", lookups=True)})
        quick.put_api_keys({"acme-key": crms.secret("keycrm")})
        quick.begin_night()

        for _ in range(30):
            quick.look_up("acme-key")
            quick.clock.pass_(16)

        (line,) = [line for line in caplog.records if line.msg == "healed"]
        assert line.read == 54
        assert quick.card("106#KeyCRM#contact:60").fields["fullName"].value.startswith("Olena")
