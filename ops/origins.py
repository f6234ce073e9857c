"""Connections whose cards have the same keys, so that two accounts of one CRM overwrite each other's contacts."""

from collections.abc import Mapping
from typing import Any

from connections import Connection, connection_of
from errors import OperatorError
from ops.stack import Stack


def shared(stack: Stack, entries: Mapping[str, Any]) -> dict[tuple[int, str], list[str]]:
    """Return the connections of each project and origin that more than one has; broken ones have none."""
    names: dict[tuple[int, str], list[str]] = {}
    for name in sorted(entries):
        try:
            connection = connection_of(entries, name)
            if connection:
                names.setdefault(_of(stack, connection), []).append(name)
        except OperatorError:
            continue  # doctor names it
    return {one: those for one, those in names.items() if len(those) > 1}


def words(project: int, origin: str, names: list[str]) -> str:
    """Say what it means that connections share an origin."""
    return (
        f"{', '.join(names)} bring contacts of {origin} to project {project}: where they are two accounts, contacts of "
        "the same id overwrite each other"
    )


REMEDY = "for a second account: bridge connect … --replace --origin NAME, which makes other cards of its contacts"


def _of(stack: Stack, connection: Connection) -> tuple[int, str]:
    return connection.project, connection.origin or stack.mappings.of(connection).crm
