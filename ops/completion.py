"""What a shell completes: presets, mappings and connections. It never fails: a shell has no place for an error."""

import os

import click
from click.shell_completion import CompletionItem


def presets(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the presets that begin so."""
    from mapping.language import loader  # noqa: PLC0415 - a shell completes verbs without it

    return [name for name in loader.presets() if name.startswith(incomplete)]


def mappings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets that begin so, and let the shell add its files."""
    return [*map(CompletionItem, presets(ctx, param, incomplete)), CompletionItem(incomplete, type="file")]


def connections(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the connections that begin so, of the bridge that the line or the environment names before."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    from ops.stack import reached  # noqa: PLC0415 - as above; it brings AWS

    try:
        name = ctx.params.get("stack_name") or os.environ.get("BRIDGE_STACK")
        entries = reached(ctx, name, local=ctx.params.get("local", False)).secret("ConnectionsSecret")
    except (click.ClickException, BotoCoreError, ClientError):
        return []
    return sorted(one for one in entries if one.startswith(incomplete))
