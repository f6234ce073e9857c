"""Each connection is heard for itself: one that is silent, and one of which nothing can be read, are found."""

import json

import pytest

import telemetry
from cards.key import heard_key
from handlers import api
from intake.heard import FORGOTTEN_AFTER_MS, HOUR_MS
from local.in_process import CONNECTIONS, counted, overheard, unreachable
from tests.cli.people import person

HOURS = 3600


def row(bridge, connection="acme"):
    return bridge.cards.row(heard_key(connection))


@pytest.fixture
def silent(nowhere, capsys, caplog):
    """Sweep, and return which connections are silent."""

    def silent():
        telemetry.flush()
        capsys.readouterr()
        caplog.clear()
        nowhere.sweep()
        telemetry.flush()
        named = [record.connections for record in caplog.records if record.message == "silent"]
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"SilentConnections"' in line]
        assert [line["SilentConnections"] for line in lines] == [[len(names)] for names in named]
        return named[0] if named else None

    return silent


def test_r4_a_busy_connection_hides_no_silent_one(nowhere, silent):
    nowhere.post("acme", person(1))
    nowhere.post("basic", person(2), headers={"authorization": "Basic Y3JtOnA6w6Q="})
    nowhere.clock.pass_(72 * HOURS)
    nowhere.post("acme", person(3))
    before = silent()
    nowhere.clock.pass_(1 * HOURS)
    after = silent()
    nowhere.post("basic", person(4), headers={"authorization": "Basic Y3JtOnA6w6Q="})

    assert (before, after, silent()) == (None, ["basic"], None)


@pytest.mark.parametrize(("own", "is_silent"), [(1, True), (80, False), (0, False), ("often", True)])
def test_a_connection_may_have_its_own_silent_hours(nowhere, silent, own, is_silent):
    """What is no number of hours leaves those of the stack; `bridge doctor` names it."""
    nowhere.put_connections({**CONNECTIONS, "acme": {**CONNECTIONS["acme"], "silent_hours": own}})
    nowhere.post("acme", person(1))
    nowhere.clock.pass_(73 * HOURS + 1)

    assert (silent() == ["acme"]) is is_silent


def test_a_connection_is_noted_once_an_hour_by_a_process_and_an_event_takes_no_further_call(nowhere):
    nowhere.post("acme", person(1))
    nowhere.clock.pass_(10)
    with counted() as within:
        nowhere.post("acme", person(1, "Another name"))
    nowhere.clock.pass_(HOURS)
    with counted() as later:
        nowhere.post("acme", person(1, "A third name"))

    assert within == ["GetItem", "UpdateItem", "SendMessage"]
    assert later == [*within, "UpdateItem"]


def test_an_older_event_that_is_replayed_makes_no_connection_silent(nowhere):
    nowhere.post("acme", person(1))
    nowhere.clock.pass_(-2 * HOURS)
    api.STORES.heard.clear()
    heard = row(nowhere)
    nowhere.post("acme", person(2))

    assert row(nowhere) == heard


def test_a_connection_that_is_gone_is_forgotten_after_a_month_of_silence(nowhere):
    nowhere.post("acme", person(1))

    heard = row(nowhere)

    assert heard["expires_at"] == (heard["read_at"] + 73 * HOUR_MS + FORGOTTEN_AFTER_MS) // 1000


def test_what_the_mapping_does_not_know_is_noted_apart(nowhere):
    nowhere.post("acme", {"odoo": 1})
    unread = row(nowhere)
    nowhere.post("acme", person(1))

    assert unread.keys() == {"key", "unread_at", "expires_at"}
    assert row(nowhere).keys() == {"key", "unread_at", "read_at", "due", "due_at", "expires_at"}


def test_an_event_does_not_fail_where_its_connection_cannot_be_noted(nowhere):
    def hear(_, operation, parameters):
        if heard_key("acme") in json.dumps(parameters):
            return unreachable("dynamodb")(_, operation, parameters)
        return None

    with overheard(hear):
        answer = nowhere.post("acme", person(1))

    assert answer.body["accepted"] == 1
