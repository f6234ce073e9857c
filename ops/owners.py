"""The owners that a project's cards name, and which of Ringostat's employees each is."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aws.table import card_of
from cards.endpoints import is_deleted
from ops.stack import Stack

NOBODY = (None, "", "0")  # what `responsible` is where no one is


class Owner(NamedTuple):
    """One id of the CRM's users, and how many cards name him with which `staffId` (None: with none)."""

    origin: str
    responsible: str
    cards: Mapping[str | None, int]


def owners(stack: Stack, project: int) -> list[Owner]:
    """Read the whole table; return the owners of a project's cards, those of most cards first."""
    found: dict[tuple[str, str], Counter[str | None]] = {}
    for item in _items(stack, project):
        card = card_of(item)
        value = {name: stamp.value for name, stamp in card.fields.items()}
        if (responsible := value.get("responsible")) not in NOBODY and not is_deleted(card.fields):
            origin = card.key.split("#", 2)[1]
            found.setdefault((origin, responsible), Counter())[value.get("staffId")] += 1
    whole = [Owner(*names, cards) for names, cards in found.items()]
    return sorted(whole, key=lambda owner: (-sum(owner.cards.values()), owner.origin, owner.responsible))


def _items(stack: Stack, project: int) -> Iterator[dict[str, Any]]:
    pages = (
        stack.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=stack.ids["CardsTable"],
            FilterExpression="begins_with(#key, :project) AND attribute_exists(#fields)",
            ProjectionExpression="#key, #fields",
            ExpressionAttributeNames={"#key": "key", "#fields": "fields"},
            ExpressionAttributeValues={":project": {"S": f"{project}#"}},
        )
    )
    for page in pages:
        yield from page["Items"]
