"""What AWS refuses before the bridge sees it: API Gateway's throttle, and the copies of functions that run at once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from local.template import Throttle

# The bodies are API Gateway's own; no header of ours is with them.
REFUSALS = {429: b'{"message":"Too Many Requests"}', 503: b'{"message":"Service Unavailable"}'}


class Door:
    """Lets requests in as an account with so many `copies` does, behind the template's throttle.

    The throttle is a bucket of `burst` tokens that fills by `rate` a second:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
    A request needs a copy of its own until it is answered, and none waits for one:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
    """

    def __init__(self, throttle: Throttle, copies: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused: Counter[int] = Counter()  # by status
        self._throttle = throttle
        self._copies = copies
        self._clock = clock
        self._lock = threading.Lock()
        self._tokens, self._at = float(throttle.burst), clock()
        self._inside = 0

    def told(self) -> str:
        """Return a line on what was refused since the last call, empty where nothing was."""
        with self._lock:
            refused, self.refused = self.refused, Counter()
        found = ", ".join(f"{number} with {status}" for status, number in sorted(refused.items()))
        return f"{'':8} {'door':8}refused before any function: {found}" if found else ""

    @contextmanager
    def passing(self) -> Iterator[int | None]:
        """Give the status with which a request is refused, None for one that is inside until the end."""
        with self._lock:
            status = self._entered(self._clock())
        try:
            yield status
        finally:
            with self._lock:
                self._inside -= status is None

    def _entered(self, now: float) -> int | None:
        filled = self._tokens + (now - self._at) * self._throttle.rate
        self._tokens, self._at = min(filled, self._throttle.burst), now
        status = 429 if self._tokens < 1 else 503 if self._inside >= self._copies else None
        self._tokens -= status != 429  # noqa: PLR2004 - named above
        self._inside += status is None
        if status:
            self.refused[status] += 1
        return status
