"""The full events for `sam local invoke` are events that the handlers take."""

import json
from pathlib import Path

import pytest

from handlers import api, deliver, inbox, sweep
from local.in_process import CONNECTIONS, Context, connection

EVENTS = Path(__file__).parents[2] / "events" / "lambda"
HANDLERS = {module.__name__.rpartition(".")[2]: module.lambda_handler for module in (api, deliver, inbox, sweep)}


@pytest.fixture
def demo(nowhere):
    """The bridge with the connections that the local world has too."""
    nowhere.put_connections(
        {**CONNECTIONS, "demo-pipedrive": connection("pipedrive"), "demo-direct": connection("direct")}
    )
    return nowhere


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_takes_its_event(demo, name):
    answer = HANDLERS[name](json.loads((EVENTS / f"{name}.json").read_text("utf-8")), Context())

    assert answer in (0, {"batchItemFailures": []}) or answer["statusCode"] == 202


def test_every_function_has_its_event():
    assert {path.stem for path in EVENTS.glob("*.json")} == set(HANDLERS)
