"""docs/scale.md: its arithmetic, done over again with the numbers of the template and of the code."""

import math
import re

import pytest

from cli.checks import FOR_A_NEW_ACCOUNT
from delivery.policy import GIVE_UP_DAYS
from delivery.throttles import Throttles
from delivery.wakeups import wakeups_of
from delivery.worker import Run
from handlers.deliver import POLICY
from local import template
from local.in_process import START, Clock, overheard, receive, record_of
from ops.stack import CONNECTIONS_THAT_FIT, LARGEST_SECRET
from settings import SETTINGS
from tests.handlers.test_api import person

PAGE = (template.ROOT / "docs" / "scale.md").read_text("utf-8")
COST = (template.ROOT / "docs" / "cost.md").read_text("utf-8")
TEMPLATE = template.load()
NUMBERS = {name: one for name, one in TEMPLATE["Parameters"].items() if one["Type"] == "Number"}
DEFAULT = {name: one["Default"] for name, one in NUMBERS.items()}
EVENTS = {name: one["Events"] for name, one in template.functions(TEMPLATE).items()}
ROWS = {cells[1].strip(): cells[2:4] for cells in (line.split("|") for line in PAGE.splitlines()) if len(cells) > 4}
INBOX_SECONDS, WARM_SECONDS = 0.3, 0.05  # guesses that the page calls so
POST_SECONDS, SLOW_POST_SECONDS = 0.37, 0.97  # as docs/cost.md: of which 0.3 (0.9) are Ringostat's
CALL_SECONDS = 0.005  # as the page: 8 calls of 5 ms each
DAY = 86_400
DELIVERY = EVENTS["DeliverFunction"]["WakeUps"]["Properties"]["BatchSize"]
INBOX = EVENTS["InboxFunction"]["Inbox"]["Properties"]["BatchSize"]
LOOKUPS = EVENTS["LookupFunction"]["WakeUps"]["Properties"]["ScalingConfig"]["MaximumConcurrency"]
MOST = NUMBERS["DeliveryConcurrency"]["MaxValue"]
LEFT = 1000 - DEFAULT["InboxConcurrency"] - DEFAULT["DeliveryConcurrency"] - LOOKUPS - 1  # the sweep
BEARS = {
    "delivery of single cards": DEFAULT["DeliveryConcurrency"] * DELIVERY / POST_SECONDS,
    "the same, if Ringostat takes 0.9 s": DEFAULT["DeliveryConcurrency"] * DELIVERY / SLOW_POST_SECONDS,
    "events by the inbox queue": DEFAULT["InboxConcurrency"] * INBOX / INBOX_SECONDS,
    "connections": CONNECTIONS_THAT_FIT,
    "webhooks": DEFAULT["RequestsPerSecond"],
    "webhooks at once": DEFAULT["RequestBurst"],
    "news of one project": 1000 / 2,
    "projects": template.functions(TEMPLATE)["SweepFunction"]["Timeout"] / (8 * CALL_SECONDS),
    "backlog of one project": DEFAULT["SweepMost"] * DAY / 60,
    "all events": 40_000 / 5,
}


@pytest.mark.parametrize("what", BEARS)
def test_a12_a_stack_bears_what_the_page_says(what):
    assert ROWS[what][0].split()[0] == f"{math.floor(BEARS[what]):,}"


@pytest.mark.parametrize(
    "said",
    [
        f"{MOST} copies bear {math.floor(MOST * DELIVERY / POST_SECONDS)}",
        f"after {GIVE_UP_DAYS} days {DEFAULT['SweepMost'] * DAY // 60 * GIVE_UP_DAYS:,} are delivered",
        f"{WARM_SECONDS} s each is {DEFAULT['RequestsPerSecond'] * WARM_SECONDS:.0f} copies",
        f"up to {LEFT} that are left beside inbox",
        f"{LARGEST_SECRET:,} bytes of a secret",
        f"With `{FOR_A_NEW_ACCOUNT}`",
    ],
)
def test_the_page_says_what_follows(said):
    assert said in PAGE


def test_what_an_account_with_ten_copies_bears_follows_from_what_it_is_advised():
    rate, burst, inbox = map(int, re.findall(r"=(\d+)", FOR_A_NEW_ACCOUNT))
    left = 10 - inbox - DEFAULT["DeliveryConcurrency"] - 1
    through = burst + rate * 10

    assert f"{left} copies are left for webhooks: {rate} a second × 0.3 s = {rate * 0.3:.0f} of them" in PAGE
    assert f"about {burst} + {rate} × 10 = {through} through; the other {1000 - through}" in PAGE


def test_the_seconds_of_a_delivery_are_those_of_the_page_of_costs():
    assert f"{POST_SECONDS} s of `deliver`" in COST
    assert f"{50_000_000 * 1.2 / 4 / 1_000_000:.0f} million read units" in PAGE  # 4 KB each, read consistently
    assert f"US$ {15_000_000 * 0.125 / 1_000_000:.2f}" in PAGE


class Copy:
    """One copy of `deliver`, with a time of its own: each call of AWS takes 5 ms, each POST as long as it is said."""

    def __init__(self, bridge, seconds):
        self.clock, self.ringostat, self.seconds = Clock(), bridge.worker.ringostat, seconds
        throttles = Throttles(bridge.cards, POLICY)
        self.worker = bridge.worker._replace(ringostat=self, throttles=throttles, clock=self.clock.now)

    def post(self, *parts, **more):
        self.clock.pass_(self.seconds)
        return self.ringostat.post(*parts, **more)

    def take(self):
        """Deliver a batch of wake-ups and return how many cards were in it."""
        event = {"Records": [record_of(message) for message in receive(SETTINGS.delivery_queue_url)]}
        with overheard(lambda *_: self.clock.pass_(CALL_SECONDS)):
            done = Run(self.worker, self.clock.time + 60_000).deliver(wakeups_of(event))
        assert done == {"batchItemFailures": []}
        return len(event["Records"])


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize(
    ("what", "seconds"), [("delivery of single cards", 0.3), ("the same, if Ringostat takes 0.9 s", 0.9)]
)
def test_a12_delivery_simulated_bears_what_the_page_says(bridge, ringostat, what, seconds):
    """One project's cards, an event each: every wake-up names one. What the code itself takes is not simulated."""
    cards = 3 * DEFAULT["DeliveryConcurrency"] * DELIVERY
    for number in range(1, cards + 1):
        bridge.post("acme", person(number))
    copies = [Copy(bridge, seconds) for _ in range(DEFAULT["DeliveryConcurrency"])]
    taken = 0
    while taken < cards:
        taken += min(copies, key=lambda one: one.clock.time).take()

    bears = cards / (max(one.clock.time for one in copies) - START) * 1000
    assert len(ringostat.state()["contacts"]) == cards
    assert BEARS[what] < bears < 1.2 * BEARS[what]
