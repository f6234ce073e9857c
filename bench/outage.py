"""Changes of the same persons while Ringostat fails for a time, and what its contact book shows in the end."""

import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from bench.corpus import START, person


class Outage(NamedTuple):
    """So many changes a second for so many seconds, of persons drawn at random; down from one second to another."""

    persons: int
    per_second: int
    lasts: int
    down: tuple[int, int]

    @property
    def changes(self) -> int:
        """Return how many there are."""
        return self.per_second * self.lasts

    @property
    def described(self) -> str:
        """Say so."""
        rate = f"{self.per_second} changes a second for {self.lasts} s"
        return f"{rate}, of {self.persons} persons at random; down after {self.down[0]} s"

    def sent(self) -> Iterator["Sent"]:
        """Draw the changes; they are the same every time."""
        chance = random.Random(7)  # noqa: S311
        for index in range(self.changes):
            yield Sent(index / self.per_second, chance.randint(1, self.persons), f"Олена {index}")


class Sent(NamedTuple):
    """A change: when (seconds), whose, and the name that it brings."""

    at: float
    number: int
    name: str

    @property
    def body(self) -> bytes:
        """Return Pipedrive's body."""
        return person(self.number, START + int(self.at * 1000), name=self.name)


def newest(changes: Iterable[Sent]) -> dict[int, Sent]:
    """Return the last change of each person."""
    return {sent.number: sent for sent in changes}


def book(bodies: Iterable[tuple[float, bytes]]) -> dict[int, tuple[str, float]]:
    """Return the name that each person has after so many POSTs, and the time of the one that brought it."""
    shown: dict[int, tuple[str, float]] = {}
    for at, body in bodies:
        for record in json.loads(body)["contacts"]:
            number, name = int(record["externalId"]), record["fullName"]
            if shown.get(number, ("", 0.0))[0] != name:
                shown[number] = name, at
    return shown


def wrong(wanted: Mapping[int, Sent], shown: Mapping[int, tuple[str, float]]) -> set[int]:
    """Return the persons whose newest state the book does not show."""
    return {number for number, sent in wanted.items() if shown.get(number, ("", 0.0))[0] != sent.name}
