"""HubSpot: objects in batches, by list and by search (not one by one); webhooks of an app."""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any

from local.crm.dialect import Asked, Change, Crm, Event, error, json_event, seconds_of, zulu
from local.crm.limits import Bucket, Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

PATH = re.compile(r"/crm/(?:objects/[^/]+|v3/objects)/(contacts|companies)(?:/(batch/read|search))?")
KINDS = {"contacts": "contact", "companies": "company"}
TYPES = {"contact": "0-1", "company": "0-2"}
INPUTS, PAGE, SEARCH_PAGE, SEARCH_MOST = 100, 100, 200, 10_000
LATE_SECONDS = 3  # a search does not find what changed a moment ago
PORTAL = 26_000_001
PROPERTIES = {
    "name": "firstname",
    "last": "lastname",
    "phones": "phone",
    "emails": "email",
    "owner": "hubspot_owner_id",
    "company": "associatedcompanyid",
}


# https://developers.hubspot.com/docs/api/error-handling
def _fault(status: int, category: str, text: str, **more: Any) -> dict[str, Any]:
    body = {"status": "error", "message": text, "correlationId": "00000000-0000-4000-8000-000000000001"}
    return {"status": status, "body": {**body, "category": category, **more}}


FAULTS = {
    "limit": _fault(
        429,
        "RATE_LIMITS",
        "You have reached your ten_secondly_rolling limit.",
        errorType="RATE_LIMIT",
        policyName="TEN_SECONDLY_ROLLING",
    ),
    "key": _fault(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."),
    "rights": _fault(403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    "gone": _fault(404, "OBJECT_NOT_FOUND", "resource not found"),
    "locked": _fault(423, "LOCKED", "This resource is locked."),
    "account is moving": _fault(477, "MIGRATION_IN_PROGRESS", "Migration in progress.")
    | {"headers": {"Retry-After": "3"}},
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to `api.hubapi.com`."""
    if not asked.bearer():
        return error(FAULTS["key"])
    if asked.method == "GET" and re.fullmatch(r"/crm/(?:owners/[^/]+|v3/owners)/?", asked.path):
        return said(HTTPStatus.OK, {"results": [_owner(asked.now)]})
    found = PATH.fullmatch(asked.path)
    if found is None:
        return error(FAULTS["gone"])
    kind, what = KINDS[found[1]], found[2]
    routes = {("POST", "batch/read"): _batch, ("POST", "search"): _search, ("GET", None): _list}
    route = routes.get((asked.method, what))
    return route(asked, records, kind) if route else error(_fault(405, "METHOD_NOT_ALLOWED", "Method not allowed"))


# https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/batch/post-crm-v3-objects-contacts-batch-read
def _batch(asked: Asked, records: Records, kind: str) -> Reply:
    body = asked.body if isinstance(asked.body, dict) else {}
    if missing := {"inputs", "properties", "propertiesWithHistory"} - body.keys():
        return error(_fault(400, "VALIDATION_ERROR", f"Some required fields were not set: {sorted(missing)}"))
    ids = [str(one.get("id", "")) for one in body["inputs"]]
    if len(ids) > INPUTS:
        return error(_fault(400, "VALIDATION_ERROR", f"inputs size exceeds the maximum of {INPUTS}"))
    winners = {one: str(records.merged.get(int(one), one)) if one.isdecimal() else one for one in ids}
    found = records.chosen(kind, winners.values())
    known = {str(one.id) for one in found}
    gone = [one for one in dict.fromkeys(ids) if winners[one] not in known]
    times = {"startedAt": zulu(asked.now, "milliseconds"), "completedAt": zulu(asked.now + 0.1, "milliseconds")}
    answered = {"status": "COMPLETE", "results": _objects(found, body["properties"], records), **times}
    if not gone:
        return said(HTTPStatus.OK, answered)
    text = f"Could not get some {kind.upper()} objects, they may be deleted or not exist. Check that ids are valid."
    problem = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": text, "context": {"ids": gone}}
    return said(HTTPStatus.MULTI_STATUS, answered | {"numErrors": 1, "errors": [problem]})


# https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts
def _list(asked: Asked, records: Records, kind: str) -> Reply:
    limit, after = asked.number("limit", 10), asked.number("after", 0)
    if limit > PAGE:
        return error(_fault(400, "VALIDATION_ERROR", f"limit must be at most {PAGE}"))
    later = list(islice(records.visible(kind, after=after), limit + 1))
    answered: dict[str, Any] = {"results": _objects(later[:limit], _properties(asked), records)}
    if len(later) > limit:
        last = str(later[limit - 1].id)
        answered["paging"] = {"next": {"after": last, "link": f"https://api.hubapi.com{asked.path}?after={last}"}}
    return said(HTTPStatus.OK, answered)


# https://developers.hubspot.com/docs/api-reference/search/guide: 10,000 results a query; new changes come late.
def _search(asked: Asked, records: Records, kind: str) -> Reply:
    body = asked.body if isinstance(asked.body, dict) else {}
    limit, after = int(body.get("limit") or 10), int(body.get("after") or 0)
    if limit > SEARCH_PAGE or after + limit > SEARCH_MOST:
        return error(_fault(400, "VALIDATION_ERROR", "The requested page is beyond what a search gives"))
    groups = body.get("filterGroups") or [{"filters": []}]
    calm = [one for one in records.visible(kind) if one.updated < asked.now - LATE_SECONDS]
    found = [one for one in calm if any(all(_meets(one, test) for test in group["filters"]) for group in groups)]
    if any(sort["propertyName"].endswith("lastmodifieddate") for sort in body.get("sorts") or []):
        found.sort(key=lambda one: (one.updated, one.id))
    results = _objects(found[after : after + limit], body.get("properties") or [], records)
    answered: dict[str, Any] = {"total": len(found), "results": results}
    if len(found) > after + limit:
        answered["paging"] = {"next": {"after": str(after + limit)}}
    return said(HTTPStatus.OK, answered)


def _meets(record: Record, test: Mapping[str, Any]) -> bool:
    """Return whether a record meets a condition on its number or its time, the only ones that are emulated."""
    of_time = test["propertyName"].endswith("lastmodifieddate")
    have = int(record.updated * 1000) if of_time else record.id
    text = str(test.get("value", ""))
    want = int(text) if text.isdecimal() else int(seconds_of(text) * 1000)
    return {"GTE": have >= want, "GT": have > want, "LTE": have <= want, "LT": have < want, "EQ": have == want}[
        test["operator"]
    ]


def _properties(asked: Asked) -> list[str]:
    return asked.one("properties").split(",") if asked.one("properties") else ["firstname", "lastname", "email", "name"]


def _objects(found: Iterable[Record], properties: Iterable[str], records: Records) -> list[dict[str, Any]]:
    """Return records with the properties that were asked for: a text each, null where there is none."""
    asked = [*properties]
    return [_object(one, asked, records) for one in found]


def _object(record: Record, properties: list[str], records: Records) -> dict[str, Any]:
    created, updated = zulu(record.created, "milliseconds"), zulu(record.updated, "milliseconds")
    company = records.get("company", record.company)
    phones, emails = [*record.phones, None, None], [*record.emails, None]
    stamp = "lastmodifieddate" if record.kind == "contact" else "hs_lastmodifieddate"
    always = {"createdate": created, stamp: updated, "hs_object_id": str(record.id)}
    known = {
        "firstname": record.name,
        "lastname": record.last or None,
        "name": record.name,
        "company": company.name if company else None,
        "phone": phones[0],
        "mobilephone": phones[1],
        "email": emails[0],
        "hs_additional_emails": ";".join(record.emails[1:]) or None,
        "hubspot_owner_id": str(record.owner),
        "associatedcompanyid": str(record.company) if record.company else None,
        "jobtitle": None,
        "domain": None,
    }
    own = {"firstname", "lastname", "associatedcompanyid"} if record.kind == "company" else {"name", "domain"}
    chosen = {name: known[name] for name in properties if name in known and name not in own}
    return {
        "id": str(record.id),
        "properties": dict(sorted((always | chosen).items())),
        "createdAt": created,
        "updatedAt": updated,
        "archived": False,
        "url": f"https://app-eu1.hubspot.com/contacts/{PORTAL}/record/{TYPES[record.kind]}/{record.id}",
    }


def _owner(now: float) -> dict[str, Any]:
    at = zulu(now - 86_400, "milliseconds")
    name = {"id": "1", "email": "iryna@example.com", "type": "PERSON", "firstName": "Ірина", "lastName": "Бондар"}
    return {**name, "userId": 1, "userIdIncludingInactive": 1, "createdAt": at, "updatedAt": at, "archived": False}


# https://developers.hubspot.com/docs/api-reference/webhooks-webhooks-v3/guide: one item a changed property.
def event(change: Change) -> Event | None:
    """Return the array that an app's webhook posts."""
    kind, number = change.record.kind, change.record.id
    if kind not in TYPES:
        return None
    common = {"portalId": PORTAL, "appId": 14_000_001, "occurredAt": int(change.now * 1000), "attemptNumber": 0}
    named = sorted(PROPERTIES[name] for name in change.fields if name in PROPERTIES) or ["lastname"]
    whats: list[dict[str, Any]] = {
        "add": [{"subscriptionType": f"{kind}.creation", "objectId": number, "changeFlag": "NEW"}],
        "update": [
            {"subscriptionType": f"{kind}.propertyChange", "objectId": number, "propertyName": one, "propertyValue": ""}
            for one in named
        ],
        "delete": [{"subscriptionType": f"{kind}.deletion", "objectId": number, "changeFlag": "DELETED"}],
        "merge": [
            {
                "subscriptionType": f"{kind}.merge",
                "objectId": change.into,
                "primaryObjectId": change.into,
                "mergedObjectIds": [number],
                "newObjectId": change.into,
            }
        ],
    }[change.action]
    first = int(change.now * 1000) % 10**9
    return json_event(
        [
            {"eventId": first + index, "subscriptionId": 3_100_001 + index, **common, **what, "changeSource": "CRM_UI"}
            for index, what in enumerate(whats)
        ]
    )


def _headers(limit: Window | Bucket, _wait: float) -> Mapping[str, str]:
    # https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
    every = {"X-HubSpot-RateLimit-Max": "100", "X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
    return {**every, "X-HubSpot-RateLimit-Remaining": str(limit.left())}


CRM = Crm(
    "hubspot",
    "HubSpot",
    "",
    re.compile(r"/crm/(objects|owners|v3)/"),
    lambda: Window(100, 10),
    answer,
    event,
    FAULTS,
    headers=_headers,
)
