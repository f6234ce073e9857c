"""The process that delivers is killed in mid-delivery."""

import threading
import time
from itertools import count

import pytest

from tests.end_to_end import crm

pytestmark = [pytest.mark.world, pytest.mark.slow]

KILLS, CARDS, FORM = 10, 500, 25


@pytest.mark.timeout(300)
def test_ten_kills_over_five_hundred_cards_lose_nothing_and_leave_nothing_stale(bridge, some):
    people = newest = some(CARDS)
    world, killed, rounds = bridge.world, [], count(1)
    world.ringostat.faults({"delay": 0.3, "times": 1000})  # most kills land while a request is on its way

    def kill():
        while len(killed) < KILLS:
            before = world.state()["requests"]
            until = time.monotonic() + 5
            while world.state()["requests"] == before and time.monotonic() < until:
                time.sleep(0.02)
            killed.extend(world.kill("deliver"))
            time.sleep(1)

    killer = threading.Thread(target=kill)
    killer.start()
    while killer.is_alive():  # there is always something on its way
        number = next(rounds)
        newest = [one._replace(name=f"{one.name} {number}", changed_at=one.changed_at + number) for one in people]
        for start in range(0, CARDS, FORM):
            assert world.post("demo-kommo", crm.kommo(newest[start : start + FORM]), crm.FORM).status == 202
    killer.join()
    world.ringostat.faults()
    bridge.settled(*people, seconds=180)

    found = bridge.contacts(people)
    assert len(killed) >= KILLS
    assert number > 1
    assert {one.id: one.name for one in newest} == {int(key): card["fullName"] for key, card in found.items()}
    assert world.depth("dead-delivery") == 0
