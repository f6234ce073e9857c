"""A thousand webhooks of one mass edit within 10 s, through the door that AWS has before the bridge."""

import http.client
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from local import template
from local.crm.dialect import Change
from local.crm.dialects import CRMS
from local.crm.records import BARE
from local.door import Door
from local.front import AT_ONCE
from local.world import TOKEN, World, wait_for
from tests.end_to_end.test_first_fill import Sync

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.timeout(0)]

CRM, CONNECTION = "pipedrive", "demo-pipedrive"
CONTACTS = 1000
SECONDS = 10
IN_TIME = 600  # on the slowest machine


@pytest.fixture(scope="module")
def world():
    with World(copies=1000) as one:
        one.crms.fill(CRM, CONTACTS)
        yield one


def mass_edit(world, name):
    """Give each contact this last name and send the events within 10 s; return the statuses and the slowest answer."""
    begun = time.monotonic()

    def edit(number):
        time.sleep(max(0, begun + number * SECONDS / CONTACTS - time.monotonic()))
        record = world.crms.edit(CRM, "contact", number, send_event=False, last=name)
        event = CRMS[CRM].event(Change(record, "update", frozenset({"last"}), time.time()))
        return post(world, event.body)

    with ThreadPoolExecutor(CONTACTS) as pool:
        answers = list(pool.map(edit, range(1, CONTACTS + 1)))
    return Counter(status for status, _ in answers), max(seconds for _, seconds in answers)


def post(world, body):
    """Return the status and how long the answer took; the CRM is patient, for this machine may be slow."""
    asked = time.monotonic()
    connection = http.client.HTTPConnection(world.front.url.removeprefix("http://"), timeout=IN_TIME)
    try:
        connection.request("POST", f"/crm/{CONNECTION}/{TOKEN}", body, {"Content-Type": "application/json"})
        return connection.getresponse().status, time.monotonic() - asked
    finally:
        connection.close()


def named(world, name):
    """Return how many contacts Ringostat shows by this last name."""
    time.sleep(0.5)
    return sum(card["fullName"].endswith(f" {name}") for card in world.state()["contacts"])


def arrived(world, name):
    """Wait until Ringostat shows all contacts that have a phone or an e-mail by this name; return how long it took."""
    begun, shown = time.monotonic(), CONTACTS - CONTACTS // BARE
    wait_for(lambda: named(world, name) == shown, IN_TIME, f"{shown} contacts named {name}")
    return time.monotonic() - begun


def test_a4_r1_a_mass_edit_passes_the_door_with_its_defaults_and_is_delivered(world, show):
    statuses, slowest = mass_edit(world, "Перша")
    assert statuses == {202: CONTACTS}
    assert not world.front.door.refused
    seconds = arrived(world, "Перша")

    show(
        f"mass edit, 1,000 copies: {dict(statuses)}, slowest answer {slowest:.1f} s (this machine "
        f"runs {AT_ONCE} copies), delivered {seconds:.0f} s later"
    )


def test_a4_r1_what_a_door_of_ten_copies_refuses_is_counted_and_healed_by_a_sync(world, tmp_path, show):
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    usual, world.front.door = world.front.door, Door(template.throttle(template.load()), copies=10)
    statuses, slowest = mass_edit(world, "Друга")
    refused = world.front.door.refused
    world.front.door = usual

    output = Sync(world, tmp_path, CONNECTION).finished("--kind", "contact", "--since", since, "--rate", "0")
    seconds = arrived(world, "Друга")

    show(f"mass edit, 10 copies: {dict(statuses)}, slowest answer {slowest:.2f} s, healed {seconds:.0f} s after a sync")
    assert f"{CONTACTS:,} read, " in output
    assert statuses == {202: CONTACTS - refused.total(), **refused}
    assert refused
