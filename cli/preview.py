"""What another version of a mapping makes of events, field by field beside what is made of them now."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cli.terminal import Cell, columns, say
from connections import Connection
from errors import BridgeError
from mapping.language.model import Mapping as Loaded
from mappings import Tables, Version
from ops import stored
from ops.dry_run import document, tried
from ops.offline import Offline
from ops.rejected_queue import Held
from ops.samples import Sample
from ops.stack import Stack
from ops.times import counted, local

SETTINGS = {"country": "UA", "time_zone": "Europe/Kyiv"}  # of samples, where no connection reads with the mapping
PROJECT = 106
MOST_SHOWN = 20  # rejected events
OTHER_CARDS = "every contact becomes another card"
COMPARED = ("result", "code", "reason", "card", "changed_at")


class Change(NamedTuple):
    """A connection now and with the other version; it cannot read now where its mapping is not there, or broken."""

    now: Offline | None
    then: Offline


def preview(
    stack: Stack, known: Version | None, version: Version, readers: Sequence[Connection], samples: Sequence[Sample]
) -> None:
    """Show what changes: the rows of tables, and what becomes of the readers' rejected events and of samples."""
    for name in sorted({*(known.tables if known else ()), *version.tables}):
        _show_table(name, known.tables if known else {}, version.tables)
    after = version.loaded()
    changes = {one.name: _change(stack, one, known, after) for one in readers}
    if readers:
        _show_rejected(stack, changes)
    crms = {one.now.mapping.crm for one in changes.values() if one.now} - {after.crm}
    if crms:
        say(Cell("crm changes", "bold red"), f" from {', '.join(sorted(crms))} to {after.crm}: {OTHER_CARDS}")
    first = next(iter(changes.values()), None) or _change(stack, None, known, after)
    for number, sample in enumerate(samples, 1):
        say(Cell(f"sample {number}", "bold"))
        _show(first, sample)


def _show_table(name: str, before: Tables, after: Tables) -> None:
    old, new = before.get(name, {}), after.get(name, {})
    counts = {
        "added": len(new.keys() - old.keys()),
        "changed": sum(old[key] != new[key] for key in old.keys() & new.keys()),
        "removed": len(old.keys() - new.keys()),
    }
    if any(counts.values()):
        say(Cell(f"table {name}", "bold"), "  ", ", ".join(f"{number} {word}" for word, number in counts.items()))


def _change(stack: Stack, connection: Connection | None, known: Version | None, after: Loaded) -> Change:
    now = _readable(stack, connection, known)
    project, settings = (connection.project, connection.settings) if connection else (PROJECT, SETTINGS)
    now = _readable(stack, connection, known)
    change = Change(now and Offline(now, project, settings), Offline(after, project, settings))
    if connection is None:
        return change
    return Change(change.now and stored.staffed(stack, change.now), stored.staffed(stack, change.then))


def _readable(stack: Stack, connection: Connection | None, known: Version | None) -> Loaded | None:
    """Return the mapping that counts now, None where there is none that can be read."""
    try:
        if connection and not (known and connection.mapping == known.name):
            return stack.mappings.of(connection)
        return known.loaded() if known else None
    except BridgeError:
        return None


def _show_rejected(stack: Stack, changes: Mapping[str, Change]) -> None:
    with Held(stack) as held:
        found = [one for one in held.all() if one.connection in changes]
    for one in found[:MOST_SHOWN]:
        say(Cell(f"rejected {one.identity[:8]}", "bold"), f"  {local(one.received_at)}, {one.connection}")
        _show(changes[one.connection], one.sample)
    say(counted(len(found), "rejected event") + (f", {MOST_SHOWN} are shown" if len(found) > MOST_SHOWN else ""))


def _show(change: Change, sample: Sample) -> None:
    """Show each field of a sample's records before and after."""
    old, new = _facts(change.now, sample) if change.now else {}, _facts(change.then, sample)
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
