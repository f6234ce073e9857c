"""The guard of the rejected queue: thousands of events that no mapping reads are counted and sampled."""

from collections import Counter

from telemetry import logger

MINUTE_MS = 60_000
WHOLE = 100  # events of one connection and code that a process keeps whole each minute
SAMPLE = 100  # of more, one in so many is kept


class Flood:
    """What one process has rejected this minute, by connection and code; `now` is in ms since 1970, UTC."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Forget everything, as a new process has."""
        self._minute = 0
        self._seen: Counter[tuple[str, str]] = Counter()
        self._unkept: Counter[tuple[str, str]] = Counter()  # since the last event that was kept

    def keeps(self, connection: str, code: str, now: int) -> bool:
        """Count a rejected event; return whether it is kept, and log how many before it were not."""
        if now // MINUTE_MS != self._minute:
            self._minute = now // MINUTE_MS
            self._seen.clear()
        one = connection, code
        self._seen[one] += 1
        beyond = self._seen[one] - WHOLE
        if beyond > 0 and beyond % SAMPLE:
            self._unkept[one] += 1
            return False
        if unkept := self._unkept.pop(one, 0):
            logger.warning("rejected events were not kept", connection=connection, code=code, number=unkept)
        return True
