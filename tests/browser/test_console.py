"""The console in a real browser: over the local world as a stack, and over a table of a million cards."""

from urllib.parse import quote

import pytest

from ops.stack import in_local_world
from tests.browser.conftest import NARROW, WIDE, read_until
from tests.browser.test_harmless import HOSTILE
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
    page = visit(console.url)

    page.get_by_label("Id, name or number").fill("8001")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="1 card of this id")).to_be_visible()
    rows(page).click()
    expect(page.get_by_role("heading", name="Олена Коваль")).to_be_visible()
    read_until(page, page.locator(".card-head .badge", has_text="refused"))
    bridge.ringostat.faults()
    page.get_by_role("button", name="Post it once more").click()
    page.get_by_role("button", name="Yes, post it once more").click()
    expect(page.get_by_text("The card is due again.")).to_be_visible()
    read_until(page, page.locator(".card-head .badge", has_text="delivered"))
    assert [card["externalId"] for card in bridge.state()["contacts"]] == ["8001"]


@pytest.mark.world
def test_a_rejected_event_is_read_and_replayed(bridge, console, visit):
    bridge.sqs.purge_queue(QueueUrl=bridge.queue_url("rejected"))
    bridge.post("demo-pipedrive", person(None, "Тарас"))
    page = visit(console.url)

    page.get_by_role("link", name="Rejected").click()
    read_until(page, page.locator(".log a"))
    assert "Тарас" not in page.locator("main").inner_text()
    page.locator(".log a").click()
    expect(page.get_by_role("region", name="Body")).to_contain_text("Тарас")
    page.get_by_role("button", name="Replay it").click()
    page.get_by_role("button", name="Yes, replay it").click()
    expect(page.get_by_text("1 sent to the inbox queue")).to_be_visible()


@pytest.mark.world
def test_erasing_asks_first_and_no_is_chosen_before_yes(bridge, console, visit):
    bridge.post("demo-pipedrive", person(8002))
    page = visit(console.url)
    page.get_by_label("Id, name or number").fill("8002")
    page.keyboard.press("Enter")
    rows(page).click()

    page.get_by_role("button", name="Erase it").click()
    expect(page.get_by_text("later events of it are skipped")).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == "No"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.textContent") == "Erase it"
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, erase it").click()

    expect(page.get_by_text("106#Pipedrive#contact:8002 erased")).to_be_visible()
    assert "erased" in bridge.rows()["106#Pipedrive#contact:8002"]


@pytest.mark.world
def test_connections_are_shown_and_when_each_was_heard_last(bridge, console, visit):
    bridge.post("demo-pipedrive", person(8003))
    page = visit(f"{console.url}")
    page.get_by_role("link", name="Connections").click()

    sheet = page.locator(".sheet", has=page.get_by_role("heading", name="demo-pipedrive", exact=True))
    expect(sheet).to_contain_text("path-token")
    expect(sheet.locator("time")).to_be_visible()
    assert bridge.connections["demo-pipedrive"]["verify"]["token"] not in page.content().replace("local world", "")


def test_the_first_page_of_a_million_cards_is_one_call_and_the_next_one_more(large, million, visit):
    page = visit(large.url)
    expect(rows(page)).to_have_count(50)
    assert million.calls == [("scan", 50)]
    expect(page.get_by_text("50 rows of the table read, there are more.")).to_be_visible()

    page.get_by_role("button", name="Read on").click()
    expect(rows(page)).to_have_count(100)
    assert million.calls == [("scan", 50)] * 2
    assert page.evaluate("document.activeElement.getAttribute('href')").endswith("contact%3A50")


