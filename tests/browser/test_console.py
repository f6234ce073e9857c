"""The console in a real browser: over the local world as a stack, and over a table of a million cards."""

import pytest

from ops.stack import in_local_world
from tests.browser.conftest import NARROW, WIDE
from tests.consoles import Million, key, running

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make browser` does it")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed: `make browser` does it"
)
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

VIEWS = ["cards", "delivery", "rejected", "connections"]


def rows(page):
    return page.locator("main .rows a.row")


def person(number, name="Олена Коваль"):
    data = {"id": number, "name": name, "phones": [{"value": "067 000 00 01"}]} if number else {"name": name}
    return {"meta": {"action": "change", "entity": "person", "entity_id": str(number), "version": "2.0"}, "data": data}


@pytest.fixture
def million():
    return Million()


@pytest.fixture
def large(million, browser):
    with running(million.stack()) as one:
        yield one


@pytest.fixture
def console(bridge):
    with running(in_local_world(bridge.bridge_url.rpartition(":")[2])) as one:
        yield one


@pytest.mark.world
def test_the_console_shows_the_local_world_as_a_stack_and_repairs_it(bridge, console, visit):
    bridge.ringostat.faults({"refuse": {"externalId": "8001"}, "times": None})
    bridge.post("demo-pipedrive", person(8001))
    bridge.post("demo-pipedrive", person(None, "Тарас"))
    bridge.until(lambda: bridge.rejected(), "a rejected event")
    page = visit(console.url)

    page.get_by_label("Id, name or number").fill("8001")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 card of this id")).to_be_visible()
    rows(page).click()
    expect(page.get_by_role("heading", name="Олена Коваль")).to_be_visible()
