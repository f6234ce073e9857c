"""Pipedrive: persons, organizations and deals of API v2; webhooks of version 2."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from local.crm.dialect import Asked, Change, Crm, Event, error, iso, json_event, seconds_of, zulu
from local.crm.limits import Bucket, Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

KINDS = {"persons": "contact", "organizations": "company", "deals": "deal"}
ENTITIES = {"contact": "person", "company": "organization", "deal": "deal"}
IDS, PAGE, SMALL_PAGE = 100, 500, 100


# https://pipedrive.readme.io/docs/core-api-concepts-responses
def _fault(status: int, text: str, **more: Any) -> dict[str, Any]:
    info = "Please check developers.pipedrive.com for more information about Pipedrive API."
    return {"status": status, "body": {"success": False, "error": text, "error_info": info, **more}}


FAULTS = {
    "limit": _fault(429, "request over limit"),
    "key": _fault(401, "unauthorized access", errorCode=401),
    "rights": _fault(403, "Scope and URL mismatch"),
    "gone": _fault(404, "Not found", data=None, additional_data=None),
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to a company's own host."""
    if asked.headers.get("x-api-token") != asked.key:
        return error(FAULTS["key"])
    found = re.fullmatch(r"/api/v2/(persons|organizations|deals)(?:/(\d+))?", asked.path)
    if found is None or asked.method != "GET":
        return error(FAULTS["gone"])
    kind = KINDS[found[1]]
    if found[2] is None:
        return _list(asked, records, kind)
    one = records.get(kind, int(found[2]))
    return said(HTTPStatus.OK, {"success": True, "data": _show(one)}) if one else error(FAULTS["gone"])


# https://developers.pipedrive.com/docs/api/v1/Persons#getPersons: ids (100), cursor, limit (500), updated_since
def _list(asked: Asked, records: Records, kind: str) -> Reply:
    ids = asked.one("ids").split(",") if "ids" in asked.query else []
    limit, since = asked.number("limit", SMALL_PAGE), asked.one("updated_since")
    try:
        after = int(urlsafe_b64decode(asked.one("cursor")) or 0)
        moment = seconds_of(since) if since else 0.0
    except ValueError:
        return error(_fault(400, "cursor or updated_since is invalid"))
    if len(ids) > IDS or not 1 <= limit <= PAGE:
        return error(_fault(400, "ids or limit is over the maximum"))
    chosen = [one for one in records.chosen(kind, ids) if one.id > after]
    later = chosen or list(islice(records.visible(kind, after=after, since=moment), 0 if ids else limit + 1))
    last = str(later[limit - 1].id).encode() if len(later) > limit else None
    more = {"next_cursor": urlsafe_b64encode(last).decode() if last else None}
    return said(
        HTTPStatus.OK, {"success": True, "data": [_show(one) for one in later[:limit]], "additional_data": more}
    )


def _show(record: Record) -> dict[str, Any]:
    common = {
        "id": record.id,
        "owner_id": record.owner,
        "add_time": zulu(int(record.created)),
        "update_time": zulu(int(record.updated)),
        "is_deleted": False,
        "visible_to": 3,
        "label_ids": [],
        "custom_fields": {},
    }
    return common | _OWN[record.kind](record)


def _person(record: Record) -> dict[str, Any]:
    def several(values: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {"value": one, "primary": place == 0, "label": "home" if place else "work"}
            for place, one in enumerate(values)
        ]

    names = {"name": record.full_name, "first_name": record.name, "last_name": record.last}
    return {
        **names,
        "org_id": record.company or None,
        "phones": several(record.phones),
        "emails": several(record.emails),
    }


_OWN: Mapping[str, Callable[[Record], dict[str, Any]]] = {
    "contact": _person,
    "company": lambda record: {"name": record.name},
    "deal": lambda record: {
        "title": record.name,
        "person_id": record.contact or None,
        "org_id": record.company or None,
        "status": "open",
        "value": 100,
        "currency": "UAH",
        "is_archived": False,
    },
}


# https://pipedrive.readme.io/docs/guide-for-webhooks-v2: the record whole; a deal names its person by id only.
def event(change: Change) -> Event | None:
    """Return what a webhook of version 2 posts."""
    record, gone = change.record, change.action in ("delete", "merge")
    if record.kind not in ENTITIES:
        return None
    meta = {
        "action": {"add": "create", "update": "change"}.get(change.action, "delete"),
        "entity": ENTITIES[record.kind],
        "entity_id": str(record.id),
        "id": f"5eedbead-0000-4000-8000-{int(change.now * 1000) % 10**12:012}",
        "timestamp": iso(change.now, parts="milliseconds").replace("+00:00", "Z"),
        "type": "general",
        "version": "2.0",
        "attempt": 1,
        "host": "demo.pipedrive.com",
    }
    shown = _show(record)
    return json_event({"data": None if gone else shown, "previous": shown if gone else {}, "meta": meta})


def _headers(limit: Window | Bucket, wait: float) -> Mapping[str, str]:
    # https://pipedrive.readme.io/docs/core-api-concepts-rate-limiting
    left = {"X-RateLimit-Limit": "80", "X-RateLimit-Remaining": str(limit.left())}
    return {**left, "X-RateLimit-Reset": str(int(wait) + 1)}


CRM = Crm(
    "pipedrive",
    "Pipedrive",
    "/api/v2",
    re.compile(r"/api/v2/"),
    lambda: Window(80, 2),
    answer,
    event,
    FAULTS,
    headers=_headers,
)
