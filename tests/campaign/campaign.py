"""Thousands of events against the real handlers, while everything around them fails.

Only what stands around the bridge is played: CRMs that repeat and reorder, or are asked (`sources`), AWS (`aws`),
Ringostat (`remote`), a clock that passes when told to, Lambda that kills workers.
"""

import heapq
import json
from collections import Counter
from contextlib import ExitStack, redirect_stdout, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from random import Random
from typing import Any, NamedTuple

import time_machine
from botocore.exceptions import BotoCoreError
from moto import mock_aws

from cards.card import UNNAMED, Card, digest, is_left_behind, merge
from cards.endpoints import ORGANIZATION_NAME, Stamped, compose, numbers
from cards.key import key_of, project_of
from delivery.classify import classify
from delivery.ringostat import Ringostat
from errors import BridgeError, Unavailable
from local.crm.dialects import CRMS
from local.in_process import CONNECTIONS, START, Bridge, aws
from local.memory import Memory
from lookup.fetch import Fetcher
from mapping.language.model import ID_FIELDS
from settings import SETTINGS
from telemetry import logger
from tests.campaign.aws import Aws
from tests.campaign.remote import Remote
from tests.campaign.sources import ENTRY, JSON, LOOKED_UP, REFUSED_NAME, Portal, Sources

QUIET_MS = int(SETTINGS.quiet_period_seconds * 1000)
ASSERT_MS = int(SETTINGS.assert_after_seconds * 1000)
TOKENS = {"shop": "new"}
REFUSE = {"refuse": {"fullName": REFUSED_NAME}}

WIRE = {
    "503": {"status": 503},
    "500": {"status": 500},
    "504, but it landed": {"status": 504, "apply": True},
    "429 for seconds": {"status": 429, "headers": {"Retry-After": "30"}},
    "429 until a date": {"status": 429},  # the date is filled in
    "400 for an array": {"status": 400},
    "413": {"status": 413},
    "dropped before it landed": {"drop": "before"},
    "dropped after it landed": {"drop": "after"},
    "late": {"delay": 1},
    "dripped": {"drip": 0.02},
    "cut inside the headers": {"truncate": "headers"},
    "cut inside the body": {"truncate": "body"},
    "error inside 200": {"status": 200, "body": {"error": {"code": -32603, "message": "Internal error"}}},
    "refusal inside 200": {"status": 200, "body": {"success": False, "errors": [{"field": "fullName"}]}},
    "a page inside 200": {"status": 200, "body": "<html>busy</html>"},
    "redirect": {"redirect": "http://127.0.0.1:9/elsewhere"},
    "404": {"status": 404},
    "401": {"status": 401},
}
WORKER = ("connection refused", "worker killed", "worker killed, request late", "table down at the record",
          "claim or record without its answer")  # fmt: skip
AMBIGUOUS = {"503", "500", "504, but it landed", "dropped before it landed", "dropped after it landed", "late",
             "dripped", "cut inside the headers", "cut inside the body", "error inside 200", "a page inside 200",
             "worker killed", "worker killed, request late", "table down at the record"}  # fmt: skip
SAID = CRMS["bitrix24"].faults
CRM = {
    "CRM: 429 for seconds": {"status": 429, "headers": {"Retry-After": "30"}},
    "CRM: 429, work time used up": SAID["work time is used up"],
    "CRM: 503, limit": SAID["limit"],
    "CRM: 503": {"status": 503},
    "CRM: 500": {"status": 500},
    "CRM: a page inside 200": {"status": 200, "body": "<html>busy</html>"},
    "CRM: error inside 200": {"status": 200, "body": SAID["limit"]["body"]},
    "CRM: reset": {"drop": "before"},
    "CRM: reset after it answered": {"drop": "after"},
    "CRM: cut inside the headers": {"truncate": "headers"},
    "CRM: cut inside the body": {"truncate": "body"},
    "CRM: slow": {"delay": 0.3},
    "CRM: dripped": {"drip": 0.02},
    "CRM: redirect": {"redirect": "http://127.0.0.1:9/elsewhere"},
    "CRM: key refused for a while": {**SAID["key"], "times": None},
}
READER = ("look-up killed at the answer", "look-up killed after the merge", "table down at a look-up's answer",
          "look-up's write without its answer", "event during a look-up")  # fmt: skip
