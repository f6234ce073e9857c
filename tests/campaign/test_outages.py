"""What must survive whole days and hours of something being down."""

from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import NamedTuple

import pytest
from botocore.exceptions import BotoCoreError

from aws.clients import PATIENT, sqs
from aws.queues import Queue
from cards.card import is_confirmed, stamped
from cards.key import key_of
from delivery.wakeups import wake
from intake.merging import Merging
from local.in_process import START, aws
from settings import SETTINGS
from tests.campaign.campaign import AMBIGUOUS, Campaign, Killed, Plan

SWEEP_SECONDS = 60
PERSON = {"phones": ["+380670000001"]}


class World:
    """A campaign's bridge and surroundings without its traffic."""

    def __init__(self, campaign):
        self.campaign = campaign
        self.bridge, self.aws, self.remote, self.clock = (
            campaign.bridge, campaign.aws, campaign.remote, campaign.clock
        )  # fmt: skip

    def minute(self, deliveries=1):
        """Let a minute pass: the sweep, then the workers."""
        self.campaign.pass_(SWEEP_SECONDS)
        for _ in range(deliveries):
            with suppress(BotoCoreError, Killed):
                self.bridge.deliver()

    def fill(self, number, *, origin="Direct", start=0):
        """Make so many cards due, as ingest does, without a wake-up."""
        now = self.clock.now()
        for first in range(start, start + number, 100):
            news = {
                key_of(106, origin, f"contact:{one}"): [stamped(fields(one), changed_at=now, received_at=now)]
                for one in range(first, min(first + 100, start + number))
            }
            Merging(self.bridge.cards, connection="acme-direct", now=now).merge(news)

    def dead(self):
        return sum(queue.dead for queue in self.aws.memory.queues.values())


def fields(number, name="Olena"):
    phone = {"value": f"+38067{number:07}", "name": None, "primary": True}
    return {"externalId": str(number), "fullName": f"{name} {number}", "phones.0": [phone]}


@contextmanager
def surroundings(*, faults=False):
    """Return the world; not a fixture, because pytest takes the standard output back between fixture and test."""
    campaign = Campaign(Plan(seed=1, events=0, faults=faults))
    with ExitStack() as stack:
        campaign._set_up(stack)
        yield World(campaign)


class Drained(NamedTuple):
    """What an outage and its end looked like; `rates` are the cards that landed in each minute after it."""

    probes: int
    rates: list[int]

    def steady(self):
        """Return the mean rate from the first minute at full rate until 95 % were drained."""
        enough = 0.95 * sum(self.rates)
        start = next((index for index, rate in enumerate(self.rates) if rate >= 0.9 * SETTINGS.sweep_most), 0)
        end = next(index for index in range(len(self.rates)) if sum(self.rates[: index + 1]) >= enough)
        return sum(self.rates[start:end]) / max(1, end - start)


def outage(world, cards, hours):
    """Let Ringostat be down for hours with so many due cards, then up again until all have landed."""
    world.remote.faults({"status": 503, "times": None})
    world.fill(cards)
    for _ in range(hours * 60):
        world.minute()
    probes = world.remote.arrived
    world.remote.faults()
    rates = []
    while len(world.remote.held) < cards and len(rates) < cards // SETTINGS.sweep_most + 600:
        before = len(world.remote.held)
        world.minute()
        rates.append(len(world.remote.held) - before)
    return Drained(probes, rates)


def check_drained(world, cards, hours, show):
    drained = outage(world, cards, hours)

    show(
        f"outage of {hours} h with {cards:,} due cards: {drained.probes:,} POSTs while it lasted; drained in "
        f"{len(drained.rates)} minutes, {drained.steady():,.0f} a minute after the ramp (configured: "
        f"{SETTINGS.sweep_most:,}), at most {max(drained.rates):,}; dead letters {world.dead()}, "
        f"answers 429: {world.remote.statuses.count(429)}; first minutes {drained.rates[:6]}"
    )
    assert sum(drained.rates) == cards
    assert world.dead() == 0
    assert drained.probes <= hours * 3600 / 30, "at most one probe in 30 s"
    assert max(drained.rates) <= SETTINGS.sweep_most * 1.1
    assert 429 not in world.remote.statuses
    return drained


def short_outage(world, fails, recovers, persons=40):
    """Let Ringostat fail for ten of 25 seconds of changes; return in how many seconds after that each card is right."""
    changes = {5: fails, 15: recovers}
    for second in range(25):
        changes.get(second, bool)()
        for _ in range(4):
            one = world.campaign.random.randrange(persons)
            body = {**PERSON, "externalId": f"C-{one}", "fullName": f"Olena {second}", "changedAt": world.clock.time}
            assert world.bridge.post("acme-direct", body).status == 202
        world.bridge.deliver()
        world.campaign.pass_(1)
    right = {}
    keys = [key_of(106, "Direct", f"contact:C-{one}") for one in range(persons)]
    for second in range(10, 300):
        cards = world.bridge.cards.read(keys).values()
        right |= {card.key: second for card in cards if is_confirmed(card) and card.key not in right}
        if len(right) == len(cards):
            break
        world.bridge.deliver()
        world.campaign.pass_(1)
    assert len(right) == len(cards)
    return right


@pytest.mark.parametrize("status", [503, 500, None])
def test_after_an_outage_of_ten_seconds_the_last_card_is_right_within_45(status, show):
    with surroundings() as world:
        fails = partial(world.remote.faults, {"status": status, "times": None}) if status else world.remote.go_down
        right = short_outage(world, fails, world.remote.faults if status else world.remote.come_back)

        what = f"{status}" if status else "no connection"
        show(f"outage of 10 s, {what}: last card right after {max(right.values())} s, stale {world.remote.stale}")
        assert world.remote.stale == 0
        assert max(right.values()) <= 45


