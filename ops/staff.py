"""Ringostat's own employees: what its answer says of them.

https://help.ringostat.com/en/articles/9188142 documents the method and names the fields; it shows no answer. That the
result is an object keyed by staffId is seen in public code alone, so a list is taken as well.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from delivery.classify import shape
from errors import OperatorError
from mapping import normalize
from mapping.language.rule import spelt
from wire import Answer

METHOD = "getProjectStaffListAndDirections"


class Unreadable(OperatorError):
    """Ringostat's answer tells nothing of employees; the text quotes nothing of it."""


class Employees(NamedTuple):
    """Their ids (`staffId`, not `id`) by e-mail address, and how many there are who cannot be found by one."""

    ids: Mapping[str, str]
    number: int
    without_email: int
    shared: int  # addresses that more than one employee has: these find none


def employees_of(answer: Answer) -> Employees:
    """Return who the employees are; raise Unreadable."""
    by_email: defaultdict[str, set[str]] = defaultdict(set)
    everyone: set[str] = set()
    for identity, email in _entries(_result(answer)):
        everyone.add(identity)
        if email:
            by_email[email].add(identity)
    ids = {email: next(iter(found)) for email, found in by_email.items() if len(found) == 1}
    without = everyone - {identity for found in by_email.values() for identity in found}
    return Employees(ids, len(everyone), len(without), len(by_email) - len(ids))


def _entries(result: Any) -> Iterator[tuple[str, str]]:
    """Yield ids with e-mail addresses as mappings compare them; the address is empty where there is none."""
    keyed = result.items() if isinstance(result, dict) else (("", one) for one in result)
    for key, entry in keyed:
        identity = normalize.identity(entry.get("staffId") or key) if isinstance(entry, dict) else None
        if identity and re.fullmatch("[0-9]+", identity):
            email = normalize.identity(entry.get("email")) or ""
            yield identity, spelt(email) if "@" in email else ""


def _result(answer: Answer) -> Any:
    if answer.status is None or answer.error:
        raise Unreadable(f"Ringostat does not answer ({answer.error}).")
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise Unreadable("Ringostat does not know this auth key.")
    if answer.status != HTTPStatus.OK:
        raise Unreadable(f"Ringostat answers {answer.status}.")
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    error = value.get("error") if isinstance(value, dict) else None
    if error is not None:  # JSON-RPC says so with 200
        code = error.get("code") if isinstance(error, dict) else None
        raise Unreadable(f"Ringostat answers error {code}." if isinstance(code, int) else "Ringostat answers an error.")
    result = value.get("result") if isinstance(value, dict) else None
    if not isinstance(result, dict | list):
        raise Unreadable(f"Ringostat gives an answer of another form: {shape(answer.body)}.")
    return result
