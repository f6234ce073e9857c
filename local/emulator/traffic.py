"""The requests that the emulator got, within bounds."""

import json
from collections import deque
from itertools import islice, takewhile
from typing import Any, NamedTuple

KEPT_REQUESTS = 10_000
KEPT_BYTES = 64 * 1024 * 1024


class Request(NamedTuple):
    """One request with its answer; `status` is None where the connection was dropped instead."""

    number: int
    time: float  # seconds since 1970
    path: str
    headers: dict[str, str]  # lower-case names, without the key
    body: bytes
    status: int | None
    answer: bytes
    records: int = 0
    seconds: float = 0.0  # until it was answered

    def as_json(self) -> dict[str, Any]:
        """Return it with bodies as values, or as text where they are no JSON."""
        return {**self._asdict(), "body": _value(self.body), "answer": _value(self.answer)}


class Traffic:
    """The last requests: at most 10,000, with at most 64 MiB of bodies. Not safe between threads."""

    def __init__(self) -> None:
        self._requests: deque[Request] = deque()
        self._marks: deque[int] = deque()
        self._bytes = 0
        self.count = 0

    def next_number(self) -> int:
        """Count a request and return its number, from 1."""
        self.count += 1
        return self.count

    def add(self, request: Request, mark: int = 0) -> None:
        """Remember a request, and forget the oldest ones beyond the bounds; `mark` is the number of the change."""
        self._requests.append(request)
        self._marks.append(mark)
        self._bytes += len(request.body)
        while len(self._requests) > KEPT_REQUESTS or (self._bytes > KEPT_BYTES and len(self._requests) > 1):
            self._bytes -= len(self._requests.popleft().body)
            self._marks.popleft()

    def last(self, count: int = KEPT_REQUESTS) -> list[Request]:
        """Return the last requests, oldest first."""
        return list(self._requests)[-count:]

    def since(self, mark: int, most: int) -> list[Request]:
        """Return at most so many requests of later changes, newest first."""
        late = takewhile(lambda pair: pair[0] > mark, zip(reversed(self._marks), reversed(self._requests), strict=True))
        return [request for _, request in islice(late, most)]

    def numbered(self, number: int) -> Request | None:
        """Return a request by its number, None if it is forgotten."""
        return next((request for request in reversed(self._requests) if request.number == number), None)


def _value(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
