"""Golden cases: `<crm>/<case>.json`, `.form` or `.xml` as a CRM sends it, and `<case>.expected.json`, its outcomes.

`<case>.request.json` beside them may add `content_type`, `headers`, `query`, `settings`, `lookup` and `staff`
(ids of employees by e-mail address). The mapping is
the file `<crm>.toml` beside the folder, else the preset with the folder's name; with `lookup`, the name of the look-up
that the body answers, it is the one that `api` names there.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mapping.language import loader
from mapping.outcome import Outcome, compact
from ops.dry_run import tried
from ops.offline import Offline, employees, mapping_of
from ops.samples import TYPES, Given, samples_of

SETTINGS = {"crm_url": "https://acme.example.com", "country": "UA", "time_zone": "Europe/Kyiv", "responsible": "0"}
BESIDE = (".expected.json", ".request.json")


class Case(NamedTuple):
    """One event of a folder."""

    body: Path

    def __str__(self) -> str:
        """Return `pipedrive/merge-loser`."""
        return f"{self.body.parent.name}/{self.body.stem}"

    @property
    def expected(self) -> Path:
        """Where its outcomes are written down."""
        return self.body.with_suffix(".expected.json")

    @property
    def request(self) -> dict[str, Any]:
        """What is known of the request beside its body."""
        beside = self.body.with_suffix(".request.json")
        return dict(json.loads(beside.read_text("utf-8"))) if beside.exists() else {}

    @property
    def crm(self) -> str:
        """The name or file of its CRM's mapping."""
        own = self.body.parent.with_suffix(".toml")
        return str(own) if own.exists() else self.body.parent.name

    @property
    def mapping(self) -> str:
        """The name or file of its mapping; raises ValueError as `outcomes` does."""
        return (mapping_of(self.crm).api_name or self.crm) if self.request.get("lookup") else self.crm

    def outcomes(self) -> list[Outcome]:
        """Return what the event means; raises BadMapping, and ValueError for a `.request.json` that is no JSON."""
        request = self.request
        given = Given(
            request.get("content_type", ""),
            request.get("headers", {}),
            request.get("query", {}),
            request.get("lookup", ""),
        )
        settings = {**SETTINGS, **request.get("settings", {})}
        connection = Offline(mapping_of(self.mapping), 106, settings, employees(request.get("staff", {})))
        samples = samples_of(self.body.read_bytes(), TYPES[self.body.suffix])
        return [outcome for sample in samples for outcome in tried(connection, given.over(sample)).outcomes]


def written(outcomes: Sequence[Outcome]) -> str:
    """Return the text of a `.expected.json`."""
    return json.dumps([compact(outcome) for outcome in outcomes], ensure_ascii=False, indent=2) + "\n"


def found(folder: Path) -> Iterator[Case]:
    """Yield the cases in a folder and those below it, sorted.

    Folders without a mapping and without expectations hold something else.
    """
    yield from (case for case in _bodies(folder) if _has_mapping(case) or case.expected.exists())


def unmapped(folder: Path) -> str:
    """Return the first folder with what may be cases, if it has no mapping, empty if there is none."""
    return next((case.body.parent.name for case in _bodies(folder) if not _has_mapping(case)), "")


def _bodies(folder: Path) -> Iterator[Case]:
    paths = sorted(folder.rglob("*"))
    return (Case(path) for path in paths if path.suffix in TYPES and not path.name.endswith(BESIDE))


def _has_mapping(case: Case) -> bool:
    return case.crm in loader.mappings() or case.crm.endswith(".toml")
