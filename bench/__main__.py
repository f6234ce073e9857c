"""`python -m bench [SUBJECT …]`: measure, print, and write results.json and docs/performance.md after all.

Each subject runs in a separate process, so that none inherits another's imports, caches or patches. What the
functions print meanwhile goes nowhere.
"""

# ruff: noqa: T201 - it prints for people

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench import page, report
from bench.environment import BUILD, ROOT

SUBJECTS = ("mapping", "cpu", "webhook", "calls", "lookups", "cold", "delivery", "mix", "growth", "peers", "rivals")


def main(arguments: list[str]) -> int:
    """Measure the subjects named, or all; return 1 if one of them broke."""
    if arguments[:1] == ["--into"]:
        measure(arguments[2], Path(arguments[1]))
        return 0
    wanted = arguments or SUBJECTS
    started, results = time.monotonic(), {}
    print(", ".join(f"{name} {value}" for name, value in report.machine().items()), end="\n\n", flush=True)
    for subject in wanted:
        result = measured_apart(subject)
        if result is None:
            print(f"{subject}: broke\n", flush=True)
            return 1
        print(result.pop("text"), flush=True)
        results[subject] = result
    seconds = time.monotonic() - started
    missed = report.missed([table for result in results.values() for table in result["tables"]])
    print(f"{seconds:.0f} s. Targets missed: {', '.join(missed) or 'none'}.")
    if tuple(results) == SUBJECTS:
        report.write(results, seconds)
        page.write()
    return 0


def measured_apart(subject: str) -> dict[str, Any] | None:
    """Return what a separate process measures."""
    BUILD.mkdir(parents=True, exist_ok=True)
    into = BUILD / f"{subject}.json"
    into.unlink(missing_ok=True)
    started = time.monotonic()
    command = [sys.executable, "-W", "ignore", "-m", "bench", "--into", str(into), subject]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
    if not into.exists():
        return None
    return {"seconds": time.monotonic() - started, **json.loads(into.read_text("utf-8"))}


def measure(subject: str, into: Path) -> None:
    """Measure one subject here."""
    tables = importlib.import_module(f"bench.subjects.{subject}").tables()
    text = "\n".join(map(report.rendered, tables))
    into.write_text(json.dumps({"text": text, "tables": [report.as_json(table) for table in tables]}), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
