"""Who is this number: whatever form it is typed in, in every project, with the state of each card."""

import json

import pytest

from aws.table import BATCH
from cards.card import Card, Refusal
from cards.key import is_number
from cards.write import Write
from local.in_process import aws, connection
from ops.numbers import doubles, knowledge
from settings import SETTINGS
from tests.cli.people import person

KEY = "106#Pipedrive#contact:42"
NUMBER = "+380670000001"


def rows():
    return aws("dynamodb").scan(TableName=SETTINGS.cards_table)["Items"]


def index():
    return {row["key"]["S"]: row.get("members", {}).get("SS", []) for row in rows() if is_number(row["key"]["S"])}


@pytest.mark.parametrize(
    "typed",
    [
        *(NUMBER, "380670000001", "067 000 00 01", "0670000001", "+38 (067) 000-00-01", "00380670000001"),
        *(f"{NUMBER} (ext. 12)", "067 000 00 01 доб. 12", "0670000001#12"),
    ],
)
def test_a_number_is_found_in_every_form(online, bridge, typed):
    bridge.post("acme", person())
    bridge.deliver()

    done = online("who", typed)

    assert done.code == 0, done.out
    assert f"{KEY}  delivered\n" in done.out
    assert "Олена Коваль" in done.out
    assert "acme (Pipedrive)" in done.out
    assert "Ringostat knows this number since 2026-05-" in done.out
    assert "; calls before that show no name" in done.out
    assert "at the latest" not in done.out


def test_a_number_of_two_projects_and_of_one(online, bridge):
    for name in ("acme", "globex"):
        bridge.post(name, person()) if name == "acme" else bridge.cards.write_all(copied(bridge))

    both = json.loads(online("who", NUMBER, "--json").out)
    one = json.loads(online("who", NUMBER, "--project", 107, "--json").out)

    assert [card["key"] for card in both] == [KEY, "107" + KEY[3:]]
    assert [card["key"] for card in one] == ["107" + KEY[3:]]
    assert both[0]["since"] is None


def test_of_one_project_alone_it_says_where_it_did_not_look(online, bridge):
    bridge.post("acme", person())

    told = online("who", NUMBER, "--project", 107)
    unknown = online("who", NUMBER, "--project", 999)

    assert (told.code, unknown.code) == (1, 1)
    assert "No card of project 107 has it: leave --project out.\n" in told.out
    assert "project 999 has no auth key, no connection and no card; there is 106, 107" in unknown.err


def copied(bridge):
    """The same card in project 107."""
    bridge.cards.enrol(107)
    card = bridge.card(KEY)
    key = bridge.cards.number_key(107, NUMBER)
    return [
        Write("107" + KEY[3:], {"fields": card.fields, "rev": 1, "hash": card.hash}),
        Write(key, {"at": 1}, members=frozenset(["107" + KEY[3:]])),
    ]


def test_what_ringostat_does_not_have_yet_says_why(online, bridge):
    bridge.post("acme", person())
    due = online("who", NUMBER).out
    bridge.put_auth_keys({"106": {"auth_key": "wrong"}})
    for number in range(1, 6):
        bridge.post("acme", person(number, phones=["067 000 00 02"]))
        bridge.deliver()
    held = online("who", NUMBER).out

    assert "Ringostat does not have it yet: due\n" in due
    assert "; project 106: there is no auth key that Ringostat takes" in held


def test_a_card_of_before_says_since_when_at_the_latest(online, bridge):
    bridge.post("acme", person())
    bridge.deliver()
    bridge.cards.write(Write(KEY, {"numbers": None}))

    assert " at the latest; calls before" in online("who", NUMBER).out

    bridge.post("acme", person(at="2026-03-02T10:00:00.000Z", phones=["067 000 00 02"]))
    assert "Ringostat does not have it yet: due\n" in online("who", "067 000 00 02").out


def test_what_holds_the_project_is_no_reason_of_a_card_that_is_not_due():
    card = Card(KEY, hash="a", refused=Refusal("a", "bad-phone", "", 1))

    assert knowledge(card, NUMBER, ["held"], 1) == "Ringostat does not have it yet: refused (bad-phone)"
    assert knowledge(card._replace(due_at=1), NUMBER, ["held"], 1).endswith("; held")


def test_a_number_is_read_as_of_its_connections_country(online, bridge):
    bridge.put_connections({"acme": connection("pipedrive", country="PL")})
    bridge.post("acme", person(phones=["+48 500 000 001"]))

    assert online("who", "500 000 001").code == 0


