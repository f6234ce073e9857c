"""A real browser on the page. Without one the tests are skipped, unless BROWSER=required."""

import base64
import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from local.emulator import Emulator
from local.world import AUTH_KEY, PROJECT, World

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SHOWN_MS = 10_000
MOST_MS = 20_000  # that a card takes to be delivered on a busy machine: one that changes twice rests for 5 s

try:
    from playwright.sync_api import expect, sync_playwright
except ImportError:
    sync_playwright = None


def missing():
    """What is missing for these tests, with what to do about it."""
    if sync_playwright is None:
        return "playwright is not installed: `make browser` does it"
    return "" if CHROMIUM else "no Chromium is on this machine: install the package chromium"


def pytest_terminal_summary(terminalreporter):
    if missing():
        terminalreporter.write_line(f"The page was not tested in a browser: {missing()}")


@pytest.fixture(scope="session")
def browser():
    if missing():
        (pytest.fail if os.environ.get("BROWSER") == "required" else pytest.skip)(missing())
    expect.set_options(timeout=MOST_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def visit(browser):
    """Open an address in a browser of its own; whatever the page then does, it writes no error to the console."""
    contexts, errors = [], []

    def open_page(address, **options):
        context = browser.new_context(**{"viewport": WIDE, "locale": "en-GB", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SHOWN_MS)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: (errors.append("a dialog"), dialog.dismiss()))
        page.goto(address)
        return page

    open_page.errors = errors
    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in errors if "ERR_CONNECTION" not in text] == []


@pytest.fixture(scope="session")
def world(browser):
    with World() as one:
        yield one


@pytest.fixture
def bridge(world):
    """The world as on a first visit: nobody is known, and nothing fails."""
    world.ringostat.faults()
    for key in (key for key in world.rows() if key.count("#") == 2 and ":" in key):
        world.dynamodb.delete_item(TableName=world.ids["CardsTable"], Key={"key": {"S": key}})
    world.ringostat.clear()
    yield world
    world.ringostat.faults()


@pytest.fixture
def ringostat():
    with Emulator(keys={PROJECT: AUTH_KEY}) as emulator:
        yield emulator


def contact(number, name="Олена Коваль", **changes):
    """A contact as Ringostat is posted it; its phone follows from its number."""
    return {
        "projectId": PROJECT,
        "fullName": name,
        "origin": "Pipedrive",
        "externalId": str(number),
        "leadId": None,
        "responsible": "7",
        "staffId": None,
        "contactLink": f"https://demo.example.com/person/{number}",
        "leadLink": None,
        "dealLink": None,
        "googleClientId": None,
        "contactDirections": [
            {"type": "phone", "name": name, "value": f"+380670{number:06}"},
            {"type": "email", "name": name, "value": f"person{number}@example.com"},
        ],
        "organizations": None,
    } | changes


def post(url, contacts):
    """Post contacts as the bridge does."""
    headers = {"Content-Type": "application/json", "auth-key": AUTH_KEY, "x-project-id": str(PROJECT)}
    body = json.dumps({"contacts": contacts}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{url}/minicrm/contacts/sync", body, headers), timeout=20).close()


@pytest.fixture
def keep(tmp_path):
    """Keep a screenshot of what is in the window: small, in SCREENSHOTS if that is set."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)

    def kept(page, name):
        path = folder / f"{name}.webp"
        session = page.context.new_cdp_session(page)
        taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": 82})
        path.write_bytes(base64.b64decode(taken["data"]))
        return path

    return kept


def read_until(page, locator, again="Read again"):
    """Read the view again, by the button of this name, until something stands there."""
    for _ in range(MOST_MS // 250):
        if locator.count():
            return
        page.wait_for_timeout(250)
        page.get_by_role("button", name=again).click()
    locator.wait_for()
