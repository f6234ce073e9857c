"""The command `bridge`: its verbs, each imported when it is asked for, and what its exit codes mean."""

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from cli import exits

VERBS = {
    "explain": "Show what a mapping makes of a sample, field by field.",
    "validate": "Check mapping files and list all their problems.",
    "paths": "List what is in a sample, with the expressions that find it.",
    "new": "Draft a mapping from a sample.",
    "test": "Compare samples with what they must become.",
    "presets": "List the ready-made mappings.",
    "project": "Give the bridge the auth key of a Ringostat project.",
    "mapping": "Store mappings of your own, which need no deployment.",
    "connect": "Join a CRM to a project; prints the address to paste there.",
    "connections": "List the connections, without their secrets.",
    "send": "Send a sample through the real API, signed as the CRM would.",
    "staff": "List owners and Ringostat's employees; --try reads these.",
    "doctor": "Look for what keeps contacts from Ringostat, with a remedy for each.",
    "import": "Import contacts from a CSV, .xlsx or NDJSON file, through the inbox queue.",
    "sync": "Read all records of a CRM and bring them to Ringostat: the first fill.",
    "status": "Show one card: its fields, what Ringostat confirmed, what comes next.",
    "due": "List the cards that Ringostat has not confirmed yet, newest first.",
    "rejected": "List, show and replay events that were rejected.",
    "refused": "List and retry cards that Ringostat refused.",
    "left-behind": "List what is to be removed at Ringostat by hand.",
    "restore": "Bring the cards of a restored table back, merged with what came since.",
    "erase": "Erase one card for good; later events of it are skipped.",
}
ALIASES = {"preview": "explain", "providers": "presets"}  # names that users of similar tools know

MODULES = {"import": "imports", "left-behind": "left_behind"}  # verbs that are no names in Python


class Verbs(click.Group):
    """A group whose verbs are the modules of this package, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which people need them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb."""
        del ctx
        verb = ALIASES.get(cmd_name, cmd_name)
        if verb not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"cli.commands.{MODULES.get(verb, verb)}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a verb and leave with its exit code; click's own code for wrong usage is the one of a rejection here."""
        sys.exit(self._code(*args, **{**extra, "standalone_mode": False}))

    def _code(self, *args: Any, **extra: Any) -> int:
        try:
            return super().main(*args, **extra) or exits.FINE
        except click.ClickException as error:
            error.show()
            return exits.WRONG
        except click.Abort:
            return exits.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the last resort: a traceback could quote personal data
            click.echo(f"bridge: this is a fault of the bridge itself: {_place(error)}. Please report it.", err=True)
            return exits.FAULT


def _place(error: Exception) -> str:
    """Return type and places of an error, and nothing of its text."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + " < ".join(
        f"{Path(at.filename).name}:{at.lineno}" for at in reversed(frames)
    )


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine; 1 something given is wrong (a mapping, an option, a file, a failed test); "
    "2 something was rejected or refused; 70 a fault of the bridge itself; 130 interrupted.",
)
def bridge() -> None:
    """Try mappings out, and see what became of events: in AWS (--stack NAME) or in the local world (--local)."""


def main() -> None:
    """Start the command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    bridge(prog_name="bridge")