def test_doubles_are_of_the_project_and_of_what_the_cards_say_when_they_are_named(online, bridge):
    for number, start in ((1, 0), (2, 0), (3, 60), (4, 60)):
        bridge.post("acme", person(number, phones=[f"067 000 {start + one:04}" for one in range(60)]))

    found = doubles(online.stack, 106)
    first = next(found).number
    for number in (1, 3):
        bridge.post("acme", person(number, at="2026-03-02T10:00:00.000Z", phones=["067 000 99 99"]))
    rest = [double.number for double in found]

    assert len({first, *rest}) == BATCH  # the rest of the 120 is looked at after the change
    assert list(doubles(online.stack, 10)) == []


def test_a_card_that_no_longer_has_the_number_is_not_shown(online, bridge):
    bridge.post("acme", person())
    bridge.post("acme", person(at="2026-03-02T10:00:00.000Z", phones=["067 000 00 02"]))

    assert list(index().values()) == [[KEY], [KEY]]
    assert online("who", NUMBER).code == 1
    assert online("who", "067 000 00 02").code == 0


def test_a_number_that_ringostat_still_shows_is_found_until_the_change_is_delivered(online, bridge):
    bridge.post("acme", person())
    bridge.deliver()
    bridge.clock.pass_(60)  # the next change is posted at once
    bridge.post("acme", person(at="2026-03-02T10:00:00.000Z", phones=["067 000 00 02"]))
    online("who", "--rebuild")
    changed = online("who", NUMBER)
    bridge.deliver()

    assert changed.code == 0
    assert "Ringostat still has it, since " in changed.out
    assert "the card does not: due\n" in changed.out
    assert online("who", NUMBER).code == 1


def test_no_card_and_no_number_say_what_to_do(online, bridge):
    done = online("who", NUMBER)

    assert done.code == 1
    assert "No card has this number." in done.out
    assert "bridge who --rebuild" in done.out
    for words in (["olena"], []):
        assert online("who", *words).code == 1


def test_a_number_that_is_typed_reaches_no_key_in_clear(online, bridge, witness):
    bridge.post("acme", person())

    online("who", NUMBER)
    online("who", "--rebuild")
    online("duplicates")

    assert not [key for row in rows() if "670000001" in (key := row["key"]["S"])]
    assert witness.leaks == []


def emptied():
    for key in index():
        aws("dynamodb").delete_item(TableName=SETTINGS.cards_table, Key={"key": {"S": key}})


def test_an_index_that_was_lost_is_made_anew_and_what_is_stale_goes(online, bridge):
    for number in range(1, 4):
        bridge.post("acme", person(number, phones=["067 000 00 01", f"067 000 00 1{number}"]))
    whole = index()
    emptied()
    stale = bridge.cards.number_key(106, "+380670000077")
    bridge.cards.write(Write(stale, {"at": bridge.clock.now()}, members=frozenset([KEY])))

    first = online("who", NUMBER, "--rebuild")
    bridge.clock.pass_(601)
    second = online("who", "--rebuild")

    assert first.code == 0, first.err
    assert first.out.count("067") == 3
    assert "3 cards read, 6 entries added, 0 removed" in first.err
    assert "1 entries are younger than 10 minutes" in first.err
    assert "3 cards read, 0 entries added, 1 removed" in second.err
    assert index() == {**whole, stale: []}


def test_duplicates_are_listed_by_crm(online, bridge):
    bridge.post("acme", person(1))
    bridge.post("acme", person(2))
    bridge.post("acme-direct", {"externalId": "9", "fullName": "=Ганна", "phones": ["067 000 00 02"]})
    bridge.post("acme", person(3, phones=["067 000 00 02"]))
    bridge.post("acme", person(4, phones=["067 000 00 04"]))

    done, table = online("duplicates"), online("duplicates", 106, "--csv")
    as_json = online("duplicates", "--json")
    found = json.loads(as_json.out)

    assert done.code == as_json.code == 2
    assert "Several cards have this number." in online("who", NUMBER).out
    assert "+380670000001  doubles in one CRM\n" in done.out
    assert "+380670000002  in several CRMs\n" in done.out
    assert "2 numbers of more than one card\n" in done.out
    assert "reading: " in done.err
    assert {(one["number"], one["crm"]) for one in found} == {
        ("+380670000001", "Pipedrive"),
        ("+380670000002", "Direct"),
        ("+380670000002", "Pipedrive"),
    }
    assert table.out.count("number,crm,key") == 1
    assert ",'=Ганна," in table.out
    assert online("duplicates", 107).code == 0


def test_erasing_leaves_no_number(online, bridge):
    bridge.post("acme", person())
    bridge.deliver()

    online("erase", "acme", 42, "--yes")

    assert list(index().values()) == [[]]
    assert online("who", NUMBER).code == 1
    assert online("who", "--rebuild").code == 0
