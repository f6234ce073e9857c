"""`bridge mapping`: mappings of one's own, stored beside the cards, which need no deployment."""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.preview import OTHER_CARDS, preview
from cli.problems import show_problems
from cli.tables import ENCODING, table_of, text_of
from cli.terminal import Cell, json_option, say, say_json, say_table
from connections import Connection
from errors import BadMapping, BridgeError, did_you_mean
from mapping.language.loader import API_SUFFIX
from mapping.language.rule import STAFF
from mappings import Tables, Version, removed
from ops import completion, stored
from ops.dry_run import moment
from ops.samples import Given, read
from ops.stack import Stack, of_stack
from ops.times import counted, local

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
NAME_OF_TABLE = re.compile(r"[A-Za-z0-9_-]+")  # a key that TOML writes without quotes
MADE: Mapping[str, Any] = {"version": 0, "put_at": 0, "note": ""}  # of a version, beside its content
AS_VERSION = "as version "  # begins the note of a version that a rollback made

PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
FILE = click.argument("file", type=PATH)
OPTIONAL_TABLE = click.option("--table", "name_of_table", help="Of [lookups]; the file's name if not given.")
CHANGES_CRM = click.option("--changes-crm", is_flag=True, help=f"Allow another crm: {OTHER_CARDS}.")


@click.group(short_help="Store mappings of your own, which need no deployment.")
def command() -> None:
    """Store mappings of your own: each `put` makes a version, which counts within 5 minutes, without a deployment."""


@command.command("put", short_help="Store a mapping file as the newest version.")
@FILE
@click.option("--name", required=True, shell_complete=completion.stored, help="By which connections name the mapping.")
@click.option("--table", "tables", multiple=True, type=PATH, help="A CSV as table of [lookups], staff.csv for staff.")
@ENCODING
@click.option("--sample", "samples", multiple=True, metavar="FILE", help="An event to show it with.")
@click.option(
    "--connection",
    "tried_on",
    shell_complete=completion.connections,
    metavar="NAME",
    help="Whose rejected events are shown, if not its readers'.",
)
@CHANGES_CRM
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def put(stack: Stack, file: Path, name: str, tables: Sequence[Path], encoding: str, **given: Any) -> int:
    """Store FILE as the newest version of the mapping NAME.

    It must have no problem that `bridge validate --strict` would list. What it makes of the rejected events of its
    connections and of samples, field by field, is shown first: personal data, for your own screen. `extends` and `api`
    may name a preset or another stored mapping, which stays as it is now until this one is put again.
    """
    if not NAME.fullmatch(name):
        raise click.UsageError("a mapping's name has small letters, digits and hyphens, at most 63")
    if name in stored.bundled(stack):
        raise click.UsageError(f"'{name}' is a preset; choose another name, and write extends = \"{name}\" in the file")
    before, known = stored.last(stack, name)
    brought = {_name_of_table(path): table_of(path, encoding) for path in tables}
    if len(brought) < len(tables):
        raise click.UsageError("--table: two of these files have one name")
    text = text_of(file, "utf-8", "TOML is; save it so")
    version = stored.drafted(stack, name, before + 1, text, {**(known.tables if known else {}), **brought})
    try:
        warnings = version.loaded(str(file), near=[one.name for one in stored.kept(stack)]).warnings
    except BadMapping as error:
        show_problems(str(error), "red")
        return exits.WRONG
    if warnings:
        show_problems("\n".join(warnings), "yellow")
        return exits.WRONG
    _check_used(version, brought)
    return _stored(stack, version, before, known, **given)


def _name_of_table(path: Path, given: str | None = None) -> str:
    """Return how a table is named; raise UsageError where rules could not."""
    name = path.stem if given is None else given
    if not NAME_OF_TABLE.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name of a table: it has letters without accents, digits, - and _")
    return name


def _check_used(version: Version, brought: Iterable[str]) -> None:
    """Raise UsageError for a table that no rule uses."""
    mapping = version.loaded()
    if unused := next((name for name in brought if name in mapping.unused), None):
        used = sorted(mapping.lookups.keys() - {STAFF, *mapping.unused})
        hint = did_you_mean(unused, used) or f"the mapping's tables are {', '.join(used) or 'none'}"
        raise click.UsageError(f"no rule uses a table {unused!r}; {hint}")


def _stored(  # noqa: PLR0913 - what is put, in place of what, and what is shown of it
    stack: Stack,
    version: Version,
    before: int,
    known: Version | None,
    *,
    samples: Sequence[str] = (),
    tried_on: str | None = None,
    changes_crm: bool = False,
    yes: bool = False,
) -> int:
    """Show what a version changes, and store it."""
    events = [sample for path in samples for sample in read(path, Given())]
    readers = stored.readers(stack, version.name)
    on = [stack.connection(tried_on)] if tried_on else readers
    if known and known._replace(**MADE) == version._replace(**MADE):
        say(f"nothing is new: it is what {known} says")
        return exits.FINE
    preview(stack, known, version, on, events)
    _check_crm(known, version, changes_crm=changes_crm)
    if not yes:
        click.confirm(f"Store {version}?", default=True, abort=True)
    stored.put(stack, version, before)
    say(
        Cell(str(version), "bold"),
        f" is stored, {stored.size(version):,} of {stored.LARGEST_BYTES:,} bytes; it counts within 5 minutes.",
    )
    for line in (*_next(version, readers), *_left(stack, version)):
        say(line)
    return exits.FINE


