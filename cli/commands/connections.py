"""`bridge connections`: the connections, without any secret."""

from collections.abc import Mapping
from typing import Any

import click

from cli import exits
from cli.checks import problems
from cli.terminal import Cell, json_option, say, say_json, say_table
from ops import origins
from ops.stack import Stack, of_stack
from ops.times import counted
from ops.views import described

TITLES = ("name", "mapping", "project", "country", "time zone", "verified by", "CRM")


@click.command(short_help="List the connections, without their secrets.")
@json_option
@of_stack
def command(stack: Stack, *, as_json: bool) -> int:
    """List the connections: name, mapping, project, country, time zone, how requests are verified; no secrets."""
    entries = stack.secret("ConnectionsSecret")
    keys = stack.secret("AuthKeysSecret")
    found = [described(entries, name) for name in sorted(entries)]
    wrong = [problem for name in sorted(entries) for problem in problems(stack, entries, keys, name)]
    told = [f"{problem.what.removeprefix('connection ')}: {problem.remedy}" for problem in wrong]
    if as_json:
        say_json({"connections": found, "problems": told})
        return exits.WRONG if wrong else exits.FINE
    say_table(TITLES, map(_row, found))
    for problem in told:
        say(Cell(problem, "red"))
    for (project, origin), those in origins.shared(stack, entries).items():
        say(Cell(origins.words(project, origin, those), "yellow"))
    say(counted(len(entries), "connection"))
    return exits.WRONG if wrong else exits.FINE


def _row(found: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    if found["mapping"] is None:
        return Cell(found["name"], "bold"), Cell("broken", "red")
    scheme = found["scheme"] or "by the queue alone"
    places = (found["country"] or "?", found["time_zone"] or "?", scheme, found["crm_url"] or "")
    return Cell(found["name"], "bold"), found["mapping"], str(found["project"]), *places
