"""AWS in memory (the one that the campaigns use), counted and timed, so that a measurement can leave it out.

moto takes milliseconds a call, and its work would drown ours.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from local.memory import Memory


class Aws:
    """The client of DynamoDB, SQS and Secrets Manager at once, one call at a time. `clock` gives ms since 1970."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.memory = Memory(clock)
        self.calls: Counter[str] = Counter()
        self.seconds = 0.0  # CPU time spent in here
        self.secrets: dict[str, str] = {}
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = self._secret if name == "get_secret_value" else getattr(self.memory, name)

        def call(**parameters: Any) -> Any:
            with self._lock:
                started = time.thread_time()
                self.calls[name] += 1
                try:
                    return operation(parameters)
                finally:
                    self.seconds += time.thread_time() - started

        return call

    def _secret(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"SecretString": self.secrets[parameters["SecretId"]]}
