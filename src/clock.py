"""The one clock of the functions."""

import time


def now() -> int:
    """Return ms since 1970, UTC."""
    return time.time_ns() // 1_000_000
