"""`bridge staff`: Ringostat's own employees, and the owners in the CRM that they are."""

from collections.abc import Collection, Iterator
from typing import Any

import click

from cards.key import staff_key
from cli import exits
from cli.terminal import Cell, Part, columns, json_option, say, say_json, say_table
from connections import auth_key_of
from delivery.classify import shape
from delivery.ringostat import Ringostat
from intake.employees import forgotten, ids_of, stored
from ops.dry_run import moment
from ops.owners import Owner, owners
from ops.stack import Stack, of_stack
from ops.staff import METHOD, Employees, employees_of
from ops.times import counted, shown

SECONDS = 30.0


@click.command(short_help="List owners and Ringostat's employees; --try reads these.")
@click.argument("project", type=click.IntRange(min=1))
@click.option("--try", "ask", is_flag=True, help="Ask Ringostat for the employees, show them, store them on demand.")
@click.option("--yes", is_flag=True, help="With --try: store them without a question, such as each night.")
@click.option("--forget", is_flag=True, help="Delete the stored list.")
@json_option
@of_stack
def command(stack: Stack, project: int, *, ask: bool, yes: bool, forget: bool, as_json: bool) -> int:  # noqa: PLR0913 - click calls it with each option by its name
    """List the owners that the cards of PROJECT name, and which of them are employees of Ringostat.

    For mappings with `staffId = { from = "owner.email", staff = "email" }`, which find none before --try has stored
    the list. It reads the whole table, and prints personal data: it is for your own screen.
    """
    if ask + forget + as_json > 1:
        raise click.UsageError("--try, --forget and --json are for different calls")
    stack.check_project(project)
    if forget:
        stack.cards.write(forgotten(project))
        say(f"The list of employees of project {project} is deleted; it counts within 5 minutes.")
    elif ask:
        _ask(stack, project, yes=yes)
    else:
        _list(stack, project, as_json=as_json)
    return exits.FINE


def _ask(stack: Stack, project: int, *, yes: bool) -> None:
    key = auth_key_of(stack.secret("AuthKeysSecret"), project)
    if key is None:
        raise click.ClickException(f"project {project} has no auth key: bridge project add {project} stores one")
    ringostat = Ringostat(stack.environment["RINGOSTAT_URL"], deadline_seconds=SECONDS)
    answer = ringostat.call(METHOD, {"projectId": project}, auth_key=key)
    ringostat.close()
    found = employees_of(answer)
    say("answer     ", Cell(shape(answer.body), "dim"))
    say("employees  ", _counted(found))
    for row in columns((identity, email) for email, identity in sorted(found.ids.items())):
        say("           ", *row)
    if not found.ids:
        raise click.ClickException("none of them can be found by an e-mail address, so nothing was stored")
    if not yes:
        click.confirm("Store these e-mail addresses and ids in the cards table?", abort=True)
    stack.cards.write(stored(project, found.ids, stack.clock()))
    say(f"Stored; it counts within 5 minutes, for events that come then. bridge staff {project} lists the owners.")


def _counted(found: Employees) -> str:
    parts = [f"{found.number} at Ringostat", f"{len(found.ids)} with an e-mail address"]
    parts += [f"{found.without_email} without one"] if found.without_email else []
    parts += [f"{counted(found.shared, 'address', 'addresses')} left out that several have"] if found.shared else []
    return ", ".join(parts)


def _list(stack: Stack, project: int, *, as_json: bool) -> None:
    row = stack.cards.row(staff_key(project))
    ids = ids_of(row)
    known = set(ids.values())
    found = owners(stack, project)
    if as_json:
        read_at = moment(row["read_at"]) if ids else None
        say_json({"employees": len(ids), "read_at": read_at, "owners": [_document(one, known) for one in found]})
        return
    if ids:
        say("employees  ", f"{len(ids)} with an e-mail address, read {shown(row['read_at'], stack.clock())}")
    else:
        say("employees  ", Cell("no list is stored: --try asks Ringostat", "yellow"))
    say_table(("", "owner", "employee", "cards", ""), [list(_owner(owner, known)) for owner in found])
    matched = sum(any(_is_employee(staff_id, known) for staff_id in owner.cards) for owner in found)
    say(f"{matched} of {counted(len(found), 'owner')} matched")


def _document(owner: Owner, known: Collection[str]) -> dict[str, Any]:
    cards = [
        {"staff_id": staff_id, "is_employee": _is_employee(staff_id, known), "cards": number}
        for staff_id, number in owner.cards.items()
    ]
    return {"origin": owner.origin, "responsible": owner.responsible, "cards": cards}


def _is_employee(staff_id: str | None, known: Collection[str]) -> bool:
    """Return whether an id is one of the list's; without a list, whether there is one at all."""
    return staff_id is not None and (not known or staff_id in known)


def _owner(owner: Owner, known: Collection[str]) -> Iterator[Part]:
    """Yield the cells of an owner: matched or not, his id in the CRM, the employee's, and on how many cards."""
    number = sum(owner.cards.values())
    good = {staff_id: cards for staff_id, cards in owner.cards.items() if _is_employee(staff_id, known)}
    odd = [staff_id for staff_id in owner.cards if staff_id is not None and staff_id not in good]
    yield Cell("matched", "green") if good else Cell("unmatched", "yellow")
    yield f"{owner.origin} {owner.responsible}"
    yield " ".join(map(str, good))
    yield f"{sum(good.values())} of {counted(number, 'card')}" if good else counted(number, "card")
    yield f"not in the list: {' '.join(odd)}" if odd else ""
