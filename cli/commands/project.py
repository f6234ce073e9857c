"""`bridge project`: the auth keys with which the bridge speaks to Ringostat."""

import sys
from typing import Any

import click

from cli import exits
from cli.terminal import Cell, json_option, say, say_json, say_table
from errors import did_you_mean
from ops import auth_check
from ops.stack import Stack, of_stack
from ops.times import counted


@click.group(short_help="Store, list and remove the auth keys of Ringostat projects.")
def command() -> None:
    """Store, list and remove the auth keys of Ringostat projects."""


@command.command("add", short_help="Store a project's auth key.")
@click.argument("project", type=click.IntRange(min=1))
@click.option("--no-check", is_flag=True, help="Store it even if Ringostat does not take it now.")
@of_stack
def add(stack: Stack, project: int, *, no_check: bool) -> int:
    """Store the auth key of PROJECT, or replace it; it is asked for, or read from standard input in a script.

    Ringostat shows it under Settings > Integration > Ringostat API.
    """
    key = _asked(project)
    if not no_check and (fault := auth_check.fault(stack.environment["RINGOSTAT_URL"], key)):
        raise click.ClickException(f"{fault}, so nothing was stored; --no-check stores it anyway")
    entries = stack.secret("AuthKeysSecret")
    known = entries.get(str(project))
    rest = known if isinstance(known, dict) else {}
    stack.put("AuthKeysSecret", {**entries, str(project): {**rest, "auth_key": key}})
    say(f"The auth key of project {project} is {'replaced' if known else 'stored'}; it counts within 5 minutes.")
    return exits.FINE


@command.command("list", short_help="List the projects, with the connections that use them.")
@json_option
@of_stack
def list_(stack: Stack, *, as_json: bool) -> int:
    """List the projects that have an auth key or that a connection names, without the keys."""
    keys, entries = stack.secret("AuthKeysSecret"), stack.secret("ConnectionsSecret")
    used = {project for entry in entries.values() if (project := _project(entry))}
    found = [
        {
            "project": int(project) if project.isdecimal() else project,
            "auth_key": project in keys,
            "connections": _users(entries, project),
        }
        for project in sorted({*keys, *used}, key=lambda text: (len(text), text))
    ]
    if as_json:
        say_json(found)
    else:
        say_table(("project", "auth key", "connections"), map(_row, found))
        say(counted(len(found), "project"))
    return exits.FINE if all(one["auth_key"] for one in found) else exits.WRONG


def _project(entry: Any) -> str:
    return str(entry.get("project", "")) if isinstance(entry, dict) else ""


def _users(entries: dict[str, Any], project: str) -> list[str]:
    return sorted(name for name, entry in entries.items() if _project(entry) == project)


def _row(one: dict[str, Any]) -> tuple[str | Cell, ...]:
    key = Cell("stored", "green") if one["auth_key"] else Cell("missing", "red")
    return Cell(str(one["project"]), "bold"), key, ", ".join(one["connections"]) or "no connection"


@command.command("remove", short_help="Remove a project's auth key.")
@click.argument("project", type=click.IntRange(min=1))
@click.option("--yes", is_flag=True, help="Remove it without a question, even while connections use it.")
@of_stack
def remove(stack: Stack, project: int, *, yes: bool) -> int:
    """Remove the auth key of PROJECT. While connections use it that needs --yes: their cards would wait."""
    entries, name = stack.secret("AuthKeysSecret"), str(project)
    if name not in entries:
        hint = did_you_mean(name, entries) or "bridge project list shows what there is"
        raise click.ClickException(f"project {project} has no auth key; {hint}")
    users = _users(stack.secret("ConnectionsSecret"), name)
    if users and not yes:
        raise click.ClickException(
            f"{', '.join(users)} would have no way to Ringostat: bridge disconnect {users[0]} first, "
            "or --yes if their cards may wait"
        )
    if not yes:
        click.confirm(f"Remove the auth key of project {project}?", abort=True)
    stack.put("AuthKeysSecret", {one: entry for one, entry in entries.items() if one != name})
    say(f"The auth key of project {project} is removed; it counts within 5 minutes.")
    if users:
        say(Cell(f"Cards of {', '.join(users)} wait", "yellow"), f" until bridge project add {project} stores a key.")
    return exits.FINE


def _asked(project: int) -> str:
    if sys.stdin.isatty():
        key: str = click.prompt(f"Auth key of project {project}", hide_input=True)
    else:
        key = sys.stdin.readline()
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise click.UsageError("that is no auth key: it must be one line of plain letters and digits")
    return key
