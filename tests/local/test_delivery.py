"""What the page tells of deliveries."""

from delivery.classify import Judgement
from delivery.policy import FAILURES_IN_A_ROW
from local.in_process import aws
from local.page.delivery import Delivery
from ops.stack import Stack
from settings import SETTINGS
from tests.delivery.test_worker import change, key


def test_the_page_says_what_is_due_and_since_when_requests_fail(nowhere):
    queue = SETTINGS.delivery_queue_url
    ids = {"CardsTable": SETTINGS.cards_table, "InboxQueue": queue, "RejectedQueue": queue, "DeadDeliveryQueue": queue}
    change(nowhere)
    first = nowhere.clock.time
    for minute in range(FAILURES_IN_A_ROW + 3):
        failed = Judgement("ambiguous", "503", circuit="transport")
        nowhere.throttles.observe(106, failed, first + minute * 60_000)

    seen = Delivery(Stack(aws, ids, ""), {106}, lambda: [key()]).look()

    (project,) = seen["projects"]
    assert [(one["name"], one["state"], one["since"]) for one in project["circuits"]] == [
        ("transport", "open", first / 1000),
        ("contract", "closed", None),
        ("auth", "closed", None),
    ]
    assert [(card["key"], card["state"], card["name"]) for card in seen["due"]] == [(key(), "due", "Olena 42")]
    assert seen["states"] == {key(): "due"}


def test_n6_a_project_that_came_after_the_start_is_watched_too(nowhere):
    queue = SETTINGS.delivery_queue_url
    ids = {"CardsTable": SETTINGS.cards_table, "InboxQueue": queue, "RejectedQueue": queue, "DeadDeliveryQueue": queue}
    delivery = Delivery(Stack(aws, ids, ""), {106}, list)
    assert [one["project"] for one in delivery.look()["projects"]] == [106]

    change(nowhere, project=107)
    nowhere.throttles.observe(
        107, Judgement("slow-down", "429", wait_seconds=60, circuit="transport"), nowhere.clock.time
    )
    seen = delivery.look()

    assert [card["key"] for card in seen["due"]] == [key(project=107)]
    assert [(one["project"], one["pause"] > nowhere.clock.time) for one in seen["projects"]] == [
        (106, False),
        (107, True),
    ]
