"""Bodies made to exhaust the reader: sent through `api`, measured, turned away."""

import json
import os
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

MIB = 1024 * 1024
BODY_LIMIT = 512 * 1024
CHILD = Path(__file__).with_name("bomb_child.py")
ROOT = CHILD.parents[2]
DTD = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]><a>&c;</a>'
SOON = 1.0  # second of CPU


def fill(item, between=","):
    """Return a JSON array of as many items as the limit of bytes lets through."""
    return "[" + between.join([item] * ((BODY_LIMIT - 2) // len(item + between))) + "]"


FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BOMBS = {
    "100,000 brackets": ("acme-generic", "[" * 100_000, JSON, 400),
    "100,000 braces": ("acme-generic", '{"a":' * 100_000, JSON, 400),
    "a number of 5,000 digits": ("acme-generic", '{"id": ' + "9" * 5_000 + "}", JSON, 400),
    "a number of 500,000 digits": ("acme-generic", '{"id": ' + "9" * 500_000 + "}", JSON, 400),
    "a fraction of 500,000 digits": ("acme-generic", '{"id": 1e' + "9" * 500_000 + "}", JSON, 400),
    "6 MB of {}": ("acme-generic", "[" + "{}," * 2_000_000 + "{}]", JSON, 413),
    "512 KiB of {}": ("acme-generic", fill("{}"), JSON, 413),
    "512 KiB of empty lists": ("acme-generic", fill("[]"), JSON, 413),
    "512 KiB of keys": (
        "acme",
        "{" + ",".join(f'"{n}":0' for n in range(60_000))[: BODY_LIMIT - 9] + ':0"":0}',
        JSON,
        400,
    ),
    "1,001 records": ("acme-generic", json.dumps([{"id": n} for n in range(1_001)]), JSON, 413),
    "1,001 records for programmers": ("acme-direct", json.dumps([{"id": n} for n in range(1_001)]), JSON, 413),
    "1,001 records in a form": (
        "acme-kommo",
        "&".join(f"contacts[update][{n}][id]={n}" for n in range(1_001)),
        FORM,
        413,
    ),
    "a record at an index of a form": ("acme-kommo", "contacts[update][999999999][id]=1", FORM, 413),
    "a record at an added index of a form": ("acme-kommo", "contacts[add][999999999][id]=1", FORM, 413),
    "a record at an index of 5,000 digits": ("acme-kommo", f"contacts[update][{'9' * 5_000}][id]=1", FORM, 413),
    "100,000 fields": ("acme-kommo", "a=&" * 100_000, FORM, 413),
    "a form nested 10,000 deep": ("acme-kommo", "a" + "[b]" * 10_000 + "=c", FORM, 400),
    "entities": ("acme-generic", DTD, "text/xml", 400),
    "XML nested 50,000 deep": ("acme-generic", "<a>" * 50_000 + "</a>" * 50_000, "text/xml", 400),
}

SLOW_TO_MEASURE = {"512 KiB of {}", "512 KiB of empty lists", "100,000 braces"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW_TO_MEASURE else name for name in BOMBS]
)
def test_a_bomb_is_turned_away_soon_and_in_little_memory(nowhere, name):
    connection, body, media, status = BOMBS[name]
    nowhere.post(connection, "{}")  # what is imported late is no part of the measure

    tracemalloc.start()
    answer = nowhere.post(connection, body, content_type=media)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    began = time.process_time()
    nowhere.post(connection, body, content_type=media)
    seconds = time.process_time() - began

    figures = f"{name}: {len(body) / 1024:.0f} KiB, {seconds:.3f} s, peak {peak / MIB:.1f} MiB, {answer.status}"
    print(figures, "" if seconds < SOON else "SLOW")  # noqa: T201 - figures
    assert answer.status == status
    assert peak <= 2 * len(body) + 64 * MIB


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells what was resident at most")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_leaves_a_fresh_process_small(name):
    connection, body, media, status = BOMBS[name]
    command = [sys.executable, CHILD, connection, media]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))}

    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=body.encode(), capture_output=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout.splitlines()[-1])

    grown = told["peak"] - told["before"]
    figures = f"{len(body) / 1024:.0f} KiB, {told['seconds']:.3f} s, from {told['before'] / MIB:.0f} MiB"
    print(f"{name}: {figures} by {grown / MIB:.1f} MiB, {told['status']}")  # noqa: T201 - figures
    assert told["status"] == status
    assert grown <= 2 * len(body) + 64 * MIB


def test_an_index_inside_a_record_of_a_form_costs_nothing_however_large(nowhere):
    record = "contacts[update][0]"
    indices = ("999999999", "9" * 30, "-1", "%00", "")
    links = "&".join(f"{record}[linked_leads_id][{index}][ID]=1" for index in indices)
    form = f"{record}[id]=1&{record}[name]=Olena&{links}"
    tracemalloc.start()
    answer = nowhere.post("acme-kommo", form, content_type=FORM)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (answer.status, answer.body["accepted"]) == (202, 1)
    assert peak <= 16 * MIB


@pytest.mark.parametrize("name", ["100,000 brackets", "6 MB of {}", "entities", "100,000 fields"])
def test_a_bomb_without_proof_is_denied_before_it_is_read(nowhere, name):
    connection, body, media, _ = BOMBS[name]
    began = time.process_time()

    denied = [nowhere.post(whom, body, "wrong", content_type=media) for whom in (connection, "nobody")]

    print(f"{name}: 2 denied in {time.process_time() - began:.3f} s")  # noqa: T201 - figures
    assert [answer.status for answer in denied] == [401, 401]
    assert denied[0].body == denied[1].body
