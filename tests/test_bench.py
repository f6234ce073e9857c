"""What the benchmark counts exactly holds on every run, and a missed target is said to be missed."""

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import urllib3

from bench import corpus, environment, load, measure, outage, page, peers, processes, report, stages, stub, world
from bench.subjects import calls

PEERS = Path(peers.__file__).parent
COST = (environment.ROOT / "docs" / "cost.md").read_text("utf-8")


@pytest.mark.parametrize("case", calls.CASES, ids=lambda case: case.name)
def test_as_many_aws_calls_as_planned(bridge, case):
    counted = calls.count(case, bridge)

    assert counted.total() == case.most, calls.shown(counted)


def test_a_thousand_due_cards_of_a_project_take_a_post_for_each_hundred():
    one, ringostat = world.World(), world.Nowhere()
    one.worker = one.worker._replace(ringostat=ringostat)
    for first in range(1, 1001, 100):
        one.ingest(corpus.kommo(first, 100), "kommo", corpus.FORM)

    one.drain()

    assert (ringostat.posts, ringostat.records) == (10, 1000)


def test_nothing_new_sends_no_wake_up(bridge):
    bridge.post("acme", calls.PERSON)
    bridge.deliver()

    with calls.counted() as counted:
        bridge.post("acme", calls.PERSON)

    assert counted["SendMessage"] + counted["SendMessageBatch"] == 0


def test_a_missed_target_is_said_to_be_missed():
    figure = measure.Figure("slow", 2.0, "ms", most=1)
    table = measure.Table("Speed", [figure, measure.Figure("fast", 0.5, "ms", most=1)])

    assert report.missed([report.as_json(table)]) == ["slow"]
    assert "MISSED" in report.rendered(table)


def test_the_page_claims_nothing_that_was_not_measured():
    run = {"date": "1 May 2026", "seconds": 60, "machine": "Linux", "python": "3.11.7", "subjects": {}}

    tables = page.tables(run)

    assert tables.pop("run")[-1] == "Targets missed: none."
    assert {len(lines) for lines in tables.values()} == {2}, "head and rule"


def test_each_row_of_the_page_was_measured_by_the_last_run():
    results = json.loads(report.RESULTS.read_text("utf-8"))

    rows = {line.split("|")[1].strip() for lines in page.tables(results).values() for line in lines if "|" in line}
    assert {*page.FLOOR, *page.CALLS, *page.WEIGHT, *stages.BUYS} - rows == set()


def test_a_ratio_is_taken_round_by_round():
    assert measure.ratios([2, 30, 4], [1, 10, 2]).median == 2


def test_works_take_turns():
    order = []
    measure.alternating(2, {name: lambda name=name: order.append(name) or 0.0 for name in "ab"})

    assert order == ["a", "b", "b", "a"]


def test_of_a_hundred_values_the_last_but_one_is_p99():
    assert load.percentile(range(100), 99) == 98
    assert load.percentile(range(100), 50) == 49
    assert load.percentile(range(10), 99) == 9
    assert load.percentile([7], 99) == 7


def test_a_process_may_have_any_name():
    text = f"4711 (a) b) S 42 {' 0' * 9} 150 50 7 3 20 0 1 0"

    parent, cpu = processes.stat_of(text)

    assert (parent, cpu) == (42, 210 / processes.TICKS)


def test_shared_memory_counts_in_parts():
    text = "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:   4096 kB\nPss:   2048 kB\nPss_Dirty:  1024 kB\n"

    assert processes.pss_of(text) == 2


def test_children_of_children_belong_to_a_process():
    assert processes.tree([2], {1: 0, 2: 1, 3: 2, 4: 3, 5: 1}) == [2, 3, 4]


def test_this_process_costs_something():
    assert processes.cpu_seconds([os.getpid()]) > 0
    assert processes.pss([os.getpid()]) > 1


def test_a_card_is_right_when_its_newest_name_came_last():
    changes = [outage.Sent(0.0, 1, "A"), outage.Sent(1.0, 1, "B"), outage.Sent(2.0, 2, "C"), outage.Sent(3.0, 3, "D")]
    posts = [("B", 1, 4.0), ("A", 1, 5.0), ("C", 2, 6.0), ("C", 2, 7.0)]
    bodies = [(at, json.dumps({"contacts": [{"externalId": number, "fullName": name}]})) for name, number, at in posts]

    shown = outage.book(bodies)

    assert outage.wrong(outage.newest(changes), shown) == {1, 3}
    assert shown[2] == ("C", 6.0)


