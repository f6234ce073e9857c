"""Whatever happens between a CRM, its events and the reads: what Ringostat gets is what the CRM holds, in the end.

Edits bear times of whole seconds, as CRMs give them. Events are late, doubled, reordered and dropped; edits and events
come while a read is under way; workers die, the CRM fails. `bridge sync` takes no lease: its pages are asked for while
a worker reads, and land whenever the inbox queue hands them out. The rows, the worker and the merge are the real ones.

A record is right if the event of its last edit came, or if any read, a worker's or a page, was begun after that edit:
such a read sees it, and one with a later stamp was begun later still.
"""

import json
from functools import partial
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws.queues import Queue
from aws.table import Cards
from connections import Connection
from event import Event, answered
from intake.ingest import Stores, ingest, take_answer
from local.memory import Memory
from lookup import pace, rows
from lookup.asking import Asker, Asking
from lookup.leased import Worker
from lookup.tokens import Tokens
from lookup.wakeups import Wakeup
from lookup.worker import Run
from mappings import Mappings
from wire import Answer

NAME = "acme-bitrix24"
ENTRY = {"mapping": "bitrix24", "project": 106, "lookups": True, "crm_url": "https://acme.example.com"}
START = 1_780_000_000_000
FORM = {"content-type": "application/x-www-form-urlencoded"}
RECORDS = 2
LEASE_AND_REST = 120_000


class Killed(BaseException):
    """The process is gone."""


class Fixed:
    """A secret that never changes."""

    def __init__(self, value):
        self.read = self.refresh = lambda: value


class Mortal:
    """A client of AWS that a killed process does not use any more."""

    def __init__(self, client):
        self._client = client
        self.dead = False

    def call(self, operation, **parameters):
        if self.dead:
            raise Killed
        return self._client.call(operation, **parameters)


