"""The usual names: what is one, and which of a card's numbers it holds."""

import pytest

from mapping import names


@pytest.mark.parametrize(
    ("name", "slot"),
    [
        ("phone", "phone"),
        ("Phone Number", "phone"),
        ("contact_phone", "phone"),
        ("phone_1", "phone"),
        ("Телефон", "phone"),
        ("mob", "mobile"),
        ("phone_mobile", "mobile"),
        ("MobilePhone", "mobile"),
        ("WhatsApp number", "mobile"),
        ("phone-work", "workPhone"),
        ("work_number", "workPhone"),
        ("homePhone", "homePhone"),
        ("secondaryMobile", "otherPhone"),
        ("phone2", "otherPhone"),
        ("tels", "phones"),
        ("phone_numbers", "phones"),
        ("number_list", "phones"),
        ("E-mail Address", "email"),
        ("email1", "email"),
        ("your-email", "email"),
        ("email2", "otherEmail"),
        ("work_email", "otherEmail"),
        ("email_addresses", "emails"),
        ("email_list", "emails"),
    ],
)
def test_a_field_holds_one_of_a_cards_numbers(name, slot):
    assert names.slot(name) == slot


@pytest.mark.parametrize(
    "name",
    [
        "managerPhone", "owner_email", "companyPhone", "phone_verified", "phone_code", "telegram", "fax", "emailOptOut",
        "mailing_address", "number", "address", "phoneCountryCode", "email_status", "Менеджер телефон", "",
    ],
)  # fmt: skip
def test_a_field_of_another_or_about_a_number_is_none(name):
    assert names.slot(name) == ""


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ContactDelete", {"contact", "delete"}),
        ("contact_deleted", {"contact", "deleted"}),
        ("customers/redact", {"customer", "redact"}),
        ("ONCRMCONTACTDELETE", {"on", "crm", "contact", "delete"}),
        ("companies.updated", {"company", "updated"}),
        ("Contact deleted", {"contact", "deleted"}),
        ("Delete my account please", set()),
        ("Замовлення", set()),
    ],
)
def test_an_events_name_has_words(said, words):
    assert names.words(said) == words
