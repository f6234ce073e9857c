"""The JSON Schemas of mapping files, for editors, and of our own JSON contract. `make contracts` writes both.

Draft 4 for mapping files: Taplo (Even Better TOML) knows no later one.
"""

import json
from pathlib import Path
from typing import Any

from mapping import direct
from mapping.language.model import (
    ALSO,
    ANSWER,
    API,
    BLOCKS,
    CHECK,
    GRANTS,
    LOOKUP,
    RATE,
    RECORD,
    RULE,
    SECTIONS,
    STAFF_BY,
    SYNC,
    TOP,
)

MAPPING_SCHEMA = Path(__file__).parents[1] / "src" / "mapping" / "mapping.schema.json"
DIRECT_SCHEMA = Path(__file__).parents[1] / "docs" / "direct.schema.json"

_TEXT = {"type": "string"}
_TEXTS_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_REF_RULE = {"$ref": "#/definitions/rule"}
_VALUES: dict[str, dict[str, Any]] = {
    "text": _TEXT,
    "expression": _TEXT,
    "code": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,39}$"},
    "boolean": {"type": "boolean"},
    "format": {"enum": [1]},
    "status": {"type": "integer", "minimum": 200, "maximum": 299},
    "texts": {"type": "array", "items": _TEXT},
    "as": {"enum": list(SECTIONS)},
    "lookups": {"type": "object", "additionalProperties": {"$ref": "#/definitions/lookup"}},
    **dict.fromkeys(("url", "path", "facts", "found", "pattern"), _TEXT),
    **dict.fromkeys(("headers", "query"), _TEXTS_BY_NAME),
    "number": {"type": "integer", "minimum": 1},
    "json": {},
}


def mapping_schema() -> dict[str, Any]:
    """Return the schema of mapping files, made of the loader's tables."""
    sections = {name: _table(_section(kinds)) for name, kinds in SECTIONS.items()}
    special = {
        "record": {"type": "array", "items": _table(_record())},
        "answer": _table(_values(ANSWER)),
        "api": {"anyOf": [_TEXT, _api()]},
        "lookup": {"type": "object", "additionalProperties": _lookup()},
    }
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "A mapping of ringostat-bridge: what an event of one CRM means",
        **_table({**_values(TOP), **special, **sections}),
        "required": ["format"],
        "definitions": {"rule": _rule(), "lookup": _TEXTS_BY_NAME},
    }


def _table(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _values(kinds: dict[str, Any]) -> dict[str, Any]:
    return {
        key: {"enum": list(kind)} if isinstance(kind, tuple) else _VALUES.get(kind, _REF_RULE)
        for key, kind in kinds.items()
    }


def _record() -> dict[str, Any]:
    return {**_values(RECORD), "also": {"type": "array", "items": {**_table(_values(ALSO)), "required": list(ALSO)}}}


def _api() -> dict[str, Any]:
    token = {"type": "object", "properties": {"url": _TEXT, "grant": {"enum": list(GRANTS)}}}
    special = {
        "check": _table(_values(CHECK)),
        "rate": _table(_values(RATE)),
        "token": {**token, "additionalProperties": _TEXT, "required": ["url", "grant"]},
    }
    return {**_table({**_values(API), **special}), "required": ["url"]}


def _lookup() -> dict[str, Any]:
    sync = _table({**_values(SYNC), "count": _table(_values(CHECK))})
    return {**_table({**_values(LOOKUP), "sync": sync}), "required": ["records"]}


def _fields(kinds: dict[str, str]) -> dict[str, Any]:
    return {key: _TEXT if kind == "expression" else _REF_RULE for key, kind in kinds.items()}


def _section(kinds: dict[str, str]) -> dict[str, Any]:
    blocks = {key: {"type": "array", "items": _table(_fields(BLOCKS[key]))} for key in kinds if key in BLOCKS}
    return {**_fields(kinds), **blocks}


def _rule() -> dict[str, Any]:
    rules = {"type": "array", "minItems": 1, "items": _REF_RULE}
    keys: dict[str, Any] = dict.fromkeys(RULE, _TEXT)
    keys |= {
        "from": _REF_RULE,
        "join": rules,
        "ignore": _VALUES["texts"],
        "lookup": {"anyOf": [_TEXT, {"$ref": "#/definitions/lookup"}]},
        "staff": {"enum": list(STAFF_BY)},
    }
    return {"anyOf": [_TEXT, rules, _table(keys)]}


def written(schema: dict[str, Any]) -> str:
    """Return the text of a schema's file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    MAPPING_SCHEMA.write_text(written(mapping_schema()), "utf-8")
    DIRECT_SCHEMA.write_text(written(direct.schema()), "utf-8")
