"""`bridge mapping`: mappings of one's own, stored beside the cards, which need no deployment."""

import csv
import difflib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cli import exits
from cli.problems import show_problems
from cli.tables import DELIMITERS, text_of
from cli.terminal import Cell, columns, say
from connections import Connection
from errors import BadMapping, BridgeError, did_you_mean
from mapping.language.model import Mapping as Loaded
from mappings import Tables, Version, removed
from ops import stored
from ops.completion import connections
from ops.dry_run import document, tried
from ops.offline import Offline
from ops.rejected_queue import Held
from ops.samples import Given, Sample, read
from ops.stack import Stack, of_stack
from ops.times import local

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
SETTINGS = {"country": "UA", "time_zone": "Europe/Kyiv"}  # of samples, where no connection reads with the mapping
MADE: Mapping[str, Any] = {"version": 0, "put_at": 0, "note": ""}  # of a version, beside its content
MOST_SHOWN = 20  # rejected events
COMPARED = ("result", "code", "reason", "card", "changed_at")

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
OPTIONAL_TABLE = click.option("--table", "name_of_table", help="Of [lookups]; the file's name if not given.")


@click.group(short_help="Store mappings of your own, which need no deployment.")
def command() -> None:
    """Store mappings of your own: each `put` makes a version, which counts within 5 minutes, without a deployment."""


