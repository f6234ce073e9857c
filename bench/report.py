"""Tables for people, `results.json` for machines."""

import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.measure import Figure, Spread, Table

RESULTS = Path(__file__).parent / "results.json"
MARKS = {True: "met", False: "MISSED", None: ""}
SMALL = 10


def rendered(table: Table) -> str:
    """Return a table as text, its columns as wide as needed."""
    rows = [("", "median", "quartiles", "× baseline", "target", ""), *map(_row, table.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [table.title]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join([*lines, *(f"  · {note}" for note in table.notes), ""])


def _row(figure: Figure) -> tuple[str, ...]:
    quartiles = f"{short(figure.spread.low)}-{short(figure.spread.high)}" if figure.spread else ""
    ratio = f"{figure.ratio.median:.2f} × {figure.baseline}" if figure.ratio else ""
    sign, bound = ("≤", figure.most) if figure.most is not None else ("≥", figure.least)
    target = "" if bound is None else f"{sign} {bound:g}" + (" ×" if figure.aims_at == "ratio" else "")
    return (
        figure.name,
        f"{short(figure.value)} {figure.unit}",
        quartiles,
        ratio,
        target,
        MARKS[figure.is_met],
    )


def short(value: float) -> str:
    """Return a number with as many digits as people compare."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= SMALL**3 else f"{value:.1f}" if abs(value) >= SMALL else f"{value:.2f}"


def as_json(table: Table) -> dict[str, Any]:
    """Return a table as plain data."""
    return {
        "title": table.title,
        "figures": [
            {
                name: value._asdict() if isinstance(value, Spread) else value
                for name, value in {**figure._asdict(), "met": figure.is_met}.items()
                if value not in (None, "")
            }
            for figure in table.figures
        ],
        "notes": list(table.notes),
    }


def write(subjects: dict[str, Any], seconds: float) -> None:
    """Write results.json: the machine, the command and every table."""
    day = time.strftime("%-d %B %Y")
    result = {"command": "make bench", "date": day, "seconds": round(seconds), **machine(), "subjects": subjects}
    RESULTS.write_text(json.dumps(_rounded(result), ensure_ascii=False, indent=1) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def misses(tables: Iterable[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the figures that miss their target, each with the title of its table."""
    for table in tables:
        yield from ((table["title"], figure) for figure in table["figures"] if figure.get("met") is False)


def missed(tables: Iterable[dict[str, Any]]) -> Sequence[str]:
    """Return the names of the figures that miss their target."""
    return [" / ".join(filter(None, (figure["name"], figure.get("baseline")))) for _, figure in misses(tables)]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
