"""The leaves of a body, each with the expression that finds it."""

import json
import re
from collections.abc import Iterator
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def leaves(value: Any, expression: str = "") -> Iterator[tuple[str, Any]]:
    """Yield expression and value of each text, number, boolean, null and empty list or table."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{expression}.{name(key)}" if expression else name(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{expression}[{index}]")
    else:
        yield expression or "@", value


def name(key: str) -> str:
    """Return a key as an expression: in double quotes unless it is a plain name."""
    if _NAME.fullmatch(key):
        return key
    return json.dumps(key, ensure_ascii=not key.isprintable())
