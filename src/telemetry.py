"""The one logger and the metrics. Neither is ever given personal data: keys, codes and counts only."""

import functools
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, TypeVar

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

Result = TypeVar("Result")
logger = Logger(log_uncaught_exceptions=False)
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
