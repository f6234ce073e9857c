"""The local world as people meet it: one command that starts, says what to do, and ends without a trace."""

import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from local import template
from local.examples import example
from local.logs import Line, Logs, alive, readable
from local.stack import DELIVER_SECONDS, runnable
from local.world import wait_for

START = 60


def start(directory, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "local"],
        cwd=template.ROOT,
        env=os.environ | {"TMPDIR": str(directory), "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def free_ports(number):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def descendants(pid):
    """The processes that `pid` started, and those that they started."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(text) for text in found.stdout.split()]
    return children + [one for child in children for one in descendants(child)]


@pytest.mark.world
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_starts_says_what_to_paste_and_ends_without_a_trace(tmp_path, number):
    bridge, ringostat, crm = free_ports(3)

    process = start(tmp_path, BRIDGE_PORT=bridge, RINGOSTAT_PORT=ringostat, CRM_PORT=crm)
    text = "".join(iter(process.stdout.readline, "Ctrl-C ends it and leaves nothing behind. What the functions log:\n"))
    started = descendants(process.pid)
    process.send_signal(number)
    rest = process.communicate(timeout=START)[0]

    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    [(address, event)] = re.findall(r"curl -sS (\S+) .* --data-binary @(\S+)", text)
    assert address == f"http://127.0.0.1:{bridge}/crm/demo-pipedrive/local"
    assert (template.ROOT / event).is_file()
    assert f"http://127.0.0.1:{ringostat}" in text
    assert f"http://127.0.0.1:{crm}" in text
    assert "local-key" in text
    assert started
    assert not [pid for pid in started if alive(pid)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.world
def test_killed_it_leaves_neither_a_process_nor_a_port_nor_a_folder(tmp_path):
    keep = tmp_path / "kept.json"
    keep.write_text(json.dumps({"secrets": {}, "rows": [], "book": {}}))
    ports = free_ports(3)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    names = ("BRIDGE_PORT", "RINGOSTAT_PORT", "CRM_PORT")
    process = start(temporary, KEEP=str(keep), **dict(zip(names, ports, strict=True)))
    text = "".join(iter(process.stdout.readline, "Ctrl-C ends it and keeps cards, secrets and contact book in "
                        f"{keep}. What the functions log:\n"))  # fmt: skip
    emulated = int(re.search(r"Emulated AWS +http://127\.0\.0\.1:(\d+)", text)[1])
    started = descendants(process.pid)

    process.kill()
    process.communicate(timeout=START)
    wait_for(lambda: not list(temporary.iterdir()) and not [pid for pid in started if alive(pid)], 20)

    assert len(started) > 2
    assert keep.exists()
    for port in (*map(int, ports), emulated):
        socket.create_server(("127.0.0.1", port)).close()


@pytest.mark.parametrize("variable", ["BRIDGE_PORT", "RINGOSTAT_PORT", "CRM_PORT"])
def test_a_port_that_is_taken_is_named_with_what_to_do(tmp_path, variable):
    (other,) = free_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = dict.fromkeys(("BRIDGE_PORT", "RINGOSTAT_PORT", "CRM_PORT"), other) | {variable: port}

        process = start(tmp_path, **ports)
        text = process.communicate(timeout=START)[0]

    assert process.returncode == 1
    assert text == f"Port {port} is taken by another program: choose another with {variable}=…\n"


@pytest.mark.parametrize(("variable", "means"), [("BRIDGE_PORT", "the number of a port"), ("DOOR", "how many copies")])
def test_what_is_no_number_is_named(tmp_path, variable, means):
    process = start(tmp_path, **{variable: "http"})

    assert process.communicate(timeout=START)[0].startswith(f"{variable} must be {means}")
    assert process.returncode == 1


def test_help_starts_nothing():
    call = [sys.executable, "-m", "local", "--help"]
    done = subprocess.run(
        call, cwd=template.ROOT, env=os.environ | {"BRIDGE_PORT": "none"}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "BRIDGE_PORT" in done.stdout


def test_of_the_template_only_the_runtime_the_code_and_what_the_emulator_sees_differently_is_changed():
    original, changed = template.load(), runnable(template.load())

    settings = original["Globals"]["Function"]
    assert changed["Globals"]["Function"] == settings | {
        "Runtime": "provided.al2023",
        "CodeUri": "s3://artifacts/code.zip",
    }
    gone = original["Resources"].keys() - changed["Resources"].keys()
    assert {original["Resources"][name]["Type"] for name in gone} == {"AWS::SQS::QueuePolicy"}
    assert changed["Resources"]["DeliverFunction"]["Properties"].pop("Timeout") == DELIVER_SECONDS
    del original["Resources"]["DeliverFunction"]["Properties"]["Timeout"]
    changes = {name: item for name, item in changed["Resources"].items() if item != original["Resources"][name]}
    assert {item["Type"] for item in changes.values()} == {"AWS::IAM::Role", "AWS::IAM::Policy"}
    assert {name: without_batches(item) for name, item in changes.items()} == {
        name: original["Resources"][name] for name in changes
    }


def without_batches(role):
    """The role or policy as it is in the template: only there does an action on one message permit its batch."""
    for policy in role["Properties"].get("Policies") or [role["Properties"]]:
        for statement in policy["PolicyDocument"]["Statement"]:
            statement["Action"] = [action for action in statement["Action"] if not action.endswith("Batch")]
    return role


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"level":"INFO","message":"delivered","timestamp":"2026-01-01 10:20:30,123+0000","service":"s","cards":3}',
            "10:20:30 deliver delivered cards=3",
        ),
        (
            '{"level":"WARNING","message":"refused","timestamp":"2026-01-01 10:20:30+0000","x":"","at":["a"]}',
            '10:20:30 deliver WARNING refused at=["a"]',
        ),
        (
            '{"level":"ERROR","message":"failed","timestamp":"2026-01-01 10:20:30,123+0000","exception":"a\\nb"}',
            "10:20:30 deliver ERROR failed\n                 a\n                 b",
        ),
        ('{"_aws":{},"CardsConfirmed":[1]}', ""),
        ("not JSON", "         deliver not JSON"),
    ],
)
def test_a_log_record_is_one_line_for_people(text, expected):
    assert readable(Line("deliver", text)) == expected


def test_lines_are_handed_out_once_and_only_when_they_are_whole(tmp_path):
    logs, path = Logs(tmp_path), tmp_path / "api.1.log"
    path.write_text("one\ntw")

    first = list(logs.fresh())
    path.write_text("one\ntwo\n")

    assert first == [Line("api", "one")]
    assert list(logs.fresh()) == [Line("api", "two")]
    assert list(logs.fresh()) == []


def test_a_file_that_begins_anew_is_read_from_its_beginning(tmp_path):
    messages, path = Logs(tmp_path, "messages"), tmp_path / "inbox.1.messages"
    path.write_text("a longer one\n")
    list(messages.fresh())

    path.write_text("two\n")

    assert list(messages.fresh()) == [Line("inbox", "two")]


def test_the_event_to_paste_shows_a_contact_with_phones(tmp_path):
    phones = {"a-lead": [], "b-one-phone": ["1"], "c-two-phones": ["1", "2"], "d-many-phones": ["1", "2", "3"]}
    for name, numbers in phones.items():
        outcome = {"result": "change", "kind": "contact", "fields": {"fullName": "x", "phones.0": numbers}}
        (tmp_path / f"{name}.form").write_text("")
        (tmp_path / f"{name}.expected.json").write_text(json.dumps([outcome]))

    assert example(tmp_path) == tmp_path / "c-two-phones.form"


def test_without_a_contact_there_is_no_such_event(tmp_path):
    (tmp_path / "deleted.json").write_text("{}")
    (tmp_path / "deleted.expected.json").write_text('[{"result": "skip"}]')

    assert example(tmp_path) is None


def test_an_answer_of_an_api_is_no_event_to_paste(tmp_path):
    outcome = {"result": "change", "kind": "contact", "fields": {"fullName": "x", "phones.0": ["1", "2"]}}
    for name in ("answer", "robot"):
        (tmp_path / f"{name}.form").write_text("")
        (tmp_path / f"{name}.expected.json").write_text(json.dumps([outcome]))
    (tmp_path / "answer.request.json").write_text(json.dumps({"lookup": "contact"}))

    assert example(tmp_path) == tmp_path / "robot.form"
