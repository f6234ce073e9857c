"""Stored mappings as commands handle them: what the functions can read, and what the next version of one would be."""

import json
from collections.abc import Sequence
from typing import Any

import click

from cards.key import PROJECTS, mapping_key, staff_key
from connections import Connection, connection_of
from errors import BadConnection, OperatorError
from intake.employees import ids_of
from mapping.language import loader
from mapping.language.parser import data_of
from mapping.language.rule import STAFF
from mappings import Bundle, Tables, Version, newest, puts
from ops.offline import Offline
from ops.stack import Stack

LARGEST_BYTES = 350_000  # DynamoDB ends at 400 KiB an item
ENROLLED = "mappings"  # the names of stored mappings, beside the projects


def bundled(stack: Stack) -> Sequence[str]:
    """Return the mappings of the deployed functions' bundle; of ours where they are too old to tell."""
    told = Bundle(stack.cards).asked()
    return loader.mappings() if told is None else told


def lacking(stack: Stack, connection: Connection) -> str:
    """Return why the deployed functions cannot map a connection's events, empty where they can."""
    name = connection.mapping
    try:
        stack.mappings.of(connection)
    except OperatorError as error:
        return str(error)
    if connection.stored or name in bundled(stack) or newest(stack.cards, name):
        return ""
    return absent(name)


def absent(name: str) -> str:
    """Return what to do about a mapping that the deployed functions do not have."""
    return (
        f"the deployed functions have no mapping '{name}': bridge mapping put FILE --name {name} stores it at once, "
        f"without a deployment (make deploy brings what is in src/mapping/presets)"
    )


def kept(stack: Stack) -> list[Version]:
    """Return the newest version of each stored mapping."""
    names = sorted(stack.cards.row(PROJECTS).get(ENROLLED, ()))
    return [version for name in names if (version := newest(stack.cards, name))]


def holders(stack: Stack, name: str) -> list[Version]:
    """Return the versions that hold a text of another stored mapping, which they extend or ask with."""
    return [version for version in kept(stack) if name in version.others and version.name != name]


def readers(stack: Stack, name: str) -> list[Connection]:
    """Return the connections that read with a stored mapping; broken ones are none."""
    entries, those = stack.secret("ConnectionsSecret"), []
    for one in sorted(entries):
        try:
            connection = connection_of(entries, one)
        except BadConnection:
            continue
        if connection and connection.mapping == name:
            those.append(connection)
    return those


def staffed(stack: Stack, connection: Offline) -> Offline:
    """Return a connection with Ringostat's employees, if its mapping finds any."""
    readers = (connection.mapping, loader.answers_of(connection.mapping))
    if not any(STAFF in one.lookups for one in readers):
        return connection
    return connection._replace(staff=ids_of(stack.cards.row(staff_key(connection.project))))


def last(stack: Stack, name: str) -> tuple[int, Version | None]:
    """Return the number of the newest version, 0 if there never was one, and that version unless it was removed."""
    row = stack.cards.row(mapping_key(name))
    return row.get("version", 0), Version.of(name, row)


def found(stack: Stack, name: str, number: int) -> Version | None:
    """Return a version, the newest for 0; None if there is none."""
    return Version.of(name, stack.cards.row(mapping_key(name, number)))


def version_of(stack: Stack, name: str, number: int | None = None) -> Version:
    """Return a version, the newest without a number; raise ClickException if there is none."""
    version = found(stack, name, number or 0)
    if version is None:
        what = f"version {number} of '{name}'" if number else f"mapping '{name}'"
        raise click.ClickException(f"there is no stored {what}; bridge mapping list shows what there is")
    return version


def drafted(stack: Stack, name: str, number: int, text: str, tables: Tables) -> Version:
    """Return a version with the stored mappings that its text names, each as it is now."""
    found = [one for other in _named(text) - {name, *bundled(stack)} if (one := newest(stack.cards, other))]
    theirs: dict[str, Any] = {other: held for one in found for other, held in one.others.items()}
    named = {one.name: (str(one), one.text, one.tables) for one in found}
    return Version(name, number, text, theirs | named, tables, stack.clock())


def _named(text: str) -> set[str]:
    """Return the mappings that a text names; none where it is no TOML, which its loader reports."""
    try:
        data = data_of(text)
    except (ValueError, RecursionError):
        return set()
    return {name for key in ("extends", "api") if isinstance(name := data.get(key), str)}


def size(version: Version) -> int:
    """Return about how many bytes a row takes."""
    return len(json.dumps(version, ensure_ascii=False).encode())


def put(stack: Stack, version: Version, before: int) -> None:
    """Store a version; raise ClickException where it is too large, or where another one came meanwhile."""
    if size(version) > LARGEST_BYTES:
        raise click.ClickException(
            f"{version} would take {size(version):,} bytes with its tables and what it extends; {LARGEST_BYTES:,} fit"
        )
    if stack.cards.write_all(puts(version, before)):
        raise click.ClickException(
            f"another version of '{version.name}' was stored at the same moment, so this one is not: "
            f"bridge mapping diff {version.name} shows it; put yours again"
        )
    stack.cards.enrol(version.name, ENROLLED)
