"""Bitrix24: universal methods `crm.item.*` of an inbound webhook, events of an outgoing one."""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from local.crm.dialect import Asked, Change, Crm, Event, error, iso, seconds_of
from local.crm.limits import Bucket
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

TYPES = {1: "lead", 2: "deal", 3: "contact", 4: "company"}
PAGE = 50
HOURS = 2  # the zone of the portal
CONDITION = re.compile(r"(!@|!=|>=|<=|[@!=<>]|)(\w+)")
OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "": lambda have, want: have == want,
    "=": lambda have, want: have == want,
    "!": lambda have, want: have != want,
    "!=": lambda have, want: have != want,
    ">": lambda have, want: have > want,
    ">=": lambda have, want: have >= want,
    "<": lambda have, want: have < want,
    "<=": lambda have, want: have <= want,
    "@": lambda have, want: have in want,
    "!@": lambda have, want: have not in want,
}
VALUES: Mapping[str, Callable[[Record], float]] = {
    "id": lambda record: record.id,
    "updatedTime": lambda record: int(record.updated),
    "createdTime": lambda record: int(record.created),
    "assignedById": lambda record: record.owner,
    "companyId": lambda record: record.company,
    "contactId": lambda record: record.contact,
}


class Wrong(Exception):
    """A parameter that Bitrix24 does not take."""


# https://apidocs.bitrix24.com/error-codes.html, https://apidocs.bitrix24.com/limits.html
def _fault(status: int, code: str, text: str) -> dict[str, Any]:
    return {"status": status, "body": {"error": code, "error_description": text}}


