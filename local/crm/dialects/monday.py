"""monday CRM: items of one board by GraphQL; events of its webhooks."""

import json
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from local.crm.dialect import Asked, Change, Crm, Event, error, iso, json_event, zulu
from local.crm.limits import Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

BOARD = 1_770_000_001
IDS, PAGE = 100, 500


# https://developer.monday.com/api-reference/docs/errors: an error of the application comes with 200.
def _fault(status: int, code: str, text: str) -> dict[str, Any]:
    problem = {
        "message": text,
        "path": ["items"],
        "extensions": {"code": code, "error_data": {}, "status_code": status},
    }
    return {"status": 200, "body": {"data": {}, "errors": [problem], "account_id": 123_456}}


TEXT = "Complexity budget exhausted, query cost 30001 budget remaining 0 out of 1000000 reset in 3 seconds"
FAULTS: dict[str, dict[str, Any]] = {
    "limit": {
        "status": 429,
        "body": {"error_code": "ComplexityException", "status_code": 429, "error_message": TEXT, "errors": [TEXT]},
    },
    "the day is used up": _fault(429, "DAILY_LIMIT_EXCEEDED", "Daily limit exceeded"),
    "key": {"status": 401, "body": {"errors": ["Not Authenticated"]}},
    "rights": _fault(403, "UserUnauthorizedException", "User unauthorized to perform action"),
    "error inside 200": _fault(500, "InternalServerError", "Internal server error"),
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a query, by the words in it: there is no GraphQL engine here."""
    if asked.headers.get("authorization") != asked.key:  # without "Bearer"
        return error(FAULTS["key"])
    body = asked.body if asked.method == "POST" and isinstance(asked.body, dict) else {}
    query, variables = str(body.get("query", "")), body.get("variables") or {}
    for word, route in ROUTES.items():
        if re.search(rf"\b{word}\b", query):
            found = route(query, variables, records)
            request = {"request_id": "00000000-0000-4000-8000-000000000001"}
            return found if isinstance(found, Reply) else said(HTTPStatus.OK, {"data": found, "extensions": request})
    return error(_fault(400, "undefinedField", "Field doesn't exist on type 'Query'"))


# https://developer.monday.com/api-reference/reference/items: at most 100 ids; unknown ones are left out.
def _items(query: str, variables: Mapping[str, Any], records: Records) -> Any:
    inline = re.search(r"ids:\s*\[([\d\s,\"]*)\]", query)
    ids = inline[1].replace('"', "").split(",") if inline else variables.get("ids") or []
    ids = [str(one).strip() for one in (ids if isinstance(ids, list) else [ids])]
    if len(ids) > IDS:
        return error(_fault(400, "InvalidArgumentException", "ids: at most 100"))
    return {"items": [_show(one, query) for one in records.chosen("contact", ids)]}


# https://developer.monday.com/api-reference/docs/querying-board-items: a cursor, null at the end.
def _pages(query: str, variables: Mapping[str, Any], records: Records) -> Any:
    given = re.search(r"cursor:\s*\"(\w+)\"", query)
    after = int(given[1] if given else variables.get("cursor") or 0)
    size = re.search(r"limit:\s*(\d+)", query)
    limit = min(int(size[1]) if size else 25, PAGE)
    later = list(islice(records.visible("contact", after=after), limit + 1))
    cursor = str(later[limit - 1].id) if len(later) > limit else None
    page = {"cursor": cursor, "items": [_show(one, query) for one in later[:limit]]}
    return {"next_items_page": page} if "next_items_page" in query else {"boards": [{"items_page": page}]}


ROUTES: Mapping[str, Callable[[str, Mapping[str, Any], Records], Any]] = {
    "items_page": _pages,
    "next_items_page": _pages,
    "items": _items,
    "me": lambda *_: {"me": {"id": "1", "name": "Ірина Бондар"}},
}


# https://developer.monday.com/api-reference/reference/column-values-v2
def _show(record: Record, query: str) -> dict[str, Any]:
    phone, email = next(iter(record.phones), ""), next(iter(record.emails), "")
    digits = re.sub(r"\D", "", phone)
    person = {"personsAndTeams": [{"id": record.owner, "kind": "person"}]}
    columns = (
        ("contact_phone", "phone", digits, {"phone": digits, "countryShortName": "UA"} if digits else None),
        ("contact_email", "email", email, {"email": email, "text": email} if email else None),
        ("multiple_person", "people", "Ірина Бондар", person),
        ("contact_account", "board_relation", None, None),
    )
    item = {
        "id": str(record.id),
        "name": record.full_name,
        "state": "active",
        "updated_at": zulu(int(record.updated)),
        "url": f"https://demo.monday.com/boards/{BOARD}/pulses/{record.id}",
        "board": {"id": str(BOARD)},
        "column_values": [
            {"id": name, "type": kind, "text": text, "value": json.dumps(value) if value else None}
            for name, kind, text, value in columns
        ],
    }
    return {name: value for name, value in item.items() if re.search(rf"\b{name}\b", query)}


# https://developer.monday.com/api-reference/reference/webhooks: one column a time, or the item's number.
def event(change: Change) -> Event | None:
    """Return what a webhook posts."""
    record = change.record
    if record.kind != "contact":
        return None
    kind = {"add": "create_pulse", "update": "update_column_value"}.get(change.action, "delete_pulse")
    about = {"boardId": BOARD, "pulseId": record.id, "itemId": record.id, "pulseName": record.full_name}
    when = iso(change.now, parts="milliseconds").replace("+00:00", "Z")
    trigger = {"triggerTime": when, "triggerUuid": f"{int(change.now * 1000):032x}", "subscriptionId": 2}
    return json_event({"event": {"userId": 1, **about, "groupId": "topics", "app": "monday", "type": kind, **trigger}})


# https://developer.monday.com/api-reference/docs/rate-limits: by plan; here that of Standard, 1,000 a day.
CRM = Crm(
    "monday",
    "monday CRM",
    "",
    re.compile(r"/v2$"),
    lambda: Window(1_000, 86_400),
    answer,
    event,
    FAULTS,
    retry_after=True,
)
