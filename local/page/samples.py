"""The presets and the events of `events/`, to be tried."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from local.examples import CONTENT_TYPES, example, is_event
from local.template import ROOT
from mapping.language import loader

EVENTS = ROOT / "events"
LARGEST = 200_000  # bytes of an event that a browser is given to edit


class Try(NamedTuple):
    """An event to send: its body, content type, query and headers."""

    body: bytes
    content_type: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def all_headers(self) -> dict[str, str]:
        """The headers with the content type."""
        return {"Content-Type": self.content_type, **self.headers}


def presets() -> list[dict[str, Any]]:
    """Return each preset with the names of its events, the one that shows most first in `best`."""
    found = []
    for name in loader.presets():
        folder, mapping = EVENTS / name, loader.load(name)
        best = example(folder)
        events = [{"name": path.name, "results": _results(path)} for path in _files(folder)]
        found.append(
            {"name": name, "title": mapping.title, "crm": mapping.crm, "best": best and best.name, "events": events}
        )
    return sorted(found, key=lambda preset: preset["title"].casefold())


def sample(preset: str, name: str) -> Try:
    """Return an event of a preset; raise ValueError if there is none of this name."""
    path = next((path for path in _files(EVENTS / preset) if path.name == name), None) if _known(preset) else None
    if path is None:
        raise ValueError("There is no such event.")
    said = _said(path)
    content_type = said.get("content_type", CONTENT_TYPES[path.suffix])
    return Try(path.read_bytes(), content_type, said.get("query", {}), said.get("headers", {}))


def _said(path: Path) -> dict[str, Any]:
    """Return what lies beside an event: its headers, query and content type."""
    beside = path.with_suffix(".request.json")
    return dict(json.loads(beside.read_text("utf-8"))) if beside.exists() else {}


def _known(preset: str) -> bool:
    return preset in loader.presets()


def _files(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*.*")
        if is_event(path)
        and not path.name.endswith((".expected.json", ".request.json"))
        and path.stat().st_size <= LARGEST
    )


def _results(path: Path) -> list[str]:
    """Return what is expected of an event: change, skip, reject."""
    expected = path.with_suffix(".expected.json")
    outcomes = json.loads(expected.read_text("utf-8")) if expected.exists() else []
    return sorted({outcome["result"] for outcome in outcomes if isinstance(outcome, dict)})
