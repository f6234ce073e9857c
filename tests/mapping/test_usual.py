"""Where records lie, what they are, and what their fields are called: `$usual`, as `generic` reads it."""

import json

import pytest

from mapping import engine, usual
from mapping.language import loader

PERSON = {"id": 5, "name": "Олена", "phone": "067 000 00 01"}
AGENT = {"id": 9, "name": "Agent", "email": "agent@example.com"}
FIELDS = ("event", "type", "topic", "event_type", "event_name", "triggerEvent", "action")


def kinds(body, headers=None, query=None):
    return [
        (item["kind"], item.get("externalId") or item.get("leadId"))
        for item in usual.items(body, headers or {}, query or {})
    ]


def mapped(body):
    return engine.run(loader.load("generic"), body, {"country": "UA"}, {}, {})


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "said",
    ["ContactDelete", "contact_deleted", "contact.deleted", "contacts/delete", "deleted", "destroy", "destroyed",
     "archived", "person.removed", "ONCRMCONTACTDELETE", "CONTACT_DELETED", "Contact deleted", "deleteContact"],
)  # fmt: skip
def test_a_deletion_is_never_a_change(field, said):
    assert kinds({field: said, **PERSON}) == [("deleted contact", "5")]
    assert kinds({field: said, "data": PERSON}) == [("deleted contact", "5")]


@pytest.mark.parametrize(
    ("body", "headers", "query"),
    [
        ({"id": 5}, {"x-shopify-topic": "customers/delete"}, {}),
        ({"id": 5}, {"x-wc-webhook-topic": "customer.deleted"}, {}),
        ({"id": 5}, {}, {"event": "contact.deleted"}),
        ({"event": {"type": "contact.deleted", "id": "e1"}, "contact": PERSON}, {}, {}),
        ({"meta": {"action": "deleted", "entity": "person"}, "data": PERSON}, {}, {}),
        ({**PERSON, "is_deleted": True}, {}, {}),
        ({**PERSON, "deleted_at": "2026-01-01T00:00:00Z"}, {}, {}),
        ({"event": "contact.deleted", "contact_id": 5}, {}, {}),
        ({"contactDeleted": PERSON}, {}, {}),
    ],
)
def test_a_deletion_may_be_said_elsewhere(body, headers, query):
    assert kinds(body, headers, query) == [("deleted contact", "5")]


@pytest.mark.parametrize("said", ["contact.undeleted", "contact.restored", "contact.unarchived", "ContactTagUpdate"])
def test_what_sounds_like_a_deletion_or_a_tag_is_a_change(said):
    assert kinds({"event": said, **PERSON}) == [("contact", "5")]


def test_a_deletion_that_does_not_say_of_what_deletes_nothing():
    assert [outcome.result for outcome in mapped({"action": "deleted", "id": 5})] == ["skip"]


@pytest.mark.parametrize(
    "said",
    ["message_created", "NoteCreate", "task.updated", "conversation_created", "tag.created", "InboundMessage",
     "call.completed", "contact.note.created", "contact.tag.removed", "note.deleted", "deal.won", "order.created",
     "BOOKING_CREATED", "agent.created"],
)  # fmt: skip
@pytest.mark.parametrize("body", [{"id": 7, "name": "X", "sender": AGENT}, {"data": {"id": 7, "assignee": AGENT}}])
def test_what_is_no_contact_is_skipped_by_a_rule_that_names_it(said, body):
    [outcome] = mapped({"event": said, **body})

    assert (outcome.result, outcome.code, outcome.record) == (
        "skip",
        "skip",
        "something else than a contact, lead or company",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"payload": PERSON},
        {"data": {"item": PERSON}},
        {"customer": PERSON},
        {"crm_contact": PERSON},
        {"eventData": PERSON, "userId": 7},
        {"contacts": [PERSON]},
        {"data": {"object": PERSON, "previous_attributes": {"phone": "067 000 00 09"}}},
        {"data": {"id": 5, "attributes": {"first-name": "Олена", "phone": "067 000 00 01"}}},
        {"contact_id": 5, "contact": {"name": "Олена", "phone": "067 000 00 01"}},
        {"contact": PERSON, "manager": {**AGENT, "phone": "067 000 00 09"}},
        {"contact": PERSON, "account": {"id": 3, "name": "Tenant", "email": "tenant@example.com"}},
        {"before": {**PERSON, "id": 4}, "after": PERSON},
        {"payload": json.dumps({"contact": PERSON})},
        {"id": 5, "fields": [{"name": "Phone", "value": "067 000 00 01"}, {"name": "Name", "value": "Олена"}]},
        {"id": ["5"], "name": ["Олена"], "phone_number": ["067 000 00 01"]},
        {"deal": {"id": 8, "title": "Two doors", "contact": PERSON}, "event": "deal.updated"},
    ],
)
def test_the_contact_is_found_where_it_lies(body):
    [outcome] = mapped({"id": "evt_1", **body} if "id" not in body else body)

    phones = [entry["value"] for name, block in outcome.fields.items() if name.startswith("phones") for entry in block]
    assert (outcome.card, outcome.fields["fullName"], phones) == ("contact:5", "Олена", ["+380670000001"])
    assert not any(outcome.fields.get(name) for name in ("emails.0", "organizations.0"))


