"""docs/openapi.json: the HTTP side, made of the errors, the models and the examples of events/."""

import functools
import json
import tomllib
from pathlib import Path

from access.schemes import SCHEMES
from errors import AllRejected, MethodNotAllowed, NotAllowed, SenderError, Unavailable, UnknownConnection
from intake import http
from mapping import direct
from mapping.decode import MAX_BYTES, MAX_RECORDS

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs" / "openapi.json"

ON_THE_QUEUE_ONLY = {UnknownConnection}
ERRORS = sorted({*SenderError.__subclasses__(), Unavailable} - ON_THE_QUEUE_ONLY, key=lambda error: error.status)
ONLY_FOR_METHODS = {MethodNotAllowed}  # methods that no operation here has


def _security(scheme):
    """Return what OpenAPI can say of a scheme; None for one whose proof is in no header."""
    if "header" in scheme.needs:
        return {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "Any header; yours to name."}
    if scheme.headers == ("Authorization",):
        return {"type": "http", "scheme": "basic"}
    if not scheme.headers:
        return None
    name, *others = scheme.headers
    notes = [f"Or {' or '.join(others)}."] * bool(others) + [f"With {' and '.join(scheme.beside)}."] * bool(
        scheme.beside
    )
    return {"type": "apiKey", "in": "header", "name": name, **({"description": " ".join(notes)} if notes else {})}


SECURITY = {name: entry for name, scheme in SCHEMES.items() if (entry := _security(scheme))}
IN_HEADERS = [{name: []} for name in SECURITY]

COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}


def openapi():
    """Return the document."""
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "ringostat-bridge",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
            "description": (
                "Where CRMs send their events. A mapping says what a CRM's own body means; "
                "a connection whose mapping is `direct` takes the JSON contract for programmers that is written here. "
                "The queue beside this API is in asyncapi.yaml."
            ),
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "description": "The stack's output HooksUrl.",
                "variables": {"api": {"default": "example"}, "region": {"default": "eu-central-1"}},
            }
        ],
        "paths": {
            "/crm/{connection}": _hook("", security=IN_HEADERS),
            "/crm/{connection}/{token}": _hook("WithToken", security=[]),
            "/healthz": {"get": _health()},
        },
        "components": {
            "parameters": _parameters(),
            "schemas": {**_schemas(), **_direct()},
            "responses": {_name(error): _error_response(error) for error in ERRORS} | {"TooMany": _too_many()},
            "securitySchemes": SECURITY,
        },
    }


def followed(document, pointer):
    """Return what a `$ref` inside a document names."""
    return functools.reduce(lambda value, step: value[step], pointer.removeprefix("#/").split("/"), document)


def _hook(suffix, *, security):
    names = ["Connection", "Token"] if suffix else ["Connection"]
    return {
        "parameters": [{"$ref": f"#/components/parameters/{name}"} for name in names],
        "post": _post(suffix) | {"security": security},
        "get": _page("explain" + suffix, "For an admin who opens the address in a browser") | _or_an_event(),
        "head": _page("probe" + suffix, "For a CRM that probes the address"),
    }


def _post(suffix):
    return {
        "operationId": "send" + suffix,
        "summary": "Send an event",
        "description": (
            "The token of a `body-token` connection is in the body."
            if not suffix
            else "For CRMs that can send nothing but an address: the token is the proof."
        ),
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_BYTES // 1024} KiB and {MAX_RECORDS:,} records.",
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/Event"}, "examples": _examples()},
                "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
                "text/xml": {"schema": TEXT},
            },
        },
        "responses": {
            "202": _taken(),
            "2XX": {"description": "What the mapping says that this CRM insists on.", "content": {"*/*": {}}},
            **_error_responses(),
            "429": {"$ref": "#/components/responses/TooMany"},
        },
    }


def _error_responses():
    """Return the references of all answers to errors that an operation has, by status."""
    errors = [error for error in ERRORS if error not in ONLY_FOR_METHODS]
    return {str(error.status): {"$ref": f"#/components/responses/{_name(error)}"} for error in errors}


def _examples():
    """Return the events of our own contract; those of each CRM are in its own folder of events/."""
    return {
        path.stem: {"summary": path.stem.replace("-", " "), "value": json.loads(path.read_text("utf-8"))}
        for path in sorted((ROOT / "events" / "direct").glob("*.json"))
        if not path.name.endswith((".expected.json", ".request.json")) and _is_unicode(path)
    }


def _is_unicode(path):
    """Tell an example from a case that holds half a surrogate pair, which not every reader of OpenAPI takes."""
    text = json.dumps(json.loads(path.read_text("utf-8")), ensure_ascii=False)
    return text.encode(errors="ignore").decode() == text


def _taken():
    return {
        "description": "Nothing is lost any more: the event is in the cards, or whole in a queue.",
        "content": {
            "application/json": {
                "schema": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Verdicts", "Queued")]},
                "examples": {
                    "verdicts": {"value": VERDICTS},
                    "queued": {"value": {"request_id": "JKJaXmPLvHcESHA=", "queued": True}},
                },
            }
        },
    }


VERDICTS = {
    "request_id": "JKJaXmPLvHcESHA=",
    "accepted": 1,
    "unchanged": 1,
    "stale": 0,
    "lookup": 0,
    "skipped": [{"index": 2, "code": "no-contact", "reason": "the deal names no contact"}],
    "rejected": [{"index": 3, "code": "bad-field", "field": "phones[0].value", "reason": "must be a text"}],
}


