"""`make run KEEP=1`: a world goes on where the last one ended."""

import json
import os
import re
import stat
import subprocess
import sys

import pytest

from local.__main__ import keep
from local.in_process import aws
from local.kept import FILE, put_rows, read
from local.ministack import NotReady
from local.template import ROOT
from local.world import Ports, World, variable, wait_for
from settings import SETTINGS

PERSON = (ROOT / "events/direct/contact.json").read_bytes()
KEY = "106#Direct#contact:C-1"
OWN = {"mapping": "direct", "project": 106, "country": "UA", "verify": {"scheme": "path-token", "token": "local"}}


def delivered(world):
    """The card's content, once Ringostat has confirmed it."""
    row = world.rows().get(KEY, {})
    return row["fields"] if row and row["hash"] == row.get("confirmed_hash") else None


def secret(world, name):
    return json.loads(world.aws.client("secretsmanager").get_secret_value(SecretId=world.ids[name])["SecretString"])


@pytest.mark.world
@pytest.mark.timeout(240)
def test_cards_secrets_and_the_contact_book_outlive_a_world(tmp_path):
    file = tmp_path / "deeper" / "kept.json"
    with World(keep=file) as world:
        connections = secret(world, "ConnectionsSecret") | {"own": OWN}
        world.aws.client("secretsmanager").put_secret_value(
            SecretId=world.ids["ConnectionsSecret"], SecretString=json.dumps(connections)
        )
        world.post("demo-direct", PERSON)
        card, contacts = wait_for(lambda: delivered(world), 60, "The confirmation"), world.state()["contacts"]

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read(file)["secrets"] == {"ConnectionsSecret": {"own": OWN}, "AuthKeysSecret": {}, "ApiKeysSecret": {}}
    with World(keep=file) as world:
        assert delivered(world) == card
        assert world.state()["contacts"] == contacts != []
        assert secret(world, "ConnectionsSecret") == connections
        assert world.post("own", PERSON).json()["unchanged"] == 1


def test_nothing_is_read_where_nothing_was_kept(tmp_path):
    assert read(None) == read(tmp_path / "none.json") == {"secrets": {}, "rows": [], "book": {}}


@pytest.mark.parametrize(("text", "path"), [("", None), ("0", None), ("1", FILE), ("/x/y.json", "/x/y.json")])
def test_keep_names_a_file_or_the_usual_one(monkeypatch, text, path):
    monkeypatch.setenv("KEEP", text)

    assert str(keep()) == str(path)


@pytest.mark.parametrize(
    "left",
    [
        *(b"", b'{"secrets": {}', b"\xff", b"[" * 100_000, b"[]", b'{"secrets": {}, "rows": []}'),
        *(b'{"secrets": [], "rows": [], "book": {}}', b'{"secrets": {"ApiKeysSecret": 1}, "rows": [], "book": {}}'),
        *(b'{"secrets": {}, "rows": [1], "book": {}}', b'{"secrets": {}, "rows": [], "book": []}'),
    ],
)
def test_a_file_that_no_run_can_have_left_is_named_with_what_to_do(tmp_path, left):
    file = tmp_path / "kept.json"
    file.write_bytes(left)

    with pytest.raises(NotReady, match=f"^KEEP={re.escape(str(file))} .+: delete it, or name another file.$"):
        read(file)


def test_rows_that_are_none_are_told(bridge):
    with pytest.raises(NotReady, match="delete the file of KEEP"):
        put_rows(aws("dynamodb"), SETTINGS.cards_table, [{"key": {"S": 1}}])


@pytest.mark.parametrize("path", [".", "file/kept.json"])
def test_a_folder_and_what_cannot_be_a_file_end_the_start_with_one_line(tmp_path, path):
    (tmp_path / "file").touch()

    done = subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=os.environ | {"KEEP": str(tmp_path / path)} | dict.fromkeys(map(variable, Ports._fields), "0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert done.stderr.startswith(f"KEEP={tmp_path / path} cannot be a file ({tmp_path}")
    assert done.stderr.endswith("): name another file, or 1 for the usual one.\n")
    assert done.stderr.count("\n") == 1
