"""docs/cost.md: its arithmetic, done over again, and its counts, compared with the template and the code."""

import re

import pytest

from local import template
from local.in_process import overheard
from telemetry import METRICS

PAGE = (template.ROOT / "docs" / "cost.md").read_text("utf-8")
TEMPLATE = template.load()
MILLION = 1_000_000


def table(heading):
    """The rows of the first table under a heading: cells by column."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    head, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    names = cells(head)
    return [dict(zip(names, cells(row), strict=True)) for row in rows]


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def number(text):
    return float(text.replace(",", ""))


EVENT = {row["what"]: row for row in table("What one event takes")}
STANDING = {row["what"]: row for row in table("Fixed costs")}
FREE = {row["what"]: number(row["amount"]) for row in table("What AWS gives free of charge each month")}
MONTHS = table("A month")
PRICES = {name: number(row["US$ a million units"]) for name, row in (EVENT | STANDING).items()}


def month(events, free):
    total = 0
    for name in EVENT.keys() | STANDING.keys():
        amount = number(STANDING[name]["amount a month"]) if name in STANDING else 0
        amount += events * number(EVENT[name]["amount"]) if name in EVENT else 0
        total += max(0, amount - free.get(name, 0)) * PRICES[name] / MILLION
    return total


@pytest.mark.parametrize("row", MONTHS, ids=lambda row: row["events a month"])
def test_a_month_costs_what_its_parts_do(row):
    events = number(row["events a month"])

    assert month(events, FREE) == pytest.approx(number(row["with AWS's free allowances"]), abs=0.006)
    assert month(events, {}) == pytest.approx(number(row["without any"]), abs=0.006)


@pytest.mark.parametrize("row", EVENT.values(), ids=EVENT)
def test_a_million_events_cost_amount_times_price(row):
    product = number(row["amount"]) * number(row["US$ a million units"])

    assert product == pytest.approx(number(row["US$ a million events"]), abs=0.006)


@pytest.mark.parametrize("row", STANDING.values(), ids=STANDING)
def test_a_month_of_standing_still_costs_amount_times_price(row):
    product = number(row["amount a month"]) * number(row["US$ a million units"]) / MILLION

    assert product == pytest.approx(number(row["US$ a month"]), abs=0.006)


def test_the_same_thing_has_the_same_price_in_both_tables():
    for name in EVENT.keys() & STANDING.keys():
        assert EVENT[name]["US$ a million units"] == STANDING[name]["US$ a million units"]


def of_type(kind, *, lookups=False):
    """What is there without look-ups, or what they add."""
    resources = TEMPLATE["Resources"].items()
    theirs = {name for name, resource in resources if "Lookup" in resource.get("Condition", "")}
    return [name for name, resource in resources if resource["Type"] == kind and (name in theirs) == lookups]


LOOKUPS = {row["what"]: row for row in table("What look-ups take")}
RARE = {"SilentConnections"}  # measured only while it is not 0
OF_LOOKUPS = {"OldestWantedSeconds", "RecordsHealed"}  # metrics


@pytest.mark.parametrize(
    ("what", "there"),
    [
        ("secrets", of_type("AWS::SecretsManager::Secret")),
        ("alarms", of_type("AWS::CloudWatch::Alarm")),
        ("dashboards", of_type("AWS::CloudWatch::Dashboard")),
        ("metrics", METRICS.keys() - OF_LOOKUPS - RARE),
    ],
)
def test_what_is_billed_by_the_piece_is_counted_right(what, there):
    assert number(STANDING[what]["amount a month"]) == len(there)
    if what != "secrets":
        assert re.search(rf"\b{len(there)} {what[:-1]}s?\b", PAGE)


@pytest.mark.parametrize(
    ("what", "there"),
    [
        ("secrets", of_type("AWS::SecretsManager::Secret", lookups=True)),
        ("alarms", of_type("AWS::CloudWatch::Alarm", lookups=True)),
        ("metrics", OF_LOOKUPS),
    ],
)
def test_what_look_ups_add_by_the_piece_is_counted_right(what, there):
    assert number(LOOKUPS[what]["amount a month"]) == len(there)


@pytest.mark.parametrize("row", LOOKUPS.values(), ids=LOOKUPS)
def test_what_look_ups_add_costs_amount_times_price(row):
    product = number(row["amount a month"]) * number(row["US$ a million units"]) / MILLION

    assert product == pytest.approx(number(row["US$ a month"]), abs=0.006)
    assert row["US$ a million units"] == STANDING[row["what"]]["US$ a million units"]


def test_the_memory_of_the_sums_is_the_templates():
    assert TEMPLATE["Globals"]["Function"]["MemorySize"] == {"Ref": "MemoryMegabytes"}
    assert TEMPLATE["Parameters"]["MemoryMegabytes"]["Default"] == 512
    assert "0.5 GB × (" in PAGE


def test_the_description_of_the_parameter_counts_the_alarms_too():
    description = TEMPLATE["Parameters"]["Alarms"]["Description"]

    without, added = (len(of_type("AWS::CloudWatch::Alarm", lookups=lookups)) for lookups in (False, True))
    assert description.startswith(f"{without} alarms, {without + added} with look-ups;")


@pytest.mark.parametrize(
    ("seconds", "price", "printed"), [(2_592_000, 0.0000015046, "1.95"), (2_592_000, 0.0000033334, "4.32")]
)
def test_the_switches_cost_what_is_printed(seconds, price, printed):
    assert f"{0.5 * seconds * price:.2f}" == printed
    assert f"+ {printed}" in PAGE


@pytest.mark.parametrize(("phones", "more"), [(1, 3), (2, 5)])
def test_new_numbers_cost_what_is_printed(nowhere, phones, more):
    sent = []
    body = {"fullName": "Олена Коваль", "phones": ["067 000 00 01", "067 000 00 02"][:phones]}
    nowhere.post("acme-direct", {"externalId": "1", "fullName": "Ганна", "phones": ["067 000 00 09"]})
    with overheard(lambda _, name, params: sent.append((name, params))):
        nowhere.post("acme-direct", {"externalId": "2", **body})

    assert [name for name, _ in sent] == ["GetItem", "TransactWriteItems", "SendMessage"]
    assert 2 * len(sent[1][1]["TransactItems"]) - 1 == more
    assert "1 write unit more for the card and 2 for each number, once" in PAGE
    assert f"costs {3 * 0.625:.2f} a million more" in PAGE