def _check_crm(known: Version | None, version: Version, *, changes_crm: bool) -> None:
    """Raise UsageError where cards would get other keys, and it is not said that they may."""
    try:
        before = known.loaded().crm if known else None
    except BridgeError:  # of a newer format, or of a key that this version lacks
        before = None
    if before and before != version.loaded().crm and not changes_crm:
        raise click.UsageError(
            f"{version} has another crm than {before!r}, so {OTHER_CARDS}, and Ringostat deletes none: "
            f"write crm as it was, or say --changes-crm"
        )


def _left(stack: Stack, version: Version) -> Iterator[str]:
    """Yield what is not as it may be expected: tables without a rule, and mappings that hold an older version."""
    for name in version.loaded().unused:
        yield f"No rule uses the table {name}: bridge mapping table rm {name} --name {version.name} removes it."
    for one in stored.holders(stack, version.name):
        yield f"{one} holds {one.others[version.name][0]}: put {one.name} again to take this one."


def _next(version: Version, readers: Sequence[Connection]) -> Iterator[str]:
    """Yield what may be done now."""
    if not readers and not version.name.endswith(API_SUFFIX):
        yield f"No connection reads with it: bridge connect {version.name} --name … makes one."
    for one in readers:
        yield f"Rejected events: bridge rejected replay --connection {one.name}"
        if one.lookups:
            yield f"What was mapped otherwise before: bridge sync {one.name} reads all records again."


@command.command("get", short_help="Print a stored mapping.")
@click.argument("name", shell_complete=completion.stored)
@click.option("--version", "number", type=click.IntRange(min=1), help="Not the newest.")
@click.option("--table", metavar="TABLE", help="Print one of its tables as CSV.")
@of_stack
def get(stack: Stack, name: str, number: int | None, table: str | None) -> int:
    """Print the text of the stored mapping NAME: bridge mapping get my > my.toml."""
    version = stored.version_of(stack, name, number)
    if table is None:
        click.echo(version.text, nl=False)
        return exits.FINE
    if table not in version.tables:
        hint = did_you_mean(table, version.tables) or f"it has {', '.join(version.tables) or 'none'}"
        raise click.UsageError(f"{version} has no table {table!r} beside its text; {hint}")
    csv.writer(written := io.StringIO(), lineterminator="\n").writerows(version.tables[table].items())
    click.echo(written.getvalue(), nl=False)
    return exits.FINE


@command.command("list", short_help="List the stored mappings, or the versions of one.")
@click.argument("name", required=False, shell_complete=completion.stored)
@json_option
@of_stack
def list_(stack: Stack, name: str | None, *, as_json: bool) -> int:
    """List the stored mappings with the connections that read with them, or the versions of NAME."""
    if name:
        newest = stored.version_of(stack, name).version
        found = [one for number in range(newest, 0, -1) if (one := stored.found(stack, name, number))]
    else:
        found = stored.kept(stack)
    told = [_described(stack, one, is_newest=not name or one is found[0]) for one in found]
    if as_json:
        say_json(told)
        return exits.FINE
    say_table(("version", "stored", "size", "connections", "with"), map(_row, found, told))
    if not found:
        say("No mapping is stored: bridge mapping put FILE --name NAME stores one.")
    return exits.FINE


def _described(stack: Stack, version: Version, *, is_newest: bool) -> dict[str, Any]:
    """Return what there is to say of a version, without its text; connections read with the newest."""
    return {
        "mapping": version.name,
        "version": version.version,
        "put_at": moment(version.put_at),
        "bytes": stored.size(version),
        "note": version.note,
        "holds": [shown for shown, *_ in version.others.values()],
        "tables": list(version.tables),
        "connections": [one.name for one in stored.readers(stack, version.name)] if is_newest else [],
    }


