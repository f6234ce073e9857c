"""`bridge connect` as a person at a terminal meets it: wrong answers at each question."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from local import template
from tests.end_to_end import crm
from tests.end_to_end.conftest import COMMAND

SECONDS = 40  # for one question, on a busy machine
ANSI = re.compile(r"\x1b\[[0-9;]*m")

WRONG = [
    ("Name of the connection", ["Acme CRM", "demo-kommo"], ["small letters", "already"]),
    ("Ringostat project", ["abc", "0"], ["by its number"]),
    ("Ringostat project", ["998", "999", "999"], ["project 998 has no auth key", "does not know this auth key"]),
    ("Country of phones", ["Ukraine"], ["two letters"]),
    ("Time zone", ["Kyiv"], ["no such zone"]),
    ("Address of your CRM,", ["acme.example.com", "http://acme.example.com"], ["must begin with https://"]),
    ("How requests are verified", ["hubspot", "none"], ["cannot send what", "there is no scheme"]),
]
WRONG_KEY = [("Key to the CRM's API", "wrong-key"), ("Address of the CRM's API", "http://127.0.0.1:9")]
KEYS = {
    "pipedrive": WRONG_KEY,
    "kommo": WRONG_KEY,
    "odoo": WRONG_KEY,
    "bitrix24": [("Address of the CRM's API", "acme.bitrix24.eu")],
}


class Terminal:
    """A process whose input and output are a terminal of 80 columns."""

    def __init__(self, words, port):
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "BRIDGE_"))}
        self._own, other = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words],
            cwd=template.ROOT,
            env={**kept, "BRIDGE_PORT": port, "COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "1"},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
        )
        os.close(other)
        self.text, self._seen = "", 0

    def answer(self, question, text):
        """Wait for a question that was not answered yet, and answer it."""
        found = self._wait(re.escape(question) + r"[^\n]*: (\x1b\[[0-9;]*m)*$")
        self._seen = found.end()
        os.write(self._own, f"{text}\n".encode())

    def _wait(self, pattern):
        until = time.monotonic() + SECONDS
        while not (found := re.compile(pattern).search(self.text, self._seen)):
            assert self._read(until), f"no {pattern!r} in {self.text[self._seen :]}"
        return found

    def _read(self, until):
        if not select.select([self._own], [], [], max(0, until - time.monotonic()))[0]:
            return False
        try:
            more = os.read(self._own, 4096)
        except OSError:  # the process has closed its side
            return False
        self.text += more.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(more)

    def end(self):
        """Read to the end; return the exit code."""
        until = time.monotonic() + SECONDS
        while self._read(until):
            pass
        code = self._process.wait(SECONDS)
        os.close(self._own)
        return code


@pytest.fixture
def secret(world):
    """Read a secret; at the end both hold what they held."""
    manager = world.aws.client("secretsmanager")

    def read(name):
        return json.loads(manager.get_secret_value(SecretId=world.ids[name])["SecretString"])

    before = {name: read(name) for name in ("ConnectionsSecret", "AuthKeysSecret")}
    yield read
    for name, entries in before.items():
        manager.put_secret_value(SecretId=world.ids[name], SecretString=json.dumps(entries))


@pytest.mark.parametrize("preset", KEYS)
def test_n9_wrong_answers_at_each_question_end_nothing_and_are_not_stored(world, secret, preset):
    before, name = secret("ConnectionsSecret"), f"{preset}-{crm.person().id}"
    terminal = Terminal(["connect", preset, "--no-wait", "--local"], world.bridge_url.rpartition(":")[2])
    right = [name, None, None, "UA", "Europe/Kyiv", "https://acme.example.com", "path-token"]
    keys = iter(["wrong", "local-key"])
    several = preset == "bitrix24"  # ways to verify requests: the only one is not asked for

    for (question, wrong, reasons), good in zip(WRONG if several else WRONG[:-1], right, strict=False):
        for answer in wrong:
            terminal.answer(question, answer)
            if wrong[-1] == "999":
                terminal.answer("Add it now?", "perhaps")
                terminal.answer("Add it now?", "n" if answer == "998" else "y")
            if answer == "999":
                terminal.answer("Auth key of project 999", next(keys))
        if good:
            terminal.answer(question, good)
        assert all(reason in terminal.text for reason in reasons), terminal.text
    for question, wrong in KEYS[preset]:
        terminal.answer(question, wrong)
    terminal.answer(KEYS[preset][0][0], "")
    code = terminal.end()
    lines = ANSI.sub("", terminal.text).splitlines()

    assert code == 0, terminal.text
    after = secret("ConnectionsSecret")
    stored = after.pop(name)
    assert after == before
    assert secret("AuthKeysSecret")["999"] == {"auth_key": "local-key"}
    assert set(stored.pop("verify")) in ({"scheme", "token"}, {"scheme", "username", "password"})
    assert stored == {
        "mapping": preset,
        "project": 999,
        "country": "UA",
        "time_zone": "Europe/Kyiv",
        "crm_url": "https://acme.example.com",
    }
    assert any(line.startswith(f"{world.bridge_url}/crm/{name}") for line in lines)
    assert f"bridge status {name} ID --local" in lines
    assert "**" not in terminal.text