GONE, UNWOKEN = "CRM: record gone", "look-ups' wake-ups lost"
CONTACT_TYPE = 3
LOOKUPS = (*CRM, *READER, GONE, UNWOKEN)
REFUSED_MS = 7 * 60_000  # a connection whose key is refused rests for 5 minutes: it is refused twice
RARE = 10  # a connection rests between its look-ups: faults of these come that much more rarely
DOORS = ("table down", "queues down", "both down", "write without its answer")


def passing(every):
    """Return the faults that refuse one POST in so many: half of them by 400, half inside 200."""
    by_status, inside = {"status": 400}, {"status": 200, "body": {"success": False}}
    return tuple({**fault, "every": 2 * every + turn, "times": None} for turn, fault in enumerate((by_status, inside)))


class Killed(BaseException):
    """Lambda ends the worker here."""


class TravelClock:
    """The bridge's clock: the time that all of Python sees."""

    def __init__(self, traveller):
        self._traveller = traveller
        self._seconds = 0

    @property
    def time(self):
        return START + self._seconds

    def now(self):
        return self.time

    def pass_(self, seconds):
        self._seconds += round(seconds * 1000)
        self._traveller.move_to(self.time / 1000)


class Metrics:
    """A standard output that adds up the metrics printed to it."""

    def __init__(self):
        self.totals: Counter[str] = Counter()

    def write(self, text):
        if text.startswith('{"_aws"'):
            for name, value in json.loads(text).items():
                if isinstance(value, list):
                    self.totals[name] += int(sum(value))
        return len(text)

    def flush(self):
        """Nothing is kept back."""


class Plan(NamedTuple):
    """How much of what: `late_ms` is how long a request believed dead may take to land."""

    seed: int
    events: int
    faults: bool = True
    memory: bool = True
    late_ms: int = QUIET_MS
    copies: int = 3
    cards: int = 0
    each_fault: int = 0  # how often each fault must have come, before it may end; of look-ups a tenth
    kinds: tuple[str, ...] = ()  # the faults of deliveries; all when empty
    refusing: int = 0  # each card is alone, and Ringostat refuses one POST in so many, whatever it holds, and no name


class Outcome(NamedTuple):
    """The figures of a campaign."""

    events: int  # records sent once
    sent: int  # records sent, copies included
    told_503: int
    accounts: Counter[str]  # what became of each accepted event
    lost: int
    mismatches: list[str]
    outdated: int  # names of organizations on cards of contacts
    unlisted: int  # numbers of cards that the index of numbers lacks
    pending: int
    stale: int
    unknown: int
    refused: list[str]  # for good, though Ringostat would take them
    refusals: int  # of cards that were alone
    posts: int
    records: int
    versions: int
    faults: Counter[str]
    metrics: Counter[str]
    rejected: tuple[int, int]  # due, kept
    dead: int
    looked_up: int  # requests to the CRM
    ghosts: int  # cards of records that are gone

    def lines(self):
        yield f"events {self.events:,}, sent {self.sent:,} with copies, told 503: {self.told_503:,}"
        yield "accepted = " + " + ".join(f"{number:,} {name}" for name, number in sorted(self.accounts.items()))
        yield (
            f"lost {self.lost}, mismatches {len(self.mismatches)}, pending {self.pending}, stale {self.stale}, "
            f"outdated names {self.outdated}, unlisted numbers {self.unlisted}, dead letters {self.dead}, "
            f"refused alone {self.refusals}, for good without a reason {len(self.refused)}, "
            f"rejected {self.rejected[1]} of {self.rejected[0]}"
        )
        yield f"requests to the CRM {self.looked_up:,}, cards of records that are gone {self.ghosts}"
        yield f"POSTs {self.posts:,}, records landed {self.records:,}, distinct contents landed {self.versions:,}"
        yield f"faults {sum(self.faults.values()):,}: " + ", ".join(
            f"{name} {number}" for name, number in sorted(self.faults.items())
        )
        yield f"verdicts: {dict(sorted((name, n) for name, n in self.metrics.items() if name.startswith('Records')))}"


class Wire:
    """Ringostat's client, of which one POST may end otherwise than it should."""

    def __init__(self, real, closed, campaign):
        self._real = real
        self._closed = closed
        self._campaign = campaign

    def post(self, *request, **more):
        fault, self._campaign.wire_fault = self._campaign.wire_fault, ""
        if fault == "connection refused":
            self._campaign.came(fault)
            return self._closed.post(*request, **more)
        answer = self._real.post(*request, **more)
        is_alone = len(request[1]) == 1
        self._campaign.refusals += is_alone and classify(answer, 0).answer_class == "bad-data"
        if fault:
            self._campaign.came(fault)
        if fault.startswith("worker killed"):
            raise Killed
        if fault == "table down at the record":
            self._campaign.aws.down.add("dynamodb")
        return answer


