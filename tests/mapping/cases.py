"""The golden cases: events/<preset>/<case>.{json,form,xml}, what lies beside them, and the outcomes they must have."""

import json
from pathlib import Path
from typing import NamedTuple

from mapping import engine, load
from mapping.decode import decode
from mapping.outcome import compact

EVENTS = Path(__file__).parents[2] / "events"
CONTENT_TYPES = {
    ".json": "application/json",
    ".form": "application/x-www-form-urlencoded",
    ".xml": "text/xml",
}
SETTINGS = {"crm_url": "https://acme.example.com", "country": "UA", "time_zone": "Europe/Kyiv", "responsible": "0"}


class Case(NamedTuple):
    """One event and what it must become; `<case>.request.json` may add headers, query, settings, content_type."""

    body: Path

    def __str__(self):
        return f"{self.preset}/{self.body.stem}"

    @property
    def preset(self):
        return self.body.parent.name

    @property
    def expected(self):
        return self.body.with_suffix(".expected.json")

    @property
    def request(self):
        beside = self.body.with_suffix(".request.json")
        return json.loads(beside.read_text("utf-8")) if beside.exists() else {}

    @property
    def data(self):
        return decode(self.body.read_bytes(), self.request.get("content_type", CONTENT_TYPES[self.body.suffix]))

    def outcomes(self, **changes):
        request = {"data": self.data, "mapping": load.load(self.preset), "trace": False, **self.request, **changes}
        return engine.run(
            request["mapping"],
            request["data"],
            SETTINGS | request.get("settings", {}),
            request.get("headers", {}),
            request.get("query", {}),
            trace=request["trace"],
        )


CASES = [
    Case(path)
    for path in sorted(EVENTS.glob("*/*"))
    if path.suffix in CONTENT_TYPES
    and path.parent.name in load.presets()
    and path.suffixes in ([".json"], [".form"], [".xml"])
]


def written(outcomes):
    """The text of `<case>.expected.json`."""
    return json.dumps([compact(outcome) for outcome in outcomes], ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":  # python -m tests.mapping.cases: rewrite the expectations, then read the diff
    for case in CASES:
        case.expected.write_text(written(case.outcomes()), "utf-8")
