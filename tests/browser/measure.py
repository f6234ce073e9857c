"""Figures of the page with many cards: `python -m tests.browser.measure --cards 5000 --minutes 10`. Asserts nothing."""

# ruff: noqa: T201 - it prints for people
import argparse
import itertools
import resource
import statistics
import time

from playwright.sync_api import sync_playwright

from local.emulator import Emulator
from local.world import AUTH_KEY, PROJECT
from tests.browser.conftest import ARGUMENTS, CHROMIUM, WIDE, contact, post

BATCH, REQUESTS_A_SECOND, ROUND_SECONDS = 100, 5, 30
NAMES = ("Олена Коваль", "Андрій Шевчук", "Ґалина Їжакевич", "Тарас Бондар", "Соломія Гнатюк")
SEARCHES = ("коваль", "067 000 12", "їжак", "person42@", "олена коваль 7")
PAINT = """() => new Promise((done) => new PerformanceObserver((list) => done(list.getEntries()[0].startTime))
  .observe({ type: "paint", buffered: true }))"""
SEARCH = """async (typed) => {
  const input = document.getElementById("search"), took = [];
  for (const letter of typed) {
    input.value += letter;
    const started = performance.now();
    input.dispatchEvent(new Event("input"));
    document.body.getBoundingClientRect();
    took.push(performance.now() - started);
    await new Promise((done) => requestAnimationFrame(done));
  }
  input.value = "";
  input.dispatchEvent(new Event("input"));
  return took;
}"""


def people(start, round_number):
    return [
        contact(number, f"{NAMES[(number + round_number) % len(NAMES)]} {number}")
        for number in range(start, start + BATCH)
    ]


def opened(context, url, cards):
    """Open the page; return it with the ms until the first paint and until every card is there."""
    page = context.new_page()
    started = time.monotonic()
    page.goto(url)
    paint = page.evaluate(PAINT)
    page.locator(".segments .number").filter(has_text=f"{cards:,}").wait_for()
    return page, paint, (time.monotonic() - started) * 1000


def heap(page):
    """Return the page's live JavaScript heap and its nodes, after a collection, and the server's memory in MB."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    session.send("Performance.enable")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    server = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"heap {found['JSHeapUsedSize'] / 1e6:6.1f} MB, {found['Nodes']:6.0f} nodes; server at most {server:5.0f} MB"


def live(page, url, cards, minutes):
    """Post and call without pause; print the memory now and then."""
    starts = itertools.cycle(range(0, cards, BATCH))
    started, requests = time.monotonic(), 0
    while (passed := time.monotonic() - started) < minutes * 60:
        until = min(ROUND_SECONDS, minutes * 60 - passed)
        round_started = time.monotonic()
        while time.monotonic() - round_started < until:
            post(url, people(next(starts), requests))
            requests += 1
            page.wait_for_timeout(1000 / REQUESTS_A_SECOND)
        print(f"  after {(time.monotonic() - started) / 60:4.1f} min, {requests:5} requests: {heap(page)}", flush=True)


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cards", type=int, default=5000)
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    with Emulator(keys={PROJECT: AUTH_KEY}) as ringostat, sync_playwright() as playwright:
        for start in range(0, options.cards, BATCH):
            post(ringostat.url, people(start, 0))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        times = []
        for _ in range(5):
            context = browser.new_context(viewport=WIDE)
            page, *measured = opened(context, ringostat.url, options.cards)
            times.append(measured)
            if len(times) < 5:
                context.close()
        paint, complete = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{options.cards} cards: first paint {paint:.0f} ms, every card there {complete:.0f} ms (median of 5)")
        took = [one for typed in SEARCHES for one in page.evaluate(SEARCH, typed)]
        print(f"search: median {statistics.median(took):.1f} ms a letter, slowest {max(took):.1f} ms of {len(took)}")
        print(f"live traffic, {REQUESTS_A_SECOND} requests of {BATCH} contacts a second:\n  at first: {heap(page)}")
        live(page, ringostat.url, options.cards, options.minutes)
        browser.close()


if __name__ == "__main__":
    main()
