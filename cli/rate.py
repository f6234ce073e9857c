"""A limit of so many a second."""

import time
from collections.abc import Callable


class Rate:
    """`a_second` 0 is no limit. `clock` gives seconds and never goes back; `sleep` waits."""

    def __init__(
        self,
        a_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._a_second = a_second
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def wait(self, number: int) -> None:
        """Wait until so many more may go."""
        if not self._a_second:
            return
        now = self._clock()
        if self._free_at > now:
            self._sleep(self._free_at - now)
        self._free_at = max(self._free_at, now) + number / self._a_second
