"""Texts, ids, e-mails, links and times."""

import pytest

from mapping import normalize

LONG = "a" * 300


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Олена   Коваль ", "Олена Коваль"),
        ("Олена\r\n\tКоваль", "Олена Коваль"),
        ("Йосип", "Йосип"),  # и and a breve apart become one letter
        ("O\u200blena\u202e", "Olena"),
        ("Olena \ud83d", "Olena"),  # half an emoji
        ("a\x00b\x7fc", "abc"),
        ("محمد", "محمد"),
        (LONG, "a" * 255),
        (0, "0"),
        (42, "42"),
        (12.0, "12"),
        (12.5, "12.5"),
        (True, "true"),
        (False, None),
        (None, None),
        ("", None),
        (" \u200b ", None),
        ([], None),
        ({"a": 1}, None),
        (["a"], None),
        (float("nan"), None),
        (float("inf"), None),
        pytest.param(10**5000, None, id="5,000 digits"),  # str() raises
    ],
)
def test_a_text_is_one_clean_line(value, text):
    assert normalize.text(value) == text


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        (7, "7"),
        ("7", "7"),
        (12.0, "12"),
        (0, None),
        ("0", None),
        (0.0, None),
        (-0.0, None),
        (True, None),
        (LONG, None),
        ("0x", "0x"),
    ],
)
def test_an_id_is_a_text_and_never_0(value, identity):
    assert normalize.identity(value) == identity


@pytest.mark.parametrize(
    ("value", "yes"),
    [
        (True, True),
        ("true", True),
        ("TRUE", True),
        (1, True),
        ("1", True),
        ("Y", True),
        (False, False),
        ("0", False),
        (None, False),
    ],
)
def test_a_flag_knows_the_ways_of_saying_yes(value, yes):
    assert normalize.flag(value) is yes


@pytest.mark.parametrize(
    ("value", "addresses", "dropped"),
    [
        ("olena@example.com", ["olena@example.com"], 0),
        ("Olena.Koval@Example.COM", ["Olena.Koval@example.com"], 0),
        (" olena@example.com ", ["olena@example.com"], 0),
        ("mailto:olena@example.com?subject=hi", ["olena@example.com"], 0),
        ("Olena Koval <olena@example.com>", ["olena@example.com"], 0),
        ("a@example.com; b@example.com, c@example.com", ["a@example.com", "b@example.com", "c@example.com"], 0),
        ("a@example.com;A@example.com", ["a@example.com"], 0),
        ("o'brien+crm@mail.example.com", ["o'brien+crm@mail.example.com"], 0),
        ("olena@пошта.укр", ["olena@пошта.укр"], 0),
        ("olena", [], 1),
        ("olena@example", [], 1),
        ("olena@@example.com", [], 1),
        ("olena koval@example.com", [], 1),
        ('"olena"@example.com', [], 1),
        ("olena@example..com", [], 1),
        ("olena@.example.com", [], 1),
        ("a" * 250 + "@example.com", [], 1),
        ("", [], 0),
        (None, [], 0),
        (5, [], 1),
        ({"a": 1}, [], 0),
    ],
)
def test_an_address_is_checked(value, addresses, dropped):
    assert normalize.emails(value) == (tuple(addresses), dropped)


@pytest.mark.parametrize(
    "good",
    [
        "https://acme.example.com/person/8",
        "https://acme.example.com:8443/#Contact/view/65f0",
        "https://acme.example.com/web?id=8&model=res.partner",
        "https://ACME.example.com/a%20b",
    ],
)
def test_a_plain_https_address_is_a_link(good):
    assert normalize.link(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        "http://acme.example.com/",
        "javascript:alert(1)",
        "acme.example.com/person/8",
        "https://user@acme.example.com/",
        "https://acme.example.com\\@evil.example/",
        "https://acme.example.com/a b",
        "https://acme.example.com/a\nb",
        "https://acme.example.com/a\u202eb",
        "https://acme/",
        "https:///person/8",
        "https://[::1]/",
        "https://[::1/",
        "https://-acme.example.com/",
        "https://akмe.example.com/",
        "https://acme.example.com/person/../admin",
        "https://acme.example.com/person/%2e%2E",
        "https://acme.example.com/" + "a" * 2100,
        None,
        5,
        {"a": 1},
    ],
)
def test_anything_else_is_none(bad):
    assert normalize.link(bad) is None


def test_foreign_letters_in_a_path_are_encoded():
    assert normalize.link("https://acme.example.com/клієнт") == (
        "https://acme.example.com/%D0%BA%D0%BB%D1%96%D1%94%D0%BD%D1%82"
    )


def test_links_can_be_held_to_hosts():
    hosts = ("kommo.com",)

    assert normalize.link("https://acme.kommo.com/x", hosts)
    assert normalize.link("https://kommo.com:443/x", hosts)
    assert normalize.link("https://evilkommo.com/x", hosts) is None
    assert normalize.link("https://kommo.com.example.com/x", hosts) is None


INSTANT = 1_732_460_645_123  # 2024-11-24T15:04:05.123Z


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (INSTANT, INSTANT),
        (str(INSTANT), INSTANT),
        (INSTANT * 1000 + 999, INSTANT),
        (INSTANT / 1000, INSTANT),
        ("1732460645.123", INSTANT),
        (INSTANT // 1000, INSTANT - 123),
        ("2024-11-24T15:04:05.123Z", INSTANT),
        ("2024-11-24T17:04:05.123+02:00", INSTANT),
        ("2024-11-24 17:04:05.123", INSTANT),  # in Kyiv
        ("2024-11-24 17:04:05", INSTANT - 123),
        ("2024-11-24T15:04:05.123000+00:00", INSTANT),
        ("20241124170405", INSTANT - 123),  # in Kyiv, as are the next three
        ("202411241704", INSTANT - 5_123),
        (20241124170405, INSTANT - 123),
        ("2024-10-27 02:59:59", 1_729_987_199_000),
        ("2024-10-27 03:30:00", None),  # twice on that day
        ("20241027033000", None),
        ("2024-10-27T03:30:00+02:00", 1_729_992_600_000),
        ("2024-10-27 04:00:00", 1_729_994_400_000),
        ("20240231120000", None),
        ("/Date(1732460645123)/", INSTANT),
        ("/Date(1732460645123-0700)/", INSTANT),
        (0, None),
        (-1, None),
        (42, None),
        (10**18, None),
        (True, None),
        (None, None),
        ("", None),
        ("yesterday", None),
        ("24.11.2024 17:04", None),
        ("0001-01-01T00:00:00+14:00", None),
        ({"a": 1}, None),
    ],
)
def test_a_time_is_ms_since_1970(value, moment):
    assert normalize.time(value, "Europe/Kyiv") == moment


def test_a_time_without_a_zone_needs_one_that_exists():
    assert normalize.time("2024-11-24 17:04:05", "Europe/Nowhere") is None
    assert normalize.time("2024-11-24 15:04:05Z", "Europe/Nowhere") == INSTANT - 123


def test_the_letters_of_a_time_may_be_small():
    assert normalize.time("2026-01-01t00:00:00z", "UTC") == normalize.time("2026-01-01T00:00:00Z", "UTC")
