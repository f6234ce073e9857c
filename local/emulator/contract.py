"""What a body must be, after https://help.ringostat.com/en/articles/9221318: every parameter, null rules, types."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Problem(NamedTuple):
    """One bad field: its path in the body and what is wrong with it, never its value."""

    field: str
    reason: str


Check = Callable[[Any, str], Iterator[Problem]]


def problems(endpoint: str, body: Any, project: int) -> list[Problem]:
    """Return everything that is wrong with the body of a request to an endpoint for a project."""
    return list(record({endpoint: array(ITEMS[endpoint](project), at_least_one=True)})(body, ""))


def contact(project: int) -> Check:
    """Return the check of one contact."""
    direction = record({"type": one_of("phone", "email"), "name": text, "value": text}, direction_value)
    return record(
        {
            "projectId": exactly(project),
            "fullName": text,
            "origin": text,
            "externalId": or_null(text),
            "leadId": or_null(text),
            "responsible": text,
            "staffId": or_null(text),
            "contactLink": or_null(link),
            "leadLink": or_null(link),
            "dealLink": or_null(link),
            "googleClientId": or_null(text),
            "contactDirections": array(direction, at_least_one=True, unique=True),
            "organizations": or_null(array(organization(project))),
        },
        some_id,
    )


def organization(project: int) -> Check:
    """Return the check of one organization, nested or not."""
    return record({"projectId": exactly(project), "name": text, "externalId": text, "origin": text})


def record(fields: Mapping[str, Check], *together: Check) -> Check:
    """Return the check of an object with exactly these keys; `together` are checks of a whole that has all of them."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield Problem(path, "must be an object")
            return
        prefix = f"{path}." if path else ""
        yield from (Problem(f"{prefix}{name[:40]}", "is not a parameter") for name in value if name not in fields)
        yield from (Problem(f"{prefix}{name}", "is missing") for name in fields if name not in value)
        for name, check_field in fields.items():
            if name in value:
                yield from check_field(value[name], f"{prefix}{name}")
        if fields.keys() <= value.keys():
            for whole in together:
                yield from whole(value, path)

    return check


def array(item: Check, *, at_least_one: bool = False, unique: bool = False) -> Check:
    """Return the check of an array of such items."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield Problem(path, "must be an array")
            return
        if at_least_one and not value:
            yield Problem(path, "must hold at least one")
        for index, one in enumerate(value):
            yield from item(one, f"{path}[{index}]")
            if unique and one in value[:index]:
                yield Problem(f"{path}[{index}]", "is there twice")

    return check


def or_null(check: Check) -> Check:
    """Return the same check with null allowed."""
    return lambda value, path: iter(()) if value is None else check(value, path)


def one_of(*values: str) -> Check:
    """Return the check of a text out of a list."""
    return expecting(lambda value: value in values, f"must be one of: {', '.join(values)}")


def exactly(project: int) -> Check:
    """Return the check of a project id: a number, the same as in the header."""
    return expecting(lambda value: type(value) is int and value == project, "must be the number of x-project-id")


def expecting(is_right: Callable[[Any], bool], reason: str) -> Check:
    """Return the check of one condition."""

    def check(value: Any, path: str) -> Iterator[Problem]:
        if not is_right(value):
            yield Problem(path, reason)

    return check


def is_link(value: Any) -> bool:
    """Return whether a value is a whole https URL."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and not re.search(r"\s", value)


def direction_value(direction: Any, path: str) -> Iterator[Problem]:
    """Check the value of a direction by its type."""
    value = direction["value"] if isinstance(direction["value"], str) else ""
    if direction["type"] == "phone" and not re.fullmatch(r"\+[0-9]{8,15}", value):
        yield Problem(f"{path}.value", "must be a plus and 8 to 15 digits")
    if direction["type"] == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        yield Problem(f"{path}.value", "must be an e-mail address")


def some_id(value: Any, path: str) -> Iterator[Problem]:
    """Check that a contact has an id."""
    if value["externalId"] is None and value["leadId"] is None:
        yield Problem(f"{path}.externalId", "may be null only if leadId is filled")
        yield Problem(f"{path}.leadId", "may be null only if externalId is filled")


text = expecting(lambda value: isinstance(value, str) and bool(value.strip()), "must be a text that is not empty")
link = expecting(is_link, "must be a whole https URL")

ITEMS: Mapping[str, Callable[[int], Check]] = {"contacts": contact, "organizations": organization}
