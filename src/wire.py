"""What came back of one HTTP request of ours, to Ringostat or to a CRM. Pure."""

from collections.abc import Mapping
from datetime import UTC
from http import HTTPStatus
from typing import NamedTuple

LONGEST_RETRY_AFTER_SECONDS = 3_600.0


class Answer(NamedTuple):
    """What came back of one request.

    `status` is None when no status line arrived. `headers` have lower-case names. `body` is raw and cut where it is
    longer than the caller reads. `complete` is True when nothing of the answer is missing. `sent` is False only if
    certainly no byte of the request left.
    `error` is empty or one of: key, address, dns, connect, certificate, tls, timeout, reset, garbled, truncated,
    too-long.
    """

    status: int | None
    headers: Mapping[str, str] = {}
    body: bytes = b""
    complete: bool = False
    sent: bool = True
    error: str = ""


def says_all(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell an answer that is meant to be empty from one cut inside its headers: http.client reads both alike."""
    return bool(body) or status == HTTPStatus.NO_CONTENT or headers.get("content-length", "").strip() == "0"


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Return the seconds of Retry-After, at least 1 and at most an hour; 0 if there is none that can be read.

    `now` is in seconds since 1970, for a date.
    """
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        # It loads sockets, which this module has no use for.
        from email.utils import parsedate_to_datetime  # noqa: PLC0415

        try:
            moment = parsedate_to_datetime(value)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return 0.0
    return min(max(seconds, 1.0), LONGEST_RETRY_AFTER_SECONDS)
