"""`bridge connections`: the connections, without any secret."""

from typing import Any

import click

from cli import exits
from cli.checks import problems
from cli.terminal import Cell, columns, say
from connections import connection_of
from errors import BadConnection
from ops import origins
from ops.stack import Stack, of_stack


@click.command(short_help="List the connections, without their secrets.")
@of_stack
def command(stack: Stack) -> int:
    """List the connections: name, mapping, project, country, time zone, how requests are verified; no secrets."""
    entries = stack.secret("ConnectionsSecret")
    keys = stack.secret("AuthKeysSecret")
    for row in columns(_row(entries, name) for name in sorted(entries)):
        say(*row)
    wrong = [problem for name in sorted(entries) for problem in problems(stack, entries, keys, name)]
    for problem in wrong:
        say(Cell(problem, "red"))
    for (project, origin), those in origins.shared(stack, entries).items():
        say(Cell(origins.words(project, origin, those), "yellow"))
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
