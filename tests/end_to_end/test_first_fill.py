"""The first fill from an emulated Bitrix24 by `bridge sync`, killed twice, beside live events; then only what changed.

`FIRST_FILL=50000` makes it as large as a CRM that has been used for years.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import datetime
from statistics import median

import pytest

from cards.key import HEARD
from local import template
from local.crm.dialects.bitrix24 import PAGE
from local.crm.records import BARE
from local.world import World, wait_for
from tests.end_to_end import crm
from tests.end_to_end.conftest import COMMAND

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.timeout(0)]

CONTACTS = int(os.environ.get("FIRST_FILL", "2000"))
CONNECTION, CRM = "demo-bitrix24", "bitrix24"
KINDS = ("contact", "company", "lead")  # that a sync reads
LIVE_EVERY_SECONDS = 3
EDITED = 5


@pytest.fixture(scope="module")
def world():
    with World() as one:
        one.crms.fill(CRM, CONTACTS)
        yield one


class Sync:
    """`bridge sync` as a process of its own, in a folder that keeps its checkpoint."""

    def __init__(self, world, folder, connection=CONNECTION):
        self._folder = folder
        self._connection = connection
        self._checkpoint = folder / f"{connection}.sync.json"
        paths = os.pathsep.join([str(template.ROOT / "src"), str(template.ROOT)])
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "BRIDGE_"))}
        port = world.bridge_url.rpartition(":")[2]
        self._environment = {**kept, "BRIDGE_PORT": port, "TZ": "UTC", "PYTHONPATH": paths}

    def start(self, *words):
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, "sync", self._connection, "--local", "--yes", *words],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def killed_at(self, number, *words):
        """Kill a run as soon as it has read so many records."""
        with self.start(*words) as run:
            while self.read() < number:
                assert run.poll() is None, run.stdout.read()
                time.sleep(0.02)
            run.kill()

    def finished(self, *words):
        with self.start(*words) as run:
            output, _ = run.communicate()
        assert run.returncode == 0, output
        return output

    def read(self):
        """Return how many records the checkpoint says were read."""
        return json.loads(self._checkpoint.read_text())["read"] if self._checkpoint.exists() else 0


@contextmanager
def live_events(world):
    """Let another CRM send an event every few seconds; give the persons with the times of their events."""
    sent, stopped = [], threading.Event()

    def send():
        while not stopped.wait(LIVE_EVERY_SECONDS):
            one = crm.person()
            sent.append((one, time.time()))
            assert world.post("demo-pipedrive", crm.pipedrive(one)).status == 202

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        stopped.set()
        thread.join()


def landed(world, origin):
    """Return the states of each contact's card that landed, oldest first, by its id in the CRM."""
    return {
        card["id"]: card["states"]
        for card in world.ringostat.history("contacts")
        if (card["origin"], card["id_name"]) == (origin, "externalId")
    }


def requests(world):
    """Return how many requests the CRM has got."""
    return max((request.number for request in world.crms.requests()[-1:]), default=0)


def settle(world, seconds):
    """Wait until every queue is empty and nothing is due."""

    def is_done():
        time.sleep(1)
        if any(world.depth(name) for name in ("inbox", "delivery", "lookup")):
            return False
        return not [key for key, row in world.rows().items() if row.get("due", HEARD) != HEARD]

    wait_for(is_done, seconds, "Rest")


def changed_since(world, moment):
    """Return how many records that a sync reads have changed since a second."""
    counts = world.crms.counts(CRM)
    found = [world.crms.record(CRM, kind, one) for kind in KINDS for one in range(1, counts[kind] + 1)]
    return sum(int(record.updated) >= moment for record in found)


def test_a_first_fill_that_is_killed_twice_reads_each_contact_once_and_the_next_sync_only_what_changed(
    world, tmp_path, show
):
    run, total = Sync(world, tmp_path), sum(world.crms.counts(CRM)[kind] for kind in KINDS)
    started = time.time()
    with live_events(world) as live:
        run.killed_at(total // 3)
        run.killed_at(2 * total // 3, "--resume")
        output = run.finished("--resume")
        read_at, asked = time.time(), requests(world)
    settle(world, 60 + CONTACTS / 20)
    cards, persons = landed(world, "Bitrix24"), landed(world, "Pipedrive")
    drained_at = max(states[-1]["time"] for states in cards.values())
    delays = sorted(persons[str(one.id)][0]["time"] - at for one, at in live)
    twice = [one for one, states in cards.items() if states[1:] and states[0]["card"] == states[1]["card"]]

    show(
        f"first fill of {CONTACTS:,} contacts, {total:,} records, killed twice: {asked:,} requests, "
        f"read in {read_at - started:,.0f} s ({total / (read_at - started):,.0f} a second), all at Ringostat after "
        f"{drained_at - started:,.0f} s ({len(cards) / (drained_at - started):,.0f} contacts a second)"
    )
    show(
        f"  cards that landed once {sum(len(states) == 1 for states in cards.values()):,}, again with other content "
        f"{sum(len(states) > 1 for states in cards.values()) - len(twice)}, again alike {len(twice)}"
    )
    show(
        f"  {len(delays)} live cards of another CRM meanwhile: median {median(delays):.1f} s, 95 % "
        f"{delays[int(0.95 * len(delays))]:.1f} s, at most {delays[-1]:.1f} s"
    )
    assert f"{total:,} read, " in output
    assert cards.keys() == {str(one) for one in range(1, CONTACTS + 1) if one % BARE}
    assert asked <= pages(world) + 2 + 3 * len(KINDS), "only the page in which it was killed is read twice; all count"
    assert len(twice) == 0
    check_incremental(world, run, re.search(r"--since (\S+)", output)[1], show)


def pages(world):
    """Return how many requests it takes to read every record; a last page that is full is followed by an empty one."""
    return sum(world.crms.counts(CRM)[kind] // PAGE + 1 for kind in KINDS)


def check_incremental(world, run, since, show):
    """Edit some contacts of which no event tells, and let a sync find them."""
    edited = range(2, 2 + EDITED)
    for number in edited:
        world.crms.edit(CRM, "contact", number, name=f"Нова {number}", send_event=False)
    changed = changed_since(world, datetime.fromisoformat(f"{since}+00:00").timestamp())
    before, known = requests(world), landed(world, "Bitrix24")

    output = run.finished("--since", since)
    settle(world, 120)
    cards = landed(world, "Bitrix24")
    news = {one for one, states in cards.items() if states[-1] != known[one][-1]}

    show(f"  then --since: {changed} records read in {requests(world) - before} requests, {len(news)} posted")
    assert f"{changed:,} read, " in output
    assert news == {str(number) for number in edited}
    assert requests(world) - before <= len(KINDS) * 3 + changed // PAGE
