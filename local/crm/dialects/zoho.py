"""Zoho CRM: contacts and accounts of API v8, for access tokens that live an hour; what it posts its users compose."""

import re
from http import HTTPStatus
from typing import Any

from local.crm.dialect import Asked, Change, Crm, error, iso
from local.crm.limits import Window
from local.crm.records import Record, Records
from ops.web.reply import Reply, said

MODULES = {"Contacts": "contact", "Accounts": "company"}
TOKEN_SECONDS = 3_600
IDS = 100


def _fault(status: int, code: str, text: str) -> dict[str, Any]:
    return {"status": status, "body": {"code": code, "details": {}, "message": text, "status": "error"}}


# https://www.zoho.com/crm/developer/docs/api/v8/status-codes.html
FAULTS = {
    "limit": _fault(429, "TOO_MANY_REQUESTS", "you have reached the limit of requests"),
    "key": _fault(401, "INVALID_TOKEN", "invalid oauth token"),
    "rights": _fault(401, "OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL"),
}


def answer(asked: Asked, records: Records) -> Reply:
    """Answer a request to `www.zohoapis.eu` or, for a token, to `accounts.zoho.eu`."""
    if (asked.method, asked.path) == ("POST", "/oauth/v2/token"):
        return _token(asked)
    found = re.fullmatch(r"/crm/v8/(\w+)", asked.path)
    kind = MODULES.get(found[1]) if found else None
    if kind is None:
        return error(_fault(404, "INVALID_URL_PATTERN", "Please check if the URL trying to access is a correct one"))
    if not _is_good(asked):
        return error(FAULTS["key"])
    if not asked.one("fields") or len(ids := asked.one("ids").split(",")) > IDS:
        return error(_fault(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing"))
    shown = [_show(one, records) for one in records.chosen(kind, ids)]
    return said(HTTPStatus.OK, {"data": shown}) if shown else Reply(HTTPStatus.NO_CONTENT, b"")


# https://www.zoho.com/crm/developer/docs/api/v8/refresh.html: of a wrong token 200 says so.
def _token(asked: Asked) -> Reply:
    if not isinstance(asked.body, dict) or asked.body.get("refresh_token") != asked.key:
        return said(HTTPStatus.OK, {"error": "invalid_code"})
    until = int(asked.now) + TOKEN_SECONDS
    granted = {"access_token": f"{asked.key}.{until}", "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
    return said(HTTPStatus.OK, granted | {"api_domain": "https://elsewhere.example"})


def _is_good(asked: Asked) -> bool:
    """Return whether the access token is one of ours whose hour is not over: it holds its own end."""
    given = asked.headers.get("authorization", "").removeprefix(f"Zoho-oauthtoken {asked.key}.")
    return given.isdecimal() and int(given) > asked.now


def _show(record: Record, records: Records) -> dict[str, Any]:
    common = {"id": str(record.id), "Modified_Time": iso(record.updated, 2), "Owner": {"id": str(record.owner)}}
    if record.kind == "company":
        return common | {"Account_Name": record.name}
    account = records.get("company", record.company)
    names = {"Full_Name": record.full_name, "First_Name": record.name, "Last_Name": record.last}
    phones = dict(zip(("Mobile", "Phone"), record.phones, strict=False))
    named = {"Account_Name": {"id": str(account.id), "name": account.name} if account else None}
    return common | names | {"Mobile": None, "Phone": None, "Email": next(iter(record.emails), None)} | phones | named


def event(_change: Change) -> None:
    """Return nothing: what Zoho posts is what its user composed."""


CRM = Crm("zoho", "Zoho CRM", "", re.compile(r"/(crm/v8|oauth/v2)/"), lambda: Window(100, 60), answer, event, FAULTS)
