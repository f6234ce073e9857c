"""Kommo (amoCRM): contacts, leads and companies of API v4; forms of its webhooks."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from local.crm.dialect import Asked, Change, Crm, Event, error
from local.crm.limits import Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

KINDS = {"contacts": "contact", "companies": "company", "leads": "deal"}
NAMES = {kind: name for name, kind in KINDS.items()}
PAGE, SMALL_PAGE = 250, 50
HOST = "https://demo.kommo.com"
ACCOUNT = 31_000_001


def _fault(status: int, title: str, text: str) -> dict[str, Any]:
    body = {"title": title, "type": f"https://httpstatus.es/{status}", "status": status, "detail": text}
    return {"status": status, "body": body}


# https://developers.kommo.com/docs/limitations: 429, and 403 for an address that goes on.
FAULTS = {
    "limit": _fault(429, "Too Many Requests", "Rate limit exceeded"),
    "key": _fault(401, "Unauthorized", "Invalid token"),
    "rights": _fault(403, "Forbidden", "Access denied"),
    "gone": {"status": 204},
}
NOTHING = Reply(HTTPStatus.NO_CONTENT, b"")


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to an account's own host; nothing found is an empty 204."""
    if not asked.bearer():
        return error(FAULTS["key"])
    if asked.path == "/api/v4/account":
        return said(
            HTTPStatus.OK, {"id": ACCOUNT, "name": "Demo", "subdomain": "demo", "country": "UA", "currency": "UAH"}
        )
    found = re.fullmatch(r"/api/v4/(contacts|companies|leads)(?:/(\d+))?", asked.path)
    if found is None or asked.method != "GET":
        return error(_fault(404, "Not Found", "Not found"))
    with_ = set(asked.one("with").split(","))
    if found[2] is None:
        return _page(asked, found[1], with_, records)
    one = records.get(KINDS[found[1]], int(found[2]))
    return said(HTTPStatus.OK, _show(one, with_, _leads(records))) if one else NOTHING


# https://developers.kommo.com/reference/contacts-list: limit at most 250, filter[id][], filter[updated_at][from].
def _page(asked: Asked, name: str, with_: set[str], records: Records) -> Reply:
    ids = [one for key, values in asked.query.items() if re.fullmatch(r"filter\[id\](\[\d*\])?", key) for one in values]
    size, page = asked.number("limit", SMALL_PAGE), max(asked.number("page", 1), 1)
    if not 1 <= size <= PAGE:
        return error(_fault(400, "Bad Request", "limit must be from 1 to 250"))
    since = asked.number("filter[updated_at][from]", 0)
    found = records.chosen(KINDS[name], ids) if ids else list(records.visible(KINDS[name], since=since))
    leads = _leads(records) if name == "contacts" and "leads" in with_ else {}
    shown = [_show(one, with_, leads) for one in found[(page - 1) * size : page * size]]
    if not shown:
        return NOTHING
    links = {"self": {"href": f"{HOST}/api/v4/{name}?page={page}&limit={size}"}}
    if len(found) > page * size:
        links["next"] = {"href": f"{HOST}/api/v4/{name}?page={page + 1}&limit={size}"}
    return said(HTTPStatus.OK, {"_page": page, "_links": links, "_embedded": {name: shown}})


def _link(kind: str, number: int) -> dict[str, Any]:
    return {"id": number, "_links": {"self": {"href": f"{HOST}/api/v4/{NAMES[kind]}/{number}"}}}


def _leads(records: Records) -> dict[int, list[int]]:
    """Return the leads of each contact."""
    found: dict[int, list[int]] = {}
    for one in records.visible("deal"):
        found.setdefault(one.contact, []).append(one.id)
    return found


def _show(record: Record, with_: set[str], leads: Mapping[int, list[int]]) -> dict[str, Any]:
    link = _link(record.kind, record.id)
    embedded: dict[str, Any] = {"tags": []}
    if record.kind != "company":
        embedded["companies"] = [_link("company", record.company)] if record.company else []
    if record.kind == "contact" and "leads" in with_:
        embedded["leads"] = [_link("deal", one) for one in leads.get(record.id, [])]
    if record.kind == "deal" and "contacts" in with_:
        embedded["contacts"] = [_link("contact", record.contact) | {"is_main": True}] if record.contact else []
    return {
        "id": record.id,
        "name": record.full_name,
        **_OWN[record.kind](record),
        "responsible_user_id": record.owner,
        "created_at": int(record.created),
        "updated_at": int(record.updated),
        "custom_fields_values": _fields(record) or None,
        "account_id": ACCOUNT,
        "_links": link["_links"],
        "_embedded": embedded,
    }


def _person(record: Record) -> dict[str, Any]:
    by = {"group_id": 0, "company_id": record.company or None, "created_by": 1, "updated_by": 1}
    return {"first_name": record.name, "last_name": record.last, **by, "closest_task_at": None}


_OWN: Mapping[str, Any] = {
    "contact": _person,
    "company": lambda _: {"group_id": 0, "created_by": 1, "updated_by": 1, "closest_task_at": None},
    "deal": lambda _: {"price": 0, "status_id": 142, "pipeline_id": 5_058, "closed_at": None},
}


# https://developers.kommo.com/reference/custom-fields
def _fields(record: Record) -> list[dict[str, Any]]:
    codes = ("WORK", "MOB", *["OTHER"] * 99)
    phones = [
        {"value": one, "enum_id": 45_951 + index, "enum_code": codes[index]} for index, one in enumerate(record.phones)
    ]
    emails = [{"value": one, "enum_id": 45_965, "enum_code": "WORK"} for one in record.emails]
    phone = {"field_id": 73_905, "field_name": "Телефон", "field_code": "PHONE", "field_type": "multitext"}
    email = {"field_id": 73_907, "field_name": "Email", "field_code": "EMAIL", "field_type": "multitext"}
    return [field | {"values": values} for field, values in ((phone, phones), (email, emails)) if values]


# https://www.kommo.com/developers/content/platform/webhooks/: empty fields are left out; a lead names nobody.
def event(change: Change) -> Event | None:
    """Return the form of a webhook."""
    record = change.record
    if record.kind not in NAMES:
        return None
    action = "delete" if change.action == "merge" else change.action
    where = f"{'leads' if record.kind == 'deal' else 'contacts'}[{action}][0]"
    form: dict[str, Any] = {f"{where}[id]": record.id}
    if change.action not in ("delete", "merge"):
        times = {"created_at": int(record.created), "updated_at": int(record.updated)}
        about = {"name": record.full_name, "responsible_user_id": record.owner, **times}
        form |= {f"{where}[{name}]": value for name, value in about.items()}
    if record.kind != "deal":
        form[f"{where}[type]"] = record.kind
    if record.kind == "contact" and change.action == "update":
        form |= _phones(where, record)
    form |= {"account[subdomain]": "demo", "account[id]": ACCOUNT, "account[_links][self]": HOST}
    return Event("application/x-www-form-urlencoded", urlencode(form).encode())


def _phones(where: str, record: Record) -> dict[str, str]:
    form = {}
    for index, (code, values) in enumerate((("PHONE", record.phones), ("EMAIL", record.emails))):
        for place, value in enumerate(values):
            form[f"{where}[custom_fields][{index}][code]"] = code
            form[f"{where}[custom_fields][{index}][values][{place}][value]"] = value
    return form


CRM = Crm("kommo", "Kommo", "/api/v4", re.compile(r"/api/v4/"), lambda: Window(7, 1), answer, event, FAULTS)
