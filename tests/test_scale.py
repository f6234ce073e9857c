"""docs/scale.md: its arithmetic, done over again with the numbers of the template and of the code."""

import math
import re

import pytest

from cli.checks import FOR_A_NEW_ACCOUNT
from delivery.policy import GIVE_UP_DAYS
from local import template
from ops.stack import CONNECTIONS_THAT_FIT, LARGEST_SECRET

PAGE = (template.ROOT / "docs" / "scale.md").read_text("utf-8")
COST = (template.ROOT / "docs" / "cost.md").read_text("utf-8")
TEMPLATE = template.load()
NUMBERS = {name: one for name, one in TEMPLATE["Parameters"].items() if one["Type"] == "Number"}
DEFAULT = {name: one["Default"] for name, one in NUMBERS.items()}
EVENTS = {name: one["Events"] for name, one in template.functions(TEMPLATE).items()}
ROWS = {cells[1].strip(): cells[2:4] for cells in (line.split("|") for line in PAGE.splitlines()) if len(cells) > 4}
INBOX_SECONDS, WARM_SECONDS = 0.3, 0.05  # guesses that the page calls so
POST_SECONDS, SLOW_POST_SECONDS = 0.37, 0.97  # as docs/cost.md: of which 0.3 (0.9) are Ringostat's
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
    "projects": template.functions(TEMPLATE)["SweepFunction"]["Timeout"] / (8 * 0.005),
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