class Reader:
    """What asks the CRM and takes its answers, of which one may end otherwise than it should."""

    def __init__(self, worker, fetcher, campaign):
        self._fetcher = fetcher
        self._ingest = worker.ingest
        self._campaign = campaign
        self.fault = ""
        asking = worker.asker.asking._replace(fetcher=self)
        self.worker = worker._replace(
            asker=worker.asker._replace(asking=asking), ingest=self.ingest, jitter=campaign.random.random
        )

    def fetch(self, *request):
        answer = self._fetcher.fetch(*request)
        self._campaign.looked_up += 1
        asked = json.loads(request[-1])
        if self.fault in CRM:
            self._came()
        elif self.fault == "event during a look-up" and asked["entityTypeId"] == CONTACT_TYPE:
            self._came()
            self._campaign.tell(int(asked["filter"]["@id"][0]))
        elif self.fault in ("look-up killed at the answer", "table down at a look-up's answer"):
            self._die(self._came())
        return answer

    def ingest(self, *answer):
        outcomes = self._ingest(*answer)
        if self.fault == "look-up killed after the merge":
            self._die(self._came())
        return outcomes

    def _came(self):
        fault, self.fault = self.fault, ""
        self._campaign.came(fault)
        return fault

    def _die(self, fault):
        """Let nothing be written any more, and end the worker if it is killed."""
        self._campaign.aws.down.add("dynamodb")
        if "killed" in fault:
            self._campaign.aws.down.add("sqs")
            raise Killed


