"""`bridge disconnect`: the end of a connection."""

import click

from cli import exits
from cli.guides import removal
from cli.terminal import Cell, say
from connections import connection_of
from errors import BadConnection, did_you_mean
from ops import api_keys, completion
from ops.stack import Stack, of_stack


@click.command(short_help="Remove a connection and its API key; its cards stay.")
@click.argument("name", shell_complete=completion.connections)
@click.option("--yes", is_flag=True, help="Remove it without a question.")
@of_stack
def command(stack: Stack, name: str, *, yes: bool) -> int:
    """Remove the connection NAME and its API key from the secrets, and say what is left to do and what stays."""
    entries, keys = stack.secret("ConnectionsSecret"), api_keys.of(stack)
    if name not in entries and name not in keys:  # a key alone is left of a removal that was interrupted
        hint = did_you_mean(name, entries) or "bridge connections lists them"
        raise click.ClickException(f"there is no connection {name!r}; {hint}")
    if not yes:
        click.confirm(f"Remove the connection {name}? Connecting again makes another address.", abort=True)
    stack.put("ConnectionsSecret", {one: entry for one, entry in entries.items() if one != name})
    if name in keys:  # after the connection: who looks up without a key gives ids up
        stack.put(api_keys.SECRET, {one: key for one, key in keys.items() if one != name})
    say(Cell(name, "bold"), f" is removed{', and its API key' if name in keys else ''}; it counts within 5 minutes.")
    for line in _left(entries, name):
        say(line)
    return exits.FINE


def _left(entries: dict[str, object], name: str) -> list[str]:
    """Return what is to be switched off, and what stays."""
    try:
        connection = connection_of(entries, name)
    except BadConnection:
        connection = None
    off = removal(connection.mapping) if connection else ""
    return [
        f"In the CRM: {off or 'delete the webhook that calls this address; it gets 401 now.'}",
        "Its cards stay, and what is due of them is still posted: bridge erase forgets one.",
        f"Its rejected events stay for 14 days: bridge rejected list --connection {name}",
        "Ringostat keeps the contacts that it has.",
    ]
