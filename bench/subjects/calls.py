"""AWS calls, counted by a hook of botocore: exact, so a test asserts them too (`tests/test_bench.py`)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from moto import mock_aws

from bench.corpus import FORM, START, direct, kommo, person
from bench.measure import Figure, Table
from delivery.wakeups import wakeups_of
from delivery.worker import Run
from handlers import inbox
from local.emulator import Emulator
from local.in_process import AUTH_KEYS, Bridge, Context, overheard, receive, record_of
from settings import SETTINGS

PERSON, KOMMO = person(1).decode(), kommo(1, 100).decode()


class Case(NamedTuple):
    """What is done, in a bridge that is warm: secrets read, the project enrolled, its throttle known."""

    name: str
    most: int  # and so many it is
    prepare: Callable[[Any], Any]
    act: Callable[[Any, Any], Any]


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the requests of all clients, retries included, by operation."""
    calls: Counter[str] = Counter()
    with overheard(lambda _, operation, __: calls.update([operation])):
        yield calls


def count(case: Case, bridge: Bridge) -> Counter[str]:
    """Return the calls of a case."""
    warm(bridge)
    prepared = case.prepare(bridge)
    with counted() as calls:
        case.act(bridge, prepared)
    return calls


def warm(bridge: Bridge) -> None:
    """Let a first event of each kind through, so that what is read once has been read."""
    bridge.post("acme", person(900_001).decode())
    bridge.post("acme-kommo", kommo(900_002, 1).decode(), content_type=FORM)
    bridge.put(person(900_003).decode(), connection="acme")
    bridge.take_inbox()
    bridge.deliver()


def tables() -> list[Table]:
    """Count."""
    keys = {int(project): entry["auth_key"] for project, entry in AUTH_KEYS.items()}
    figures = []
    for case in CASES:
        with mock_aws(), Emulator(keys=keys) as emulator, Bridge(emulator.url) as bridge:
            calls = count(case, bridge)
        figures.append(Figure(case.name, calls.total(), shown(calls), most=case.most))
    return [Table("AWS calls (exact, warm; those of the pollers are Lambda's own and not billed to us)", figures)]


def shown(calls: Counter[str]) -> str:
    """Return the calls as a sum: `GetItem + 2 UpdateItem`."""
    return "= " + " + ".join(f"{number} {name}".removeprefix("1 ") for name, number in sorted(calls.items()))


def _nothing(_: Bridge) -> None:
    return None


def _known(bridge: Bridge) -> None:
    bridge.post("acme", PERSON)
    _waiting(bridge)


def _waiting(_: Bridge) -> dict[str, Any]:
    records: list[Any] = []
    while messages := receive(SETTINGS.delivery_queue_url):
        records += map(record_of, messages)
    return {"Records": records}


def _due(body: str, connection: str, content_type: str = "application/json") -> Callable[[Bridge], Any]:
    def prepare(bridge: Bridge) -> dict[str, Any]:
        bridge.post(connection, body, content_type=content_type)
        return _waiting(bridge)

    return prepare


def _delivered(body: str, connection: str, content_type: str = "application/json") -> Callable[[Bridge], Any]:
    def prepare(bridge: Bridge) -> None:
        bridge.post(connection, body, content_type=content_type)
        bridge.deliver()

    return prepare


def _deliver(bridge: Bridge, event: dict[str, Any]) -> None:
    Run(bridge.worker, bridge.clock.time + 60_000).deliver(wakeups_of(event))


def _messages(bridge: Bridge) -> list[dict[str, Any]]:
    for number in range(1, 11):
        bridge.put(person(number).decode(), connection="acme")
    return [record_of(message) for message in receive(SETTINGS.inbox_queue_url)]


def _take(_: Bridge, records: Sequence[dict[str, Any]]) -> None:
    inbox.lambda_handler({"Records": records}, Context())


def _post(body: str, connection: str = "acme", content_type: str = "application/json") -> Callable[[Bridge, Any], Any]:
    return lambda bridge, _: bridge.post(connection, body, content_type=content_type)


CASES = [
    Case("api, one event, a new card", 3, _nothing, _post(PERSON)),
    Case("api, one event, a known card", 3, _known, _post(person(1, START + 1, name="Олена Кравець").decode())),
    Case("api, one event, nothing new", 2, _delivered(PERSON, "acme"), _post(PERSON)),
    Case("api, 100 new in one form", 5, _nothing, _post(KOMMO, "acme-kommo", FORM)),
    Case("api, 100 new in one array", 6, _nothing, _post(direct(1, 100).decode(), "acme-direct")),
    Case("api, 100 with nothing new", 2, _delivered(KOMMO, "acme-kommo", FORM), _post(KOMMO, "acme-kommo", FORM)),
    Case("inbox, 10 messages", 3, _messages, _take),
    Case("deliver, one due card", 2, _due(PERSON, "acme"), _deliver),
    Case("deliver, 100 due cards", 3, _due(KOMMO, "acme-kommo", FORM), _deliver),
]
