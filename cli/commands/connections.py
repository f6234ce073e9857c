"""`bridge connections`: the connections, without any secret."""

from typing import Any

import click

from cli import exits
from cli.checks import problems
from cli.terminal import Cell, json_option, say, say_json, say_table
from connections import Connection, connection_of
from errors import BadConnection
from ops import origins
from ops.stack import Stack, of_stack

TITLES = ("name", "mapping", "project", "country", "time zone", "verified by", "CRM")


@click.command(short_help="List the connections, without their secrets.")
@json_option
@of_stack
def command(stack: Stack, *, as_json: bool) -> int:
    """List the connections: name, mapping, project, country, time zone, how requests are verified; no secrets."""
    entries = stack.secret("ConnectionsSecret")
    keys = stack.secret("AuthKeysSecret")
    found = {name: _read(entries, name) for name in sorted(entries)}
    wrong = [problem for name in found for problem in problems(stack, entries, keys, name)]
    if as_json:
        say_json({"connections": [_document(name, one) for name, one in found.items()], "problems": wrong})
        return exits.WRONG if wrong else exits.FINE
    say_table(TITLES, (_row(name, one) for name, one in found.items()))
    for problem in wrong:
        say(Cell(problem, "red"))
    for (project, origin), those in origins.shared(stack, entries).items():
        say(Cell(origins.words(project, origin, those), "yellow"))
    say("1 connection" if len(entries) == 1 else f"{len(entries)} connections")
    return exits.WRONG if wrong else exits.FINE


def _read(entries: dict[str, Any], name: str) -> Connection | None:
    try:
        return connection_of(entries, name)
    except BadConnection:
        return None


def _document(name: str, connection: Connection | None) -> dict[str, Any]:
    """Return what there is to say of a connection, null where its entry is broken."""
    settings = connection.settings if connection else {}
    return {
        "name": name,
        "mapping": connection and connection.mapping,
        "project": connection and connection.project,
        "country": settings.get("country"),
        "time_zone": settings.get("time_zone"),
        "scheme": connection and connection.verify.get("scheme"),
        "crm_url": settings.get("crm_url"),
    }


def _row(name: str, connection: Connection | None) -> tuple[str | Cell, ...]:
    if connection is None:
        return Cell(name, "bold"), Cell("broken", "red")
    found = _document(name, connection)
    scheme = found["scheme"] or "by the queue alone"
    places = (found["country"] or "?", found["time_zone"] or "?", scheme, found["crm_url"] or "")
    return Cell(name, "bold"), connection.mapping, str(connection.project), *places
