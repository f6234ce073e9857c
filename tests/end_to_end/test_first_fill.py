"""The first fill: all contacts of a CRM, by a command that is killed and resumed, beside live events."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local.world import World, wait_for
from tests.end_to_end import crm

pytestmark = pytest.mark.world

ROOT = Path(__file__).parents[2]
NAME = "acme-bitrix24"
CONTACTS = int(os.environ.get("FILL_CONTACTS") or 1_000)
PACE = os.environ.get("FILL_PACE") or "off"  # `crm`: only as fast as Bitrix24 allows
BARE = 97  # every so many contacts have neither phone nor e-mail


@pytest.fixture(scope="module")
def world():
    """A world of its own, whose CRM holds many contacts."""
    with World() as there:
        there.crms.fill("bitrix24", CONTACTS)
        there.crms.limited("bitrix24", on=PACE == "crm")
        entry = {**there.connections["demo-bitrix24"], "lookups": True}
        for secret, value in (
            ("ConnectionsSecret", {**there.connections, NAME: entry}),
            ("ApiKeysSecret", {NAME: {"url": there.crms.secret("bitrix24")["url"]}}),
        ):
            there.aws.client("secretsmanager").put_secret_value(
                SecretId=there.ids[secret], SecretString=json.dumps(value)
            )
        yield there


def bridge(world, folder, *words, **more):
    command = [sys.executable, "-c", "from cli.main import main; main()", "sync", NAME, "--yes", "--local", *words]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "BRIDGE_PORT": world.bridge_url.rpartition(":")[2],
    }
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
    )


def killed(world, folder, after, *words):
    """Start a run, and kill it when it has read so many records."""
    run, path = bridge(world, folder, *words), folder / f"{NAME}.sync.json"

    def read():
        return json.loads(path.read_text())["read"] if path.exists() else 0

    wait_for(lambda: read() >= after or run.poll() is not None, seconds=900, what="The run")
    assert run.poll() is None, run.communicate()
    run.kill()
    run.communicate()
    return read()


class Live:
    """Saves persons in another CRM, one after the other, and takes the time until Ringostat has each."""

    def __init__(self, world):
        self.world, self.seconds, self.stopped = world, [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        number = 900_000
        while not self.stopped.wait(0.5):
            number += 1
            started = time.monotonic()
            self.world.post("demo-pipedrive", crm.pipedrive(crm.person(id=number)))
            wait_for(lambda: ("Pipedrive", str(number)) in known(self.world), seconds=120, what="A live contact")  # noqa: B023
            self.seconds.append(time.monotonic() - started)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join()


def known(world):
    return {(card["origin"], card["externalId"]) for card in world.state()["contacts"]}


@pytest.mark.timeout(3_600 if CONTACTS > 1_000 else 120)
def test_each_contact_once_though_the_command_is_killed_twice(world, tmp_path, capsys):
    rate = ("--rate", "200") if PACE == "off" else ()
    with Live(world) as live:
        started = time.monotonic()
        first = killed(world, tmp_path, CONTACTS // 4, *rate)
        second = killed(world, tmp_path, CONTACTS // 2, *rate, "--resume")
        run = bridge(world, tmp_path, *rate, "--resume")
        out, err = run.communicate(timeout=3_600)
        filled = time.monotonic() - started
        expected = {("Bitrix24", str(number)) for number in range(1, CONTACTS + 1) if number % BARE}
        wait_for(lambda: expected <= known(world), seconds=1_800, what="All contacts")
        delivered = time.monotonic() - started

    assert run.returncode == 0, err
    assert CONTACTS // 4 <= first < second
    assert f"{CONTACTS // BARE:,} without phone and e-mail" in out
    times = sorted(live.seconds)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what a long run is for
            f"\n{CONTACTS:,} contacts read in {filled:.0f} s, at Ringostat after {delivered:.0f} s "
            f"({CONTACTS / delivered:.0f} a second); {len(times)} live contacts beside it: median "
            f"{times[len(times) // 2]:.1f} s, longest {times[-1]:.1f} s"
        )
    assert times[-1] < 60


def test_a_later_run_reads_only_what_changed(world, tmp_path):
    time.sleep(1)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime())
    world.crms.edit("bitrix24", "contact", 5, send_event=False, name="Змінена")

    out, err = bridge(world, tmp_path, "--since", since).communicate(timeout=120)

    assert re.search(r"^1 read, 1 sent", out, re.MULTILINE), out + err
    wait_for(
        lambda: any("Змінена" in card["fullName"] for card in world.state()["contacts"]), seconds=60, what="The change"
    )
