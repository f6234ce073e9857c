"""Cards of a backup come back without taking away what came since."""

import pytest

from local import template
from local.in_process import aws
from ops.scan import SEGMENTS, Cost
from settings import SETTINGS
from tests.cli.people import person

RESTORED = "cards-restored"


def key(number):
    return f"106#Pipedrive#contact:{number}"


@pytest.fixture
def back_up():
    """Copy the table, as point-in-time recovery does, and return how many rows it has."""

    def copy():
        properties = template.load()["Resources"]["CardsTable"]["Properties"]
        wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
        aws("dynamodb").create_table(TableName=RESTORED, **{name: properties[name] for name in wanted})
        rows = aws("dynamodb").scan(TableName=SETTINGS.cards_table)["Items"]
        for row in rows:
            aws("dynamodb").put_item(TableName=RESTORED, Item=row)
        return len(rows)

    return copy


def lose(*numbers):
    for number in numbers:
        aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": {"S": key(number)}})


def name(bridge, number):
    return bridge.card(key(number)).fields["fullName"].value


def edited(number, words):
    return person(number, name=words, at="2026-06-01T10:00:00Z")


def test_lost_cards_come_back_and_newer_ones_stay(online, bridge, ringostat, back_up):
    for number in range(1, 30):
        bridge.post("acme", person(number, name=f"Olena {number}"))
    back_up()
    bridge.post("acme", edited(2, "Newer"))
    bridge.deliver()
    lose(1, 3)

    done = online("restore", RESTORED)
    bridge.clock.pass_(3600)
    bridge.sweep()
    bridge.settle()

    assert done.code == 0, done.err
    assert [name(bridge, number) for number in (1, 2, 3)] == ["Olena 1", "Newer", "Olena 3"]
    assert {one["fullName"] for one in ringostat.state()["contacts"]} >= {"Olena 1", "Newer", "Olena 3"}
    assert bridge.card(key(1)).connection == "acme"
    assert done.out.splitlines()[0].startswith("reading: ")
    assert done.out.splitlines()[1].startswith("merging: ")
    assert "2 accepted" in done.out


def test_what_is_damaged_is_replaced_where_it_is_named(online, bridge, ringostat, back_up):
    for number in (1, 2):
        bridge.post("acme", person(number, name=f"Olena {number}"))
    bridge.deliver()
    back_up()
    for number in (1, 2):
        bridge.post("acme", edited(number, "Damaged"))
    bridge.clock.pass_(60)
    bridge.deliver()

    done = online("restore", RESTORED, "--key", key(1), "--instead")
    bridge.clock.pass_(60)
    bridge.sweep()
    bridge.settle()

    assert "1 replaced" in done.out
    assert {one["fullName"] for one in ringostat.state()["contacts"]} == {"Olena 1", "Damaged"}
    assert online("restore", RESTORED, "--instead").code == 1


def test_the_erased_stay_erased(online, bridge, back_up):
    for number in (1, 2):
        bridge.post("acme", person(number))
    bridge.cards.erase(key(1), bridge.clock.now())
    back_up()
    bridge.cards.erase(key(2), bridge.clock.now())
    lose(1)

    online("restore", RESTORED)

    assert [bool(bridge.card(key(number)).erased) for number in (1, 2)] == [True, True]
    assert bridge.card(key(2)).fields == {}


def test_a_dry_run_counts_and_writes_nothing(online, bridge, back_up):
    bridge.post("acme", person(1))
    rows = back_up()
    lose(1)

    done = online("restore", RESTORED, "--dry-run")

    assert "1 found" in done.out
    assert f"reading: {rows:,} rows" in done.out
    assert bridge.cards.read([key(1)]) == {}


def test_the_cost_of_a_large_table_is_said():
    size = Cost(50_000_000, 60 * 1024**3)

    assert size.read() == f"50,000,000 rows of {60 * 1024**3:,} bytes: 15,728,640 RRU, about 26 min"
    assert size.written(200) == "50,000,000 more RRU and at most 62,914,560 WRU, about 4167 min"
    assert SEGMENTS == 8
