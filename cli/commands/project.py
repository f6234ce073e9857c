"""`bridge project`: the auth keys with which the bridge speaks to Ringostat."""

import sys

import click

from cli import exits
from cli.terminal import say
from ops import auth_check
from ops.stack import Stack, of_stack


@click.group(short_help="Give the bridge the auth key of a Ringostat project.")
def command() -> None:
    """Give the bridge the auth key of a Ringostat project."""


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


def _asked(project: int) -> str:
    if sys.stdin.isatty():
        key: str = click.prompt(f"Auth key of project {project}", hide_input=True)
    else:
        key = sys.stdin.readline()
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise click.UsageError("that is no auth key: it must be one line of plain letters and digits")
    return key
