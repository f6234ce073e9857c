"""Phones as CRMs hold them, and what must become of them."""

import random

import phonenumbers
import pytest

from mapping import normalize

KYIV = "+380440000012"
MOBILE = "+380670000012"

# country of the connection, text in the CRM, numbers that come out
NOTATIONS = [
    ("UA", "067 000 00 12", [MOBILE]),
    ("UA", "0670000012", [MOBILE]),
    ("UA", "(067) 000-00-12", [MOBILE]),
    ("UA", "067.000.00.12", [MOBILE]),
    ("UA", "067/000-00-12", [MOBILE]),
    ("UA", "380670000012", [MOBILE]),
    ("UA", "+380670000012", [MOBILE]),
    ("UA", "+38 067 000 00 12", [MOBILE]),
    ("UA", "+38(067)000-00-12", [MOBILE]),
    ("UA", "38 (067) 000 00 12", [MOBILE]),
    ("UA", "+380 (67) 000-00-12", [MOBILE]),
    ("UA", "+380(0)67 000 00 12", [MOBILE]),
    ("UA", "+3800670000012", [MOBILE]),
    ("UA", "00380670000012", [MOBILE]),
    ("UA", "8-067-000-00-12", [MOBILE]),
    ("UA", "8 (067) 000 00 12", [MOBILE]),
    ("UA", "80670000012", [MOBILE]),
    ("UA", "8 10 380 67 000 00 12", [MOBILE]),
    ("UA", "+0670000012", [MOBILE]),
    ("UA", "044 000 00 12", [KYIV]),
    ("UA", "044 000 00 12 доб. 34", [KYIV]),
    ("UA", "044 000 00 12, доб 34", [KYIV]),
    ("UA", "0440000012 (доб. 34)", [KYIV]),
    ("UA", "044 000-00-12 вн. 34", [KYIV]),
    ("UA", "044 000-00-12 внутр. 34", [KYIV]),
    ("UA", "044 000-00-12 ext. 34", [KYIV]),
    ("UA", "+380440000012 ext 34", [KYIV]),
    ("UA", "+380440000012x34", [KYIV]),
    ("UA", "+380440000012 #34", [KYIV]),
    ("UA", "067 000 00 12 (Viber)", [MOBILE]),
    ("UA", "(Viber) 067 000 00 12", [MOBILE]),
    ("UA", "067 000 00 12 Telegram, WhatsApp", [MOBILE]),
    ("UA", "Олена 067 000 00 12", [MOBILE]),
    ("UA", "моб.: 067 000 00 12", [MOBILE]),
    ("UA", "тел1: 067 000 00 12", [MOBILE]),
    ("UA", "067 000 00 12 після 18", [MOBILE]),
    ("UA", "０６７ ０００ ００ １２", [MOBILE]),
    ("UA", "＋３８０６７０００００１２", [MOBILE]),
    ("UA", "\u202a+380 67 000 00 12\u202c", [MOBILE]),
    ("UA", "\u200e067\u200b0000012", [MOBILE]),
    ("UA", "067\u00a0000\u00a000\u00a012", [MOBILE]),
    ("UA", "067–000–00–12", [MOBILE]),
    ("UA", "067\t000 00 12", [MOBILE]),
    ("UA", "067 000 00 12; 044 000 00 12", [MOBILE, KYIV]),
    ("UA", "067 000 00 12, 044 000 00 12", [MOBILE, KYIV]),
    ("UA", "0670000012/0440000012", [MOBILE, KYIV]),
    ("UA", "067 000 00 12 або 044 000 00 12", [MOBILE, KYIV]),
    ("UA", "067 000 00 12\n044 000 00 12", [MOBILE, KYIV]),
    ("UA", "067 000 00 12; +380670000012", [MOBILE]),
    ("PL", "380670000012", [MOBILE]),
    ("PL", "512 345 678", ["+48512345678"]),
    ("PL", "0 22 345 67 89", ["+48223456789"]),
    ("PL", "22 345 67 89 wew. 12", ["+48223456789"]),
    ("LT", "8 612 34567", ["+37061234567"]),
    ("LT", "0 612 34567", ["+37061234567"]),
    ("LV", "2123 4567", ["+37121234567"]),
    ("EE", "5123 4567", ["+37251234567"]),
    ("KZ", "8 (701) 234-56-78", ["+77012345678"]),
    ("GE", "555 12 34 56", ["+995555123456"]),
    ("MD", "8 062 123 456", ["+37362123456"]),
    ("DE", "030 / 123456", ["+4930123456"]),
    ("GB", "+44 (0)20 7946 0018", ["+442079460018"]),
    ("US", "(212) 555-0123", ["+12125550123"]),
    ("UA", "12", []),
    ("UA", "123-45-67", []),
    ("UA", "не дзвонити", []),
    ("UA", "0000000000", []),
]


# What a review found: other people's numbers, made of these.
TRAPS = [
    ("UA", "8 (495) 000-00-12", ["+74950000012"]),
    ("GB", "T441268000012", ["+441268000012"]),
    ("LT", "тел37061224518", ["+37061224518"]),
    ("US", "(810) 683-4002", ["+18106834002"]),
    ("UA", "8 10 380 44 000 00 12", [KYIV]),
]


def test_the_table_has_67_different_notations():
    assert len({(country, text) for country, text, _ in NOTATIONS}) == len(NOTATIONS) == 67


@pytest.mark.parametrize(
    ("country", "text", "numbers"), NOTATIONS + TRAPS, ids=[text for _, text, _ in NOTATIONS + TRAPS]
)
def test_a_phone_becomes_e164(country, text, numbers):
    found, _ = normalize.phones(text, country)

    assert [phone.value for phone in found] == numbers


@pytest.mark.parametrize(
    ("text", "extension"),
    [("044 000 00 12 доб. 34", "34"), ("044 000 00 12 ext 7", "7"), ("22 345 67 89 wew. 12", "12"), (MOBILE, "")],
)
def test_an_extension_is_kept_apart(text, extension):
    found, _ = normalize.phones(text, "PL" if "wew" in text else "UA")

    assert [phone.extension for phone in found] == [extension]


@pytest.mark.parametrize(
    ("text", "dropped"), [("12", 1), ("", 0), ("  ", 0), (None, 0), ({"a": 1}, 0), ("067 000 00 12", 0)]
)
def test_what_is_no_phone_is_counted(text, dropped):
    assert normalize.phones(text, "UA")[1] == dropped


def test_a_number_may_come_as_a_number():
    assert [phone.value for phone in normalize.phones(380670000012, "UA")[0]] == [MOBILE]
    assert [phone.value for phone in normalize.phones(380670000012.0, "UA")[0]] == [MOBILE]


def test_an_unknown_country_still_reads_international_numbers():
    assert [phone.value for phone in normalize.phones("+380 67 000 00 12", "XX")[0]] == [MOBILE]
    assert normalize.phones("067 000 00 12", "XX")[0] == ()


def test_random_digits_are_phones_no_more_often_than_the_library_says():
    """The preparation reads digits in more ways than one; it must not invent numbers in doing so."""
    dice = random.Random(67)
    texts = ["".join(dice.choices("0123456789", k=dice.randint(5, 15))) for _ in range(20_000)]

    ours = sum(bool(normalize.phones(text, "UA")[0]) for text in texts)

    assert ours <= sum(_library_accepts(text) or _library_accepts("+" + text) for text in texts)


def _library_accepts(text):
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, "UA"))
    except phonenumbers.NumberParseException:
        return False
