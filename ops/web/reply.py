"""Answers of the emulator."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """Status, further headers and body of an answer; `stream` yields a body that does not end by itself."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = "application/json"
    stream: Iterator[bytes] | None = None


def said(status: int, value: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a JSON reply."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"), headers or {})


def absent() -> Reply:
    """Return the reply for a path that there is not."""
    return said(HTTPStatus.NOT_FOUND, {"error": "There is no such page."})
