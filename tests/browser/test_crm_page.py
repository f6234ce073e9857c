"""The page of the emulated CRMs: a record is edited, its CRM sends an event, and faults are switched on."""

import pytest

from local.crm import KEY, Crms
from local.world import request
from tests.browser.conftest import NARROW, WIDE

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make browser` does it")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed: `make browser` does it"
)
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOSTILE = "<img src=x onerror=alert(1)>\u202eвалоК"


@pytest.fixture
def crms(browser):
    with Crms(send=lambda _crm, _event: (202, '{"accepted": 1}')) as one:
        yield one


def rows(page):
    return page.locator("#records a")


def events(page):
    return page.get_by_role("list", name="Events, newest first").get_by_role("listitem")


def test_an_edit_is_told_to_the_bridge_as_this_crm_tells_it(crms, visit):
    page = visit(crms.url)
    page.get_by_label("CRM", exact=True).select_option("HubSpot")
    page.get_by_label("Search by name, number or phone").fill("+380670000007")
    expect(rows(page)).to_have_count(1)

    rows(page).first.click()
    page.get_by_label("Last name").fill("Новенька")
    page.get_by_role("button", name="Save and send the event").click()

    expect(events(page)).to_have_count(1)
    expect(events(page).first).to_contain_text("HubSpot: contact 7: update")
    expect(events(page).first.locator(".badge")).to_have_text("202")
    events(page).first.locator("summary").click()
    expect(events(page).first).to_contain_text('"propertyName": "lastname"')
    expect(page.get_by_label("Chosen record").get_by_role("heading")).to_contain_text("Новенька")
    expect(rows(page).first).to_contain_text("Новенька")
    assert crms.record("hubspot", "contact", 7).last == "Новенька"


def test_an_event_can_be_lost_and_a_record_hidden_deleted_and_made(crms, visit):
    page = visit(f"{crms.url}/#/bitrix24/contact/5")

    page.get_by_label("Visible to the API key").uncheck()
    page.get_by_role("button", name="Save, lose the event").click()
    expect(page.locator("#announce")).to_contain_text("the bridge got no event")
    expect(rows(page).nth(4)).to_contain_text("hidden")
    expect(events(page)).to_have_count(0)
    assert crms.record("bitrix24", "contact", 5) is None

    page.get_by_role("button", name="Delete").click()
    expect(events(page).first).to_contain_text("contact 5: delete")
    page.get_by_role("link", name="New record").click()
    page.get_by_label("Given name").fill("Нова")
    page.get_by_role("button", name="Save and send the event").click()
    expect(events(page).first).to_contain_text("contact 201: add")
    expect(page).to_have_url(f"{crms.url}/#/bitrix24/contact/201")


def test_a_fault_is_switched_on_and_off_and_the_request_is_shown(crms, visit):
    page = visit(f"{crms.url}/#/bitrix24/contact")
    switch = page.get_by_role("switch", name="limit", exact=True)
    ask = ("POST", f"{crms.url}/rest/1/{KEY}/profile.json", b"{}")

    switch.click()
    expect(switch).to_be_checked()
    expect(page.get_by_role("status").filter(has_text="Live, with a fault")).to_be_visible()
    assert request(*ask).status == 503
    asked = page.get_by_role("list", name="Requests, newest first").get_by_role("listitem")
    expect(asked.first.locator(".badge")).to_have_text("503")
    expect(asked.first).not_to_contain_text(KEY)
    switch.click()
    expect(switch).not_to_be_checked()
    assert request(*ask).status == 200


def test_the_page_is_used_with_the_keyboard_alone(crms, visit):
    page = visit(crms.url)
    expect(rows(page)).to_have_count(50)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    rows(page).nth(2).focus()
    page.keyboard.press("Enter")
    last = page.get_by_label("Last name")
    expect(last).to_be_visible()
    last.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Іваненко")
    page.keyboard.press("Enter")

    expect(events(page).first).to_contain_text("contact 3: update")
    expect(page.locator("#announce")).to_contain_text("Saved, and the event is sent.")
    assert crms.record("bitrix24", "contact", 3).last == "Іваненко"


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_harmless_whole_and_accessible(crms, visit, size, scheme):
    crms.edit("kommo", "contact", 2, name=HOSTILE)
    request("GET", f"{crms.url}/api/v4/account")
    page = visit(f"{crms.url}/#/kommo/contact/2", viewport=size, color_scheme=scheme)
    expect(page.get_by_label("Given name")).to_have_value(HOSTILE)
    expect(page.get_by_label("Chosen record").get_by_role("heading")).to_contain_text(HOSTILE)

    found = axe.Axe().run(page)

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("main img").count() == 0
    page.goto(f"{crms.url}/#/kommo/contact")
    expect(rows(page)).to_have_count(50)
    assert axe.Axe().run(page).response["violations"] == []
