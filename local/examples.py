"""The events of `events/`, as lines to paste."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from local.template import ROOT

CONTENT_TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".xml": "text/xml"}
ENOUGH = 2  # phones that show what becomes of them


def command(bridge_url: str, connection: str, preset: str, token: str = "local") -> str:
    """Return a curl line that sends an event of a preset, or the address alone if none is stored."""
    address = f"{bridge_url}/crm/{connection}/{token}"
    path = example(ROOT / "events" / preset)
    if path is None:
        return f"  {address}"
    request = _beside(path, ".request.json") or {}
    query = f"?{urlencode(request['query'])}" if request.get("query") else ""
    content_type = request.get("content_type", CONTENT_TYPES[path.suffix])
    return f"  curl -sS '{address}{query}' -H 'Content-Type: {content_type}' --data-binary @{path.relative_to(ROOT)}"


def example(directory: Path) -> Path | None:
    """Return the event that shows a contact with phones best, None if none becomes such a contact."""
    paths = sorted(path for path in directory.glob("*.*") if is_event(path) and _phones(path))
    return max(paths, key=lambda path: min(_phones(path), ENOUGH), default=None)


def is_event(path: Path) -> bool:
    """Return whether this is a body that a CRM sends: an answer of its API lies among them, but cannot be sent."""
    return path.suffix in CONTENT_TYPES and "lookup" not in (_beside(path, ".request.json") or {})


def _phones(path: Path) -> int:
    """Return how many phones of the first contact are expected, 0 for an event that is none."""
    first = (_beside(path, ".expected.json") or [{}])[0]
    fields = first.get("fields", {}) if first.get("kind") == "contact" else {}
    return sum(len(items) for name, items in fields.items() if name.startswith("phones."))


def _beside(path: Path, ending: str) -> Any:
    """Return what the file beside an event says, None without one."""
    file = path.with_suffix(ending)
    return json.loads(file.read_text("utf-8")) if file.exists() else None
