"""The owners that a project's cards name, and which of Ringostat's employees each is."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from aws.table import Item, card_of
from cards.endpoints import is_deleted
from errors import NewerSchema
from ops.scan import scanned
from ops.stack import Stack
from ops.views import is_card

NOBODY = (None, "", "0")  # what `responsible` is where no one is


class Owner(NamedTuple):
    """One id of the CRM's users, and how many cards name him with which `staffId` (None: with none)."""

    origin: str
    responsible: str
    cards: Mapping[str | None, int]


def owners(stack: Stack, project: int) -> list[Owner]:
    """Read the whole table; return the owners of a project's cards, those of most cards first."""
    pages = scanned(
        stack,
        stack.ids["CardsTable"],
        _counted,
        FilterExpression="begins_with(#key, :project) AND attribute_exists(#fields)",
        ProjectionExpression="#key, #fields",
        ExpressionAttributeNames={"#key": "key", "#fields": "fields"},
        ExpressionAttributeValues={":project": {"S": f"{project}#"}},
    )
    found: dict[tuple[str, str], Counter[str | None]] = {}
    for (origin, responsible, staff_id), number in sum(pages, Counter()).items():
        found.setdefault((origin, responsible), Counter())[staff_id] += number
    whole = [Owner(*names, cards) for names, cards in found.items()]
    return sorted(whole, key=lambda owner: (-sum(owner.cards.values()), owner.origin, owner.responsible))


def without_employee(items: list[Item]) -> dict[str, tuple[int, int]]:
    """Return by connection how many cards have an owner of whom no employee is known, and how many have one at all.

    Known is that there is none: what no event has said of a card is not there. Rows of a newer version are left out.
    """
    found: dict[str, Counter[bool]] = {}
    for item in (one for one in items if is_card(one["key"]["S"])):
        with suppress(NewerSchema):
            card = card_of(item)
            value = {name: stamp.value for name, stamp in card.fields.items()}
            if value.get("responsible") not in NOBODY and "staffId" in value and not is_deleted(card.fields):
                found.setdefault(card.connection, Counter())[value["staffId"] is None] += 1
    return {name: (counts[True], counts.total()) for name, counts in found.items() if counts[True]}


def _counted(items: list[Item]) -> Counter[tuple[str, str, str | None]]:
    """Return how many cards name each owner with each `staffId`."""
    counted: Counter[tuple[str, str, str | None]] = Counter()
    for item in items:
        card = card_of(item)
        value = {name: stamp.value for name, stamp in card.fields.items()}
        if (responsible := value.get("responsible")) not in NOBODY and not is_deleted(card.fields):
            counted[card.key.split("#", 2)[1], responsible, value.get("staffId")] += 1
    return counted