def _row(version: Version, told: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    parts = [version.note, *told["holds"], *(f"table {name}" for name in told["tables"])]
    size = f"{told['bytes']:,} bytes"
    own = Cell(str(version), "bold")
    return own, local(version.put_at), size, ", ".join(told["connections"]), ", ".join(filter(None, parts))


@command.command("diff", short_help="Compare two versions of a stored mapping.")
@click.argument("name", shell_complete=completion.stored)
@click.argument("old", type=click.IntRange(min=1), required=False)
@click.argument("new", type=click.IntRange(min=1), required=False)
@of_stack
def diff(stack: Stack, name: str, old: int | None, new: int | None) -> int:
    """Show what changed between two versions of NAME: the newest and the one before it, if none is named."""
    after = stored.version_of(stack, name, new)
    before = stored.version_of(stack, name, old or max(1, after.version - 1))
    lines = difflib.unified_diff(_lines(before), _lines(after), str(before), str(after), lineterm="")
    for line in lines:
        say(Cell(line, {"+": "green", "-": "red"}.get(line[:1], "")))
    return exits.FINE


def _lines(version: Version) -> list[str]:
    """Return the lines of a text, and of its tables as they would stand in it."""
    tables = [
        line
        for name, table in version.tables.items()
        for line in (f"[lookups.{name}]", *(f"{key} = {value}" for key, value in table.items()))
    ]
    return [*version.text.splitlines(), *tables]


@command.command("rollback", short_help="Store an older version as the newest one.")
@click.argument("name", shell_complete=completion.stored)
@click.option("--to", "number", type=click.IntRange(min=1), help="The version; the one before if not given.")
@CHANGES_CRM
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def rollback(stack: Stack, name: str, number: int | None, **given: Any) -> int:
    """Store an older version of NAME, with its tables and what it extends, as the newest one.

    Called again it goes one version further back.
    """
    before, known = stored.last(stack, name)
    number = number or _origin(stored.version_of(stack, name)) - 1
    if not number:
        raise click.ClickException(f"there is no version before version 1 of '{name}'")
    older = stored.version_of(stack, name, number)
    version = older._replace(version=before + 1, put_at=stack.clock(), note=f"{AS_VERSION}{_origin(older)}")
    version.loaded()  # of a format that this version reads
    return _stored(stack, version, before, known, **given)


def _origin(version: Version) -> int:
    """Return which version a rollback took the content from, else the version's own number."""
    return int(version.note.removeprefix(AS_VERSION)) if version.note.startswith(AS_VERSION) else version.version


@command.command("rm", short_help="Remove a stored mapping with all its versions.")
@click.argument("name", shell_complete=completion.stored)
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def rm(stack: Stack, name: str, *, yes: bool) -> int:
    """Remove the stored mapping NAME with all its versions and tables, if no connection reads with it."""
    newest = stored.version_of(stack, name)
    if readers := stored.readers(stack, name):
        named = ", ".join(one.name for one in readers)
        raise click.ClickException(f"{named} reads with '{name}': bridge connect … --name {readers[0].name} --replace")
    if holders := stored.holders(stack, name):
        named = ", ".join(one.name for one in holders)
        raise click.ClickException(
            f"{named} holds '{name}', which its `extends` or `api` names: put it again without that first"
        )
    if not yes:
        click.confirm(f"Remove {name} with {counted(newest.version, 'version')} for good?", abort=True)
    stack.cards.write_all(removed(name, newest.version, stack.clock()))
    say(f"{name} is removed")
    return exits.FINE


@command.group("table", short_help="Change the tables of a stored mapping.")
def table() -> None:
    """Change the tables of a stored mapping that stand outside its text: of employees, for instance."""


@table.command("put", short_help="Store a table: a CSV of two columns.")
@FILE
@click.option("--name", required=True, shell_complete=completion.stored, help="The mapping.")
@OPTIONAL_TABLE
@ENCODING
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def put_table(  # noqa: PLR0913 - click calls it with each option by its name
    stack: Stack, file: Path, name: str, name_of_table: str | None, encoding: str, *, yes: bool
) -> int:
    """Store FILE, what the CRM says and what it means in each line, as `[lookups.TABLE]` of the mapping NAME.

    It replaces the table whole, and makes a version of the mapping.
    """
    known = stored.version_of(stack, name)
    named = _name_of_table(file, name_of_table)
    version = _with(stack, known, {**known.tables, named: table_of(file, encoding)})
    _check_used(version, [named])
    return _stored(stack, version, known.version, known, yes=yes)


@table.command("rm", short_help="Remove a table.")
@click.argument("name_of_table", metavar="TABLE")
@click.option("--name", required=True, shell_complete=completion.stored, help="The mapping.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def remove_table(stack: Stack, name_of_table: str, name: str, *, yes: bool) -> int:
    """Remove TABLE of the mapping NAME, whose text must not need it."""
    known = stored.version_of(stack, name)
    if name_of_table not in known.tables:
        raise click.UsageError(f"{known} has no such table; it has {', '.join(known.tables) or 'none'}")
    tables = {one: rows for one, rows in known.tables.items() if one != name_of_table}
    return _stored(stack, _with(stack, known, tables), known.version, known, yes=yes)


def _with(stack: Stack, known: Version, tables: Tables) -> Version:
    """Return the version that follows with other tables; raise BadMapping where its text does not fit them."""
    version = known._replace(version=known.version + 1, tables=tables, put_at=stack.clock(), note="table")
    version.loaded()
    return version
