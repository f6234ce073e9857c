"""A witness of everything that leaves the functions, which knows the persons of the tests by name.

It hears what is really written: log lines after formatting, metrics as printed, wake-ups, keys, attributes of messages,
HTTP answers, and what an invocation raises, for Lambda prints that too.
"""

import contextlib
import functools
import json
import logging
import re
import traceback
from collections import Counter
from contextlib import contextmanager

from aws_lambda_powertools.metrics.provider.cloudwatch_emf import cloudwatch

import telemetry
from handlers import api, deliver, inbox, sweep
from local.in_process import overheard
from settings import SETTINGS

NAMES = (
    r"olena|koval|oleksii|andrii|melnyk|maria|iryna|bondar|olha|"
    r"олен[аи]|ковал|канарчук|андрі|мельник|ірин|бондар|шевченко|марі[яї]|петро|гончар"
)
PHONES = r"(?<![\d.])(?:\+?38)?0(?:39|44|50|63|66|67|68|73|9[1-9])[\s().-]{0,2}\d{3}[\s.-]?\d{2}[\s.-]?\d{2}(?!\d)"
NUMBERS = r"\+\d[\d\s().-]{7,}\d"
ADDRESSES = r"[\w.+-]+@[\w-]+\.?[\w.-]*"
PERSONAL = re.compile(f"{NAMES}|{PHONES}|{NUMBERS}|{ADDRESSES}", re.IGNORECASE)
# Ids of requests and messages, and hashes in keys: one in ten thousand holds digits that could be a phone.
RANDOM = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?:sha256-|number:)[0-9a-f]{32}\b")

LIBRARIES = ("boto3", "botocore", "urllib3", "aws_lambda_powertools")


class Witness:
    """What was heard since `forget`: how much of each kind, and what was personal in it."""

    def __init__(self):
        self.heard = Counter()
        self.leaks = []
        self._wanted = frozenset()
        self.hearing = contextlib.ExitStack()

    def hear(self, kind, text):
        self.heard[kind] += 1
        plain = unescaped(text)
        if found := personal(plain):
            self.leaks.append((kind, found[0], text))
        self.leaks += [(kind, value, text) for value in self._wanted if value in plain]

    def forget(self):
        self.heard.clear()
        self.leaks.clear()

    @contextmanager
    def looking_for(self, values):
        """Look for these values too."""
        self._wanted = frozenset(values)
        try:
            yield self
        finally:
            self._wanted = frozenset()


def personal(text):
    """Return the first match of anything personal, None if there is none."""
    return PERSONAL.search(RANDOM.sub("…", text))


def unescaped(text):
    return re.sub(r"\\+u([0-9a-fA-F]{4})", lambda escape: chr(int(escape[1], 16)), text)


class Tee:
    """The stream of the logger's handler, overheard."""

    def __init__(self, stream, hear):
        self._stream = stream
        self._hear = hear

    def write(self, text):
        if text.strip():
            self._hear("log line", text)
        return self._stream.write(text)

    def flush(self):
        self._stream.flush()


class Overhearing(logging.Handler):
    """What libraries log, as Lambda would write it: from INFO on, with the texts of exceptions."""

    def __init__(self, hear):
        super().__init__(logging.INFO)
        self._hear = hear

    def emit(self, record):
        self._hear("log line of a library", self.format(record))


def installed():
    """Return a witness that hears all that follows in this process."""
    witness = Witness()
    handler = telemetry.logger.registered_handler
    handler.setStream(Tee(handler.stream, witness.hear))
    for name in LIBRARIES:
        logging.getLogger(name).addHandler(Overhearing(witness.hear))
        logging.getLogger(name).setLevel(logging.INFO)
    cloudwatch.print = functools.partial(printed, witness.hear)  # the metrics' way out is print()
    witness.hearing.enter_context(overheard(functools.partial(sent, witness.hear)))
    for module in (api, deliver, inbox, sweep):
        module.lambda_handler = invoked(witness.hear, module.lambda_handler)
    return witness


def printed(hear, text):
    hear("metric", text)
    print(text)  # noqa: T201 - as it would have been


def sent(hear, client, operation, params):
    """Hear what a call to AWS says outside the places where personal data may lie."""
    if client.service.name == "dynamodb":
        hear("key", " ".join(sorted(set(keys_in(params)))))
    elif operation.startswith("SendMessage"):
        for message in params.get("Entries", [params]):
            _message(hear, params["QueueUrl"], message)


def _message(hear, url, message):
    """Hear a wake-up whole, and of an event what SQS does not encrypt: https://docs.aws.amazon.com/AWSSimpleQueueService
    /latest/SQSDeveloperGuide/sqs-server-side-encryption.html. What senders put on the inbox queue is theirs.
    """
    if url == SETTINGS.delivery_queue_url:
        hear("wake-up", json.dumps(message))
    elif url == SETTINGS.rejected_queue_url:
        attributes = message.get("MessageAttributes", {})
        hear("attribute", json.dumps([attributes[name] for name in attributes if name != "connection"]))


def keys_in(value):
    """Yield the keys of rows that a call names."""
    if isinstance(value, dict):
        if isinstance(key := value.get("key"), dict) and "S" in key:
            yield key["S"]
        for part in value.values():
            yield from keys_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from keys_in(part)


def invoked(hear, handler):
    @functools.wraps(handler)
    def overheard(event, context):
        try:
            answer = handler(event, context)
        except BaseException:
            hear("error of an invocation", traceback.format_exc())
            raise
        hear("answer", json.dumps(answer, ensure_ascii=False))
        return answer

    return overheard