FAULTS = {
    "limit": _fault(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
    "work time is used up": _fault(429, "OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit"),
    "key": _fault(401, "NO_AUTH_FOUND", "Wrong authorization data"),
    "rights": _fault(403, "insufficient_scope", "The request requires higher privileges than provided"),
    "gone": _fault(400, "NOT_FOUND", "Элемент не найден"),
    "plan without REST": _fault(403, "ACCESS_DENIED", "REST API is available only on commercial plans"),
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a method: `/rest/USER/CODE/METHOD.json`."""
    parts = asked.path.split("/")
    if parts[3:4] != [asked.key]:
        return error(FAULTS["key"])
    method = METHODS.get("/".join(parts[4:]).removesuffix(".json"))
    if method is None:
        return error(_fault(404, "ERROR_METHOD_NOT_FOUND", "Method not found!"))
    given = asked.body if isinstance(asked.body, dict) else {name: values[-1] for name, values in asked.query.items()}
    try:
        found = method(given, records)
    except Wrong as problem:
        return error(_fault(400, "INVALID_ARG_VALUE", str(problem)))
    return found if isinstance(found, Reply) else said(200, found | {"time": _time(asked.now)})


# https://apidocs.bitrix24.com/api-reference/crm/universal/crm-item-list.html
def _list(given: Mapping[str, Any], records: Records) -> dict[str, Any] | Reply:
    kind = _kind(given)
    if kind is None:
        return error(_fault(400, "NOT_FOUND", "Смарт-процесс не найден"))
    wanted, order = dict(given.get("filter") or {}), dict(given.get("order") or {})
    tests = [_condition(str(name), value) for name, value in wanted.items()]
    after = int(wanted.get(">id", 0)) if order in ({}, {"id": "ASC"}) else 0
    found: Iterable[Record] = (one for one in records.visible(kind, after=after) if all(test(one) for test in tests))
    for field, way in reversed(order.items()):
        if field not in VALUES or way not in ("ASC", "DESC"):
            raise Wrong(f"Invalid order: field '{field}' is not allowed in order")
        if order != {"id": "ASC"}:
            found = sorted(found, key=VALUES[field], reverse=way == "DESC")
    start, select = int(given.get("start") or 0), given.get("select") or ["*"]
    if start < 0:  # do not count
        items = [_chosen(_item(one), select) for one in islice(found, PAGE)]
        return {"result": {"items": items}, "total": 0}
    counted = list(found)
    items = [_chosen(_item(one), select) for one in counted[start : start + PAGE]]
    more = {"next": start + PAGE} if len(counted) > start + PAGE else {}
    return {"result": {"items": items}, **more, "total": len(counted)}


# https://apidocs.bitrix24.com/api-reference/crm/universal/crm-item-get.html
def _get(given: Mapping[str, Any], records: Records) -> dict[str, Any] | Reply:
    kind = _kind(given)
    found = records.chosen(kind, [given.get("id")]) if kind else []
    return {"result": {"item": _item(found[0])}} if found else error(FAULTS["gone"])


# https://apidocs.bitrix24.com/api-reference/common/users/profile.html
def _profile(_given: Mapping[str, Any], _records: Records) -> dict[str, Any]:
    person = {"ID": "1", "ADMIN": True, "NAME": "Ірина", "LAST_NAME": "Бондар", "PERSONAL_GENDER": ""}
    return {"result": {**person, "TIME_ZONE": "", "TIME_ZONE_OFFSET": 3600 * HOURS}}


METHODS = {"crm.item.list": _list, "crm.item.get": _get, "profile": _profile}


def _kind(given: Mapping[str, Any]) -> str | None:
    number = str(given.get("entityTypeId", ""))
    return TYPES.get(int(number)) if number.isascii() and number.isdecimal() else None


def _condition(name: str, wanted: Any) -> Callable[[Record], bool]:
    parts = CONDITION.fullmatch(name)
    if parts is None or parts[2] not in VALUES:
        raise Wrong(f"Invalid filter: field '{name}' is not allowed in filter")
    compare, value = OPERATORS[parts[1]], VALUES[parts[2]]
    read = (lambda one: int(seconds_of(one))) if parts[2].endswith("Time") else int
    try:
        want = [read(one) for one in wanted] if "@" in parts[1] else read(wanted)
    except (TypeError, ValueError):
        raise Wrong(f"Invalid filter: field '{parts[2]}' has invalid value") from None
    return lambda record: compare(value(record), want)


def _chosen(item: dict[str, Any], select: list[str]) -> dict[str, Any]:
    """Return the fields that were asked for; `fm` comes with all of them only."""
    return item if "*" in select else {name: item[name] for name in item if name in select and name != "fm"}


# https://apidocs.bitrix24.com/api-reference/crm/universal/object-fields.html
def _item(record: Record) -> dict[str, Any]:
    phones, emails = record.phones, record.emails
    item = {
        "id": record.id,
        "createdTime": iso(record.created, HOURS),
        "updatedTime": iso(record.updated, HOURS),
        "createdBy": 1,
        "updatedBy": 1,
        "assignedById": record.owner,
        "opened": "Y",
        **_OWN[record.kind](record),
        "entityTypeId": next(number for number, kind in TYPES.items() if kind == record.kind),
    }
    if record.kind == "deal":
        return item
    several = [("PHONE", kind, one) for one, kind in zip(phones, ("WORK", "MOBILE", *["OTHER"] * 99), strict=False)]
    several += [("EMAIL", "WORK", one) for one in emails]
    number = record.id * 100
    return item | {
        "hasPhone": "Y" if phones else "N",
        "hasEmail": "Y" if emails else "N",
        "hasImol": "N",
        "phoneMobile": next(iter(phones[1:]), ""),
        "phoneWork": next(iter(phones), ""),
        "emailWork": next(iter(emails), ""),
        "email": next(iter(emails), ""),
        "phone": next(iter(phones), ""),
        "observers": [],
        "fm": [
            {"id": number + index, "valueType": kind, "value": value, "typeId": type_id}
            for index, (type_id, kind, value) in enumerate(several)
        ],
    }


def _contact(record: Record) -> dict[str, Any]:
    name = {"name": record.name, "lastName": record.last or None, "secondName": None, "post": None}
    companies = [record.company] if record.company else []
    return {
        **name,
        "companyId": record.company,
        "companyIds": companies,
        "sourceId": "WEB",
        "typeId": "CLIENT",
        "leadId": None,
    }


def _lead(record: Record) -> dict[str, Any]:
    name = {"name": record.name, "lastName": record.last or None, "secondName": None, "title": f"Лід #{record.id}"}
    about = {"companyId": record.company, "contactId": record.contact, "companyTitle": None, "sourceId": "WEB"}
    return {**name, **about, "stageId": "IN_PROCESS", "contactIds": [record.contact] if record.contact else []}


def _deal(record: Record) -> dict[str, Any]:
    about = {"contactId": record.contact, "contactIds": [record.contact] if record.contact else []}
    return {"title": record.name, "companyId": record.company, **about, "stageId": "NEW", "categoryId": 0}


_OWN: Mapping[str, Callable[[Record], dict[str, Any]]] = {
    "contact": _contact,
    "lead": _lead,
    "deal": _deal,
    "company": lambda record: {"title": record.name},
}


def _time(now: float) -> dict[str, Any]:
    date = iso(now, HOURS)
    took = {"start": now, "finish": now + 0.1, "duration": 0.1, "processing": 0.1}
    return {**took, "date_start": date, "date_finish": date, "operating_reset_at": int(now) + 600, "operating": 0.1}


# https://apidocs.bitrix24.com/api-reference/events/index.html: an id only, one record a request, and never again.
def event(change: Change) -> Event:
    """Return the form of an outgoing webhook."""
    action = {"add": "ADD", "update": "UPDATE"}.get(change.action, "DELETE")
    form = {
        "event": f"ONCRM{change.record.kind.upper()}{action}",
        "event_handler_id": "12",
        "data[FIELDS][ID]": change.record.id,
        "ts": int(change.now),
        "auth[domain]": "demo.bitrix24.eu",
        "auth[client_endpoint]": "https://demo.bitrix24.eu/rest/",
        "auth[server_endpoint]": "https://oauth.bitrix24.tech/rest/",
        "auth[member_id]": "00000000000000000000000000000001",
        "auth[application_token]": "local",
    }
    return Event("application/x-www-form-urlencoded", urlencode(form).encode())


CRM = Crm("bitrix24", "Bitrix24", "/rest/1/{key}/", re.compile(r"/rest/"), lambda: Bucket(2, 50), answer, event, FAULTS)
