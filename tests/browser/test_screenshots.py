"""The README's pictures; `make screenshots` keeps them in docs/."""

import json
from urllib.parse import quote

import pytest

from local.world import PROJECT, wait_for
from ops.stack import in_local_world
from tests.browser.conftest import read_until
from tests.consoles import running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make browser` does it")
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.world, pytest.mark.timeout(60)]

SIZE = {"width": 1280, "height": 800}
LARGEST = 100_000  # bytes of a picture
PEOPLE = {
    101: ("Андрій Шевчук", "067 000 00 31"),
    102: ("Ірина Мельник", "044 000 00 32"),
    103: ("Тарас Бондар", "067 000 00 33"),
    104: ("Ґалина Їжакевич", "067 000 00 34"),
    105: ("Юрій Гнатюк", "067 000 00 35"),
}


def saved(entity, number, **data):
    """A webhook of Pipedrive."""
    meta = {"action": "change", "entity": entity, "timestamp": "2026-03-01T10:00:00.000Z", "version": "2.0"}
    return {"meta": meta | {"entity_id": str(number)}, "data": {"id": number, **data}, "previous": None}


def person(number, name, phone):
    phones = [{"label": "mobile", "value": phone, "primary": True}]
    emails = [{"label": "work", "value": f"person{number}@example.com", "primary": True}]
    return saved("person", number, name=name, owner_id=7, org_id=1, phones=phones, emails=emails)


def test_the_pictures_show_a_call_and_where_each_field_comes_from(bridge, visit, keep):
    # The sample's person has a namesake by number in the emulated CRM, where the events of the deal would look it up.
    bridge.crms.edit("pipedrive", "contact", 8, send_event=False, visible=False)
    events = [person(number, name, phone) for number, (name, phone) in PEOPLE.items()]
    of_a_client = saved("deal", 501, person_id=8), saved("lead", "7f3c", person_id=8)
    for event in (saved("organization", 1, name="ТОВ «Ромашка»"), *events, *of_a_client):
        bridge.post("demo-pipedrive", event)
    wait_for(lambda: len(bridge.state()["contacts"]) == len(PEOPLE))
    page = visit(bridge.ringostat_url, viewport=SIZE, color_scheme="light")
    bridge.ringostat.call("+380670000012")
    page.get_by_role("button", name="Send the event").click()
    expect(page.locator("#book-list")).to_contain_text("Олена Коваль")
    page.locator("#book-list a").filter(has_text="Олена Коваль").click()
    expect(page.get_by_label("Chosen card").get_by_role("link", name="Deal in the CRM")).to_be_visible()
    page.get_by_role("button", name="Ring +380670000012", exact=True).click()
    expect(page.locator(".screen-name")).to_have_text("Олена Коваль")
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(2500)

    book = keep(page, "contact-book")
    identity = quote(json.dumps([PROJECT, "Pipedrive", "contacts", "externalId", "8"]), safe="")
    page.goto(f"{bridge.ringostat_url}/#/trace/{identity}")
    page.get_by_role("row").filter(has=page.get_by_role("button", name="fullName")).hover()
    page.wait_for_timeout(500)
    trace = keep(page, "where-it-comes-from")

    assert all(0 < path.stat().st_size < LARGEST for path in (book, trace))


def test_the_pictures_show_the_console_and_a_card_in_it(bridge, visit, keep):
    others = {number + 100: one for number, one in PEOPLE.items()}  # the table keeps those of the other pictures
    refused = max(others)
    bridge.ringostat.faults({"refuse": {"externalId": str(refused)}, "times": None})
    for number, (name, phone) in others.items():
        bridge.post("demo-pipedrive", person(number, name, phone))
    wait_for(lambda: len(bridge.state()["contacts"]) == len(others) - 1)
    stack = in_local_world(bridge.bridge_url.rpartition(":")[2])
    stack.hooks_url = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/crm/"  # no port of this run

    with running(stack) as console:
        page = visit(console.url, viewport=SIZE, color_scheme="light")
        rows = page.locator("main .rows a.row")
        read_until(page, rows.filter(has_text="refused"), "Search")
        for name, _ in others.values():
            expect(rows.filter(has_text=name).first).to_be_visible()
        page.evaluate("document.activeElement.blur()")
        cards = keep(page, "console")
        rows.filter(has_text="refused").click()
        expect(page.locator(".card-head .badge")).to_contain_text("refused")
        card = keep(page, "console-card")

    assert all(0 < path.stat().st_size < LARGEST for path in (cards, card))
