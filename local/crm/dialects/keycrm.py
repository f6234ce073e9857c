"""KeyCRM: buyers, orders and cards of pipelines; webhooks that an automation sends."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from local.crm.dialect import Asked, Change, Crm, Event, error, json_event, seconds_of
from local.crm.limits import Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

PAGE, SMALL_PAGE = 50, 15
FAULTS: dict[str, dict[str, Any]] = {
    "limit": {"status": 429, "body": {"message": "Too Many Attempts."}},
    "key": {"status": 401, "body": {"message": "Unauthenticated."}},
    "rights": {"status": 403, "body": {"message": "This action is unauthorized."}},
    "gone": {"status": 404, "body": {"message": "Not found"}},
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to `openapi.keycrm.app`; whoever does not ask for JSON gets errors as pages."""
    reply = _answer(asked, records)
    if reply.status < HTTPStatus.BAD_REQUEST or "json" in asked.headers.get("accept", ""):
        return reply
    return Reply(reply.status, b"<!DOCTYPE html><title>Error</title>", content_type="text/html; charset=UTF-8")


def _answer(asked: Asked, records: Records) -> Reply:
    if not asked.bearer():
        return error(FAULTS["key"])
    found = re.fullmatch(r"/v1/(buyer|order|pipelines/cards|companies|users)(?:/(\d+))?", asked.path)
    if found is None or asked.method != "GET":
        return error(FAULTS["gone"])
    what, number = found[1], found[2]
    include = set(asked.one("include").split(","))
    if what == "users":
        return _page(asked, [_manager(1, 0.0)], lambda one: one)
    if what == "companies":
        chosen = asked.one("filter[company_id]").split(",") if "filter[company_id]" in asked.query else None
        companies = list(records.visible("company")) if chosen is None else records.chosen("company", chosen)
        return _page(asked, companies, _company)
    if what == "buyer" and number is None:
        return _page(asked, _buyers(asked, records), lambda one: _buyer(one, include, records))
    kind, show = {"buyer": ("contact", _buyer), "order": ("deal", _order), "pipelines/cards": ("lead", _card)}[what]
    one = records.get(kind, int(number or 0))
    return said(HTTPStatus.OK, show(one, include, records)) if one else error(FAULTS["gone"])


# https://docs.keycrm.app/#tag/Buyer: filter[buyer_id]=1,2 and filter[updated_between]=from,to in UTC.
def _buyers(asked: Asked, records: Records) -> list[Record]:
    if "filter[buyer_id]" in asked.query:
        return records.chosen("contact", asked.one("filter[buyer_id]").split(","))
    between = asked.one("filter[updated_between]")
    since, _, until = between.partition(",")
    found = records.visible("contact", since=seconds_of(since.strip()) if between else 0.0)
    return [one for one in found if not until or int(one.updated) <= seconds_of(until.strip())]


