"""Nothing personal gets out: every test of the suite is watched, and here the watch itself is proved."""

import json
import logging
import re
import traceback
from itertools import cycle

import jmespath
import phonenumbers
import pytest

import telemetry
from aws.client import Failure
from aws.queues import Message
from errors import BadBody
from handlers import api, deliver
from inbox_message import parse
from local.in_process import Context, connection, overheard
from mapping import direct
from mappings import Version
from ops.samples import TYPES
from tests.canaries import PERSONAL, personal
from tests.handlers.test_api import person
from tests.mapping.cases import CASES

NAMES = ["Olena Koval", "Олена", "КОВАЛЬ"]
NUMBERS = ["olena@example.com", "+380670000001", "+38 (067) 000-00-01"]
WITHOUT_PLUS = ["067 000 00 01", "(067) 000-00-01", "380670000001", "0670000001"]


@pytest.mark.parametrize("text", NAMES + NUMBERS + WITHOUT_PLUS)
def test_the_watch_knows_a_person_in_any_writing(text):
    assert personal(f"card 106#Pipedrive#contact:42 of {text} at 1780000000001")


@pytest.mark.parametrize(
    "text",
    [
        "106#Pipedrive#contact:42",
        "106#Direct#contact:sha256-0670000001abcdef0123456789abcdef",
        "1780000000001",
        "2026-11-25 15:49:19,123+0000",
        "api.py:91 refusal",
        "q@",
        "messages 8cd7f1a0-b34e-413b-8acd-8fc00950870f 09587029-97bc-4cae-8a45-a81f83e062b8",
    ],
)
def test_the_watch_takes_keys_times_places_and_random_ids_for_what_they_are(text):
    assert not personal(text)


def in_the_answer(name):
    """Let `api` answer a request whose id, which answers repeat, is a name."""
    context = {"requestId": name, "http": {"method": "POST"}, "stage": "$default"}
    api.lambda_handler({"rawPath": "/", "headers": {}, "requestContext": context}, Context())


def in_an_error(name):
    """Let `deliver` fail with an error that quotes a name."""
    record = {"messageId": "1", "receiptHandle": "1", "attributes": {"ApproximateReceiveCount": name}}
    with pytest.raises(ValueError, match=name):
        deliver.lambda_handler({"Records": [record]}, Context())


