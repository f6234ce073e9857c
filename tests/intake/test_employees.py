"""The list of Ringostat's employees, as events meet it: read where a mapping needs it, and kept for minutes."""

import json

import pytest

from cards.key import staff_key
from errors import OperatorError
from intake.employees import StaffLists, forgotten, stored
from local.in_process import CONNECTIONS, counted, overheard, unreachable
from tests.staffed import make_known


@pytest.fixture
def staffed(nowhere, tmp_path, monkeypatch):
    """A bridge with one more connection, whose mapping needs the list."""
    make_known(monkeypatch, tmp_path)
    nowhere.put_connections(CONNECTIONS | {"staffed": CONNECTIONS["acme"] | {"mapping": "staffed"}})
    return nowhere


@pytest.fixture
def listed(staffed):
    """The same with one employee known."""
    staffed.cards.write(stored(106, {"olena@example.com": "501"}, staffed.clock.now()))
    return staffed


def event(email="Olena@example.com", number=7):
    return {"id": number, "name": "Ганна", "phone": "067 000 00 07", "owner": {"email": email}}


def staff_id(bridge, number=7):
    return bridge.card(f"106#Staffed#contact:{number}").fields["staffId"].value


def test_an_owner_is_found_in_the_stored_list_on_both_ways_in(listed):
    listed.post("staffed", event())
    listed.put(event(number=8), connection="staffed")

    assert listed.take_inbox() == 0
    assert (staff_id(listed, 7), staff_id(listed, 8)) == ("501", "501")


def test_an_owner_who_is_no_employee_is_counted_in_the_log_and_his_address_is_not_in_it(listed, caplog):
    listed.post("staffed", event("petro@example.com"))

    (line,) = [record for record in caplog.records if hasattr(record, "not_in_staff")]
    assert line.not_in_staff == 1
    assert "petro" not in json.dumps(line.warnings)
    assert staff_id(listed) is None


def test_the_list_is_read_once_in_minutes_and_never_for_a_mapping_without_the_rule(listed):
    listed.post("acme", "{}")  # the connections are read
    with counted() as first:
        listed.post("staffed", event())
    with counted() as second:
        listed.post("staffed", event(number=8))
    with counted() as without:
        listed.post("acme-direct", {"externalId": "9", "fullName": "Ганна", "phones": ["067 000 00 09"]})

    first.remove("UpdateItem")  # the project's first card
    first.remove("UpdateItem")  # the secret of the index of numbers
    assert first.pop() == without.pop() == "UpdateItem"  # the first event of each connection in an hour
    assert first == ["GetItem", *second]
    assert second == without == ["GetItem", "TransactWriteItems", "SendMessage"]


def test_an_event_waits_in_the_inbox_queue_while_the_list_cannot_be_read(listed):
    with overheard(unreachable("dynamodb", "GetItem")):
        answer = listed.post("staffed", event())

    assert (answer.status, "queued" in answer.body) == (202, True)
    assert listed.take_inbox() == 0
    assert staff_id(listed) == "501"


def test_a_change_of_the_list_counts_after_five_minutes(staffed):
    now = [0.0]
    lists = StaffLists(staffed.cards, lambda: now[0])

    assert lists.of(106) == {}
    staffed.cards.write(stored(106, {"olena@example.com": "501"}, 0))
    now[0] = 299
    assert lists.of(106) == {}
    now[0] = 300
    assert lists.of(106) == {"olena@example.com": "501"}
    assert lists.of(107) == {}
    staffed.cards.write(forgotten(106))
    now[0] = 600
    assert lists.of(106) == {}


def test_a_list_is_kept_in_one_row_whose_key_names_no_one():
    write = stored(106, {"olena@example.com": "501"}, 5)

    assert (write.key, write.changes) == (staff_key(106), {"staff": {"olena@example.com": "501"}, "read_at": 5})
    assert "@" not in write.key


def test_a_list_that_no_row_can_hold_is_refused():
    with pytest.raises(OperatorError):
        stored(106, {f"employee{number}@example.com": str(number) for number in range(20_000)}, 5)
