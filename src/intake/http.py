"""What the CRM is answered over HTTP; errors as RFC 9457 problem details."""

import json
from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools.event_handler import Response

from errors import AllRejected, BridgeError, MethodNotAllowed, NotAllowed, SenderError, Unavailable
from intake.ingest import Verdict

JSON = {"content-type": "application/json"}
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>ringostat-bridge</title>
<body style="font-family: system-ui, sans-serif; max-width: 34rem; margin: 4rem auto; padding: 0 1rem">
<h1>This address works</h1>
<p>It is a webhook address: paste it into your CRM, which must send its events here by <b>POST</b>.
A browser sends GET, so there is nothing more to see.</p>
"""


def page() -> Response[str]:
    """Answer an admin who pastes the address into a browser; the same for every name, so it reveals nothing."""
    return Response(200, "text/html; charset=utf-8", PAGE)


def taken(request_id: str, verdicts: Sequence[Verdict]) -> Response[str]:
    """Answer 202 with the verdicts: everything is in the table, or whole in a queue."""
    body: dict[str, Any] = {"request_id": request_id}
    for result in ("accepted", "unchanged", "stale", "lookup"):
        body[result] = sum(verdict.result == result for verdict in verdicts)
    body["skipped"] = [verdict.answered("code", "reason") for verdict in verdicts if verdict.result == "skipped"]
    body["rejected"] = [
        verdict.answered("code", "field", "reason") for verdict in verdicts if verdict.result == "rejected"
    ]
    if warnings := [
        {"index": verdict.position, "reason": warning} for verdict in verdicts for warning in verdict.warnings
    ]:
        body["warnings"] = warnings
    return _json(202, "application/json", body)


def queued(request_id: str) -> Response[str]:
    """Answer 202 when the event is whole in the inbox queue and its verdicts are not known yet."""
    return _json(202, "application/json", {"request_id": request_id, "queued": True})


def problem(error: BridgeError, request_id: str) -> Response[str]:
    """Answer an error with a stable code and a sentence that quotes nothing of the request."""
    if isinstance(error, SenderError):
        body = _problem(error.status, error.code, error.title, str(error))
    else:
        body = _problem(503, Unavailable.code, Unavailable.title, "Nothing was stored; send the same request again.")
    # Every denial of access is the same to the byte, so that its cause stays hidden.
    if not isinstance(error, NotAllowed):
        body["request_id"] = request_id
    if isinstance(error, AllRejected):
        body["errors"] = error.records
    return _json(body["status"], "application/problem+json", body, _headers(error))


def _headers(error: BridgeError) -> dict[str, str | list[str]]:
    if isinstance(error, MethodNotAllowed):
        return {"Allow": "POST, GET, HEAD"}
    return {} if isinstance(error, SenderError) else {"Retry-After": "30"}


def _problem(status: int, code: str, title: str, detail: str) -> dict[str, Any]:
    return {"type": f"urn:ringostat-bridge:{code}", "title": title, "status": status, "code": code, "detail": detail}


def _json(
    status: int, content_type: str, body: dict[str, Any], headers: dict[str, str | list[str]] | None = None
) -> Response[str]:
    return Response(status, content_type, json.dumps(body), headers)
