"""What is new since when, for pages that stay open: one who was away gets what is so now, not every step in between."""

import json
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

HEARTBEAT_SECONDS = 10  # a comment that no page reads: only a write finds out that a page has gone
TOGETHER_SECONDS = 0.1  # changes so close to each other are sent together

Read = Callable[[int], tuple[int, Iterable[dict[str, Any]]]]


class Changes:
    """A count of changes that threads can wait on. `readers` are the pages that are open."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._epoch = secrets.token_hex(4)
        self._ended = threading.Event()
        self.count = 0
        self.readers = 0

    def mark(self) -> int:
        """Count a change and return its number, from 1."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()
            return self.count

    def end(self) -> None:
        """Let every stream end."""
        self._ended.set()
        self.mark()

    def stream(self, since: str, read: Read) -> Iterator[bytes]:
        """Yield server-sent events: at once what is new since the id of an earlier one, then whatever changes.

        `read` returns, for a count, the present count and the news since then in pieces.
        """
        epoch, _, number = since.partition(".")
        seen = int(number) if epoch == self._epoch and number.isdecimal() else 0
        with self._reader():
            yield b"retry: 1000\n\n"
            changed = True
            while not self._ended.is_set():
                if changed:
                    seen, pieces = read(seen)
                    yield from self._events(seen, pieces)
                else:
                    yield b": still here\n\n"
                changed = self._wait(seen)

    def _events(self, count: int, pieces: Iterable[dict[str, Any]]) -> Iterator[bytes]:
        """Yield an event a piece; only the last has an id, so a page that missed one asks for them all again."""
        for piece in pieces:
            yield b"data: " + json.dumps(piece, separators=(",", ":")).encode() + b"\n\n"
        yield f"id: {self._epoch}.{count}\nevent: changed\ndata:\n\n".encode()

    def _wait(self, seen: int) -> bool:
        with self._condition:
            changed = self._condition.wait_for(lambda: self.count > seen, HEARTBEAT_SECONDS)
        if changed:
            self._ended.wait(TOGETHER_SECONDS)
        return changed

    @contextmanager
    def _reader(self) -> Iterator[None]:
        with self._condition:
            self.readers += 1
        try:
            yield
        finally:
            with self._condition:
                self.readers -= 1
