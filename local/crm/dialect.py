"""What each CRM's dialect is made of: a request in, an answer out; a changed record in, an event out."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

from local.crm.limits import Bucket, Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said


class Asked(NamedTuple):
    """A request to an API. `body` is its JSON, None if there is none. `key` is the one that opens this CRM."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]  # names in lower case
    body: Any
    key: str
    now: float  # seconds since 1970

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a parameter of the query."""
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int) -> int:
        """Return a parameter of the query as a number, the default if it is none."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdecimal() else default

    def bearer(self) -> bool:
        """Return whether the key came as a bearer token."""
        return self.headers.get("authorization") == f"Bearer {self.key}"


class Event(NamedTuple):
    """What a CRM posts to the bridge."""

    content_type: str
    body: bytes


class Change(NamedTuple):
    """What happened to a record."""

    record: Record
    action: str  # add | update | delete | merge
    fields: frozenset[str]  # of the record, that are others now
    now: float
    into: int = 0  # the contact that it was merged into


class Crm(NamedTuple):
    """One CRM. `paths` matches the paths of its API, which for its preset begin with `base`.

    `faults` are its own errors, by name, as `Fault`s.
    """

    name: str  # of its preset
    title: str
    base: str
    paths: re.Pattern[str]
    limit: Callable[[], Window | Bucket]
    answer: Callable[[Asked, Records], Reply]
    event: Callable[[Change], Event | None]  # None where the CRM sends none
    faults: Mapping[str, Mapping[str, Any]]
    retry_after: bool = False  # whether it says when to come back
    headers: Callable[[Window | Bucket, float], Mapping[str, str]] = lambda *_: {}


def error(fault: Mapping[str, Any]) -> Reply:
    """Return one of a CRM's own errors."""
    return said(fault["status"], fault["body"], fault.get("headers"))


def json_event(value: Any) -> Event:
    """Return an event in JSON."""
    return Event("application/json", json.dumps(value, ensure_ascii=False).encode())


def iso(seconds: float, hours: int = 0, *, parts: str = "seconds") -> str:
    """Return a time with its offset."""
    return datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours))).isoformat(timespec=parts)


def zulu(seconds: float, parts: str = "seconds") -> str:
    """Return a time of UTC with a Z behind."""
    return iso(seconds, parts=parts).replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Return the seconds since 1970 of a time; one without a zone is UTC. Raise ValueError if it is none."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