def _page(operation, summary):
    content = {"text/html; charset=utf-8": {"schema": TEXT}}
    description = "The same page for every name, so that it does not reveal which connections exist."
    return {
        "operationId": operation,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": description, "content": content},
            "404": {"$ref": f"#/components/responses/{_name(_error('not-found'))}"},
            "429": {"$ref": "#/components/responses/TooMany"},
        },
    }


def _or_an_event():
    """Return what a GET has too: a few CRMs put an event into the query."""
    page = _page("", "")["responses"]
    page["200"]["description"] += " Or what the mapping of such a CRM says that it insists on."
    page["200"]["content"]["*/*"] = {}
    return {
        "description": (
            "A query is an event where the mapping says that its CRM sends such, and the request proves itself."
        ),
        "parameters": [
            {
                "name": "query",
                "in": "query",
                "style": "form",
                "explode": True,
                "schema": {"type": "object", "additionalProperties": TEXT},
            }
        ],
        "responses": {**page, "202": _taken(), **_error_responses()},
    }


def _health():
    content = {"text/plain": {"schema": {"const": "ok"}}}
    return {
        "operationId": "health",
        "summary": "Say that the function runs; nothing more",
        "security": [],
        "responses": {
            "200": {"description": "It runs.", "content": content},
            "429": {"$ref": "#/components/responses/TooMany"},
        },
    }


def _parameters():
    known = {"in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "Connection": {"name": "connection", "description": "Name of the connection.", "example": "acme", **known},
        "Token": {"name": "token", "description": "Its `path-token`.", "example": "a-long-random-text", **known},
    }


def _name(error):
    return error.__name__


def _error(code):
    return next(error for error in ERRORS if error.code == code)


def _error_response(error):
    headers = http.problem(_made(error), "").headers
    schema = {"$ref": f"#/components/schemas/{_name(error)}Problem"}
    content = {"application/problem+json": {"schema": schema, "example": _example(error)}}
    if error in (Unavailable, _error("too-large")):
        content["application/json"] = {"schema": {"$ref": "#/components/schemas/Gateway"}}
    return {
        "description": (error.__doc__ or "").splitlines()[0],
        **({"headers": {name: _header(text) for name, text in headers.items()}} if headers else {}),
        "content": content,
    }


def _header(text):
    return {"required": True, "schema": {"type": "string", "const": text}}


def _made(error):
    """Return an error as it may be raised."""
    if error is AllRejected:
        return AllRejected([{"index": 0, "code": "no-id", "field": "externalId", "reason": "externalId is empty"}])
    try:
        return error()
    except TypeError:  # pragma: no cover - none so far
        return error("What is wrong.")


def _example(error):
    made = _made(error)
    made.args = made.args or ("What is wrong and where, without the value.",)
    return json.loads(http.problem(made, "JKJaXmPLvHcESHA=").body or "")


def _problem(error):
    """Return the schema of an error's problem page: all is constant but the sentence and the request."""
    example = _example(error)
    properties = {name: {"const": example[name]} for name in ("type", "title", "status", "code")}
    properties["detail"] = {"const": example["detail"]} if error is NotAllowed else TEXT
    if "request_id" in example:
        properties["request_id"] = TEXT
    if "errors" in example:
        properties["errors"] = {"type": "array", "minItems": 1, "items": _record("index", "code", "field", "reason")}
    return {
        "type": "object",
        "description": "RFC 9457. No field repeats a value of the request.",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _record(*names):
    properties = {name: COUNT if name == "index" else TEXT for name in names}
    return {"type": "object", "properties": properties, "required": list(names), "additionalProperties": False}


WARNINGS = {
    "type": "array",
    "minItems": 1,
    "description": "Only for `direct`: what was cut or dropped from a record that was taken.",
    "items": _record("index", "reason"),
}


def _schemas():
    lists = {
        "skipped": {"type": "array", "items": _record("index", "code", "reason")},
        "rejected": {"type": "array", "items": _record("index", "code", "field", "reason")},
    }
    verdicts = {"request_id": TEXT, **dict.fromkeys(("accepted", "unchanged", "stale", "lookup"), COUNT), **lists}
    queued = {"request_id": TEXT, "queued": {"const": True}}
    return {
        "Event": {
            "anyOf": [{"$ref": "#/components/schemas/Direct"}, {"type": ["object", "array"], "title": "A CRM's own"}],
        },
        "Verdicts": {
            "type": "object",
            "description": "One verdict for each record of the event.",
            "properties": {**verdicts, "warnings": WARNINGS},
            "required": list(verdicts),
            "additionalProperties": False,
        },
        "Queued": {
            "type": "object",
            "description": "The event is kept whole in the inbox queue; its verdicts are not known yet.",
            "properties": queued,
            "required": list(queued),
            "additionalProperties": False,
        },
        "Gateway": {
            "type": "object",
            "description": "What API Gateway says by itself.",
            "properties": {"message": {"type": ["string", "null"]}},
            "required": ["message"],
        },
        **{f"{_name(error)}Problem": _problem(error) for error in ERRORS},
    }


def _too_many():
    schema = {"$ref": "#/components/schemas/Gateway"}
    return {
        "description": "API Gateway throttles; send the same request again.",
        "content": {"application/json": {"schema": schema}},
    }


def _direct():
    """Return the schema of `direct` and of its parts, as components."""
    schema = direct.schema()
    del schema["$schema"]
    return components("Direct", schema)


def components(name, schema):
    """Return a schema and its parts as components of a document."""
    moved = json.loads(json.dumps(schema).replace("#/$defs/", "#/components/schemas/"))
    parts = moved.pop("$defs", {})
    return {name: moved, **parts}
