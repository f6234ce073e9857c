"""`bridge connections`: who may send, without any secret."""

from typing import Any

import click

from access import fault
from cli import exits
from cli.terminal import Cell, columns, say
from connections import Connection, auth_key_of, connection_of
from errors import BadConnection, BadMapping
from mapping.language import loader
from ops.stack import Stack, of_stack


@click.command(short_help="List the connections, without their secrets.")
@of_stack
def command(stack: Stack) -> int:
    """List the connections: name, mapping, project, country, time zone, how requests are verified; no secrets."""
    entries = stack.secret("ConnectionsSecret")
    keys = stack.secret("AuthKeysSecret")
    for row in columns(_row(entries, name) for name in sorted(entries)):
        say(*row)
    wrong = [problem for name in sorted(entries) for problem in problems(entries, keys, name)]
    for problem in wrong:
        say(Cell(problem, "red"))
    say("1 connection" if len(entries) == 1 else f"{len(entries)} connections")
    return exits.WRONG if wrong else exits.FINE


def _row(entries: dict[str, Any], name: str) -> tuple[str | Cell, ...]:
    try:
        connection = connection_of(entries, name)
    except BadConnection:
        connection = None
    if connection is None:
        return Cell(name, "bold"), Cell("broken", "red")
    settings = connection.settings
    scheme = str(connection.verify.get("scheme", "by the queue alone"))
    shown = (settings.get("country", "?"), settings.get("time_zone", "?"), scheme, settings.get("crm_url", ""))
    return Cell(name, "bold"), connection.mapping, str(connection.project), *shown


def problems(entries: dict[str, Any], keys: dict[str, Any], name: str) -> list[str]:
    """Return what is wrong with an entry, quoting no value of its verification."""
    try:
        connection = connection_of(entries, name)
        if connection is None:
            return []
        loader.load(connection.mapping)
    except (BadConnection, BadMapping) as error:
        return [f"{name}: {error}"]
    return [f"{name}: {problem}" for problem in (_shut(connection), _keyless(connection, keys)) if problem]


def _shut(connection: Connection) -> str:
    return fault(connection.verify) if connection.verify else ""


def _keyless(connection: Connection, keys: dict[str, Any]) -> str:
    if auth_key_of(keys, connection.project):
        return ""
    return f"project {connection.project} has no auth key: bridge project add {connection.project}"
