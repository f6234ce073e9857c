"""The command `bridge`: its verbs, each imported when it is asked for, and what its exit codes mean."""

import importlib
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import click
from click.exceptions import NoArgsIsHelpError

from cli import exits
from errors import did_you_mean

VERBS = {
    "explain": "Show what a mapping makes of a sample, field by field.",
    "validate": "Check mapping files and list all their problems.",
    "paths": "List what is in a sample, with the expressions that find it.",
    "new": "Draft a mapping from a sample.",
    "test": "Compare samples with what they must become.",
    "presets": "List the ready-made mappings.",
    "project": "Store, list and remove the auth keys of Ringostat projects.",
    "mapping": "Store mappings of your own, which need no deployment.",
    "connect": "Join a CRM to a project; prints the address to paste there.",
    "disconnect": "Remove a connection and its API key; its cards stay.",
    "connections": "List the connections, without their secrets.",
    "send": "Send a sample through the real API, signed as the CRM would.",
    "staff": "List owners and Ringostat's employees; --try reads these.",
    "console": "Open a page over the stack, on this machine: cards, what waits and why, repair.",
    "doctor": "Look for what keeps contacts from Ringostat, with a remedy for each.",
    "import": "Import contacts from a CSV, .xlsx or NDJSON file, through the inbox queue.",
    "sync": "Read all records of a CRM and bring them to Ringostat: the first fill.",
    "status": "Show one card: its fields, what Ringostat confirmed, what comes next.",
    "who": "Who is this number? Its cards, and since when Ringostat knows it.",
    "duplicates": "List phone numbers of more than one card, by CRM.",
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a verb; a misspelt one is told with the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = did_you_mean(args[0], [*VERBS, *ALIASES])
            raise click.UsageError(f"{error.message} {hint.capitalize()}".rstrip(), ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        del ctx
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a verb and leave with its exit code; click's own code for wrong usage is the one of a rejection here."""
        try:
            code = self._code(*args, **{**extra, "standalone_mode": False})
        except KeyboardInterrupt:  # pressed again, while something was told
            code = exits.INTERRUPTED
        sys.exit(code)

    def _code(self, *args: Any, **extra: Any) -> int:
        try:
            return super().main(*args, **extra) or exits.FINE
        except NoArgsIsHelpError as error:  # of `bridge` and of a group such as `bridge rejected`
            click.echo(error.format_message())
            return exits.FINE
        except click.ClickException as error:
            _told_where(error).show()
            return exits.WRONG
        except click.Abort as error:
            if error.__cause__ is None and not sys.stdin.isatty():  # no Ctrl-C, but a question
                click.echo(
                    "\nNothing was done: a question was answered with no, or not at all. In a script --yes answers it.",
                    err=True,
                )
            return exits.INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the last resort: a traceback could quote personal data
            click.echo(f"bridge: this is a fault of the bridge itself: {_place(error)}. Please report it.", err=True)
            return exits.FAULT


_TYPE = re.compile(r"valid (?:integer|float)(?: range)?\.$")  # click's own names of its types


def _told_where(error: click.ClickException) -> click.ClickException:
    """Return an error in plain words, which says where an option of a verb stands, if it stood before the verb."""
    if isinstance(error, click.BadParameter) and (number := _TYPE.search(error.message)):
        words = error.message[: number.start()] + "valid number."
        return click.BadParameter(words, error.ctx, error.param, error.param_hint)
    if isinstance(error, click.NoSuchOption) and error.ctx and isinstance(error.ctx.command, click.Group):
        path = error.ctx.command_path
        return click.UsageError(f"{error.message} Write it after the verb: {path} VERB {error.option_name}", error.ctx)
    if isinstance(error, click.NoSuchOption) and error.ctx and not error.option_name.lstrip("-")[:1].isalpha():
        hint = f"A value begins with a minus? Options first, and write -- before it: {error.ctx.command_path} -- VALUE"
        return click.UsageError(f"{error.message} {hint}", error.ctx)
    return error


def _place(error: Exception) -> str:
    """Return type and places of an error, and nothing of its text."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return f"{type(error).__name__} at " + " < ".join(
        f"{Path(at.filename).name}:{at.lineno}" for at in reversed(frames)
    )


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's call
    """Print the version of the package, or of the clone that the command runs from."""
    if not value or ctx.resilient_parsing:
        return
    import tomllib  # noqa: PLC0415 - no other call needs them
    from importlib import metadata  # noqa: PLC0415 - as above

    try:
        number = metadata.version("ringostat-bridge")
    except metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
        number = project["version"]
    click.echo(f"bridge {number}")
    ctx.exit()


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 fine; 1 something given is wrong (a mapping, an option, a file, a failed test), or must be "
    "repaired; 2 something is rejected or refused; 70 a fault of the bridge itself; 130 interrupted, or answered no.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version and exit."
)
def bridge() -> None:
    """Try mappings out, and see what became of events: in AWS (--stack NAME) or in the local world (--local)."""


def main() -> None:
    """Start the command."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    bridge(prog_name="bridge")
