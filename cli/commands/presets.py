"""`bridge presets`: the ready-made mappings."""

from typing import Any

import click

from cli.terminal import Cell, json_option, say, say_json
from mapping.language import loader
from mapping.language.model import Mapping


@click.command(short_help="List the ready-made mappings.")
@click.option("--markdown", is_flag=True, help="As the table of the README.")
@json_option
def command(*, markdown: bool, as_json: bool) -> None:
    """List the ready-made mappings: name, CRM, how it sends, how to verify its requests, where to click."""
    presets = [loader.load(name) for name in loader.presets()]
    if markdown:
        for line in matrix(presets).splitlines():
            say(line)
        return
    if as_json:
        say_json([_document(preset) for preset in presets])
        return
    for preset in presets:
        _print(preset)


def _document(preset: Mapping) -> dict[str, Any]:
    return {
        "name": preset.name,
        "crm": preset.crm,
        "title": preset.title,
        "verify": preset.verify or None,
        "reads_api": bool(preset.api_name),
        "help": preset.help,
    }


def _print(preset: Mapping) -> None:
    say(Cell(preset.name, "bold"), f"  ({preset.crm})  {preset.title}")
    if preset.verify:
        say(f"    verify  {preset.verify}")
    if preset.api_name:
        say("    reads   the records that events only name, with an API key")
    say(f"    set up  {preset.help}")


def matrix(presets: list[Mapping]) -> str:
    """Return a Markdown table of the presets, those that only reject last, with links into this repository."""
    rows = ["| CRM, and how it sends | preset | verified by | reads its API | tested with |", "|---|---|---|---|---|"]
    for preset in sorted(presets, key=lambda preset: (not _works(preset), preset.title.casefold())):
        guide = f"docs/connect/{preset.name.removesuffix('-v1')}.md"
        proof = "the queue's own policy" if preset.verify == "queue" else preset.verify
        reads = "yes" if preset.api_name else "no"
        events = f"[events](events/{preset.name})"
        rows.append(f"| [{preset.title}]({guide}) | `{preset.name}` | {proof} | {reads} | {events} |")
    return "\n".join(rows)


def _works(preset: Mapping) -> bool:
    return any(record.do in ("change", "lookup") for record in preset.records)
