"""The pieces in which many things go to AWS."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def chunks(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Return the things in pieces of at most `size`."""
    return (things[start : start + size] for start in range(0, len(things), size))
