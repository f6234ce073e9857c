"""The one logger and the metrics. Neither is ever given personal data: keys, codes and counts only."""

import traceback
from pathlib import PurePath
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

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
