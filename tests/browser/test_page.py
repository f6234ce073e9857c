"""What people do on the page, in a real browser, with the whole bridge behind it."""

import json
import re
import time
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from cli.main import bridge as command
from local.world import request
from ops.stack import in_local_world
from tests.browser.conftest import NARROW, contact, post

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make browser` does it")
expect = playwright.expect

pytestmark = [pytest.mark.browser, pytest.mark.world, pytest.mark.timeout(120)]

PERSON = "Олена Коваль"
VIEWS = ["contacts", "calls", "try", "delivery", "traffic"]


def address(view, number):
    identity = json.dumps([106, "Pipedrive", "contacts", "externalId", str(number)])
    return f"#/{view}/{quote(identity, safe='')}"


def step(page, number):
    return page.get_by_label("The first minute").get_by_role("listitem").nth(number - 1).get_by_role("button")


def calls(page):
    return page.get_by_role("list", name="Calls, newest first").get_by_role("listitem")


def rows(page):
    return page.locator("#book-list a")


def try_it(page, event="", change=None):
    """Choose an event of Pipedrive, change its body, and send it."""
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_label("Body", exact=True)).not_to_be_empty()
    if event:
        with page.expect_response(lambda reply: "/_bridge/explain" in reply.url):
            page.get_by_label("Event", exact=True).select_option(event)
    if change:
        body = page.get_by_label("Body", exact=True)
        body.fill(change(body.input_value()))
    page.get_by_role("button", name="Send it").click()


def test_three_clicks_show_who_is_calling(bridge, visit):
    page = visit(bridge.ringostat_url)

    step(page, 1).click()
    expect(calls(page)).to_have_count(1)
    started = time.monotonic()
    step(page, 2).click()
    expect(rows(page)).to_have_count(1)
    took = time.monotonic() - started
    step(page, 3).click()
    expect(calls(page)).to_have_count(2)

    assert took < 2
    expect(rows(page).first).to_contain_text(PERSON)
    expect(calls(page).nth(0)).to_contain_text(PERSON)
    expect(calls(page).nth(1)).to_contain_text("number only")
    expect(calls(page).nth(1)).not_to_contain_text(PERSON)


def test_a_card_shows_what_the_telephone_needs(bridge, visit):
    page = visit(bridge.ringostat_url)
    step(page, 2).click()

    rows(page).first.click()

    card = page.get_by_label("Chosen card")
    expect(card.get_by_role("heading", name=PERSON)).to_be_visible()
    expect(card.get_by_label("Phones and e-mails")).to_contain_text("+380\u00a067\u00a0000\u00a000\u00a012")
    expect(card.get_by_text("delivered", exact=True)).to_be_visible()
    link = card.get_by_role("link", name="Contact in the CRM")
    expect(link).to_have_attribute("href", "https://demo.example.com/person/8")
    expect(link).to_have_attribute("rel", "noopener noreferrer")


def test_each_field_is_followed_from_the_crm_to_ringostat(bridge, visit):
    page = visit(bridge.ringostat_url)
    step(page, 2).click()
    rows(page).first.click()

    page.get_by_role("link", name="Where does each field come from?").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="fullName"))
    page.mouse.move(0, 0)  # where the link was is another row now
    row.get_by_role("button").focus()

    expect(row).to_contain_text("pipedrive.toml:")
    expect(row).to_contain_text("data.last_name")
    expect(row).to_contain_text("on the card")
    lit = page.locator(".panel").nth(0).locator(".line.lit")
    assert {"last_name", "first_name"} <= {text.split('"')[1] for text in lit.all_text_contents()}
    expect(page.locator(".panel").nth(2).locator(".line.lit")).to_contain_text(f'"fullName": "{PERSON}"')
    expect(page.locator(".panel").nth(2)).to_contain_text("the newest state")


def test_an_edited_event_is_explained_while_typing_and_arrives(bridge, visit):
    page = visit(bridge.ringostat_url)
    number = int(time.time())

    def change(text):
        event = json.loads(text)
        event["data"] |= {"id": number, "name": "Ґалина Їжак", "update_time": None}
        event["meta"] |= {"entity_id": str(number)}
        return json.dumps(event)

    try_it(page, change=change)

    verdict = page.get_by_label("Try it").get_by_role("listitem").filter(has_text="Ґалина Їжак")
    expect(page.locator(".results")).to_contain_text("Ґалина Їжак")
    expect(verdict.get_by_text("delivered")).to_be_visible()
    verdict.get_by_role("link").click()
    expect(page.get_by_label("Chosen card").get_by_role("heading", name="Ґалина Їжак")).to_be_visible()


@pytest.mark.parametrize(
    ("event", "result", "words"),
    [("activity-is-not-wanted.json", "skip", "delete this webhook"), ("v1-body.json", "reject", "version 1")],
)
def test_a_record_that_is_no_change_says_why(bridge, visit, event, result, words):
    page = visit(bridge.ringostat_url)

    try_it(page, event)
    page.get_by_role("link", name="What came of it").click()

    outcome = page.get_by_role("article")
    expect(outcome.locator(".badge")).to_have_text(result)
    expect(outcome).to_contain_text(words)
    expect(page.get_by_text("Nothing: no record of this event is a change.")).to_be_visible()


def test_an_older_event_loses_against_the_newer_value(bridge, visit):
    page = visit(bridge.ringostat_url)
    number = int(time.time() * 10) % 10**9

    def at(moment, name):
        def change(text):
            event = json.loads(text)
            event["data"] |= {"id": number, "name": name}
            event["meta"] |= {"entity_id": str(number), "timestamp": moment}
            return json.dumps(event)

        return change

    try_it(page, change=at("2026-03-01T10:00:00.000Z", "Нова"))
    expect(page.get_by_label("Try it").get_by_text("delivered")).to_be_visible()
    try_it(page, change=at("2026-02-01T10:00:00.000Z", "Стара"))
    expect(page.locator(".verdicts")).to_contain_text("Стара")
    page.goto(f"{bridge.ringostat_url}/{address('trace', number)}")

    row = page.get_by_role("row").filter(has=page.get_by_role("button", name="fullName"))
    expect(row).to_contain_text("Стара")
    expect(row).to_contain_text("lost to a newer value")
    expect(page.get_by_label("Body for Ringostat")).to_contain_text("Нова")


def test_a_fault_makes_a_card_wait_and_its_end_lets_it_arrive(bridge, visit):
    page = visit(bridge.ringostat_url)
    page.get_by_role("link", name="Delivery").click()

    page.get_by_role("switch", name="Ringostat is down").click()
    page.get_by_role("button", name="Save a new person").click()
    due = page.locator(".due li")
    expect(due).to_have_count(1)
    expect(page.get_by_text("One card waits")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Live, with a fault")).to_be_visible()
    expect(page.locator(".circuit").filter(has_text="Transport").get_by_text("open", exact=True)).to_be_visible(
        timeout=40_000
    )
    page.get_by_role("switch", name="Ringostat is down").click()

    expect(due).to_have_count(0, timeout=40_000)
    expect(page.get_by_text("No card is due")).to_be_visible()
    expect(page.locator(".strip .good").first).to_be_visible()
    page.get_by_role("link", name="Contacts").click()
    expect(rows(page)).to_have_count(1)


def test_one_refused_contact_is_shown_with_its_reason(bridge, visit):
    page = visit(bridge.ringostat_url)
    page.get_by_role("link", name="Delivery").click()
    number = int(time.time() * 10) % 10**8

    page.get_by_label("Contact", exact=True).fill(str(number))
    page.get_by_role("switch", name="One contact is refused").click()
    expect(page.get_by_role("switch", name="One contact is refused")).to_be_checked()
    body = {
        "meta": {"action": "change", "entity": "person", "entity_id": str(number), "version": "2.0"},
        "data": {"id": number, "name": PERSON, "phones": [{"value": "0670000077"}]},
    }
    bridge.post("demo-pipedrive", body)

    page.goto(f"{bridge.ringostat_url}/{address('card', number)}")
    expect(page.get_by_text("Ringostat does not know this card yet.")).to_be_visible()
    expect(page.locator(".card-head .badge")).to_contain_text("refused")


def test_n7_whatever_comes_to_the_door_is_listed_with_the_reason_of_its_refusal(bridge, visit):
    page = visit(f"{bridge.ringostat_url}/#/traffic")
    secrets = bridge.aws.client("secretsmanager")
    late = bridge.connections["demo-odoo"] | {"verify": {"scheme": "path-token", "token": "late"}}
    entries = json.dumps(bridge.connections | {"acme-late": late})
    secrets.put_secret_value(SecretId=bridge.ids["ConnectionsSecret"], SecretString=entries)
    for connection in ("acme-unknown", "acme-late", "demo-pipedrive"):
        request("POST", f"{bridge.bridge_url}/crm/{connection}/wrong", b"{}", {"Content-Type": "application/json"})

    events = page.get_by_role("list", name="Events, newest first").locator("> li")
    unknown, known = events.filter(has_text="acme-unknown"), events.filter(has_text="acme-late")
    expect(unknown).to_contain_text("there is no connection acme-unknown")
    expect(known).to_contain_text("its proof is not the connection's")
    page.get_by_label("Filter the traffic").fill("unknown 401")
    expect(events).to_have_count(1)
    page.get_by_label("Filter the traffic").fill("nothing like this")
    expect(page.get_by_text("None fits the filter.").first).to_be_visible()
    secrets.put_secret_value(SecretId=bridge.ids["ConnectionsSecret"], SecretString=json.dumps(bridge.connections))


def test_n7_imports_and_events_of_the_inbox_queue_are_listed_and_sent_again(bridge, visit, tmp_path):
    stack, file = in_local_world(bridge.bridge_url.rpartition(":")[2]), tmp_path / "contacts.csv"
    file.write_text("id,name,phone\n77,Соломія Ткач,067 000 00 77\n", "utf-8")
    page = visit(f"{bridge.ringostat_url}/#/traffic")
    events = page.get_by_role("list", name="Events, newest first").locator("> li")
    page.get_by_label("Filter the traffic").fill("inbox queue")

    ran = CliRunner().invoke(command, ["import", str(file), "--connection", "demo-pipedrive"], obj=stack)
    assert ran.exit_code == 0, ran.output
    expect(events.filter(has_text="Соломія Ткач")).to_contain_text("inbox queue, ")
    stack.client("sqs").send_message(QueueUrl=bridge.queue_url("inbox"), MessageBody="{}")
    expect(events.filter(has_text="no connection")).to_contain_text("the message holds no event")

    events.filter(has_text="Соломія Ткач").get_by_role("link", name="demo-pipedrive").click()
    expect(page.get_by_role("row").filter(has_text="fullName")).to_contain_text("Соломія Ткач")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("It is in the inbox queue again.")).to_be_visible()
    page.get_by_role("link", name="Back to the traffic").click()
    expect(events.filter(has_text="Соломія Ткач")).to_have_count(2)


def test_n18_an_event_is_sent_again_and_taken_to_try_it(bridge, visit):
    page = visit(bridge.ringostat_url)
    try_it(page, change=lambda text: text.replace("Олена", "Соломія"))
    page.get_by_role("link", name="What came of it").click()

    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The bridge answered 202.")).to_be_visible()
    page.get_by_role("link", name="Edit in Try it").click()
    body = page.get_by_label("Body", exact=True)
    expect(body).to_have_value(re.compile("Соломія"))
    body.fill(body.input_value().replace("Соломія", "Уляна"))
    page.get_by_role("button", name="Send it").click()

    expect(page.get_by_role("link", name="What came of it")).to_be_visible()
    page.get_by_role("link", name="Traffic").click()
    expect(page.get_by_role("list", name="Events, newest first").locator("> li").first).to_contain_text("Уляна")


def test_everything_is_reached_with_the_keyboard_alone(bridge, visit):
    post(bridge.ringostat_url, [contact(1, "Андрій Бондар"), contact(2)])
    page = visit(bridge.ringostat_url)
    expect(rows(page)).to_have_count(2)

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("/")
    page.keyboard.type("бондар")
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Chosen card").get_by_role("heading", name="Андрій Бондар")).to_be_visible()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("Ring +"):
            break
    page.keyboard.press("Enter")

    expect(calls(page)).to_have_count(1)
    expect(page.locator("#announce")).to_contain_text("Incoming call: Андрій Бондар")


def test_nothing_is_wider_than_a_narrow_screen(bridge, visit):
    page = visit(bridge.ringostat_url, viewport=NARROW)
    step(page, 2).click()
    expect(rows(page)).to_have_count(1)
    ways = [f"#/{view}" for view in VIEWS] + [address("card", 8), address("trace", 8)]

    for way in ways:
        page.goto(f"{bridge.ringostat_url}/{way}")
        expect(page.locator("main h1, main h2").first).to_be_attached()
        page.wait_for_timeout(400)
        wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter((one) => "
            "one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.unseen')).length"
        )
        assert (way, wide) == (way, 0)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_a_narrow_screen_a_call_comes_up_over_the_page(bridge, visit):
    page = visit(bridge.ringostat_url, viewport=NARROW)

    step(page, 1).click()
    page.locator("#toast").click()

    expect(calls(page)).to_have_count(1)
    expect(page.get_by_role("link", name="Calls")).to_have_attribute("aria-current", "page")
