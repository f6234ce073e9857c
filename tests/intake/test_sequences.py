"""Two events of one CRM with usual names, then the card: what an event does not say stays."""

import pytest

from cards.endpoints import compose
from cards.key import key_of

WHOLE = {"type": "ContactCreate", "id": "c-1", "name": "Олена Коваль", "phone": "+380670000001", "assignedTo": "u-7"}
ACCOUNT = {"id": 3, "name": "The sender's own"}
PERSON = {"id": 25, "name": "Олена Коваль", "phone_number": "+380670000001", "email": "olena@example.com"}


@pytest.mark.parametrize(
    ("first", "second", "name", "responsible", "values"),
    [
        (WHOLE, {"type": "ContactDndUpdate", "id": "c-1", "phone": "+380670000001"}, "Олена Коваль", "u-7", 1),
        (
            {"event": "contact_updated", **PERSON, "account": ACCOUNT},
            {"event": "message_created", "id": 25, "sender": {"id": 25, "name": "Agent", "email": "agent@example.com"}},
            "Олена Коваль",
            "0",
            2,
        ),
        ({**PERSON, "owner_id": 5}, {"id": 25, "name": "Олена Нова"}, "Олена Нова", "5", 2),
        (PERSON, {"event": "customer.deleted", "id": 25}, "Олена Коваль", "0", 2),
        (
            PERSON,
            {"event": "contact_deleted", "id": 25, "name": "Інша", "phone_number": "+380670000099"},
            "Олена Коваль",
            "0",
            2,
        ),
    ],
)
def test_what_the_second_event_does_not_say_stays(bridge, first, second, name, responsible, values):
    for body in (first, second):
        assert bridge.post("acme-generic", body).status == 202

    key = key_of(106, "CRM", f"contact:{first['id']}")
    payload = compose(key, bridge.card(key).fields).payload
    assert (payload["fullName"], payload["responsible"]) == (name, responsible)
    assert len(payload["contactDirections"]) == values
    assert not payload["organizations"]