class Campaign:
    """One run of a plan."""

    def __init__(self, plan):
        self.plan = plan
        self.random = Random(plan.seed)
        self.faults: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()  # of what the rejected queue keeps
        self.truth: dict[str, dict[str, Stamped]] = {}
        self.accepted: dict[int, list[Any]] = {}
        self.rejected = self.told_503 = self.sent = self.made = self.looked_up = self.refusals = 0
        self.gone: set[str] = set()
        self._always = passing(plan.refusing) if plan.refusing else (REFUSE,)
        self._coming: list[tuple[int, int, int, Any]] = []
        self._order = count()
        self._land_by: list[int] = []
        self._swept_at = self._refused_until = 0
        self.wire_fault = ""

    def run(self):
        """Send everything, fail, let it come to rest, and return the figures."""
        with ExitStack() as stack:
            self._set_up(stack)
            self.send_all()
            self.rest()
            return self.outcome()

    def _set_up(self, stack):
        enter = stack.enter_context
        enter(mock_aws())
        traveller = enter(time_machine.travel(START / 1000, tick=False))
        self.metrics = enter(redirect_stdout(Metrics()))
        level = logger.log_level
        logger.setLevel("CRITICAL")
        stack.callback(logger.setLevel, level)
        self.clock = TravelClock(traveller)
        self.aws = enter(Aws(Memory(self.clock.now) if self.plan.memory else None))
        self.remote = enter(Remote(self.aws.versions))
        self.bridge = self.make_bridge(enter)
        self.deadline = deadline = 0.15 if self.plan.faults else 10
        clients = Ringostat(self.remote.url, deadline_seconds=deadline), Ringostat("http://127.0.0.1:9")
        for client in clients:
            stack.callback(client.close)
        wire = Wire(*clients, self)
        self.bridge.worker = self.bridge.worker._replace(ringostat=wire, jitter=self.random.random)
        if self.plan.refusing:
            policy = self.bridge.worker.policy._replace(batch_size=1)
            self.bridge.worker = self.bridge.worker._replace(policy=policy)
        self.portal = enter(Portal(self.clock.now, max(20, self.plan.events // 40)))
        self.sources = Sources(self.random, self.plan.cards or max(40, self.plan.events // 100), self.portal)
        self.bridge.put_connections({**CONNECTIONS, LOOKED_UP: ENTRY})
        self.bridge.put_api_keys({LOOKED_UP: self.portal.secret()})
        self.reader = Reader(self.bridge.reader, Fetcher(loopback=True, seconds=deadline), self)
        self.bridge.reader = self.reader.worker
        self.remote.faults(*self._always)

    def make_bridge(self, enter):
        """Return the bridge; `enter` takes in a context that lasts as long as the run."""
        return enter(Bridge(self.remote.url, self.clock))

    def came(self, fault):
        self.faults[fault] += 1

    def send_all(self):
        """Step by step: CRMs send, workers work, time passes."""
        while self.made < self.plan.events or self._coming or self._is_wanting():
            if self.made < self.plan.events or self._is_wanting():
                self._make()
            if self.plan.faults and self.random.random() < 0.3:
                self._doors_failing()
            else:
                self._doors()
            self._deliver()
            self._look_up()
            self.pass_(self.random.choice([1, 2, 5, 10, 30]))

    def _is_wanting(self):
        kinds = (*self._kinds(), *DOORS) if self.plan.faults else ()
        rare = LOOKUPS if kinds and not self.plan.kinds else ()
        return any(self.faults[kind] < self.plan.each_fault for kind in kinds) or any(
            self.faults[kind] < self.plan.each_fault // RARE for kind in rare
        )

    def _kinds(self):
        return self.plan.kinds or (*WIRE, *WORKER, "wake-ups lost")

    def _make(self):
        """Make requests and plan when each copy of them comes."""
        for _ in range(self.random.randint(1, 4)):
            event = self.sources.make(self.clock.time)
            number = self.made
            self.made += max(1, len(event.truths))
            # Bitrix24 never repeats an event: what is lost of a look-up must be seen.
            for _ in range(1 if event.connection == LOOKED_UP else self.plan.copies):
                delay = self.random.choice([0, 0, 5, 20, 60, 600]) * 1000 if self.plan.copies > 1 else 0
                heapq.heappush(self._coming, (self.clock.time + delay, next(self._order), number, event))

    def _doors_failing(self):
        fault = self.random.choice(DOORS)
        down = {"table down": {"dynamodb"}, "queues down": {"sqs"}, "both down": {"dynamodb", "sqs"}}
        self.aws.down |= down.get(fault, set())
        if fault == "write without its answer":
            self.aws.deaf.append(self.random.choice(["UpdateItem", "TransactWriteItems", "SendMessage"]))
        if self._doors():
            self.came(fault)
        self.aws.down.clear()
        self.aws.deaf.clear()

    def _doors(self):
        """Let everything in that has come by now: through `api`, or through the inbox queue; return how much."""
        number = 0
        while self._coming and self._coming[0][0] <= self.clock.time:
            _, _, identity, event = heapq.heappop(self._coming)
            self.sent += max(1, len(event.truths))
            number += 1
            if not (self._posted(event) if self.random.random() < 0.7 else self._put(event)):
                self.told_503 += 1
                heapq.heappush(self._coming, (self.clock.time + 60_000, next(self._order), identity, event))
                continue
            self.rejected += event.rejected > 0
            self.accepted[identity] = [*event.truths, *event.implied]
            self._is_gone(event.gone)
        with suppress(BotoCoreError, Unavailable):
            self.bridge.take_inbox()
        return number

    def _posted(self, event):
        answer = self.bridge.post(
            event.connection, event.body, TOKENS.get(event.connection, "local"), content_type=event.content_type
        )
        assert answer.status in (202, 503), answer
        return answer.status == 202

    def _put(self, event):
        try:
            if event.content_type == JSON and self.random.random() < 0.5:
                self.bridge.put({"connection": event.connection, "body": event.body})
            else:
                self.bridge.put(event.body, connection=event.connection, content_type=event.content_type)
        except BotoCoreError:
            return False
        return True

    def _deliver(self):
        fault = self._prepared() if self.plan.faults and self.random.random() < 0.8 else ""
        with suppress(BridgeError, Killed):
            self.bridge.deliver()
        self.remote.calm()
        if fault in WIRE and len(self.remote.coming_faults()) == len(self._always):
            self.came(fault)
        self.remote.faults(*self._always)
        self.wire_fault = ""
        self.aws.down.clear()
        if fault == "claim or record without its answer" and not self.aws.deaf:
            self.came(fault)
        self.aws.deaf.clear()
        if self.remote.late() > len(self._land_by):
            self._land_by.append(self.clock.time + self.plan.late_ms)

    def tell(self, number):
        """Edit a contact, and let its event in at once."""
        event = self.sources.thin_contact(self.clock.time, number)
        assert self._posted(event)
        self.accepted[self.made] = [*event.truths, *event.implied]
        self.made += 1
        self.sent += 1

    def _is_gone(self, key):
        if key and key not in self.gone:
            self.gone.add(key)
            self.came(GONE)

    def _look_up(self):
        """Let what is wanted be read from the CRM."""
        fault = ""
        if self.plan.faults and not self.plan.kinds and self.clock.time >= self._refused_until:
            fault = self._lookup_prepared() if self.random.random() < 0.7 else ""
        with suppress(BridgeError, BotoCoreError, Killed):
            self.bridge.take_lookups()
        self.aws.down.clear()
        if fault == "look-up's write without its answer" and not self.aws.deaf:
            self.came(fault)
        self.aws.deaf.clear()
        self.reader.fault = ""
        if self.clock.time >= self._refused_until:
            self.portal.faults()

    def _lookup_prepared(self):
        """Prepare one fault for the next look-up: one that came least of some."""
        kinds = [kind for kind in LOOKUPS if kind != GONE]
        fault = min(self.random.sample(kinds, 4), key=self.faults.__getitem__)
        if fault in CRM:
            self.portal.faults(CRM[fault])
        if fault == "CRM: key refused for a while":
            self._refused_until = self.clock.time + REFUSED_MS
        if fault == UNWOKEN:
            aws("sqs").purge_queue(QueueUrl=SETTINGS.lookup_queue_url)
            self.came(fault)
        elif fault == "look-up's write without its answer":
            self.aws.deaf.append(self.random.choice(["UpdateItem", "TransactWriteItems"]))
        else:
            self.reader.fault = fault
        return fault

    def _prepared(self):
        """Prepare one fault for the next deliveries: one that came least of some, so that all come."""
        kinds = self._kinds()
        return self.prepare(min(self.random.sample(kinds, min(4, len(kinds))), key=self.faults.__getitem__))

    def prepare(self, fault):
        """Let the next delivery meet this fault; return it."""
        if fault in WIRE:
            self.remote.faults(self._described(fault), *self._always)
        elif fault == "wake-ups lost":
            aws("sqs").purge_queue(QueueUrl=SETTINGS.delivery_queue_url)
            self.came(fault)
        elif fault == "claim or record without its answer":
            self.aws.deaf.append(self.random.choice(["UpdateItem", "TransactWriteItems"]))
        else:
            self.wire_fault = fault
            if fault == "worker killed, request late":
                self.remote.faults(WIRE["late"], *self._always)
        return fault

    def _described(self, fault):
        if fault == "429 until a date":
            until = datetime.fromtimestamp(self.clock.time // 1000 + 45, UTC)
            return {**WIRE[fault], "headers": {"Retry-After": format_datetime(until, usegmt=True)}}
        return WIRE[fault]

    def pass_(self, seconds):
        """Let time pass: late requests land in time, and every minute the sweep comes."""
        until = self.clock.time + round(seconds * 1000)
        may_land = self.plan.late_ms <= QUIET_MS or all(by - ASSERT_MS <= self.clock.time for by in self._land_by)
        if self._land_by and (self._land_by[0] <= until or (may_land and self.random.random() < 0.2)):
            self.remote.land()
            self._land_by.clear()
        self.clock.pass_(seconds)
        self.bridge._seconds = self.clock.time / 1000
        if self.clock.time - self._swept_at >= 60_000:
            self._swept_at = self.clock.time
            self.bridge.sweep()

    def rest(self):
        """Without faults, let everything be taken, read and delivered."""
        self.portal.faults()
        for _ in range(20):
            self._doors()
            self.bridge.take_lookups()
            self.pass_(400)
        for _ in range(2000):
            self.bridge.take_lookups()
            self.bridge.deliver()
            due_at = self.next_due()
            if due_at is None and not self._land_by:
                break
            self.pass_(max(60, min((due_at or 0) - self.clock.time, 6 * 3600_000) / 1000))
        self.remote.calm()

    def next_due(self):
        """Return when the first card is due, or a record to be read; None if none is."""
        due = [key for project in (106, 107) for key in self.bridge.cards.due(project, 2**53, 1)]
        rows = [*self.bridge.cards.read(due).values(), *self.bridge.wanted(LOOKED_UP)]
        return min((row.due_at for row in rows), default=None)

    def outcome(self):
        """Compare the table and Ringostat with what everything accepted comes to."""
        expected = Expected([truth for truths in self.accepted.values() for truth in truths])
        cards = self.cards(expected.fields)
        accounts = Counter(expected.account(truth, cards) for truths in self.accepted.values() for truth in truths)
        landed = {key: content for key, (_, content) in self.remote.held.items()}
        return Outcome(
            events=self.made,
            sent=self.sent,
            told_503=self.told_503,
            accounts=accounts,
            lost=accounts["lost"],
            mismatches=[key for key in expected.fields if not expected.is_right(cards.get(key), key, landed.get(key))],
            outdated=sum(expected.outdated(key, card) for key, card in cards.items()),
            unlisted=sum(self._unlisted(card) for card in cards.values()),
            pending=len(self.bridge.due(106)) + len(self.bridge.due(107)) + len(self._coming) + self.wanted(),
            stale=self.remote.stale,
            unknown=self.remote.unknown,
            refused=[key for key, card in cards.items() if card.refused and not self._is_refused(card)],
            refusals=self.refusals,
            posts=self.remote.arrived,
            records=self.remote.records,
            versions=len(self.remote.seen),
            faults=+self.faults,
            metrics=self.metrics.totals,
            rejected=(self.rejected, self.kept()),
            dead=sum(queue.dead for queue in self.aws.memory.queues.values()) if self.aws.memory else 0,
            looked_up=self.looked_up,
            ghosts=len(self.cards(self.gone)),
        )

    def _is_refused(self, card):
        """Return whether Ringostat would never take a card."""
        payload = compose(card.key, card.fields).payload or {}
        return REFUSE in self._always and payload.get("fullName") == REFUSED_NAME

    def _unlisted(self, card):
        """Return how many numbers of a card are not in the index."""
        keys = {self.bridge.cards.number_key(project_of(card.key), number) for number in numbers(card.fields)}
        return sum(card.key not in self.bridge.cards.row(key).get("members", ()) for key in keys)

    def wanted(self):
        return len(self.bridge.wanted(LOOKED_UP))

    def cards(self, keys) -> dict[str, Card]:
        return self.bridge.cards.read(list(keys))

    def kept(self):
        """Return how many events the rejected queue keeps, and note why."""
        while messages := self.bridge.rejected():
            self.codes.update(attributes["code"] for attributes, _ in messages)
        return self.codes.total()


class Expected:
    """What everything accepted comes to: `merge` of the known truth, in any order, and never what the table says."""

    def __init__(self, truths):
        self.fields: dict[str, dict[str, Stamped]] = {}
        for truth in truths:
            news = {name: Stamped(value, truth.changed_at, 0) for name, value in truth.fields.items()}
            self.fields[truth.key] = merge(self.fields.get(truth.key, {}), news)

    def content(self, key, card):
        """Return the hash of the newest content; an organization known by id has the name that the card has."""
        names = {name: stamp for name, stamp in card.fields.items() if name.startswith(ORGANIZATION_NAME)}
        payload = compose(key, {**self.fields[key], **names}).payload
        return payload and digest(payload)

    def outdated(self, key, card):
        """Count the organizations whose name on a contact's card is not the newest that they have."""
        named = [name.removeprefix(ORGANIZATION_NAME) for name in card.fields if name.startswith(ORGANIZATION_NAME)]
        project, origin, _ = key.split("#", 2)
        return sum(
            card.fields[ORGANIZATION_NAME + one].value
            != self.fields.get(key_of(int(project), origin, f"organization:{one}"), {}).get("name", UNNAMED).value
            for one in named
        )

    def is_right(self, card, key, landed):
        """Tell whether the row and Ringostat hold the newest state; Ringostat need not where it refused it."""
        if card is None or card.hash != self.content(key, card):
            return False
        if card.due_at is not None and not is_left_behind(card):
            return False
        return card.hash is None or card.refused is not None or (landed == card.hash and card.lease_id is None)

    def account(self, truth, cards):
        """Return what became of an accepted event."""
        kept = self.fields[truth.key]
        if all(kept[name].changed_at > truth.changed_at for name in truth.fields if name != "externalId"):
            return "superseded"
        card = cards.get(truth.key)
        if card is None or not _holds(card, truth, kept):
            return "lost"
        if card.waiting:
            return "waiting"
        if card.refused:
            return "refused"
        return "delivered" if card.confirmed_hash == card.hash and card.due_at is None else "pending"


def _holds(card, truth, kept):
    """Tell whether a row has what is newest of an event. The id of a record that was read has the time of the read."""
    return all(
        name in card.fields
        and card.fields[name].value == value
        and (name in ID_FIELDS.values() or card.fields[name].changed_at == truth.changed_at)
        for name, value in truth.fields.items()
        if kept[name].changed_at == truth.changed_at
    )
