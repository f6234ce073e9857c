"""The events of `events/`, as lines to paste."""

from pathlib import Path

from local.template import ROOT

CONTENT_TYPES = {".json": "application/json", ".form": "application/x-www-form-urlencoded", ".xml": "text/xml"}


def command(bridge_url: str, connection: str, preset: str, token: str = "local") -> str:
    """Return a curl line that sends an event of a preset, or the address alone if none is stored."""
    address = f"{bridge_url}/crm/{connection}/{token}"
    path = example(ROOT / "events" / preset)
    if path is None:
        return f"  {address}"
    content_type, file = CONTENT_TYPES[path.suffix], path.relative_to(ROOT)
    return f"  curl -sS {address} -H 'Content-Type: {content_type}' --data-binary @{file}"


def example(directory: Path) -> Path | None:
    """Return the first event that becomes a card, None if there is none."""
    for path in sorted(directory.glob("*.*")):
        expected = path.with_suffix(".expected.json")
        if path.suffix in CONTENT_TYPES and expected.exists() and '"change"' in expected.read_text("utf-8"):
            return path
    return None
