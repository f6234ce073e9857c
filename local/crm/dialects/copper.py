"""Copper: searches by ids and by date; notifications with ids."""

import re
from http import HTTPStatus
from typing import Any

from local.crm.dialect import Asked, Change, Crm, Event, error, json_event
from local.crm.limits import Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

KINDS = {"people": "contact", "companies": "company", "leads": "lead", "opportunities": "deal"}
TYPES = {"contact": "person", "company": "company", "lead": "lead", "deal": "opportunity"}
PAGE, SMALL_PAGE, MOST = 200, 20, 100_000


def _fault(status: int, text: str) -> dict[str, Any]:
    return {"status": status, "body": {"success": False, "status": status, "message": text}}


FAULTS = {
    "limit": _fault(429, "Too many requests"),
    "key": _fault(401, "Invalid access token"),
    "rights": _fault(403, "Insufficient permissions"),
    "gone": _fault(404, "Resource not found"),
}


# https://developer.copper.com/introduction/requests.html
def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to `api.copper.com`."""
    have = asked.headers
    if have.get("x-pw-accesstoken") != asked.key or "@" not in have.get("x-pw-useremail", ""):
        return error(FAULTS["key"])
    if have.get("x-pw-application") != "developer_api":
        return error(_fault(400, "Invalid X-PW-Application"))
    path = asked.path.removeprefix("/developer_api/v1/")
    if (asked.method, path) == ("GET", "account"):
        return said(HTTPStatus.OK, {"id": 9_600_001, "name": "Demo"})
    found = re.fullmatch(rf"({'|'.join(KINDS)})/(search|\d+)", path)
    if found is None:
        return error(FAULTS["gone"])
    kind = KINDS[found[1]]
    if (asked.method, found[2]) == ("POST", "search"):
        return _search(asked, records, kind)
    one = records.get(kind, int(found[2])) if asked.method == "GET" and found[2].isdecimal() else None
    return said(HTTPStatus.OK, _show(one, records)) if one else error(FAULTS["gone"])


# https://developer.copper.com/people/list-people-search.html
def _search(asked: Asked, records: Records, kind: str) -> Reply:
    body: dict[str, Any] = asked.body if isinstance(asked.body, dict) else {}
    page, size = int(body.get("page_number") or 1), int(body.get("page_size") or SMALL_PAGE)
    if size > PAGE or page < 1 or page * size > MOST:
        return error(_fault(422, "Invalid input"))
    since = float(body.get("minimum_modified_date") or 0)
    found = records.chosen(kind, body["ids"]) if body.get("ids") else list(records.visible(kind, since=since))
    if body.get("sort_by") == "date_modified":
        found.sort(key=lambda one: int(one.updated), reverse=body.get("sort_direction") == "desc")
    shown = [_show(one, records) for one in found[(page - 1) * size : page * size]]
    return said(HTTPStatus.OK, shown, {"X-PW-Total": str(len(found))})


# https://developer.copper.com/people/overview.html, …/companies/overview.html, …/leads/overview.html
def _show(record: Record, records: Records) -> dict[str, Any]:
    emails = [{"email": one, "category": "work"} for one in record.emails]
    common = {
        "id": record.id,
        "name": record.full_name,
        "assignee_id": record.owner,
        "details": None,
        "tags": [],
        "custom_fields": [{"custom_field_definition_id": 100_764, "value": None}],
        "date_created": int(record.created),
        "date_modified": int(record.updated),
        "interaction_count": 0,
    }
    if record.kind == "deal":
        return common | {"company_id": record.company or None, "primary_contact_id": record.contact or None}
    address = dict.fromkeys(("street", "city", "state", "postal_code", "country"), "")
    phones = [{"number": one, "category": "mobile"} for one in record.phones]
    common |= {"address": address, "phone_numbers": phones, "socials": [], "websites": []}
    if record.kind == "company":
        return common | {"email_domain": None, "contact_type_id": None}
    company = records.get("company", record.company)
    names = {"prefix": None, "first_name": record.name, "middle_name": None, "last_name": record.last, "suffix": None}
    common |= {**names, "title": None, "company_name": company.name if company else None, "date_last_contacted": None}
    if record.kind == "lead":
        return common | {"email": emails[0] if emails else None, "status": "New", "customer_source_id": None}
    more: dict[str, Any] = {"leads_converted_from": [], "date_lead_created": None, "contact_type_id": 451_490}
    return common | more | {"emails": emails, "company_id": company.id if company else None}


# https://developer.copper.com/webhooks/overview.html: ids, at most once, never repeated.
def event(change: Change) -> Event:
    """Return a notification."""
    action = {"add": "new", "update": "update"}.get(change.action, "delete")
    about = {"ids": [change.record.id], "type": TYPES[change.record.kind], "event": action}
    return json_event({"subscription_id": 25_001, **about, "updated_attributes": {}, "key": "local"})


CRM = Crm(
    "copper",
    "Copper",
    "/developer_api/v1",
    re.compile(r"/developer_api/"),
    lambda: Window(180, 60),
    answer,
    event,
    FAULTS,
)
