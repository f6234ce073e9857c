"""What a mapping made of one record of an event."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

Fields = Mapping[str, Any]


class Step(NamedTuple):
    """How one field came about, for `bridge explain`. It holds personal data: it is for the desk, never a log."""

    field: str  # such as fullName, phones.0, changedAt; or the title of a record that took nothing
    value: Any
    place: str  # presets/pipedrive.toml:36
    sources: tuple[str, ...] = ()  # the expressions that were asked, and why one found nothing
    raw: Any = None  # what the last of them found
    note: str = ""  # such as "not a valid phone, dropped"


class Outcome(NamedTuple):
    """`change`, `skip` or `reject`; the last two with a code and a reason that quote no data.

    `fields` of a contact, lead or deal: the scalars of Ringostat's contact (text or None) and one entry per block of
    the mapping: `phones.0`, `emails.0` … hold `[{"value": str, "name": str | None, "primary": bool}]`,
    `organizations.0` … hold `[{"externalId": str, "name": str | None}]`. An organization's: `name`, `externalId`.
    A field that is not in `fields` is not touched by the change; None or `[]` clears it.
    """

    result: str
    position: int = 0  # of the item in the list its record took it from
    record: str = ""  # title of the mapping's record, empty when none matched
    kind: str = ""  # contact | lead | deal | organization: the section used
    card: str = ""  # the card that changes: "contact:42", "lead:7", "organization:9"
    carries: str = "full"  # full | partial
    changed_at: int | None = None  # ms since 1970, UTC
    event_id: str | None = None
    fields: Fields = {}
    code: str = ""
    field: str = ""
    reason: str = ""
    warnings: tuple[str, ...] = ()
    trace: tuple[Step, ...] = ()


def compact(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as `events/<crm>/<case>.expected.json` holds it: what is not its default, times in ISO 8601.

    Warnings stand without their lines, which change with every edit of the file.
    """
    default = Outcome("")
    shown = {
        "index" if name == "position" else name: value  # as senders are told
        for name, value in outcome._asdict().items()
        if name != "trace" and value != getattr(default, name)
    }
    if outcome.changed_at is not None:
        moment = datetime.fromtimestamp(outcome.changed_at / 1000, UTC)
        shown["changed_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if outcome.warnings:
        shown["warnings"] = [re.sub(r"(\.toml):\d+", r"\1", warning) for warning in outcome.warnings]
    return shown
