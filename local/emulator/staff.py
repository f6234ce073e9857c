"""Ringostat's employees, as its JSON-RPC lists them: https://help.ringostat.com/en/articles/9188142."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from ops.web.reply import Reply, said

PATH = "/api/json-rpc"
METHOD = "getProjectStaffListAndDirections"
# Invented persons. No answer is documented; public code reads an object keyed by staffId, and `id` is another number.
EMPLOYEES: dict[str, Any] = {
    "501": {
        "id": 9001,
        "staffId": 501,
        "fio": "Олена Коваль",
        "email": "Olena@example.com",
        "phone": "380670000051",
        "extensionNumber": "101",
        "departments": [7],
        "directions": {"main": [{"direction": "acme_olena", "type": "sip"}], "additional": []},
    },
    "502": {
        "id": 9002,
        "staffId": 502,
        "fio": "Іван Мельник",
        "email": None,
        "phone": None,
        "extensionNumber": "102",
        "departments": [],
        "directions": {"main": [], "additional": []},
    },
}


def answered(value: Any, projects: Sequence[int], employees: dict[str, Any]) -> Reply:
    """Answer a call whose key is that of these projects."""
    if not projects:
        return said(HTTPStatus.UNAUTHORIZED, {"error": "The auth-key is wrong."})
    call = value if isinstance(value, dict) else {}
    parameters = call.get("params")
    if call.get("method") != METHOD:
        return _error(call, -32601, "Method not found")
    if not isinstance(parameters, dict) or parameters.get("projectId") not in projects:
        return _error(call, -32602, "Invalid params")
    return said(HTTPStatus.OK, {"jsonrpc": "2.0", "id": call.get("id"), "result": employees})


def _error(call: dict[str, Any], code: int, message: str) -> Reply:
    """Return an error, which JSON-RPC answers with 200."""
    return said(HTTPStatus.OK, {"jsonrpc": "2.0", "id": call.get("id"), "error": {"code": code, "message": message}})