LEAKS = {
    "log line": lambda name: telemetry.logger.info("said", who=[{"is": name}]),
    "log line of a library": lambda name: logging.getLogger("botocore.parsers").warning("cannot read %s", name),
    "metric": lambda name: (telemetry.count(name), telemetry.flush()),
    "wake-up": lambda name: api.STORES.delivery.send(Message(json.dumps({"keys": [name]}))),
    "attribute": lambda name: api.STORES.rejected.send(Message("whole", {"reason": name})),
    "key": lambda name: api.STORES.cards.read([f"106#CRM#contact:{name}"]),
    "answer": in_the_answer,
    "error of an invocation": in_an_error,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", LEAKS)
def test_a_name_that_gets_out_is_heard_wherever_it_does(nowhere, witness, kind, name):
    LEAKS[kind](name)

    assert kind in {heard for heard, _, _ in witness.leaks}
    witness.forget()


@pytest.mark.parametrize("capture", ["capsys", "capfd", "caplog"])
def test_a_test_that_captures_output_is_watched_all_the_same(witness, request, capture):
    request.getfixturevalue(capture)

    LEAKS["log line"](NAMES[0])
    LEAKS["metric"](NAMES[0])

    assert [heard for heard, _, _ in witness.leaks] == ["log line", "metric"]
    witness.forget()


@pytest.fixture
def written():
    """The records that the logger writes, line by line, as text."""
    lines = []
    handler = telemetry.logger.registered_handler
    stream = handler.setStream(Collecting(lines))
    yield lines
    handler.setStream(stream)


class Collecting:
    def __init__(self, lines):
        self._lines = lines

    def write(self, text):
        self._lines += text.splitlines()

    def flush(self):
        pass


HOSTILE = {
    "line ends": 'ok\r\n{"level":"INFO","message":"forged"}',
    "a line end of Unicode": "ok\u2028forged\x85forged",
    "colours": "\x1b[31mred\x1b[0m \x9b2J",
    "a change of direction": "\u202egnirts",
    "half a character": "\ud800",
    "zero bytes": "a\0b",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_stays_one_line_of_plain_ascii(written, monkeypatch, text):
    monkeypatch.setattr(telemetry.logger._logger, "propagate", False)  # pytest cannot send half a character about

    telemetry.logger.warning(text, who=text, names={text: [text]})

    [line] = written
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["who"] == text


@pytest.mark.parametrize("text", NUMBERS)
def test_addresses_and_international_numbers_are_masked_wherever_they_stand(written, text):
    telemetry.logger.info(f"for {text}", who=text, cards=[text], codes={text: 1}, both=(f"<{text}>",), odd={text})

    assert not PERSONAL.search(written[0].encode().decode("unicode_escape"))


def test_keys_and_places_are_not_masked(written):
    said = {"cards": ["106#Pipedrive#contact:42"], "at": ["api.py:91 refusal"], "records": {"accepted": 1}}
    said["mapping"] = str(Version("own", 2, ""))

    telemetry.logger.info("ingested", **said)

    assert said.items() <= json.loads(written[0]).items()


def test_a_text_without_end_is_cut(written):
    telemetry.logger.info("x" * 1_000_000, who="y" * 1_000_000)

    assert len(written[0]) < 3_000


def quoting():
    """Yield errors of libraries whose texts quote what they choke on."""
    for bad in (
        lambda: json.loads('{"name": Olena}'),
        lambda: int("Olena Koval"),
        lambda: {}["olena@example.com"],
        lambda: "Олена".encode("ascii"),
        lambda: jmespath.search("length(name)", {"name": 67}),
        lambda: jmespath.search("to_number(@) < Olena.'Koval'", "Olena Koval"),
        lambda: direct.Contact.model_validate({"Olena Koval": "+380670000001"}),
        lambda: phonenumbers.parse("Olena Koval"),
    ):
        try:
            bad()
        except Exception as error:  # noqa: BLE001 - whatever the library raises is the case
            yield error


@pytest.mark.parametrize("error", list(quoting()), ids=lambda error: type(error).__name__)
def test_an_unexpected_error_is_logged_by_type_and_place(written, error):
    telemetry.failed("left", error, request_id="r")

    record = json.loads(written[0])
    assert record["error"] == type(error).__name__
    assert all(re.fullmatch(r"[\w.]+:\d+ \S+", place) for place in record["at"])
    assert not PERSONAL.search(written[0])


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (person(), {"connection": "Olena Koval"}),
        (person(), {"connection": "\x1b[31m\r\nOlena Koval +380670000001"}),
        ({"connection": "Olena Koval", "body": "{}"}, {}),
        ({"connection": "acme", "body": "{", "requestId": "Olena Koval"}, {}),
        ({"connection": "acme", "body": "{", "requestId": "+380670000001"}, {}),
        ({"connection": "acme", "body": "{", "Olena Koval": "0670000001"}, {}),
        ({"connection": "acme", "body": {}, "headers": {"Olena Koval": 1}}, {}),
        ("Olena Koval", {}),
        ("Olena Koval", {"connection": "acme", "content_type": "Olena/Koval"}),
        ("Olena Koval", {"connection": "acme", "content_type": "text/plain; charset=Olena-Koval"}),
    ],
)
def test_whatever_a_message_calls_itself_is_not_logged(nowhere, written, body, attributes):
    nowhere.put(body, **attributes)

    nowhere.take_inbox()

    assert written
    assert not [line for line in written if PERSONAL.search(line)]


def test_a_request_id_is_no_sentence():
    with pytest.raises(BadBody, match="requestId"):
        parse(json.dumps({"connection": "acme", "body": "{}", "requestId": "Olena Koval"}))


class Trouble:
    """Makes calls of AWS fail with errors that quote what was sent, while it is told to."""

    def __init__(self):
        self.operations = ()

    def hear(self, _, operation, parameters):
        if operation in self.operations:
            raise Failure(operation, "ValidationException", {"message": json.dumps(parameters)})


