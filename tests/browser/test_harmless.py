"""Whatever stands in a contact, the page stays harmless, whole and usable by everybody."""

import json
from urllib.parse import quote

import pytest

from local.emulator import Emulator
from local.world import AUTH_KEY, PROJECT, request
from tests.browser.conftest import NARROW, WIDE, contact, post

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make browser` does it")
axe = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed: `make browser` does it"
)
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOSTILE = {
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "right to left": "\u202eвалоК анелО\u2066",
    "255 characters": "Ї" * 255,
    "emoji": "👩‍👩‍👧‍👦 Оля 🇺🇦",
    "template": "{{constructor.constructor('alert(1)')()}} ${alert(1)} javascript:alert(1)",
    "combining": "Z̸̢̛͚͎̝̈́a̷l̴g̶o̷",
}


def rows(page):
    return page.locator("#book-list a")


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_hostile_name_is_shown_as_text_and_breaks_nothing(ringostat, visit, name, size):
    organization = {"projectId": PROJECT, "name": name, "externalId": "9", "origin": "Pipedrive"}
    post(ringostat.url, [contact(1, name, organizations=[organization]), contact(2)])
    page = visit(ringostat.url, viewport=size)

    ringostat.call("+380670000001")
    row = rows(page).filter(has=page.locator(".row-second bdi, bdi.row-second"))
    expect(row).to_have_count(2)
    assert name in page.locator("#book-list .row-name").all_text_contents()
    page.locator("#book-list a").nth(1).click()
    expect(page.locator(".card-head h1")).to_have_text(name, use_inner_text=False)

    assert page.locator("main script, main img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.errors == []


def test_only_http_addresses_become_links(ringostat, visit):
    page = visit(ringostat.url)

    made = page.evaluate(
        """async () => {
          const { outward } = await import("/page/dom.js");
          const of = (address) => { const one = outward(address, "x"); return [one.tagName, one.rel ?? null]; };
          return ["https://a.example.com/1", "javascript:alert(1)", "data:text/html,x", "/relative", ""].map(of);
        }"""
    )

    assert made == [["A", "noopener noreferrer"]] + [["SPAN", None]] * 4


def test_the_policy_permits_nothing_from_elsewhere_and_nothing_inline(ringostat, visit):
    headers = request("GET", ringostat.url).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))

    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    page = visit(ringostat.url)
    refused = page.evaluate("try { document.body.innerHTML = '<b>x</b>'; 'taken' } catch (error) { error.name }")
    assert refused == "TypeError"
    visit.errors.clear()


@pytest.mark.parametrize("path", ["/page/../emulator.py", "/page/%2e%2e/emulator.py", "/page/", "/page/nothing.js"])
def test_nothing_but_the_page_is_served(ringostat, path):
    assert request("GET", ringostat.url + path).status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.world
def test_axe_finds_nothing_serious_in_any_view(bridge, visit, scheme, size):
    person = {
        "meta": {"action": "change", "entity": "person", "entity_id": "7001", "version": "2.0"},
        "data": {"id": 7001, "name": "Олена Коваль", "phones": [{"value": "0670000001"}, {"value": "12"}]},
    }
    bridge.post("demo-pipedrive", person)
    page = visit(bridge.ringostat_url, viewport=size, color_scheme=scheme)
    expect(rows(page)).not_to_have_count(0)
    bridge.ringostat.call("+380670000001")
    identity = quote(json.dumps([PROJECT, "Pipedrive", "contacts", "externalId", "7001"]), safe="")
    found = []

    for view in ("contacts", f"card/{identity}", f"trace/{identity}", "try", "delivery", "traffic", "calls"):
        page.goto(f"{bridge.ringostat_url}/#/{view}")
        expect(page.locator("main h1, main h2").first).to_be_attached()
        page.wait_for_timeout(500)
        found += [
            (view[:8], rule["impact"], rule["id"], rule["nodes"][0]["target"])
            for rule in axe.Axe().run(page).response["violations"]
        ]

    assert [one for one in found if one[1] in ("serious", "critical")] == []
    assert len(found) <= 2, found


def test_the_emulator_alone_shows_book_calls_and_traffic(ringostat, visit):
    page = visit(ringostat.url)
    expect(page.get_by_text("Ringostat, emulated")).to_be_visible()

    post(ringostat.url, [contact(1)])
    ringostat.call("+380670000001")

    expect(rows(page)).to_have_count(1)
    expect(page.get_by_role("list", name="Calls, newest first")).to_contain_text("Олена Коваль")
    expect(page.get_by_role("link", name="Try it")).to_be_hidden()
    page.get_by_role("link", name="Traffic").click()
    page.get_by_text("1 record to contacts").click()
    expect(page.get_by_label("Body of request 1")).to_contain_text("Олена Коваль")
    expect(page.get_by_label("Answer to request 1")).to_contain_text("success")
    page.get_by_role("link", name="Delivery").click()
    expect(page.get_by_text("Due cards")).to_be_hidden()


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("коваль олена", ["Олена Коваль"]),
        ("067 000 00 02", ["Їржі Ґудзь"]),
        ("+38 (067) 0000002", ["Їржі Ґудзь"]),
        ("PERSON2@", ["Їржі Ґудзь"]),
        ("ґудзь", ["Їржі Ґудзь"]),
        ("nobody", []),
    ],
)
def test_search_finds_names_numbers_and_mail_however_they_are_written(ringostat, visit, typed, found):
    post(ringostat.url, [contact(1), contact(2, "Їржі Ґудзь")])
    page = visit(ringostat.url)
    expect(rows(page)).to_have_count(2)

    page.get_by_label("Search the contact book").fill(typed)

    expect(rows(page)).to_have_count(len(found))
    assert page.locator("#book-list .row-name").all_text_contents() == found
    expect(page.get_by_text(f"{len(found)} of 2 contacts")).to_be_visible()


def test_five_thousand_cards_are_listed_a_few_at_a_time(ringostat, visit):
    for start in range(0, 5000, 500):
        post(ringostat.url, [contact(number, f"Особа {number}") for number in range(start, start + 500)])

    page = visit(ringostat.url)

    expect(page.get_by_role("button", name="Contacts 5,000")).to_be_visible()
    assert rows(page).count() == 60
    expect(rows(page).first).to_contain_text("Особа 4999")
    page.get_by_label("Search the contact book").fill("особа 123")
    expect(page.get_by_text("15 of 5,000 contacts")).to_be_visible()


def test_a_page_that_lost_its_server_shows_what_the_next_one_knows(visit):
    keys = {PROJECT: AUTH_KEY}
    with Emulator(keys=keys) as first:
        port = first.port
        post(first.url, [contact(1), contact(2)])
        page = visit(first.url)
        expect(rows(page)).to_have_count(2)
    expect(page.get_by_text("Reconnecting")).to_be_visible()

    with Emulator(port, keys=keys) as second:
        post(second.url, [contact(3, "Нова Особа")])
        expect(rows(page)).to_have_count(1)
        expect(rows(page)).to_contain_text("Нова Особа")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.close()
