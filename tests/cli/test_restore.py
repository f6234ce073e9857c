"""Cards of a backup come back without taking away what came since."""

import pytest

from cards.key import PROJECTS, is_number, mapping_key, staff_key
from intake import employees
from local import template
from local.in_process import aws
from mappings import Version, newest, puts
from ops.scan import SEGMENTS, Cost
from ops.stored import ENROLLED, kept
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


def test_a6_lost_cards_come_back_and_newer_ones_stay(online, bridge, ringostat, back_up):
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


def version(number):
    return Version("own", number, f"text {number}", put_at=number, note=f"note {number}")


def store(bridge, number):
    for write in puts(version(number), number - 1):
        bridge.cards.write(write)
    bridge.cards.enrol("own", ENROLLED)


def test_stored_mappings_and_staff_lists_come_back_where_there_are_none(online, bridge, back_up):
    bridge.post("acme", person(1))
    for number in (1, 2):
        store(bridge, number)
    bridge.cards.write(employees.stored(106, {"olena@example.com": "7"}, 5))
    bridge.cards.write(employees.stored(107, {"old@example.com": "1"}, 5))
    back_up()
    lost = [mapping_key("own"), mapping_key("own", 1), mapping_key("own", 2), staff_key(106), PROJECTS]
    for one in lost:
        aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": {"S": one}})
    bridge.cards.write(employees.stored(107, {"new@example.com": "2"}, 6))
    bridge.cards.forget()

    done = online("restore", RESTORED)

    assert done.code == 0, done.err
    assert "6 other rows" in online("restore", RESTORED, "--dry-run").out
    assert "4 rows that are no cards" in done.out
    assert str(newest(bridge.cards, "own")) == "own v2"
    assert Version.of("own", bridge.cards.row(mapping_key("own", 1))).note == "note 1"
    assert list(map(str, kept(online.stack))) == ["own v2"]
    staff = [employees.ids_of(bridge.cards.row(staff_key(project))) for project in (106, 107)]
    assert staff == [{"olena@example.com": "7"}, {"new@example.com": "2"}]


def test_of_a_mapping_that_was_stored_anew_only_missing_versions_come_back(online, bridge, back_up):
    for number in (1, 2, 3):
        store(bridge, number)
    back_up()
    for one in (mapping_key("own"), *(mapping_key("own", number) for number in (1, 2, 3))):
        aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": {"S": one}})
    for number in (1, 2):
        store(bridge, number)
    aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": {"S": mapping_key("own", 1)}})

    online("restore", RESTORED)

    assert [bool(bridge.cards.row(mapping_key("own", number))) for number in (1, 2, 3)] == [True, True, False]
    assert str(newest(bridge.cards, "own")) == "own v2"


def test_a_card_that_the_backup_lacks_and_a_table_that_is_none_are_named(online, bridge, back_up):
    bridge.post("acme", person(1))
    back_up()

    done = online("restore", RESTORED, "--key", key(1), "--key", "nosuch")

    assert done.code == 1
    assert "the backup has no card nosuch" in done.err
    assert "1 unchanged" in done.out
    assert online("restore", "nosuch").err == "Error: there is no table nosuch in eu-central-1\n"


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

    assert size.read() == f"50,000,000 rows of {60 * 1024**3:,} bytes: 7,864,320 RRU, about 26 min"
    assert size.written(200) == "50,000,000 more RRU and at most 62,914,560 WRU, about 4167 min"
    assert SEGMENTS == 8


@pytest.mark.parametrize("given", [[], ["--key", key(1), "--instead"]])
def test_the_numbers_of_restored_cards_are_found_and_the_index_of_the_backup_is_not_copied(
    online, bridge, back_up, given
):
    bridge.post("acme", person(1))
    bridge.post("acme", person(2, phones=["067 000 00 09"]))
    back_up()
    bridge.post("acme", person(1, at="2026-06-01T10:00:00Z", phones=["067 000 00 02"]))
    for row in aws("dynamodb").scan(TableName=SETTINGS.cards_table)["Items"]:
        if is_number(row["key"]["S"]) or (row["key"]["S"] == key(1) and not given):
            aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": row["key"]})

    online("restore", RESTORED, *given)

    found = online("who", "067 000 00 01")
    assert found.code == 0, found.out
    assert key(1) in found.out
    assert online("who", "067 000 00 09").code == 1, "the index of the backup was copied"