def test_an_outage_of_hours_drains_without_dead_letters(show):
    with surroundings() as world:
        check_drained(world, 600, 1, show)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_outage_of_three_days_with_100_000_due_cards_drains_at_the_configured_rate(show):
    with surroundings() as world:
        drained = check_drained(world, 100_000, 72, show)

        assert drained.steady() == pytest.approx(SETTINGS.sweep_most, rel=0.1)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_queues_down_for_an_hour_and_the_table_for_ten_minutes_lose_nothing(show):
    campaign = Campaign(Plan(seed=2, events=4000, faults=False))
    with ExitStack() as stack:
        campaign._set_up(stack)
        downs = [("sqs", 3600), ("dynamodb", 600)]
        while campaign.made < 4000 or campaign._coming:
            due = [service for service, seconds in downs if campaign.clock.time - START < seconds * 1000]
            campaign.aws.down |= set(due)
            if campaign.made < 4000:
                campaign._make()
            campaign._doors()
            campaign.aws.down.clear()
            if "sqs" not in due:
                campaign._deliver()
            campaign.pass_(60) if not due else campaign.clock.pass_(60)
        campaign.rest()
        outcome = campaign.outcome()

    for line in outcome.lines():
        show("  " + line)
    assert outcome.told_503 > 0
    assert (outcome.lost, outcome.mismatches, outcome.pending, outcome.stale) == (0, [], 0, 0)
    assert outcome.rejected[0] <= outcome.rejected[1]


def test_rings_wiped_out_of_the_queue_and_of_its_dead_letters_in_mid_run_are_rung_again_by_the_sweep(show):
    with surroundings() as world:
        world.fill(1000)
        world.campaign.pass_(SWEEP_SECONDS)
        wakeups = Queue(sqs(PATIENT), SETTINGS.delivery_queue_url)
        wake(wakeups, dict.fromkeys(world.bridge.due()[:500], 0))
        queue = world.aws.memory.queues[SETTINGS.delivery_queue_url]
        while queue.messages:  # workers that die at once, until every wake-up is a dead letter
            queue.receive(10, world.clock.time, world.clock.time)
        wake(wakeups, dict.fromkeys(world.bridge.due()[500:], 0))
        world.bridge.deliver()
        landed, dead = len(world.remote.held), queue.dead
        wake(wakeups, dict.fromkeys(world.bridge.due(), 0))
        wiped = len(queue.messages)
        aws("sqs").purge_queue(QueueUrl=SETTINGS.delivery_queue_url)  # memory keeps no dead letters: those are gone too
        for _ in range(6):
            world.minute()

        show(
            f"{dead} wake-ups dead and gone, {wiped} wiped out of the queue after {landed} cards had landed: "
            f"{len(world.remote.held)} of 1,000 landed in the end"
        )
        assert dead > 0
        assert wiped > 0
        assert 0 < landed < 1000
        assert len(world.remote.held) == 1000
        assert world.bridge.due() == []


def replay(world, number, show):
    """Let so many events be rejected, mend the cause, and replay them all twice, in the wrong order."""
    events = []
    for one in range(number):
        body = {
            "externalId": f"C-{one % (number // 2)}",
            "fullName": f"Olena {one}",
            "changedAt": START - (number - one) * 1000,
        }
        world.bridge.put([{**body, "phones": [f"+38067{one % (number // 2):07}"]}], connection="not-yet-known")
    while world.bridge.take_inbox():  # the secret may be older than they are, so they come again first
        world.clock.pass_(366)
    while messages := world.bridge.rejected():
        events += [event for _, event in messages]
    assert len(events) == number
    posts = []
    for _ in range(2):
        for event in reversed(events):
            world.bridge.put({**event, "connection": "acme-direct"})
        world.bridge.take_inbox()
        for _ in range(10):
            world.minute(deliveries=2)
        posts.append(world.remote.records)
    names = {contact["externalId"]: contact["fullName"] for contact in world.remote.state()["contacts"]}
    right = sum(names.get(f"C-{one % (number // 2)}") == f"Olena {one}" for one in range(number // 2, number))
    show(
        f"{number:,} rejected events of {number // 2:,} cards replayed twice, backwards: {right:,} cards right, "
        f"stale {world.remote.stale}, records posted {posts[0]:,}, by the second replay {posts[1] - posts[0]}"
    )
    assert right == number // 2
    assert world.remote.stale == 0
    assert posts == [number // 2, number // 2], "each card once, and nothing by the second replay"


def test_rejected_events_replayed_twice_cost_nothing_and_overwrite_nothing(show):
    with surroundings() as world:
        replay(world, 100, show)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_ten_thousand_rejected_events_replayed_twice(show):
    with surroundings() as world:
        replay(world, 10_000, show)


@pytest.mark.slow
def test_an_ambiguous_fault_costs_two_posts_more_at_most(show):
    costs = {}
    with surroundings(faults=True) as world:
        for number, fault in enumerate(sorted(AMBIGUOUS)):
            before = world.remote.arrived
            world.fill(1, start=number)
            world.campaign.prepare(fault)
            for _ in range(12):
                world.minute()
                if world.remote.late():
                    world.remote.land()
                world.remote.faults()
                world.aws.down.clear()
            costs[fault] = world.remote.arrived - before - 1

        show(f"POSTs more than one for an ambiguous fault: {costs}")
        assert world.bridge.due() == []
    assert max(costs.values()) <= 2
    assert min(costs.values()) >= 1
