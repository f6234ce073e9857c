"""`bridge validate`: all problems of mapping files, with their lines."""

import click

from cli import exits
from cli.problems import show_problems
from cli.terminal import say
from errors import BadMapping
from mapping.language import loader
from ops.completion import mappings
from ops.offline import mapping_of


@click.command(short_help="Check mapping files and list all their problems.")
@click.argument("files", nargs=-1, metavar="[FILE]…", shell_complete=mappings)
@click.option("--strict", is_flag=True, help="Let warnings fail too, for CI.")
def command(files: tuple[str, ...], *, strict: bool) -> int:
    """Check mapping FILEs (or presets by name; without any: all presets) and list all their problems."""
    codes = [_checked(name, strict=strict) for name in files or loader.mappings()]
    wrong = sum(code != exits.FINE for code in codes)
    say(f"{len(codes) - wrong} fine, {wrong} wrong")
    return max(codes)


def _checked(name: str, *, strict: bool) -> int:
    try:
        warnings = mapping_of(name).warnings
    except BadMapping as error:
        show_problems(str(error), "red")
        return exits.WRONG
    for warning in warnings:
        show_problems(warning, "yellow")
    if not warnings:
        say(f"{name}: fine")
    return exits.WRONG if strict and warnings else exits.FINE
