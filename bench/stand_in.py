"""AWS in memory (the one that the campaigns use), counted and timed, so that a measurement can leave it out.

moto takes milliseconds a call, and its work would drown ours.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from local.memory import Memory


class Aws:
    """The client of DynamoDB, SQS and Secrets Manager at once, one call at a time. `clock` gives ms since 1970."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.memory = Memory(clock)
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0  # CPU time spent in here
        self.secrets: dict[str, str] = {}
        self._lock = threading.Lock()

    def call(self, operation: str, /, **parameters: Any) -> Any:
        """Do an operation by its name in AWS's API, as `aws.client` does."""
        name = xform_name(operation)
        work = self._secret if name == "get_secret_value" else getattr(self.memory, name)
        with self._lock:
            started = time.thread_time()
            self.calls[name] += 1
            try:
                return work(parameters)
            finally:
                self.seconds += time.thread_time() - started

    def _secret(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"SecretString": self.secrets[parameters["SecretId"]]}
