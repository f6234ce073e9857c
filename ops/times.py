"""Times and numbers for people: in the zone of their machine, how long ago, how many; `--since` as they write it."""

import re
from datetime import datetime

import click

SECONDS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400}


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun; `more` is a plural that is not made by an s."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def local(milliseconds: int) -> str:
    """Return `2026-03-01 12:00:00` in this machine's time zone; a time that no calendar holds as its number."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def away(milliseconds: int, now: int) -> str:
    """Return `3 min ago` or `in 3 min`."""
    seconds = abs(milliseconds - now) // 1000
    unit, size = next(((unit, SECONDS[unit]) for unit in ("d", "h", "min") if seconds >= SECONDS[unit]), ("s", 1))
    amount = f"{seconds // size} {unit}"
    return f"{amount} ago" if milliseconds <= now else f"in {amount}"


def shown(milliseconds: int, now: int) -> str:
    """Return `2026-03-01 12:00:00 (3 min ago)`."""
    return f"{local(milliseconds)} ({away(milliseconds, now)})"


def since(text: str | None, now: int, option: str = "--since") -> int:
    """Return ms since 1970 for `90min`, `2h`, `3d`, `2026-03-01` or `2026-03-01T10:00`; 0 for None."""
    if text is None:
        return 0
    if ago := re.fullmatch(r"(\d{1,6}) ?(s|m|min|h|d)", text):
        return now - int(ago[1]) * SECONDS[ago[2]] * 1000
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(
            "write it like 90min, 2h, 3d, 2026-03-01 or 2026-03-01T10:00", param_hint=option
        ) from None
