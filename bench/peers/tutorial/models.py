"""Pydantic models of Pipedrive's webhook and of Ringostat's contact."""

# ruff: noqa: INP001, N815 - as tutorials are written

from pydantic import BaseModel, Field


class Item(BaseModel):
    """A phone or an e-mail."""

    value: str
    label: str | None = None
    primary: bool = False


class Person(BaseModel):
    """The part of a person that is wanted."""

    id: int
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    owner_id: int | None = None
    phones: list[Item] = []
    emails: list[Item] = []


class Meta(BaseModel):
    """What happened."""

    action: str
    entity: str
    timestamp: str


class Webhook(BaseModel):
    """One event."""

    data: Person
    meta: Meta


class Direction(BaseModel):
    """A phone or e-mail of Ringostat's contact."""

    type: str
    name: str
    value: str


class Contact(BaseModel):
    """Ringostat's contact."""

    projectId: int = 106
    origin: str = "Pipedrive"
    fullName: str
    externalId: str
    responsible: str = "0"
    contactDirections: list[Direction] = Field(min_length=1)


def contact_of(event: Webhook) -> Contact:
    """Map by hand; numbers go as they are written."""
    person = event.data
    name = person.name or f"{person.first_name} {person.last_name}"
    directions = [Direction(type="phone", name=name, value=item.value) for item in person.phones]
    directions += [Direction(type="email", name=name, value=item.value) for item in person.emails]
    return Contact(
        fullName=name, externalId=str(person.id), responsible=str(person.owner_id or 0), contactDirections=directions
    )
