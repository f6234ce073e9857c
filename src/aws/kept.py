"""A value that a store of AWS holds, cached: read again after five minutes, and served on while the store fails."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from errors import OperatorError, Unavailable

FRESH_SECONDS = 5 * 60
GOOD_SECONDS = 24 * 3600  # how long the last good value serves while its store fails
AGAIN_SECONDS = 60  # between two reads that an answer of Ringostat asked for
RETRY_SECONDS = 5  # between two reads while a store fails and the last good value serves

T = TypeVar("T")


class Kept(Generic[T]):
    """What `fetch` reads from a store, cached; `clock` gives seconds and never goes back.

    `fetch` raises Unavailable where the store fails, OperatorError where what it holds cannot be used.
    """

    def __init__(self, store: str, fetch: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._fetched = fetch
        self._clock = clock
        self._value: T | None = None
        self._read_at = self._tried_at = float("-inf")

    def read(self) -> T:
        """Return the value; raise Unavailable without a good one, OperatorError where it cannot be used."""
        now = self._clock()
        if self._value is None or now - self._read_at >= GOOD_SECONDS:
            self._value = None
            self._fetch(now)
        elif now - self._read_at >= FRESH_SECONDS and now - self._tried_at >= RETRY_SECONDS:
            self._fetch(now)
        if self._value is None:
            raise Unavailable(f"{self._store} does not answer and no value read before can serve.")
        return self._value

    def refresh(self) -> T:
        """Read the value now, because it was not accepted; at most once a minute."""
        now = self._clock()
        if now - self._tried_at >= AGAIN_SECONDS:
            self._fetch(now)
        return self.read()

    def age(self) -> float:
        """Return how many seconds ago the value was read."""
        return self._clock() - self._read_at

    def forget(self) -> None:
        """Read the value at the next call, whatever was read before."""
        self._read_at = self._tried_at = float("-inf")

    def _fetch(self, now: float) -> None:
        self._tried_at = now
        try:
            self._value, self._read_at = self._fetched(), now
        except Unavailable:
            return
        except OperatorError:
            if self._value is None:
                raise