@pytest.fixture
def trouble():
    trouble = Trouble()
    with overheard(trouble.hear):
        yield trouble


QUOTE = {"error": {"message": "phone 067 000 00 12 of Olena Koval", "olena@example.com": ["Коваль"], "code": "Коваль"}}
REMOTE = [
    {"status": 400, "body": QUOTE},
    {"status": 200, "body": {"success": False, "errors": [QUOTE]}},
    {"status": 422, "body": "Олена Коваль: +380670000012"},
    {"status": 503, "body": QUOTE},
    {"status": 429, "headers": {"Retry-After": "Олена".encode().decode("latin-1")}, "body": QUOTE},
    {"drop": "after"},
    {"truncate": "body"},
]
LOCAL = [
    (),
    (),
    ("UpdateItem",),
    (),
    ("SendMessage",),
    ("GetItem", "SendMessage"),
    (),
    ("BatchGetItem", "TransactWriteItems"),
]


def persons(cases):
    """Return what the events say of persons: their names, phones and e-mail addresses."""
    values = set()
    for case in cases:
        for outcome in case.outcomes():
            for name, value in outcome.fields.items():
                if name == "fullName":
                    values.add(value)
                elif name.startswith(("phones", "emails")):
                    values |= {entry["value"] for entry in value or []}
    return {value for value in values if value and len(value) > 1}


def send(bridge, case, way):
    """Send a case as its CRM does; in other ways as something that cannot be taken."""
    body, request = case.body.read_bytes(), case.request
    kind = request.get("content_type", TYPES[case.body.suffix])
    given = {"content_type": kind, "headers": request.get("headers"), "query": request.get("query")}
    match way:
        case "queue":
            bridge.put(body.decode(), connection=case.mapping, content_type=kind)
            bridge.take_inbox()
        case "cut":
            bridge.post(case.mapping, body[: len(body) // 2], **given)
        case "forged":
            bridge.post(case.mapping, body, "wrong", **given)
        case "other":
            bridge.post(case.mapping, body, **given | {"content_type": "image/png"})
        case _:
            bridge.post(case.mapping, body, **given)


def deliver_watched(bridge, witness):
    """Deliver; what Lambda would print of an error is heard."""
    try:
        bridge.deliver()
    except Failure:
        witness.hear("error of an invocation", traceback.format_exc())


def campaign(bridge, ringostat, trouble, witness, cases, ways):
    """Send every case while AWS and Ringostat fail in turn; then let all of it be delivered."""
    for number, (case, way, operations) in enumerate(zip(cases, cycle(ways), cycle(LOCAL), strict=False)):
        trouble.operations = operations
        send(bridge, case, way)
        if number % 10 == 0:
            ringostat.faults(REMOTE[number // 10 % len(REMOTE)])
            deliver_watched(bridge, witness)
            bridge.clock.pass_(61)
            trouble.operations = ()
            bridge.sweep()
            bridge.deliver()
    bridge.take_inbox()


def watched(bridge, ringostat, trouble, witness, cases, ways):
    bridge.put_connections({mapping: connection(mapping) for mapping in {case.mapping for case in cases}})
    with witness.looking_for(persons(cases)):
        campaign(bridge, ringostat, trouble, witness, cases, ways)
    heard = ", ".join(f"{number} × {kind}" for kind, number in sorted(witness.heard.items()))
    print(f"{len(cases)} events: {heard}; {len(witness.leaks)} hold anything personal")  # noqa: T201
    return witness


WAYS = ["crm", "queue", "crm", "cut", "queue", "forged", "other"]


def test_a_small_campaign_lets_nothing_personal_out(bridge, ringostat, trouble, witness):
    watched(bridge, ringostat, trouble, witness, CASES[::8], WAYS)

    assert witness.leaks == []
    assert {"log line", "metric", "wake-up", "key", "answer", "attribute"} <= witness.heard.keys()
    assert ringostat.state()["contacts"]


@pytest.mark.slow
def test_a_campaign_of_every_event_in_every_way_lets_nothing_personal_out(bridge, ringostat, trouble, witness):
    watched(bridge, ringostat, trouble, witness, CASES * 3, WAYS)

    assert witness.leaks == []