@pytest.mark.parametrize(
    "body",
    [
        {"id": 77, "event": "contact.updated", "data": {"name": "Олена", "phone": "067 000 00 01"}},
        {"id": "evt_1", "event": "contact.updated", "name": "Олена", "phone": "067 000 00 01"},
        {"form_id": 1, "submission_id": 2, "visitor_id": 3, "name": "Олена", "phone": "067 000 00 01"},
    ],
)
def test_the_id_of_an_event_a_form_or_a_visitor_is_no_contacts(body):
    assert [outcome.code for outcome in mapped(body)] == ["no-id"]


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        ({"event": "customer.updated", "id": "0b6f0000-0000-4000-8000-000000000001", "customer_id": 7}, "7"),
        ({"id": 9001, "event_type": "clientChanged", "clientId": 7}, "7"),
        ({"id": "webhook_9001", "event": "contact.created", "customer_id": 7}, "7"),
        ({"event": "contact_created", "id": 7, "client_id": "the sender's own"}, "7"),
        ({"id": 7, "customer_id": 9001}, "7"),  # no event: an id beside that of the contact's company, for all we know
    ],
)
def test_in_a_flat_event_the_id_that_bears_the_name_of_its_subject_is_the_contacts(body, identity):
    [outcome] = mapped({**body, "name": "Олена", "phone": "067 000 00 01"})

    assert outcome.card == f"contact:{identity}"


def test_two_contacts_of_equal_right_are_none():
    assert kinds({"seller": PERSON, "giver": {**PERSON, "id": 6}}) == [("unknown", None)]


def test_what_was_not_asked_for_is_not_read():
    [outcome] = mapped(
        {
            "event": "contact_updated",
            **PERSON,
            "userId": 7,
            "account": {"id": 3, "name": "Tenant"},
            "ownerEmail": "m@example.com",
        }
    )

    assert outcome.fields.keys() == {"externalId", "fullName", "phones.1"}


def test_a_lead_without_a_contact_is_a_lead_and_with_one_the_contact():
    assert kinds({"event": "lead.created", **PERSON}) == [("lead", "5")]
    assert kinds({"event": "lead.created", **PERSON, "contact_id": 4}) == [("contact", "4")]


def test_a_list_is_many_records_each_with_its_own_event():
    body = [PERSON, {"event": "contact.deleted", "id": 6}, {"type": "note", "id": 7}]

    assert [kind for kind, _ in kinds(body)] == ["contact", "deleted contact", "other"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ({"firstName": "Олена", "lastName": "Коваль"}, "Коваль Олена"),
        ({"name": {"first": "Олена", "last": "Коваль"}}, "Коваль Олена"),
        ({"first_name": "Олена"}, "Олена"),
        ({"name": "", "full_name": "Олена"}, "Олена"),
        ({"first_name": "", "last_name": ""}, None),
        ({"Vorname": "Erika", "Name": "Muster"}, "Muster Erika"),
        ({"name": {"vorname": "Erika", "name": "Muster"}}, "Muster Erika"),
        ({"Vorname": "Erika", "Name": ""}, "Erika"),
        ({"vorname": "Erika", "nachname": "Muster", "name": "Dr. Erika Muster"}, "Dr. Erika Muster"),
        ({"vorname": "Erika", "name": "Muster", "fullName": "Dr. Erika Muster"}, "Dr. Erika Muster"),
        ({"first_name": "Erika", "name": "Erika Muster"}, "Erika Muster"),
    ],
)
def test_a_name_is_whole_or_in_parts(name, written):
    [item] = usual.items({"id": 5, "phone": "1", **name}, {}, {})

    assert item["fullName"] == written


def test_half_a_name_alone_replaces_no_whole_one():
    assert "fullName" not in usual.items({"id": 5, "first_name": "Олена"}, {}, {})[0]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ({"Calling Code": "+48", "number": "500000002"}, "+48500000002"),
        ({"countryCode": "380", "number": "380670000001"}, "380670000001"),
        ({"countryCode": "UA", "number": "067 000 00 01"}, "067 000 00 01"),
        ({"primaryPhoneNumber": "670000001", "primaryPhoneCallingCode": "+380"}, "+380670000001"),
    ],
)
def test_a_calling_code_stands_before_its_number_once(entry, value):
    [item] = usual.items({"id": 5, "phones": [entry]}, {}, {})

    assert [one["value"] for one in item["phones"]] == [value]
