"""The one logger and the metrics. Neither is ever given personal data: keys, codes and counts only."""

import functools
import json
import re
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import MetricUnit

Result = TypeVar("Result")

ADDRESS_OR_NUMBER = re.compile(r"[^\s@]{1,64}@[^\s@]+|\+[0-9][0-9 ().-]{7,20}[0-9]")
LONGEST_TEXT = 1000  # characters of one text that are written; names of connections on the queue are anybody's


class Masking(LambdaPowertoolsFormatter):
    """The net below the rule: nothing that looks like an e-mail address or a phone number is written.

    JSON in ASCII, so that no control character, line end or change of direction reaches a terminal.
    """

    def serialize(self, log: Any) -> str:
        """Return the record as one line."""
        return json.dumps(masked(log), separators=(",", ":"), default=lambda value: masked(str(value)))


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


logger = Logger(log_uncaught_exceptions=False, logger_formatter=Masking())
metrics = Metrics()


def count(name: str, value: float = 1) -> None:
    """Add to a metric; names are few, because every one of them is billed."""
    if value:
        metrics.add_metric(name, MetricUnit.Count, value)


def failed(message: str, error: BaseException, **context: Any) -> None:
    """Log an unexpected error by type and place: texts of libraries quote the data that they choke on."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    logger.error(
        message,
        error=type(error).__name__,
        at=[f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
        **context,
    )


def flushing(handler: Callable[[Any, Any], Result]) -> Callable[[Any, Any], Result]:
    """Write the metrics of each invocation, if there are any: Powertools' own decorator warns when there are none."""

    @functools.wraps(handler)
    def flushed(event: Any, context: Any) -> Result:
        try:
            return handler(event, context)
        finally:
            if metrics.metric_set:
                metrics.flush_metrics()

    return flushed
