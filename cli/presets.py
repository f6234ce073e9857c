"""`bridge presets`: the ready-made mappings."""

import click

from cli.terminal import Cell, say
from mapping import load
from mapping.format import Mapping


@click.command(short_help="List the ready-made mappings.")
def command() -> None:
    """List the ready-made mappings: name, CRM, how it sends, how to verify its requests, where to click."""
    for name in load.presets():
        _print(load.load(name))


def _print(preset: Mapping) -> None:
    say(Cell(preset.name, "bold"), f"  ({preset.crm})  {preset.title}")
    if preset.verify:
        say(f"    verify  {preset.verify}")
    say(f"    set up  {preset.help}")
