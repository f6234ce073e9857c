import pytest

from ops.times import local
from tests.cli.people import person


def test_n5_due_cards_are_listed_newest_first_since_their_events_with_their_states(online, bridge, ringostat):
    ringostat.faults({"drop": "before"})
    bridge.post("acme", person(1))
    bridge.deliver()
    bridge.clock.pass_(10)
    bridge.post("acme", person(2))

    done = online("due")

    head, first, second, end = done.out.splitlines()
    assert done.code == 0
    assert head.split() == ["since", "state", "key"]
    assert first.startswith(local(bridge.clock.time))
    assert "  due" in first
    assert "next try in 59 s" in first
    assert "contact:2" in first
    assert "  retrying (1)" in second
    assert "contact:1" in second
    assert end == "2 cards are due"


def test_a_limit_says_that_there_are_more(online, bridge):
    for number in (1, 2, 3):
        bridge.post("acme", person(number))

    done = online("due", "--limit", 2)

    assert len(done.out.splitlines()) == 4, "titles, two cards, and the end"
    assert "there are more" in done.out


def test_a_project_is_chosen(online, bridge):
    bridge.post("acme", person(1))
    bridge.post("shop", person(2), token="new")

    done = online("due", "--project", 107)

    assert "107#Pipedrive#contact:2" in done.out
    assert "contact:1" not in done.out


def test_nothing_due_is_said(online):
    assert online("due").out == "no card is due\n"


def test_no_personal_data_is_listed(online, bridge):
    bridge.post("acme", person())

    assert "Олена" not in online("due").out
    assert "38067" not in online("due").out


@pytest.mark.parametrize(
    "words", [("due", "--project"), ("who", "0670000001", "--project"), ("staff",), ("duplicates",)]
)
def test_a_project_that_nothing_knows_is_told(online, words):
    done = online(*words, 999)

    assert done.code == 1
    assert "project 999 has no auth key, no connection and no card; there is 106, 107" in done.err


def test_a_number_is_asked_for_in_plain_words(online):
    assert "'abc' is not a valid number." in online("staff", "abc").err
