"""Wake-ups say which cards may be due, and from when on."""

import json

from aws.queues import Queue
from delivery.wakeups import wake
from local.memory import Memory

URL = "https://sqs.example.com/delivery"


def test_there_is_a_message_for_each_project_rest_and_hundred_keys():
    memory = Memory(lambda: 1_000)
    many = {f"106#Kommo#contact:{number}": 0 for number in range(150)}

    wake(Queue(memory.client(), URL), {**many, "107#Kommo#contact:1": 0, "106#Kommo#contact:resting": 3})

    wakeups = [
        (len(json.loads(entry.body)["keys"]), entry.visible_at) for entry in memory.queues[URL].messages.values()
    ]
    assert sorted(wakeups) == [(1, 1_000), (1, 4_000), (50, 1_000), (100, 1_000)]


def test_without_cards_nothing_is_said():
    memory = Memory(lambda: 0)

    wake(Queue(memory.client(), URL), {})

    assert memory.queues == {}
