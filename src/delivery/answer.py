"""What came back of one POST to Ringostat. Pure."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple


class Answer(NamedTuple):
    """What came back of one POST.

    `status` is None when no status line arrived. `headers` have lower-case names. `body` is raw, at most 64 KiB.
    `complete` is True when nothing of the answer is missing. `sent` is False only if certainly no byte of the
    request left.
    `error` is empty or one of: key, dns, connect, certificate, tls, timeout, reset, garbled, truncated, too-long.
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
