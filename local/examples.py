"""The events of `events/` that a CRM sends."""

import json
from pathlib import Path
from typing import Any

CONTENT_TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".xml": "text/xml"}
ENOUGH = 2  # phones that show what becomes of them


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
