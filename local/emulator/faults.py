"""Faults on demand: a list that requests use up in order."""

import threading
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from ops.web.reply import Reply, said


class Fault(NamedTuple):
    """What goes wrong with a request, and for how many requests (None: for ever).

    `status`, with `headers` and `body`, is answered instead of handling the request; `apply` makes the request land all
    the same. `redirect` answers 307 to that URL. `drop` closes the connection before or after the request lands.
    `delay` is slept before the request lands, even if the client has gone by then. `drip` are the seconds between the
    bytes of the answer, `pad` the blanks behind it, in bytes. `truncate` cuts it inside its headers or its body.
    `refuse` are fields of a record: an array that holds such a one is refused, for ever without `times`: with 400, or
    with the `status`. `every`: it is for one request in so many only, counted from the emulator's first.
    """

    times: int | None = 1
    status: int | None = None
    headers: Mapping[str, str] = {}
    body: Any = None
    apply: bool = False
    redirect: str = ""
    drop: str = ""  # before | after
    delay: float = 0.0
    drip: float = 0.0
    pad: int = 0
    truncate: str = ""  # headers | body
    refuse: Mapping[str, Any] = {}
    every: int = 1

    def means(self, card: Any) -> bool:
        """Return whether `refuse` describes this record."""
        return isinstance(card, dict) and all(card.get(name) == value for name, value in self.refuse.items())


NONE = Fault()
STATUSES = range(200, 600)
MAX_SECONDS = 600
MAX_PAD = 64 * 1024 * 1024
WORDS = {"drop": ("before", "after"), "truncate": ("headers", "body")}


def fault_of(description: Any) -> Fault:
    """Return the fault that a JSON object describes; raise ValueError that says what is wrong with it."""
    if not isinstance(description, dict) or not description.keys() & (set(Fault._fields) - {"times", "every"}):
        raise ValueError(f"A fault is an object with one of: {', '.join(Fault._fields)}.")
    if unknown := description.keys() - set(Fault._fields):
        raise ValueError(f"A fault has no {', '.join(sorted(unknown))}.")
    defaults = {"times": None if "refuse" in description else 1}
    changed = {"truncate": "headers"} if description.get("truncate") is True else {}
    fault = Fault(**{**defaults, **description, **changed})
    for name, words in WORDS.items():
        if getattr(fault, name) not in ("", *words):
            raise ValueError(f"{name} must be one of: {', '.join(words)}.")
    return _numbers_checked(fault)


def _numbers_checked(fault: Fault) -> Fault:
    if fault.times is not None and (type(fault.times) is not int or fault.times < 1):
        raise ValueError("times must be a number from 1.")
    if type(fault.every) is not int or fault.every < 1:
        raise ValueError("every must be a number from 1.")
    if fault.status is not None and (type(fault.status) is not int or fault.status not in STATUSES):
        raise ValueError("status must be a number from 200 to 599.")
    if type(fault.pad) is not int or not 0 <= fault.pad <= MAX_PAD:
        raise ValueError(f"pad must be a number of bytes, at most {MAX_PAD}.")
    for name in ("delay", "drip"):
        if type(getattr(fault, name)) not in (int, float) or not 0 <= getattr(fault, name) <= MAX_SECONDS:
            raise ValueError(f"{name} must be seconds, at most {MAX_SECONDS}.")
    return fault


def instead(fault: Fault) -> Reply | None:
    """Return the reply that a fault puts in place of any other, None if it lets the request be handled."""
    if fault.redirect:
        return Reply(HTTPStatus.TEMPORARY_REDIRECT, b"", {"Location": fault.redirect})
    if fault.status is None and fault.body is None:
        return None
    if fault.body is None or isinstance(fault.body, str):
        kind = "html" if (fault.body or "").startswith("<") else "plain"
        return Reply(fault.status or 200, (fault.body or "").encode(), fault.headers, f"text/{kind}; charset=utf-8")
    return said(fault.status or 200, fault.body, fault.headers)


class Faults:
    """The faults still to come; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._coming: list[Fault] = []
        self._requests = 0

    def put(self, faults: Sequence[Fault]) -> None:
        """Replace all faults."""
        with self._lock:
            self._coming = list(faults)

    def coming(self) -> list[Fault]:
        """Return the faults not yet used up."""
        with self._lock:
            return list(self._coming)

    def take(self, cards: Sequence[Any]) -> Fault:
        """Use up and return the first fault that concerns a request with these records, `NONE` if none does."""
        with self._lock:
            self._requests += 1
            for index, fault in enumerate(self._coming):
                if self._requests % fault.every:
                    continue
                if not fault.refuse or any(map(fault.means, cards)):
                    self._use(index, fault)
                    return fault
        return NONE

    def _use(self, index: int, fault: Fault) -> None:
        if fault.times is None:
            return
        left = [fault._replace(times=fault.times - 1)] if fault.times > 1 else []
        self._coming[index : index + 1] = left
