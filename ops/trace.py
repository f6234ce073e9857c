"""How each field of a change came about, as rows for `bridge explain`, made of the engine's own trace."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from mapping.engine import OF_A_CONTACT
from mapping.language.model import SECTIONS, Section
from mapping.language.rule import place_of
from mapping.outcome import Outcome, Step
from ops.dry_run import with_half_name
from ops.offline import Offline

BLOCKS = {"phones": "phone", "emails": "email", "organizations": "organization"}
KEPT = "not in this event; what is known stays"


class Row(NamedTuple):
    """One field: its name, its value as it is shown, and where it comes from."""

    name: str
    shown: str
    why: str


def rows(connection: Offline, outcome: Outcome) -> Iterator[Row]:
    """Yield a row for each field that the outcome's section has, in Ringostat's order; needs a trace."""
    section = connection.mapping.sections[outcome.kind]
    on_contact = outcome.kind in ("lead", "deal") and outcome.card.startswith("contact:")
    for name in ("contactId", *OF_A_CONTACT) if on_contact else SECTIONS[outcome.kind]:
        if name in SECTIONS[outcome.kind] and not (name == "contactId" and not on_contact):
            yield from (_entries if name in BLOCKS else _scalar)(name, section, outcome)
    yield from _hints(connection, outcome)


def _scalar(name: str, section: Section, outcome: Outcome) -> Iterator[Row]:
    steps = [step for step in outcome.trace if step.field == name]
    value = with_half_name(outcome.fields).get(name, steps[-1].value if steps else None)
    if steps:
        defaulted = "no one is responsible: the connection's default" if value != steps[-1].value else ""
        yield Row(name, _shown(value), _why(steps[-1], defaulted))
    elif name in section.rules:
        place = place_of(section.rules[name]) or section.places[name]
        yield Row(name, _shown(value), str(place))
    elif value is not None:
        yield Row(name, _shown(value), "not mapped; no one is responsible: the connection's default")
    else:
        yield Row(name, "null", "not mapped")


def _entries(name: str, section: Section, outcome: Outcome) -> Iterator[Row]:
    blocks = section.blocks.get(name, ())
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        field = f"{name}.{number}"
        steps = [step for step in outcome.trace if step.field == field]
        for step in steps:
            named = _named(outcome, step) if name == "organizations" else ""
            again = "repeated" if str(step.value).casefold() in seen else ""
            yield Row(BLOCKS[name], _entry(step, named), _why(step, again))
            seen |= {str(step.value).casefold()} if step.value else set()
        if not steps:
            each = block.each.source if block.each else "it"
            yield Row(BLOCKS[name], "null", f"{block.place}: {each} is empty")
    if not blocks:
        yield Row(BLOCKS[name], "null", "not mapped")


def _named(outcome: Outcome, step: Step) -> str:
    """Return what follows an organization's id: its name."""
    for entry in outcome.fields.get(step.field) or ():
        if entry["externalId"] == step.value:
            return f" {_shown(entry['name'])}" if entry["name"] else " (its name is its own card's)"
    return ""


def _entry(step: Step, named: str) -> str:
    return _shown(step.value) + named + (" (primary)" if step.note == "primary" else "")


def _why(step: Step, more: str = "") -> str:
    notes = ["; ".join(step.sources), _raw(step), "" if step.note == "primary" else step.note, more]
    return ": ".join(filter(None, (step.place, "; ".join(filter(None, notes)))))


def _raw(step: Step) -> str:
    """Return what was found, where it is not what came of it."""
    plain = len(step.sources) == 1 and isinstance(step.raw, str) and step.raw not in ("", step.value)
    return f"from {_shown(step.raw)}" if plain and (step.field[-1].isdigit() or step.value is None) else ""


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _hints(connection: Offline, outcome: Outcome) -> Iterator[Row]:
    wanted = any(source.startswith("$settings.crm_url") for step in outcome.trace for source in step.sources)
    if wanted and "crm_url" not in connection.settings:
        yield Row("", "", "--crm-url is not given, so links that begin with it are empty")
