"""An event comes out of an inbox message as it went in."""

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from event import Event, queued, wrapped

ROOT = Path(__file__).parents[1]
NOW = 1_780_000_000_000
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
HEADERS = st.dictionaries(TEXTS.map(str.lower).filter(lambda name: name == name.lower()), TEXTS, max_size=3)


def record(body, **attributes):
    return {
        "messageId": "message",
        "body": body,
        "attributes": {"SentTimestamp": str(NOW)},
        "messageAttributes": {name: {"stringValue": text} for name, text in attributes.items()},
    }


@given(
    connection=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=40),
    body=st.binary(max_size=200),
    headers=HEADERS,
    query=st.dictionaries(TEXTS, TEXTS, max_size=3),
    received_at=st.integers(1, NOW),
    request_id=st.from_regex(r"[!-~]{1,128}", fullmatch=True),
)
def test_what_is_written_is_read_again(connection, body, headers, query, received_at, request_id):
    event = Event(connection, body, {"content-type": "text/xml", **headers}, query, received_at, request_id)

    assert queued(record(wrapped(event))) == event
    assert queued(record(wrapped(event), connection=connection, code="no-id", reason="why")) == event
    assert wrapped(event).isascii()


def test_a_message_of_the_future_arrived_when_the_queue_got_it():
    message = {"connection": "acme", "body": {}, "receivedAt": NOW + 1}

    assert queued(record(json.dumps(message))).received_at == NOW


def test_the_model_is_imported_only_where_a_message_wraps_an_event():
    code = (
        "import sys; from event import queued\n"
        "record = {'messageId': '1', 'body': '{}', 'attributes': {'SentTimestamp': '1'},"
        " 'messageAttributes': {'connection': {'stringValue': 'acme'}}}\n"
        "queued(record); print('pydantic' in sys.modules)\n"
        "queued({**record, 'messageAttributes': {}, 'body': '{\"connection\": \"acme\", \"body\": 1}'})\n"
        "print('pydantic' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "src", capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True"]
