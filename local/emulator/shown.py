"""What the page shows of cards and requests in its lists: little, for there may be thousands."""

import json
from typing import Any

from local.emulator.book import Key, State
from local.emulator.traffic import Request

LINKS = ("contactLink", "leadLink", "dealLink")


def card(key: Key, state: State, mark: int) -> dict[str, Any]:
    """Return a contact or organization as a row; `id` is what `Emulator.card` takes."""
    posted = state.card
    common = {
        "id": json.dumps(key, ensure_ascii=False),
        "mark": mark,
        "kind": key.kind,
        "number": key.id,
        "origin": key.origin,
        "project": key.project,
        "at": state.time,
        "request": state.request,
    }
    return common | (_contact(posted) if key.kind == "contacts" else {"name": posted["name"]})


def _contact(posted: Any) -> dict[str, Any]:
    directions = posted["contactDirections"]
    return {
        "name": posted["fullName"],
        "phones": [one["value"] for one in directions if one["type"] == "phone"],
        "emails": [one["value"] for one in directions if one["type"] == "email"],
        "organizations": [one["name"] for one in posted["organizations"] or ()],
        "responsible": posted["responsible"],
        "links": {name.removesuffix("Link"): posted[name] for name in LINKS if posted[name]},
    }


def request(one: Request) -> dict[str, Any]:
    """Return a request as a row."""
    return {
        "number": one.number,
        "time": one.time,
        "seconds": round(one.seconds, 3),
        "endpoint": one.path.split("/")[2],
        "records": one.records,
        "bytes": len(one.body),
        "status": one.status,
    }
