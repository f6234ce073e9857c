"""Our own JSON contract, for programmers: its models, and what is wrong with a record that breaks them.

`docs/direct.schema.json` is made of these models. Imported only where such an event comes: pydantic costs more at cold
start than everything that a CRM's event needs.
"""

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
)

from mapping import normalize

EARLIEST_MS = 100_000_000_000
LONGEST_NAME = 64  # of a field's name that a reason repeats


def _moment(value: str | int) -> str | int:
    """Reject what is no time, is in seconds, or names no zone."""
    if normalize.time(value, "no zone") is None or (isinstance(value, int) and value < EARLIEST_MS):
        raise ValueError
    return value


def _encodable(value: Any) -> Any:
    """Drop half a surrogate pair, as every other mapping does: some programs cut texts inside an emoji."""
    return value.encode(errors="ignore").decode() if isinstance(value, str) else value


Text = Annotated[StrictStr, Field(max_length=10_000), BeforeValidator(_encodable)]
Id = Annotated[StrictStr, Field(min_length=1, max_length=255), BeforeValidator(_encodable)] | StrictInt
Moment = Annotated[
    StrictStr | StrictInt,
    AfterValidator(_moment),
    Field(description="when it changed in the CRM: RFC 3339 with a zone, or ms since 1970, UTC; left out: its arrival"),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class Direction(_Part):
    """A phone or an e-mail address; `name` is its label, `primary` puts it first."""

    value: Text
    name: Text | None = None
    primary: StrictBool = False


class OrganizationOfContact(_Part):
    """The company that a contact works for."""

    externalId: Id
    name: Text | None = None


class _Record(_Part):
    changedAt: Moment | None = None


Carries = Annotated[
    Literal["whole", "full", "partial"],
    Field(
        description="whole: a field that is left out is empty; full: it keeps what is known, and the record names a "
        "person; partial: the record may name any field"
    ),
]


class _Person(_Record):
    carries: Carries = "full"
    fullName: Text | None = None
    responsible: Annotated[Id | None, Field(description="id of the employee in the CRM")] = None
    staffId: Annotated[Id | None, Field(description="Ringostat's own id of the employee")] = None
    contactLink: Text | None = None
    leadLink: Text | None = None
    dealLink: Text | None = None
    googleClientId: Text | None = None
    phones: list[Text | Direction] | None = None
    emails: list[Text | Direction] | None = None
    organizations: list[OrganizationOfContact] | None = None
    organization: OrganizationOfContact | None = None


class Contact(_Person):
    """A person; `kind` may be left out."""

    model_config = ConfigDict(json_schema_extra={"required": ["externalId"]})
    kind: Literal["contact"] = "contact"
    externalId: Id | None = None
    leadId: Id | None = None


class Lead(_Person):
    """A lead: with `contactId` it changes what it names on that contact's card, without it is a separate card."""

    model_config = ConfigDict(
        json_schema_extra={"required": ["kind"], "anyOf": [{"required": ["leadId"]}, {"required": ["contactId"]}]}
    )
    kind: Literal["lead"]
    leadId: Id | None = None
    contactId: Id | None = None


class Deal(_Record):
    """A deal: it changes what it names on its contact's card."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind", "contactId"]})
    kind: Literal["deal"]
    contactId: Id | None = None
    dealLink: Text | None = None
    googleClientId: Text | None = None


class Organization(_Record):
    """A company."""

    model_config = ConfigDict(json_schema_extra={"required": ["kind", "externalId"]})
    carries: Carries = "full"
    kind: Literal["organization"]
    externalId: Id | None = None
    name: Text | None = None


Record = Contact | Lead | Deal | Organization
_MODELS: dict[Any, type[_Record]] = {
    "contact": Contact,
    "lead": Lead,
    "deal": Deal,
    "organization": Organization,
}


class Fault(NamedTuple):
    """Which field of a record breaks the contract, and why; neither quotes a value."""

    field: str
    reason: str


def fault(record: Any) -> Fault | None:
    """Return what is wrong with a record, or None."""
    if not isinstance(record, dict):
        return Fault("", "a record must be an object")
    kind = record.get("kind", "contact")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        return Fault("kind", f"must be one of {', '.join(_MODELS)}")
    try:
        model.model_validate(record)
    except ValidationError as error:
        return _first_fault(record, error)
    return None


def _first_fault(record: dict[str, Any], error: ValidationError) -> Fault:
    """Return the first fault; of a field that may be several things, what the nearest of them misses."""
    found = [
        (_path(record, detail["loc"], detail["type"]), _reason(detail["type"], detail.get("ctx", {})))
        for detail in error.errors(include_input=False, include_url=False)
    ]
    same_field = [(path, reason) for path, reason in found if path[:1] == found[0][0][:1]]
    path, first = max(same_field, key=lambda one: len(one[0]))
    others = dict.fromkeys(
        reason.removeprefix("must be ") for at, reason in same_field if at == path and reason != first
    )
    return Fault(_shown(path), " or ".join([first, *others]))


def _path(record: Any, loc: tuple[int | str, ...], kind: str) -> tuple[int | str, ...]:
    """Return where in the record a fault is: pydantic's own path also names the models that it tried."""
    path: tuple[int | str, ...] = ()
    value = record
    for depth, step in enumerate(loc):
        known = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
        if kind == "extra_forbidden" and depth == len(loc) - 1:
            return path  # a name that the sender made up may be personal data
        if step in known:
            value, path = known[step], (*path, step)
        elif kind == "missing" and depth == len(loc) - 1:
            path = (*path, step)
    return path


def _shown(path: tuple[int | str, ...]) -> str:
    """Return `phones[0].value`, counted from 0 as programmers do; a name that is no name is not repeated."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step if _is_name(step) else '…'}" for step in path)
    return "".join(steps).lstrip(".")


def _is_name(step: str) -> bool:
    return step.isascii() and step.isidentifier() and len(step) <= LONGEST_NAME


_REASONS = {
    "extra_forbidden": "has an unknown field",
    "missing": "is missing",
    "string_type": "must be a text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "value_error": "must be a time: RFC 3339 with a zone, or ms since 1970",
}


def _reason(kind: str, context: dict[str, Any]) -> str:
    if kind == "literal_error":
        return f"must be {context['expected']}"
    return _REASONS.get(kind, "is not valid")


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a request: one record, or an array of them."""
    record = TypeAdapter(Record).json_schema(ref_template="#/$defs/{model}")
    definitions = record.pop("$defs")
    definitions["Record"] = record
    one = {"$ref": "#/$defs/Record"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a `direct` connection of ringostat-bridge takes",
        "anyOf": [one, {"type": "array", "minItems": 1, "maxItems": 1000, "items": one}],
        "$defs": definitions,
    }