def _page(asked: Asked, found: list[Any], show: Callable[[Any], Any]) -> Reply:
    size, page = min(asked.number("limit", SMALL_PAGE), PAGE), max(asked.number("page", 1), 1)
    last = max(-(-len(found) // size), 1)
    url = f"https://openapi.keycrm.app{asked.path}?page="
    return said(
        HTTPStatus.OK,
        {
            "total": len(found),
            "current_page": page,
            "per_page": size,
            "data": [show(one) for one in found[(page - 1) * size : page * size]],
            "first_page_url": f"{url}1",
            "last_page_url": f"{url}{last}",
            "next_page_url": f"{url}{page + 1}" if page < last else None,
        },
    )


def _time(seconds: float, *, iso: bool = False) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z" if iso else "%Y-%m-%d %H:%M:%S")


def _times(record: Record, *, iso: bool = False) -> dict[str, str]:
    return {"created_at": _time(record.created, iso=iso), "updated_at": _time(record.updated, iso=iso)}


def _buyer(record: Record, include: set[str], records: Records) -> dict[str, Any]:
    company = records.get("company", record.company)
    return {
        "id": record.id,
        "full_name": record.full_name,
        "birthday": None,
        "email": [*record.emails],
        "phone": [*record.phones],
        "note": None,
        **({"company": _company(company) if company else None} if "company" in include else {}),
        **({"manager": _manager(record.owner, record.created)} if "manager" in include else {}),
        **_times(record),
    }


def _company(record: Record) -> dict[str, Any]:
    about = {"full_name": None, "address": None, "banking_detailse": None, "note": None}
    return {"id": record.id, "name": record.name, **about, **_times(record)}


def _manager(number: int, at: float) -> dict[str, Any]:
    times = {name: _time(at) for name in ("created_at", "updated_at", "last_logged_at")}
    name = {"first_name": "Ірина", "last_name": f"Бондар {number}", "full_name": f"Ірина Бондар {number}"}
    about = {"username": f"iryna{number}", "email": f"iryna{number}@example.com", "phone": "+380670999999"}
    return {"id": number, **name, **about, "role_id": 3, "status": "active", **times}


def _client(record: Record) -> dict[str, Any]:
    """Return a buyer as it stands inside others: with one phone, as a text."""
    return {
        "id": record.id,
        "company_id": record.company or None,
        "full_name": record.full_name,
        "phone": next(iter(record.phones), None),
        "email": next(iter(record.emails), None),
        "note": None,
        "picture": None,
        "image": None,
        "currency": "UAH",
        "orders_count": 1,
        "has_duplicates": 0,
        "manager_id": record.owner,
    }


def _order(record: Record, include: set[str], records: Records) -> dict[str, Any]:
    buyer = records.get("contact", record.contact)
    at = _time(record.created, iso=True)
    inside = {"birthday": None, "orders_sum": 500, "discount": 0, "deleted_at": None}
    return {
        "id": record.id,
        "parent_id": None,
        "source_uuid": None,
        "source_id": 5,
        "status_id": 4,
        "status_group_id": 2,
        "grand_total": 500,
        "payment_status": "not_paid",
        "ordered_at": at,
        "closed_at": None,
        **_times(record, iso=True),
        **({"buyer": _client(buyer) | inside | _times(buyer, iso=True)} if buyer and "buyer" in include else {}),
        **({"manager": _manager(record.owner, record.created)} if "manager" in include else {}),
    }


# A card has a contact of its own, which may be no buyer yet.
def _card(record: Record, include: set[str], records: Records) -> dict[str, Any]:
    client = records.get("contact", record.contact)
    contact: dict[str, Any] = {
        "id": record.id + 500,
        "full_name": record.full_name,
        "email": next(iter(record.emails), None),
        "phone": next(iter(record.phones), None),
        "picture": None,
        "additional_details": None,
        "client_id": client.id if client else None,
        "social_name": None,
        "social_id": None,
        **_times(record),
    }
    if client and "contact.client" in include:
        more = {"formatted_phone": next(iter(client.phones), None), "additional_phone": None, "orders_sum": "500.00"}
        contact["client"] = _client(client) | more | _times(client)
    about = {"source_id": 4, "manager_id": record.owner, "target_id": None, "target_type": None, "status_id": 2}
    return {
        "id": record.id,
        "contact_id": record.id + 500,
        **about,
        "title": "Заявка з сайту",
        "is_finished": None,
        "status_changed_at": _time(record.updated),
        **_times(record),
        **({"contact": contact} if include & {"contact", "contact.client"} else {}),
        **({"manager": _manager(record.owner, record.created)} if "manager" in include else {}),
    }


# https://help.keycrm.app/uk/process-automation-api-and-more/webhook-setup-in-keycrm: triggers of orders and cards only.
# Whether `client_id` is filled is not documented; here every second order has it.
def event(change: Change) -> Event | None:
    """Return what an automation's "Send Webhook" posts; a buyer who changed alone and a deletion have no event."""
    record = change.record
    if change.action in ("delete", "merge") or record.kind not in ("deal", "lead"):
        return None
    if record.kind == "lead":
        return json_event({"event": "lead.change_lead_status", "context": {"id": record.id, "status_id": 2}})
    context = {
        "id": record.id,
        "source_uuid": None,
        "source_id": 5,
        "client_id": record.contact if record.contact and record.id % 2 == 0 else None,
        "grand_total": 500,
        "manager_id": record.owner,
        "status_group_id": 2,
        "status_id": 4,
        "status_changed_at": _time(change.now, iso=True),
        **_times(record, iso=True),
        "deleted_at": None,
    }
    return json_event({"event": "order.change_order_status", "context": context})


CRM = Crm(
    "keycrm", "KeyCRM", "/v1", re.compile(r"/v1/"), lambda: Window(60, 60), answer, event, FAULTS, retry_after=True
)
