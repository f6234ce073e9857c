"""What a mapping made of one record of an event."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Fields = Mapping[str, Any]
Result = Literal["change", "delete", "erase", "lookup", "skip", "reject"]
Kind = Literal["contact", "lead", "deal", "organization"]
Carries = Literal["whole", "full", "partial", "changes"]


class Step(NamedTuple):
    """How one field came about, for `bridge explain`. Contains personal data: never log it."""

    field: str  # such as fullName, phones.0, changedAt; or the title of a record that took nothing
    value: Any
    place: str  # presets/pipedrive.toml:36
    sources: tuple[str, ...] = ()  # the expressions that were asked, and why one found nothing
    raw: Any = None  # what the last of them found
    note: str = ""  # such as "not a valid phone, dropped"


class Want(NamedTuple):
    """A record to be read from the CRM's API: the name of the look-up, and an id that fits its pattern."""

    lookup: str
    id: str
    card: str = ""  # "contact:42" where it is wanted only if that card is not known


class Outcome(NamedTuple):
    """What becomes of a record; all but a `change` and a `lookup` have a code and a reason that quote no data.

    `change`: `fields` go into the card. `delete`: the record was deleted in the CRM at `changed_at`; `fields` hold the
    card's id and `deleted` (True, or the connection's mark), to be stamped and merged like any other field, so that
    later data revive the card.
    `erase`: the CRM asks to forget the person; the card is to be erased for good, `fields` are empty. `lookup`: the
    event names only an id; `wants` holds the one record that is to be read. `skip`: a rule names the record as
    unwanted. `reject`: it cannot be used and is kept.

    The `wants` of a `change` are to be read beside it.

    `fields` of a contact, lead or deal: the scalars of Ringostat's contact (text or None) and one entry per block of
    the mapping: `phones.0`, `emails.0` … hold `[{"value": str, "name": str | None, "primary": bool}]`,
    `organizations.0` … hold `[{"externalId": str, "name": str | None}]`. An organization's: `name`, `externalId`.
    A field that is not in `fields` is not touched by the change; None or `[]` clears it.
    """

    result: Result
    position: int = 0  # of the item in the list its record took it from
    record: str = ""  # title of the mapping's record, empty when none matched
    kind: Kind | Literal[""] = ""  # the section used
    card: str = ""  # the card that changes: "contact:42", "lead:7", "organization:9"
    carries: Carries = "full"
    changed_at: int | None = None  # ms since 1970, UTC
    event_id: str | None = None
    fields: Fields = {}
    code: str = ""
    field: str = ""
    reason: str = ""
    wants: tuple[Want, ...] = ()
    warnings: tuple[str, ...] = ()
    trace: tuple[Step, ...] = ()


def compact(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as `events/<crm>/<case>.expected.json` holds it: what is not its default, times in ISO 8601.

    Warnings are without their lines, which change with every edit of the file.
    """
    default = Outcome(outcome.result)._replace(trace=outcome.trace)
    given = {
        "index" if name == "position" else name: value  # as senders get it
        for name, value in outcome._asdict().items()
        if value != getattr(default, name)
    }
    shown = {"result": outcome.result, **given}
    if outcome.changed_at is not None:
        moment = datetime.fromtimestamp(outcome.changed_at / 1000, UTC)
        shown["changed_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if outcome.wants:
        shown["wants"] = [{name: value for name, value in want._asdict().items() if value} for want in outcome.wants]
    if outcome.warnings:
        shown["warnings"] = [re.sub(r"(\.toml):\d+", r"\1", warning) for warning in outcome.warnings]
    return shown
