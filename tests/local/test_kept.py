"""`make run KEEP=1`: a world goes on where the last one ended."""

import json
import stat

import pytest

from local.__main__ import keep
from local.kept import FILE, read
from local.template import ROOT
from local.world import World, wait_for

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
