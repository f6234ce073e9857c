"""What a scheme may look at."""

from collections.abc import Mapping
from typing import NamedTuple


class Request(NamedTuple):
    """A request as it arrived.

    `headers` has lower-case names; `token` is the last part of the URL, empty if there is none; `received_at` is the
    gateway's time, in ms since 1970, UTC.
    """

    body: bytes
    headers: Mapping[str, str]
    token: str = ""
    method: str = "POST"
    received_at: int = 0
