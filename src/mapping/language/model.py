"""The format of mapping files: the keys it has, and what a file becomes.

The loader checks files against the tables at the top; the JSON Schema for editors is made of them too (`schema.py`).
"""

from typing import Any, NamedTuple, get_args

from mapping.language.expression import Expression
from mapping.language.positions import Place, Source
from mapping.language.rule import Rule
from mapping.outcome import Carries, Kind, Result

DO: tuple[str, ...] = get_args(Result)
CARRIES: tuple[str, ...] = get_args(Carries)
CONTRACTS = ("direct",)
CODES = {"delete": "deleted-in-crm", "erase": "erased-in-crm"}  # of a record that gives none

TOP = {"format": "format", "crm": "text", "extends": "text", "title": "text", "help": "text", "verify": "text",
       "changedAt": "rule", "eventId": "rule", "timeZone": "text", "carries": CARRIES, "contract": CONTRACTS,
       "get": "boolean", "freeIds": "boolean", "record": "records", "contact": "section", "lead": "section",
       "deal": "section", "organization": "section", "lookups": "lookups", "answer": "answer"}  # fmt: skip
RECORD = {"title": "text", "each": "expression", "when": "expression", "do": DO, "as": "as", "code": "code",
          "message": "text", "id": "id", "changedAt": "rule", "eventId": "rule", "carries": CARRIES}  # fmt: skip
_CONTACT = {"fullName": "text", "externalId": "id", "leadId": "id", "responsible": "id", "staffId": "id",
            "contactLink": "link", "leadLink": "link", "dealLink": "link", "googleClientId": "text",
            "phones": "blocks", "emails": "blocks", "organizations": "blocks"}  # fmt: skip
SECTIONS: dict[str, dict[str, str]] = {
    "contact": _CONTACT,
    "lead": {"contactId": "id", **_CONTACT},
    "deal": {"contactId": "id", **_CONTACT},
    "organization": {"name": "text", "externalId": "id"},
}
ID_FIELDS = {"contact": "externalId", "lead": "leadId", "deal": "contactId", "organization": "externalId"}
BLOCKS: dict[str, dict[str, str]] = {
    "phones": {"each": "expression", "value": "phone", "name": "text", "primary": "flag"},
    "emails": {"each": "expression", "value": "email", "name": "text", "primary": "flag"},
    "organizations": {"each": "expression", "name": "text", "externalId": "id"},
}
NEEDED = {"phones": "value", "emails": "value", "organizations": "externalId"}
SOURCES = ("from", "value", "join", "template")
RULE = (*SOURCES, "with", "default", "ignore", "lookup")
ANSWER = {"when": "expression", "status": "status", "contentType": "text", "body": "text", "echo": "texts"}


class Record(NamedTuple):
    """Which items of an event are meant, and what to do with them."""

    place: Place
    title: str
    each: Expression | None
    when: Expression | None
    do: Result
    section: Kind
    code: str
    message: str
    identity: Rule | None  # of what is deleted or erased, where the section does not find it
    changed_at: Rule | None
    event_id: Rule | None
    carries: Carries | None  # None until the mapping's own is filled in


class Block(NamedTuple):
    """One `[[contact.phones]]`, `[[contact.emails]]` or `[[contact.organizations]]`."""

    place: Place
    each: Expression | None
    rules: dict[str, Rule]


class Section(NamedTuple):
    """The fields of `[contact]`, `[lead]`, `[deal]` or `[organization]`."""

    rules: dict[str, Rule]
    blocks: dict[str, tuple[Block, ...]]
    places: dict[str, Place]  # of each field


class Reply(NamedTuple):
    """What the CRM insists on being answered."""

    when: Expression | None
    status: int
    content_type: str
    body: str
    echo: tuple[str, ...]


class Parts(NamedTuple):
    """What one file says, before what it extends is added."""

    values: dict[str, Any]
    records: tuple[Record, ...] | None
    sections: dict[str, Section]
    lookups: dict[str, dict[str, str]]
    answer: Reply | None

    def over(self, parent: "Parts") -> "Parts":
        """Return the parent's parts with those given here instead."""
        sections = {**parent.sections}
        for name, section in self.sections.items():
            known = parent.sections.get(name, Section({}, {}, {}))
            rules, blocks = {**known.rules, **section.rules}, {**known.blocks, **section.blocks}
            sections[name] = Section(rules, blocks, {**known.places, **section.places})
        return Parts(
            {**parent.values, **self.values},
            parent.records if self.records is None else self.records,
            sections,
            {**parent.lookups, **self.lookups},
            self.answer or parent.answer,
        )


class Mapping(NamedTuple):
    """A mapping that has no problems. `crm` is the origin in Ringostat; `warnings` are for `bridge validate`."""

    name: str
    source: Source
    crm: str
    title: str
    help: str
    verify: str  # the schemes that this CRM can satisfy, for people
    contract: str
    get: bool  # whether a GET with a query string is an event
    free_ids: bool  # whether senders choose the ids, so that a phone may stand for one
    time_zone: str
    records: tuple[Record, ...]
    sections: dict[str, Section]
    lookups: dict[str, dict[str, str]]
    answer: Reply | None
    warnings: tuple[str, ...]