def test_what_has_no_index_is_read_for_only_when_asked(large, million, visit):
    page = visit(large.url)
    expect(rows(page)).to_have_count(50)
    million.calls.clear()

    page.get_by_label("Id, name or number").fill("Олена 2007")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="No card has this id")).to_be_visible()
    assert "scan" not in dict(million.calls)
    page.get_by_role("button", name="Read the table for a name or number like this").click()
    expect(page.get_by_text("1,000 rows of the table read, there are more.")).to_be_visible()
    expect(page.get_by_text("None among the rows read so far.")).to_be_visible()
    for read in ("2,000", "3,000"):
        page.get_by_role("button", name="Read on").click()
        expect(page.get_by_text(f"{read} rows of the table read, there are more.")).to_be_visible()

    expect(rows(page)).to_have_count(1)
    assert [calls for calls in million.calls if calls[0] == "scan"] == [("scan", 1000)] * 3


def test_the_token_leaves_the_address_bar_and_serves_further_tabs(large, visit):
    page = visit(large.url)
    expect(rows(page)).to_have_count(50)
    assert large.token not in page.url

    second = page.context.new_page()
    second.goto(f"http://127.0.0.1:{large.port}/#/delivery")
    expect(second.get_by_role("heading", name="Project 106: due cards")).to_be_visible()


def test_a_page_of_another_origin_reads_nothing_even_with_the_cookie(large, million, visit):
    page = visit(large.url)
    expect(rows(page)).to_have_count(50)
    million.calls.clear()

    with running(Million().stack()) as other:  # another port of this machine: a site of the same name, with all cookies
        page.goto(other.url)
        expect(rows(page)).to_have_count(50)
        outcome = page.evaluate(
            """async (address) => {
              try { return (await fetch(address, { credentials: "include", mode: "no-cors" })).type; }
              catch (error) { return error.name; }
            }""",
            f"http://127.0.0.1:{large.port}/api/book",
        )

    assert outcome == "TypeError"
    assert million.calls == []
    visit.errors.clear()


def test_a_read_only_console_has_no_button_that_changes_anything(million, browser, visit):
    with running(million.stack(), read_only=True) as one:
        page = visit(one.url)
        expect(page.get_by_text("Read-only")).to_be_visible()
        page.goto(f"http://127.0.0.1:{one.port}/#/card/{quote(key(7), safe='')}")
        expect(page.get_by_role("heading", name="Олена 7")).to_be_visible()

        expect(page.locator(".act")).to_have_count(0)


def test_the_console_is_used_by_keyboard_alone(large, visit):
    page = visit(large.url)
    expect(rows(page)).to_have_count(50)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("42")
    page.keyboard.press("Enter")
    expect(rows(page)).to_have_count(1)
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('a.row')"):
            break
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Олена 42")).to_be_visible()


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)], ids=["wide", "narrow"])
@pytest.mark.world
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(bridge, console, visit, scheme, size):
    bridge.post("demo-pipedrive", person(8004, "Ї" * 200))
    bridge.post("demo-pipedrive", person(None))
    page = visit(console.url, viewport=size, color_scheme=scheme)
    expect(rows(page)).not_to_have_count(0)
    found, ways = [], [*VIEWS, f"card/{quote('106#Pipedrive#contact:8004', safe='')}"]

    for way in ways:
        page.goto(f"http://127.0.0.1:{console.port}/#/{way}")
        expect(page.locator("main h1").first).to_be_visible()
        expect(page.locator("[aria-busy]")).to_have_count(0)
        found += [(way, rule["id"], rule["nodes"][0]["target"]) for rule in axe.Axe().run(page).response["violations"]]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), way

    assert found == []


def test_a_hostile_name_is_shown_as_text(large, million, visit):
    million.names = dict(enumerate(HOSTILE.values()))
    page = visit(large.url, viewport=NARROW)
    expect(rows(page)).to_have_count(50)
    assert page.locator(".row-name").all_text_contents()[: len(HOSTILE)] == list(HOSTILE.values())

    for number, name in million.names.items():
        page.goto(f"http://127.0.0.1:{large.port}/#/card/{quote(key(number), safe='')}")
        expect(page.locator(".card-head h1")).to_have_text(name, use_inner_text=False)
        assert page.locator("main script, main img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