def test_the_poller_of_the_bench_hands_a_queued_message_to_the_function():
    function = stub.Stub(keeps=True)
    service = subprocess.Popen(
        [sys.executable, "-m", "bench.lambda_service"],
        cwd=PEERS.parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        address = service.stdout.readline().strip()
        polls = {"queue": "inbox", "url": function.url, "visibility": 30, "receives": 3}
        service.stdin.write(json.dumps({"polls": polls}) + "\n")
        service.stdin.flush()
        sent = {"QueueUrl": environment.QUEUES["inbox"], "MessageBody": "one"}
        ends = time.monotonic() + 20
        while not function.bodies and time.monotonic() < ends:  # until the service has taken the order
            urllib3.request("POST", address, json=sent, headers={"X-Amz-Target": "AmazonSQS.SendMessage"})
            time.sleep(0.05)
    finally:
        service.kill()
        service.communicate()

    assert json.loads(function.bodies[0][1])["Records"][0]["body"] == "one"


SHORT = {
    "peers": "peers.LOADS = (peers.Load(peers.SERVERS[0], 20, 2),)",
    "webhook": "webhook.EVENTS, webhook.ROUNDS = 3, 1",
    "growth": "growth.EVENTS, growth.ROUNDS, growth.SIZES, growth.SHARING = 2, 1, (10, 20), (1, 3)",
    "lookups": "lookups.EVENTS, lookups.ROUNDS, lookups.CONTACTS = 40, {0.0: 1}, 60",
}


def measured(subject):
    """Measure a subject shortly, in a separate process: each replaces what others need. Return its figures."""
    code = (
        f"import json, sys; from bench import report; from bench.subjects import {subject}; {SHORT[subject]};"
        f"made = [report.as_json(one) for one in {subject}.tables()];"
        "print(json.dumps(made), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PEERS.parents[1], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-400:]
    tables = json.loads(done.stderr.splitlines()[-1])
    return {(number, one["name"]): one for number, table in enumerate(tables) for one in table["figures"]}


def test_the_tutorial_delivers_in_the_process_that_measures():
    assert (0, "tutorial") in measured("peers")


def test_the_stages_of_a_webhook_are_all_there_and_together_they_are_what_was_measured():
    found = measured("webhook")

    lines = {name: one["value"] for (number, name), one in found.items() if number == 1}
    together = lines.pop("together")
    assert lines.keys() == stages.BUYS.keys()
    assert min(lines.values()) > 0
    assert sum(lines.values()) == pytest.approx(together) == pytest.approx(found[0, "ours"]["value"])


def test_no_crm_waits_for_its_own_api_and_a_night_without_changes_asks_once_a_kind():
    found = measured("lookups")

    assert found[0, "of it, before the CRM was answered"]["value"] == 0
    assert 0 < found[0, "requests to the CRM"]["value"] < 1_000
    assert found[1, "an API that takes 0 ms a page"]["value"] > 0
    assert found[2, "requests to the CRM"]["value"] == 3
    assert f"and {found[2, 'AWS calls']['value']} calls to AWS in a night" in COST


def test_neither_a_number_nor_the_consoles_first_page_takes_more_calls_where_there_are_more_cards():
    found = measured("growth")

    assert found[2, "a number of 1 card, AWS calls"]["value"] == found[2, "a number of 3 cards, AWS calls"]["value"]
    assert found[3, "AWS calls"]["value"] == 1


def expression(code):
    """Return what Node.js makes of an expression."""
    done = subprocess.run([shutil.which("node"), "-p", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not on this machine")
@pytest.mark.parametrize("peer", ["nodered", "n8n"])
def test_every_peer_maps_a_person_to_the_same_contact(peer):
    event = corpus.person(42).decode()
    models = runpy.run_path(str(PEERS / "tutorial" / "models.py"))
    wanted = models["contact_of"](models["Webhook"].model_validate_json(event)).model_dump()

    for code in CONTACTS[peer](event):
        assert expression(code) == wanted


def of_nodered(event):
    for node in json.loads((PEERS / "nodered" / "flows.json").read_text("utf-8")):
        if node.get("name") == "contact":
            yield f"JSON.stringify(((msg) => {{{node['func']}}})({{payload: {event}}}).contact)"


def of_n8n(event):
    for workflow in json.loads((PEERS / "n8n" / "workflows.json").read_text("utf-8")):
        (node,) = [node for node in workflow["nodes"] if node["name"] == "Contact"]
        code = node["parameters"]["jsonOutput"].removeprefix("={{").removesuffix("}}")
        yield f"(($json) => JSON.stringify(JSON.parse({code}).contact))({{body: {event}}})"


CONTACTS = {"nodered": of_nodered, "n8n": of_n8n}
