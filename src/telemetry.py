"""The one logger and the metrics. Neither is ever given personal data: keys, codes and counts only."""

import functools
import json
import re
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

Result = TypeVar("Result")

# Every name is billed and is in template.yaml, docs/operations.md and docs/cost.md; more than ten cost money.
# What API Gateway, SQS and Lambda measure free of charge (requests by status, queues) is not counted again.
METRICS = {
    "RecordsAccepted": "records that brought news",
    "RecordsUnchanged": "records that brought nothing new: unchanged, or older than what is known",
    "RecordsSkipped": "records that their mapping leaves out",
    "RecordsRejected": "records and messages that could not be mapped",
    "CardsPosted": "cards in requests to Ringostat",
    "CardsConfirmed": "cards that Ringostat has taken",
    "CardsRefused": "cards that Ringostat refused alone each time, for good",
    "AnswersUnknown": "answers of Ringostat that the bridge does not understand",
    "OldestDueSeconds": "age of the oldest content that Ringostat has not confirmed",
    "CircuitsOpen": "projects that wait after failures or cannot be read, and connections whose API key is refused",
    "SilentConnections": "connections that have sent nothing for their silent_hours; only while there are any",
    "OldestWantedSeconds": "age of the oldest record that is to be looked up; with look-ups only",
    "RecordsHealed": "records of a nightly sync that events had missed; with a nightly sync only",
}

ADDRESS_OR_NUMBER = re.compile(r"[^\s@]{1,64}@[^\s@]+|\+[0-9][0-9 ().-]{7,20}[0-9]")
LONGEST_TEXT = 1000  # characters of one text that are written; names of connections on the queue are anybody's


class Masking(LambdaPowertoolsFormatter):
    """The net below the rule: nothing that looks like an e-mail address or a phone number is written.

    JSON in ASCII, so that no control character, line end or change of direction reaches a terminal.
    """

    def serialize(self, log: Any) -> str:
        """Return the record as one line; what holds nothing to mask, and that is nearly every line, is not searched."""
        line = _line(log)
        harmless = len(line) <= LONGEST_TEXT and "@" not in line and "+" not in line
        return line if harmless else _line(masked(log))


_line = json.JSONEncoder(separators=(",", ":"), default=lambda value: masked(str(value))).encode


def masked(value: Any) -> Any:
    """Return the same value with a `…` for each e-mail address and each phone number with its plus."""
    match value:
        case str():
            text = value[:LONGEST_TEXT]
            return ADDRESS_OR_NUMBER.sub("…", text) if "@" in text or "+" in text else text
        case dict():
            return {masked(name): masked(item) for name, item in value.items()}
        case list() | tuple():
            return [masked(item) for item in value]
    return value


# A time with a Z, because a plus would look like the beginning of a phone number.
logger = Logger(log_uncaught_exceptions=False, logger_formatter=Masking(datefmt="%Y-%m-%dT%H:%M:%S.%FZ", utc=True))
metrics = Metrics()
counted: Counter[str] = Counter()  # since metrics were last written


def count(name: str, value: int = 1) -> None:
    """Add to one of METRICS."""
    counted[name] += value


def report(message: str, numbers: Mapping[str, int], **context: Any) -> None:
    """Log what was done, and count it."""
    counted.update(numbers)
    logger.info(message, **context)


def measure(name: str, value: float, unit: MetricUnit = MetricUnit.Count) -> None:
    """Report the present value of one of METRICS, 0 included: a missing value means that the sweep does not run."""
    metrics.add_metric(name, unit, value)


def failed(message: str, error: BaseException, **context: Any) -> None:
    """Log an unexpected error by type and place: texts of libraries quote the data that they choke on."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    logger.error(
        message,
        error=type(error).__name__,
        at=[f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
        **context,
    )


def flush() -> None:
    """Write what was counted and measured since the last time, if anything was.

    Counts are summed first: Powertools takes 7 µs to add one, and writes each by itself.
    """
    for name, value in (+counted).items():
        measure(name, value)
    counted.clear()
    if metrics.metric_set:
        metrics.flush_metrics()


def flushing(handler: Callable[[Any, Any], Result]) -> Callable[[Any, Any], Result]:
    """Write the metrics of each invocation, if there are any: Powertools' own decorator warns when there are none."""

    @functools.wraps(handler)
    def flushed(event: Any, context: Any) -> Result:
        try:
            return handler(event, context)
        finally:
            flush()

    return flushed
