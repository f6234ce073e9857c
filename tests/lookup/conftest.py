"""The bridge beside a CRM of which only ids come in."""

from contextlib import contextmanager

import pytest

from local.in_process import CONNECTIONS, Bridge, Clock, connection
from local.memory import Memory
from tests.campaign.aws import Aws
from tests.lookup.crm import Crm

NAME = "acme-bitrix24"


@contextmanager
def looking_into_a_crm(clock):
    with Bridge("http://127.0.0.1:9", clock) as bridge:
        bridge.crm = Crm(lambda: clock.time)
        bridge.put_connections({**CONNECTIONS, NAME: connection("bitrix24", lookups=True)})
        bridge.put_api_keys({NAME: {"url": bridge.crm.url}})
        yield bridge
        bridge.crm.close()


@pytest.fixture
def looking(aws):
    """A bridge with look-ups into a CRM on this machine, and no Ringostat."""
    with looking_into_a_crm(Clock()) as bridge:
        yield bridge


@pytest.fixture
def quick(aws):
    """The same, whose table and queues are a few dictionaries."""
    clock = Clock()
    with Aws(Memory(lambda: clock.time)), looking_into_a_crm(clock) as bridge:
        yield bridge