class World:
    """A CRM with a few contacts, its events on their way, and the bridge."""

    def __init__(self, *, arrival_counts=False, landing_counts=False):
        self.now = START
        self.requests = count(1)
        self.held = dict.fromkeys(range(1, RECORDS + 1), ("+380670000000", START))
        self.under_way = []
        self.pages = []  # of a sync: when it was asked for, and its answer once that has come
        self.begun_at = 0
        self.seen = {}  # when the latest of the merged reads of a record was begun
        self.untold = dict.fromkeys(self.held, 0)  # edits whose events were dropped
        self.script = ((), (), "", False)
        self.asking = 0
        self.most_asking = 0
        client = self.client = Mortal(Memory(self.clock).client())
        self.cards = Cards(client, "cards")
        self.stores = Stores(
            self.cards,
            Queue(client, "delivery"),
            Queue(client, "rejected"),
            Mappings(self.cards),
            0,
            Queue(client, "lookup"),
            60.0,
        )
        settings = {"crm_url": ENTRY["crm_url"]}
        self.connection = Connection(NAME, "bitrix24", 106, {}, settings, lookups=True)
        self.arrival_counts = arrival_counts
        self.landing_counts = landing_counts
        self.worker = Worker(
            cards=self.cards,
            mappings=self.stores.mappings,
            connections=Fixed({NAME: ENTRY}),
            asker=Asker(
                Fixed({NAME: {"url": "http://127.0.0.1:9/rest/1/x/"}}),
                Asking(self, Tokens(self, self.clock, loopback=True), self.clock, loopback=True),
            ),
            wakeups=Queue(client, "lookup"),
            ingest=self.take,
            reject=lambda *_: pytest.fail("a record was given up"),
            clock=self.clock,
            sleep=lambda seconds: self.pass_(int(seconds * 1000)),
            jitter=lambda: 0.5,
            new_id=partial(next, map(str, range(10**6))),
        )

    def clock(self):
        return self.now

    def pass_(self, ms):
        self.now += ms

    def edit(self, number, phone):
        self.held[number] = phone, self.now
        self.under_way.append(number)

    def arrive(self, at, doubled):
        if self.under_way:
            number = self.under_way[at % len(self.under_way)]
            if not doubled:
                self.under_way.remove(number)
            self.say(number)

    def say(self, number):
        body = f"event=ONCRMCONTACTUPDATE&data[FIELDS][ID]={number}".encode()
        event = Event(NAME, body, FORM, {}, self.now, f"request-{next(self.requests)}")
        self.ingested(event, event.received_at)

    def ingested(self, event, now):
        ingest(event, self.connection, self.stores.mappings.of(self.connection), self.stores, now)

    def drop(self, at):
        if self.under_way:
            self.untold[self.under_way.pop(at % len(self.under_way))] += 1

    def do(self, action):
        kind, *arguments = action
        getattr(self, kind)(*arguments)

    def read(self, before=(), after=(), fault="", dies=False):  # noqa: FBT002 - a step of a story
        """A worker takes a wake-up; what is in the script happens while its first request is under way."""
        self.script = before, after, fault, dies
        try:
            Run(self.worker, self.now + 60_000).look_up([Wakeup("message", "receipt", 9, NAME)])
        except Killed:
            self.client.dead = False
            self.asking = 0
        self.script = ((), (), "", False)

    def fetch(self, _method, _url, _headers, body):
        (before, after, fault, _), self.script = self.script, ((), (), "", self.script[3])
        self.begun_at = self.now
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        for action in before:
            self.do(action)
        content = self.answer(json.loads(body)["filter"]["@id"])
        for action in after:
            self.do(action)
        self.asking -= 1
        if fault:
            return Answer(int(fault), {"retry-after": "5", "content-length": "2"}, b"{}", complete=True)
        return Answer(200, {}, content, complete=True)

    def answer(self, ids):
        """What the CRM holds at this moment."""
        items = []
        for number in map(int, ids):
            phone, at = self.held[number]
            fm = [{"typeId": "PHONE", "value": phone}] if phone else []
            items.append({"id": number, "name": "Olena", "updatedTime": at // 1000, "fm": fm})
        return json.dumps({"result": {"items": items}}).encode()

    def take(self, event, connection, ids):
        if self.arrival_counts:
            key = f"wanted#{NAME}#{event.lookup}:{ids[0]}"
            event = event._replace(received_at=self.cards.row(key)["wanted_at"])
        outcomes = take_answer(self.stores, self.clock, event, connection, ids)
        self.note(ids, self.begun_at)
        self.client.dead = self.script[3]
        return outcomes

    def settle(self):
        """Let all events that are not dropped arrive, and read until nothing is wanted."""
        while self.under_way:
            self.pass_(100)
            self.arrive(0, doubled=False)
        for _ in range(60):
            self.pass_(LEASE_AND_REST)
            self.read()
            if not self.cards.wanted(NAME, 2**53, 10):
                return
        raise AssertionError("still wanted")

    def note(self, ids, begun_at):
        self.seen |= {int(one): max(begun_at, self.seen.get(int(one), 0)) for one in ids}

    def page_is_asked_for(self):
        self.pages.append((self.now, b""))

    def page_comes(self):
        """The CRM answers the oldest request of a sync that it has not answered."""
        for index, (asked_at, content) in enumerate(self.pages):
            if not content:
                self.pages[index] = asked_at, self.answer(self.held)
                return

    def page_lands(self, at):
        """The inbox queue hands a page out, in any order."""
        if answers := [page for page in self.pages if page[1]]:
            page = asked_at, content = answers[at % len(answers)]
            self.pages.remove(page)
            self.note(self.held, asked_at)
            stamp = self.now if self.landing_counts else asked_at
            event = answered(NAME, content, {}, asked_at=stamp, lookup="contact", depth=0, request_id="sync")
            self.ingested(event, self.now)

    def sync(self):
        """The reading of everything, after whatever is under way."""
        self.pass_(1_000)
        self.page_is_asked_for()
        while self.pages:
            self.page_comes()
            self.page_lands(0)

    def stale(self):
        """The records whose card is not what the CRM holds."""
        keys = {number: f"106#Bitrix24#contact:{number}" for number in self.held}
        cards = self.cards.read(list(keys.values()))
        shown = {
            number: [entry["value"] for entry in cards[key].fields["phones.0"].value] if key in cards else None
            for number, key in keys.items()
        }
        return {
            number
            for number, (phone, at) in self.held.items()
            if shown[number] != ([phone] if phone else []) and not (shown[number] is None and at == START)
        }


number = st.integers(1, RECORDS)
phone = st.sampled_from(["", "+380670000001", "+380670000002", "+380670000003"])
edit = st.tuples(st.just("edit"), number, phone)
arrive = st.tuples(st.just("arrive"), st.integers(0, 5), st.booleans())
drop = st.tuples(st.just("drop"), st.integers(0, 5))
pause = st.tuples(st.just("pass_"), st.sampled_from([1, 50, 400, 3_000, 16_000, 70_000]))
moment = st.tuples(st.just("pass_"), st.sampled_from([1, 50, 400, 2_000]))  # a request ends after 20 s
page = st.sampled_from([("page_is_asked_for",), ("page_comes",), ("page_lands", 0), ("page_lands", 1)])
small = st.lists(edit | arrive | moment | page, max_size=4).map(tuple)
nested = small | small.map(lambda actions: (*actions, ("read",), *actions))
read = st.tuples(st.just("read"), nested, nested, st.sampled_from(["", "", "", "429", "500"]), st.booleans())
stories = st.lists(edit | arrive | drop | pause | page | read, min_size=3, max_size=25)


def tell(story, **mutant):
    world = World(**mutant)
    for action in story:
        world.do(action)
    world.settle()
    right = {one for one, (_, at) in world.held.items() if not world.untold[one] or world.seen.get(one, 0) > at}
    faults = [f"stale {number}" for number in world.stale() & right]
    world.sync()
    faults += [f"stale after sync {number}" for number in world.stale()]
    return faults + (["two requests at once"] if world.most_asking > 1 else [])


@given(stories)
@pytest.mark.timeout(300)
def test_in_the_end_every_card_is_what_the_crm_holds(story):
    assert tell(story) == []


def test_arrival_in_place_of_the_moment_of_the_request_is_caught():
    """A worker died after its read: the same row is read again, and the older of two edits of one second may win."""
    story = [
        ("edit", 1, "+380670000003"),
        ("arrive", 0, False),
        ("read", (), (("edit", 1, "+380670000001"),), "", True),
        ("drop", 0),
        ("pass_", 70_000),
    ]

    assert tell(story) == []
    assert tell(story, arrival_counts=True) != []


def test_a_page_that_counts_from_when_it_lands_is_caught():
    """It was asked for before an edit that a worker has read meanwhile, and both edits bear the same second."""
    story = [
        ("edit", 1, "+380670000001"),
        ("page_is_asked_for",),
        ("page_comes",),
        ("pass_", 50),
        ("edit", 1, "+380670000002"),
        ("arrive", 0, False),
        ("arrive", 0, False),
        ("read", (), (), "", False),
        ("pass_", 50),
        ("page_lands", 0),
    ]

    assert tell(story) == []
    assert tell(story, landing_counts=True) == ["stale 1"]


def test_a_page_that_is_read_while_a_worker_reads_needs_no_lease():
    """Each sees what the other does not: the page an edit of which no event tells, the worker one that comes later."""
    story = [
        ("edit", 1, "+380670000001"),
        ("arrive", 0, False),
        ("read", (("page_is_asked_for",),), (("edit", 1, "+380670000002"), ("page_comes",)), "", False),
        ("page_lands", 0),
    ]

    assert tell(story) == []


def test_an_event_of_the_same_ms_is_not_cleared_with_the_one_that_was_read():
    story = [
        ("edit", 1, "+380670000001"),
        ("arrive", 0, False),
        ("read", (), (("edit", 1, "+380670000002"), ("arrive", 0, False)), "", False),
    ]

    assert tell(story) == []


def test_clearing_without_the_condition_is_caught(monkeypatch):
    story = [
        ("edit", 1, "+380670000001"),
        ("arrive", 0, False),
        ("pass_", 3_000),
        ("read", (), (("edit", 1, "+380670000002"), ("pass_", 50), ("arrive", 0, False)), "", False),
    ]

    assert tell(story) == []
    monkeypatch.setattr(rows, "UNCHANGED", "attribute_exists(#wanted_at) OR :wanted_at = :named_by")
    assert tell(story) == ["stale 1"]


def test_two_reads_at_once_are_caught(monkeypatch):
    story = [("edit", 1, "+380670000001"), ("arrive", 0, True), ("read", (("read",),), (), "", False)]

    assert tell(story) == []
    monkeypatch.setattr(pace, "FREE", "attribute_not_exists(#not_before) OR #not_before < :now")
    assert "two requests at once" in tell(story)
