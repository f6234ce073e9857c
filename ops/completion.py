"""What a shell completes: presets, mappings and connections. It never fails: a shell has no place for an error."""

import os
from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem


def presets(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    """Return the presets that begin so."""
    from mapping.language import loader  # noqa: PLC0415 - a shell completes verbs without it

    return [name for name in loader.presets() if name.startswith(incomplete)]


def mappings(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the presets that begin so, and let the shell add its files."""
    return [*map(CompletionItem, presets(ctx, param, incomplete)), CompletionItem(incomplete, type="file")]


def stored(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the stored mappings that begin so."""
    from ops.stored import kept  # noqa: PLC0415 - as above

    return _begin(ctx, incomplete, lambda stack: [one.name for one in kept(stack)])


def connectable(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Return the presets and the stored mappings that begin so, without those that only say how to ask a CRM."""
    from mapping.language.loader import API_SUFFIX  # noqa: PLC0415 - as above

    kept = (name for name in stored(ctx, param, incomplete) if not name.endswith(API_SUFFIX))
    return [*presets(ctx, param, incomplete), *kept]


def connections(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the connections that begin so."""
    return _begin(ctx, incomplete, lambda stack: stack.secret("ConnectionsSecret"))


def _begin(ctx: click.Context, incomplete: str, names: Callable[[Any], Iterable[str]]) -> list[str]:
    """Return the names that begin so, of the bridge that the line or the environment names before."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above

    from ops.stack import reached  # noqa: PLC0415 - as above; it brings AWS

    try:
        name = ctx.params.get("stack_name") or os.environ.get("BRIDGE_STACK")
        found = names(reached(ctx, name, local=ctx.params.get("local", False)))
    except (click.ClickException, BotoCoreError, ClientError):
        return []
    return sorted(one for one in found if one.startswith(incomplete))
