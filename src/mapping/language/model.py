"""The format of mapping files: the keys it has, and what a file becomes.

The loader checks files against the tables at the top; the JSON Schema for editors is made of them too (`schema.py`).
"""

import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Any, Literal, NamedTuple, get_args

from mapping.language.expression import Expression
from mapping.language.positions import Place, Source
from mapping.language.rule import Rule, Template
from mapping.outcome import Carries, Kind, Result

DO: tuple[str, ...] = get_args(Result)
CARRIES: tuple[str, ...] = get_args(Carries)
CONTRACTS = ("direct",)
CODES = {"delete": "deleted-in-crm", "erase": "erased-in-crm"}  # of a record that gives none

FORMAT = 1  # the newest that this version reads
TOP = {"format": "format", "crm": "text", "extends": "text", "title": "text", "help": "text", "verify": "text",
       "changedAt": "rule", "eventId": "rule", "timeZone": "text", "carries": CARRIES, "contract": CONTRACTS,
       "get": "boolean", "freeIds": "boolean", "record": "records", "contact": "section", "lead": "section",
       "deal": "section", "organization": "section", "lookups": "lookups", "answer": "answer", "api": "api",
       "lookup": "lookup"}  # fmt: skip
RECORD = {"title": "text", "each": "expression", "when": "expression", "do": DO, "as": "as", "code": "code",
          "message": "text", "id": "id", "changedAt": "rule", "eventId": "rule", "carries": CARRIES, "lookup": "text",
          "also": "also"}  # fmt: skip
WHEN = ("unknown", "always")
ALSO = {"lookup": "text", "id": "id", "when": WHEN}
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
RULE = (*SOURCES, "with", "default", "ignore", "lookup", "staff")
STAFF_BY = ("email",)  # what Ringostat's employees are found by
ANSWER = {"when": "expression", "status": "status", "contentType": "text", "body": "text", "echo": "texts"}

_CALL = {"get": "path", "post": "path", "query": "query", "json": "json"}
_FACTS = "facts"  # an expression over an answer's status, headers and body
API = {"url": "url", "hosts": "texts", "headers": "headers",
       "token": "token",  # nosec B105
       "check": "call", "rate": "rate", "perDay": "number", "wait": _FACTS, "key": _FACTS, "gone": _FACTS,
       "error": _FACTS, "waitSeconds": _FACTS}  # fmt: skip
RATE = {"calls": "number", "seconds": "number"}
GRANTS = ("client_credentials", "refresh_token")
CHECK = _CALL
KINDS = ("contact", "lead", "organization")  # of the cards that a look-up makes
LOOKUP = {**_CALL, "max": "number", "ids": "pattern", "records": "found", "id": "found", "as": KINDS, "sync": "sync"}
SYNC = {**_CALL, "max": "number", "next": "found", "last": "found", "total": "found", "count": "call"}
# What the texts of a request, and the expressions over an answer, can see.
SCOPES_OF_API = ("secret", "settings", "token")
SCOPES_OF_CALL = ("ids", "id", "last", "since", "now", "next", "page", "size", "settings")
SCOPES_OF_ANSWER = ("", "headers")
DEFAULT_IDS = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


class Call(NamedTuple):
    """One request to a CRM's API: its path below the API's address, its query, and what a POST carries.

    A text with placeholders is a Template whose expressions ask variables, such as `$ids` and `$since`.
    """

    method: Literal["GET", "POST"]
    path: Template
    query: Table[str, Template]
    json: Any  # plain JSON with Templates as texts; None where there is none


class Rate(NamedTuple):
    """How many requests a CRM allows in how many seconds."""

    calls: int
    seconds: int


class Token(NamedTuple):
    """Where an access token is got, by which grant, and the further fields of that form."""

    url: Template
    grant: str
    fields: Table[str, Template]


class Api(NamedTuple):
    """How a CRM is asked, and what its answers mean beyond their status; the expressions see status, headers, body."""

    place: Place
    url: Template
    hosts: tuple[str, ...]  # patterns that the host must fit if the url is not fixed; a star stands for one label
    headers: Table[str, Template]
    token: Token | None
    check: Call | None  # a harmless request, for `bridge connect` and `bridge doctor`
    rate: Rate
    per_day: int  # requests; 0 if there is no limit
    wait: Expression | None
    key: Expression | None
    gone: Expression | None
    error: Expression | None
    wait_seconds: Expression | None


class Sync(NamedTuple):
    """How all records of a look-up are read, page by page: by a cursor, by the last record's key, or by number."""

    call: Call
    most: int  # records of a page: a shorter one is the last; 0 if only an empty one is
    next: Expression | None  # over the body: the cursor of the next page
    last: Expression | None  # over a record: the key after which the next page begins
    total: Expression | None  # over the body, that of `count` if there is one: how many records there are
    counting: Call | None  # asks how many records there are, where a page does not say it


class Named(NamedTuple):
    """What must be known of a look-up to want its records, and not to read them."""

    name: str
    kind: str  # of the cards that it makes: contact, lead or organization; empty if none
    ids: re.Pattern[str]  # the whole of an id; no other is ever asked for


class Lookup(NamedTuple):
    """How records are read by their ids."""

    name: str
    place: Place
    kind: str  # as in `Named`
    call: Call
    most: int  # ids of one request
    ids: re.Pattern[str]  # as in `Named`
    records: Expression  # over the body
    id: Expression  # over a record
    sync: Sync | None


class Also(NamedTuple):
    """What is to be looked up beside a change: always, or only if its card is not known."""

    place: Place
    lookup: str
    id: Rule
    when: Literal["unknown", "always"]
    reads: Lookup | Named | None = None  # what `lookup` names, once the mapping is whole


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
    lookup: str = ""  # what is to be read, where the event names only ids
    also: tuple[Also, ...] = ()
    reads: Lookup | Named | None = None  # what `lookup` names, once the mapping is whole


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
    api: Api | None
    calls: dict[str, Lookup]

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
            self.api or parent.api,
            {**parent.calls, **self.calls},
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
    lookups: Table[str, Table[str, str]]
    answer: Reply | None
    api_name: str  # of the mapping that says how to ask this CRM and reads its answers
    api: Api | None  # of a mapping that is one
    calls: dict[str, Lookup]  # of a mapping that is one: what can be looked up
    ids: Table[str, re.Pattern[str]]  # of the cards of each kind, where its CRM's look-ups say what they are like
    warnings: tuple[str, ...]
    answers: "Callable[[], Mapping] | None" = None  # gives the one that `api_name` names, if none of the bundle
    unused: tuple[str, ...] = ()  # tables outside its text that no rule uses