@command.command("put", short_help="Store a mapping file as the newest version.")
@FILE
@click.option("--name", required=True, help="By which connections name the mapping.")
@click.option("--table", "tables", multiple=True, metavar="CSV", help="A table of [lookups], staff.csv for staff.")
@click.option("--sample", "samples", multiple=True, metavar="FILE", help="An event to show it with.")
@click.option(
    "--connection",
    "tried_on",
    shell_complete=connections,
    metavar="NAME",
    help="Whose rejected events are shown, if not its readers'.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def put(stack: Stack, file: Path, name: str, tables: tuple[str, ...], **given: Any) -> int:
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
    brought = dict(_table(Path(path)) for path in tables)
    version = stored.drafted(stack, name, before + 1, text_of(file, "utf-8"), {**_own(known), **brought})
    try:
        warnings = version.loaded(str(file)).warnings
    except BadMapping as error:
        show_problems(str(error), "red")
        return exits.WRONG
    if warnings:
        show_problems("\n".join(warnings), "yellow")
        return exits.WRONG
    return _stored(stack, version, before, known, **given)


def _own(version: Version | None) -> Tables:
    return version.tables if version else {}


def _stored(  # noqa: PLR0913 - what is put, in place of what, and what is shown of it
    stack: Stack,
    version: Version,
    before: int,
    known: Version | None,
    *,
    samples: Sequence[str] = (),
    tried_on: str | None = None,
    yes: bool = False,
) -> int:
    """Show what a version changes, and store it."""
    if known and known._replace(**MADE) == version._replace(**MADE):
        say(f"nothing is new: it is what {known} says")
        return exits.FINE
    readers = stored.readers(stack, version.name)
    on = [stack.connection(tried_on)] if tried_on else readers
    _preview(stack, known, version, on, [sample for path in samples for sample in read(path, Given())])
    if not yes:
        click.confirm(f"Store {version}?", default=True, abort=True)
    stored.put(stack, version, before)
    say(
        Cell(str(version), "bold"),
        f" is stored, {stored.size(version):,} of {stored.LARGEST_BYTES:,} bytes; it counts within 5 minutes.",
    )
    for line in _next(version, readers):
        say(line)
    return exits.FINE


def _next(version: Version, readers: Sequence[Connection]) -> Iterator[str]:
    """Yield what may be done now."""
    if not readers:
        yield f"No connection reads with it: bridge connect {version.name} --name … makes one."
    for one in readers:
        yield f"Rejected events: bridge rejected replay --connection {one.name}"
        if one.lookups:
            yield f"What was mapped otherwise before: bridge sync {one.name} reads all records again."


def _preview(
    stack: Stack, known: Version | None, version: Version, readers: Sequence[Connection], samples: Sequence[Sample]
) -> None:
    """Show what a version makes of rejected events and samples, beside what is made of them now."""
    after = version.loaded()
    before = {one.name: _readable(stack, one, known) for one in readers}
    if readers:
        _show_rejected(stack, readers, before, after)
    first = readers[0] if readers else None
    for number, sample in enumerate(samples, 1):
        say(Cell(f"sample {number}", "bold"))
        settings, project = (first.settings, first.project) if first else (SETTINGS, 106)
        now = before[first.name] if first else _readable(stack, None, known)
        _show(now and Offline(now, project, settings), Offline(after, project, settings), sample)
    old = next(filter(None, before.values()), None)
    if old and old.crm != after.crm:
        say(Cell("crm changes", "bold red"), f" from {old.crm} to {after.crm}: every contact becomes another card")


def _readable(stack: Stack, connection: Connection | None, known: Version | None) -> Loaded | None:
    """Return the mapping that counts now, None where there is none that can be read."""
    try:
        if connection and not (known and connection.mapping == known.name):
            return stack.mappings.of(connection)
        return known.loaded() if known else None
    except BridgeError:
        return None


def _show_rejected(
    stack: Stack, readers: Sequence[Connection], before: Mapping[str, Loaded | None], after: Loaded
) -> None:
    entries = {one.name: one for one in readers}
    with Held(stack) as held:
        found = [one for one in held.all() if one.connection in entries]
    for one in found[:MOST_SHOWN]:
        connection, now = entries[one.connection], before[one.connection]
        say(Cell(f"rejected {one.identity[:8]}", "bold"), f"  {local(one.received_at)}, {one.connection}")
        settings, project = connection.settings, connection.project
        _show(now and Offline(now, project, settings), Offline(after, project, settings), one.sample)
    say(f"{len(found)} rejected events" + (f", {MOST_SHOWN} are shown" if len(found) > MOST_SHOWN else ""))


def _show(before: Offline | None, after: Offline, sample: Sample) -> None:
    """Show each field of a sample's records before and after."""
    old, new = _facts(before, sample) if before else {}, _facts(after, sample)
    changed = [field for field in {**old, **new} if old.get(field) != new.get(field)]
    rows = [(f"  {field}", Cell(_text(old, field), "red"), "->", Cell(_text(new, field), "green")) for field in changed]
    for row in columns(rows) or [[Cell("  the same as now")]]:
        say(*row)


def _text(facts: Mapping[str, Any], field: str) -> str:
    return "null" if facts.get(field) is None else str(facts[field])


def _facts(connection: Offline, sample: Sample) -> dict[str, Any]:
    """Return what a sample's records become, by names such as `fullName`, with a number where there are several."""
    outcomes = document(connection, [tried(connection, sample)])["outcomes"]
    return {
        f"{number}. {name}" if len(outcomes) > 1 else name: value
        for number, outcome in enumerate(outcomes, 1)
        for name, value in {**{name: outcome[name] for name in COMPARED}, **outcome["fields"]}.items()
        if value is not None
    }


@command.command("get", short_help="Print a stored mapping.")
@click.argument("name")
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
@click.argument("name", required=False)
@of_stack
def list_(stack: Stack, name: str | None) -> int:
    """List the stored mappings with the connections that read with them, or the versions of NAME."""
    if name:
        count = stored.version_of(stack, name).version
        rows = [_row(one) for number in range(count, 0, -1) if (one := stored.found(stack, name, number))]
    else:
        kept = [one for known in stored.names(stack) if (one := stored.last(stack, known)[1])]
        rows = [(*_row(one), ", ".join(reader.name for reader in stored.readers(stack, one.name))) for one in kept]
    for row in columns(rows):
        say(*row)
    if not rows:
        say("No mapping is stored: bridge mapping put FILE --name NAME stores one.")
    return exits.FINE


def _row(version: Version) -> tuple[str | Cell, ...]:
    parts = [shown for shown, *_ in version.others.values()] + [f"table {name}" for name in version.tables]
    words = f"{version.note}, with {', '.join(parts)}" if parts and version.note else version.note
    size = f"{stored.size(version):,} bytes"
    return Cell(str(version), "bold"), local(version.put_at), size, words or (f"with {', '.join(parts)}" * bool(parts))


@command.command("diff", short_help="Compare two versions of a stored mapping.")
@click.argument("name")
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
@click.argument("name")
@click.option("--to", "number", type=click.IntRange(min=1), help="The version; the one before the newest if not given.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def rollback(stack: Stack, name: str, number: int | None, *, yes: bool) -> int:
    """Store an older version of NAME, with its tables and what it extends, as the newest one."""
    before, known = stored.last(stack, name)
    older = stored.version_of(stack, name, number or max(1, before - 1))
    version = older._replace(version=before + 1, put_at=stack.clock(), note=f"as version {older.version}")
    version.loaded()  # of a format that this version reads
    return _stored(stack, version, before, known, yes=yes)


@command.command("rm", short_help="Remove a stored mapping with all its versions.")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def rm(stack: Stack, name: str, *, yes: bool) -> int:
    """Remove the stored mapping NAME with all its versions and tables, if no connection reads with it."""
    newest = stored.version_of(stack, name)
    if readers := stored.readers(stack, name):
        named = ", ".join(one.name for one in readers)
        raise click.ClickException(f"{named} reads with '{name}': bridge connect … --name {readers[0].name} --replace")
    if not yes:
        click.confirm(f"Remove all {newest.version} versions of {name} for good?", abort=True)
    stack.cards.write_all(removed(name, newest.version, stack.clock()))
    say(f"{name} is removed")
    return exits.FINE


@command.group("table", short_help="Change the tables of a stored mapping.")
def table() -> None:
    """Change the tables of a stored mapping that stand outside its text: of employees, for instance."""


@table.command("put", short_help="Store a table: a CSV of two columns.")
@FILE
@click.option("--name", required=True, help="The mapping.")
@OPTIONAL_TABLE
@click.option("--yes", is_flag=True, help="Do not ask.")
@of_stack
def put_table(stack: Stack, file: Path, name: str, name_of_table: str | None, *, yes: bool) -> int:
    """Store FILE, what the CRM says and what it means in each line, as `[lookups.TABLE]` of the mapping NAME.

    It replaces the table whole, and makes a version of the mapping.
    """
    known = stored.version_of(stack, name)
    named, rows = _table(file)
    tables = {**known.tables, (name_of_table or named): rows}
    return _stored(stack, _with(stack, known, tables), known.version, known, yes=yes)


@table.command("rm", short_help="Remove a table.")
@click.argument("name_of_table", metavar="TABLE")
@click.option("--name", required=True, help="The mapping.")
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


def _table(path: Path) -> tuple[str, dict[str, str]]:
    """Return a table and its name; raise ClickException, which quotes no cell.

    A first line whose second cell alone has no digit is a header: Ringostat's ids are numbers.
    """
    try:
        text = text_of(path, "utf-8")
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read ({type(error).__name__})") from None
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    rows = {number: line for number, line in enumerate(lines, 1) if any(line)}
    for number, line in rows.items():
        if len(line) != 2 or not all(line):  # noqa: PLR2004 - a key and a value
            raise click.ClickException(f"{path.name}:{number}: it needs two cells, what the CRM says and what it means")
    digits = [any(map(str.isdigit, value)) for _, value in rows.values()]
    if len(digits) > 1 and not digits[0] and all(digits[1:]):
        rows.pop(min(rows))
    found: dict[str, str] = {}
    for number, (key, value) in rows.items():
        if key in found:
            raise click.ClickException(f"{path.name}:{number}: what the CRM says stands in an earlier line too")
        found[key] = value
    return path.stem, found
