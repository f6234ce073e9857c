"""How fast one may ask. Each limit says how many seconds a request must wait; 0.0 lets it in."""

from collections import deque


class Window:
    """At most `calls` in any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self.calls, self.seconds = calls, seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float:
        """Count a request unless it is one too many."""
        while self._taken and self._taken[0] <= now - self.seconds:
            self._taken.popleft()
        if len(self._taken) >= self.calls:
            return self._taken[0] + self.seconds - now
        self._taken.append(now)
        return 0.0

    def left(self) -> int:
        """Return how many more are let in now."""
        return self.calls - len(self._taken)


class Bucket:
    """A leaky bucket: holds `burst` requests and loses `per_second` of them."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second, self._burst = per_second, burst
        self._level, self._at = 0.0, 0.0

    def take(self, now: float) -> float:
        """Count a request unless the bucket would run over."""
        self._level = max(0.0, self._level - (now - self._at) * self._per_second)
        self._at = now
        if self._level + 1 > self._burst:
            return (self._level + 1 - self._burst) / self._per_second
        self._level += 1
        return 0.0

    def left(self) -> int:
        """Return how many more are let in now."""
        return int(self._burst - self._level)
