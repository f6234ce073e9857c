"""What the page is told: everything at first, then what is new, and never more than is kept."""

import itertools
import json
from pathlib import Path

import pytest

from local.emulator import Emulator
from local.emulator import book as books
from local.emulator.book import Book
from local.emulator.live import Changes
from local.emulator.traffic import Request, Traffic
from local.logs import Logs
from local.page.desk import Desk
from ops.stack import Stack

KEY = "local-key"
CARD = {
    "projectId": 106, "fullName": "Олена", "origin": "Pipedrive", "externalId": "1", "leadId": None,
    "responsible": "0", "staffId": None, "contactLink": None, "leadLink": None, "dealLink": None,
    "googleClientId": None, "organizations": None,
    "contactDirections": [{"type": "phone", "name": "Олена", "value": "+380670000001"}],
}  # fmt: skip
HEADERS = {"auth-key": KEY, "x-project-id": "106", "content-type": "application/json"}


def sync(emulator, *numbers):
    body = json.dumps({"contacts": [CARD | {"externalId": str(number)} for number in numbers]}).encode()
    emulator.receive("/minicrm/contacts/sync", HEADERS, body)


def told(stream):
    """The pieces up to the next id, and that id."""
    pieces = []
    for text in map(bytes.decode, stream):
        if text.startswith("id: "):
            return pieces, text.partition("\n")[0].removeprefix("id: ")
        pieces += [json.loads(text.removeprefix("data: "))] if text.startswith("data: ") else []
    return pieces, ""


@pytest.fixture
def emulator():
    with Emulator(keys={106: KEY}) as one:
        yield one


def test_a_page_that_opens_is_told_everything_and_then_what_is_new(emulator):
    sync(emulator, 1, 2)
    stream = emulator.changes.stream("", emulator.news)

    first, _ = told(stream)
    sync(emulator, 3)
    emulator.call("+380670000001")
    second, _ = told(stream)

    assert first[0]["restarted"]
    assert [card["number"] for card in first[0]["cards"]] == ["2", "1"]
    assert not second[0]["restarted"]
    assert [card["number"] for card in second[0]["cards"]] == ["3"]
    assert [request["number"] for request in second[0]["requests"]] == [2]
    assert [call["fullName"] for call in second[0]["calls"]] == ["Олена"]


def test_a_page_that_comes_back_is_told_what_it_missed(emulator):
    sync(emulator, 1)
    _, seen = told(emulator.changes.stream("", emulator.news))
    sync(emulator, 2)

    missed, _ = told(emulator.changes.stream(seen, emulator.news))

    assert [card["number"] for card in missed[0]["cards"]] == ["2"]


@pytest.mark.parametrize("seen", ["", "0.1", "deadbeef.7", "nonsense", "1.x"])
def test_the_id_of_another_process_is_no_id(emulator, seen):
    sync(emulator, 1)

    pieces, _ = told(emulator.changes.stream(seen, emulator.news))

    assert pieces[0]["restarted"]


def test_what_was_cleared_is_forgotten_by_the_page_too(emulator):
    sync(emulator, 1)
    _, seen = told(emulator.changes.stream("", emulator.news))
    emulator.clear()

    pieces, _ = told(emulator.changes.stream(seen, emulator.news))

    assert pieces[0]["restarted"]
    assert pieces[0]["cards"] == []


def test_many_cards_come_in_pieces_the_newest_first(emulator):
    sync(emulator, *range(1200))

    pieces, _ = told(emulator.changes.stream("", emulator.news))

    assert [len(piece["cards"]) for piece in pieces] == [500, 500, 200]
    assert pieces[0]["cards"][0]["number"] == "1199"


def test_a_stream_ends_with_its_server():
    changes = Changes()
    stream = changes.stream("", lambda _: (changes.count, [{}]))
    told(stream)
    assert changes.readers == 1

    changes.end()

    assert list(stream) == []
    assert changes.readers == 0


def test_the_history_of_all_cards_together_is_bounded(monkeypatch):
    monkeypatch.setattr(books, "KEPT_HISTORY", 100)
    book, numbers = Book(lambda: 0.0), itertools.count(1)
    cards = [CARD | {"externalId": str(number)} for number in range(10)]

    for _ in range(50):
        book.sync("contacts", cards, next(numbers))

    kept = [len(one["states"]) for one in book.history("contacts")]
    assert sum(kept) <= 100 + 2 * len(cards)
    assert min(kept) > 1
    assert {one["states"][-1]["request"] for one in book.history("contacts")} == {50}


def test_traffic_and_calls_tell_the_newest_first_and_no_more_than_asked():
    traffic, book = Traffic(), Book(lambda: 0.0)
    for number in range(1, 6):
        traffic.add(Request(number, 0.0, "/", {}, b"", 200, b""), mark=number)
        book.call(str(number), number)

    assert [request.number for request in traffic.since(2, 10)] == [5, 4, 3]
    assert [request.number for request in traffic.since(0, 2)] == [5, 4]
    assert [call["phone"] for call in book.calls_since(3, 10)] == ["5", "4"]
    assert traffic.numbered(9) is None


@pytest.mark.parametrize(
    "identity",
    ["", "[]", "[1,2,3,4,5,6]", "nonsense", "[" * 60_000],
    ids=["empty", "too short", "too long", "not JSON", "too deep"],
)
def test_a_card_that_cannot_be_meant_is_a_bad_request(emulator, identity):
    desk = Desk(emulator, Stack(lambda _: None, {}, ""), {}, Logs(Path()))

    assert emulator.control("GET", f"/_emulator/card?id={identity}", b"").status == 400
    assert desk.control("GET", f"/_bridge/card?id={identity}", b"").status == 400


def test_a_card_tells_when_each_of_its_states_landed(emulator):
    sync(emulator, 1)
    sync(emulator, 1)

    found = emulator.card('[106, "Pipedrive", "contacts", "externalId", "1"]')

    assert found["card"]["fullName"] == "Олена"
    assert [state["request"] for state in found["landed"]] == [1, 2]
