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
    ("PL", "8 (495) 000-00-12", ["+74950000012"]),
    ("VN", "84 24 3825 0012", ["+842438250012"]),
    ("UA", "T441268000012", ["+441268000012"]),
    ("UA", "тел37061224518", ["+37061224518"]),
    ("DE", "4915196000012", ["+4915196000012"]),
    ("DE", "380 67 000 00 12", [MOBILE]),
    ("UA", "44 7911 000 012", ["+447911000012"]),
    ("LV", "2123 4567 21.03.2024", ["+37121234567"]),
    ("UA", "380670000012.0", [MOBILE]),
    ("PL", "+48 (0) 22 345 67 89", ["+48223456789"]),
    ("PL", "0048 (0) 22 345 67 89", ["+48223456789"]),
    ("UA", "+372 (0) 5123 4567", ["+37251234567"]),
    ("UA", "067\n000 00 12", [MOBILE]),
    ("UA", "0049151 23456789", ["+4915123456789"]),
    ("UA", "00 380 67 000 00 12", [MOBILE]),
    ("UA", "0670000 0440000", []),
    ("UA", "067 000 00 12 044 000 00 12", []),
]

# country, text, how many of its pieces are dropped; in all of them stand MOBILE and KYIV
SEVERAL = [
    ("UA", "0670000012,0440000012", 0),
    ("UA", "+380670000012 +380440000012", 0),
    ("UA", "+380670000012+380440000012", 0),
    ("UA", "0670000012; 0440000012; 12", 1),
    ("UA", "0670000012; 0440000012; 0000000000", 1),
    ("UA", "0670000012/0440000012/12", 1),
    ("UA", "0670000012\n0440000012\n12", 1),
    ("UA", "067/000-00-12\n044/000-00-12", 0),
    ("UA", "0670000012 та 0440000012", 0),
    ("PL", "+380670000012 lub +380440000012", 0),
    ("DE", "00380670000012 oder 00380440000012", 0),
    ("UA", "0670000012\\0440000012", 0),
    ("UA", "067 000 00 12 Олена 044 000 00 12", 0),
    ("UA", "067 000 00 12 Олена, 044 000 00 12 Viber, WhatsApp", 0),
    ("UA", "067 000 00 12; 044 000 00 12, доб. 34", 0),
    ("UA", "067 000 00 12, додатковий 044 000 00 12", 0),
    ("UA", "0670000012 0440000012", 0),
    ("UA", "(067)0000012\u00a0(044)0000012", 0),
    ("UA", "067-000-00-12 - 044-000-00-12", 0),
    ("UA", "380670000012  380440000012", 0),
    ("UA", "0670000012 0440000012 1234567", 1),
    ("UA", "0670000012 0440000012/12", 1),
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
    ("country", "text", "number", "extension"),
    [
        ("UA", "044 000 00 12 доб. 34", KYIV, "34"),
        ("UA", "044 000 00 12 (офіс) доб. 34", KYIV, "34"),
        ("UA", "044 000 00 12 ext 7", KYIV, "7"),
        ("UA", "044 000 00 12-34", KYIV, "34"),
        ("PL", "+380 44 000 00 12-34", KYIV, "34"),
        ("PL", "22 345 67 89 wew. 12", "+48223456789", "12"),
        ("PL", "600 123 456-101", "+48600123456", "101"),
        ("GE", "555 12 34 56 101", "+995555123456", "101"),
        ("UA", MOBILE, MOBILE, ""),
    ],
)
def test_an_extension_is_kept_apart(country, text, number, extension):
    assert normalize.phones(text, country) == ((normalize.Phone(number, extension),), 0)


@pytest.mark.parametrize(("country", "text", "dropped"), SEVERAL, ids=[text for _, text, _ in SEVERAL])
def test_no_number_of_several_is_lost(country, text, dropped):
    found, lost = normalize.phones(text, country)

    assert [phone.value for phone in found] == [MOBILE, KYIV]
    assert lost == dropped


def test_an_extension_in_the_middle_ends_before_the_next_number():
    found, dropped = normalize.phones("044 000 00 12, доб. 34; 067 000 00 12", "UA")

    assert found == (normalize.Phone(KYIV, "34"), normalize.Phone(MOBILE))
    assert dropped == 0


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("12", 1),
        ("12; 13", 2),
        ("21.03.2024", 1),
        ("", 0),
        ("  ", 0),
        ("\u200b", 0),
        (None, 0),
        ({"a": 1}, 0),
        (MOBILE, 0),
    ],
)
def test_what_is_no_phone_is_counted(text, dropped):
    assert normalize.phones(text, "UA")[1] == dropped


def test_a_number_may_come_as_a_number():
    assert [phone.value for phone in normalize.phones(380670000012, "UA")[0]] == [MOBILE]
    assert [phone.value for phone in normalize.phones(380670000012.0, "UA")[0]] == [MOBILE]


def test_an_unknown_country_still_reads_international_numbers():
    assert [phone.value for phone in normalize.phones("+380 67 000 00 12", "XX")[0]] == [MOBILE]
    assert normalize.phones("067 000 00 12", "XX")[0] == ()


@pytest.mark.parametrize(("country", "trunk"), [("UA", "8"), ("PL", "0")])
def test_random_digits_are_phones_no_more_often_than_the_library_takes_them_plain_with_a_plus_or_without_the_trunk(
    country, trunk
):
    """The preparation reads digits in more ways than one; it must not invent numbers in doing so."""
    dice = random.Random(67)
    texts = ["".join(dice.choices("0123456789", k=dice.randint(5, 15))) for _ in range(20_000)]

    ours = sum(bool(normalize.phones(text, country)[0]) for text in texts)

    readings = ((text, "+" + text, text.removeprefix(trunk)) for text in texts)
    assert ours <= sum(any(_library_accepts(reading, country) for reading in three) for three in readings)


def _library_accepts(text, country):
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(text, country))
    except phonenumbers.NumberParseException:
        return False
