"""The functions' logs: read from their files as they grow, and made readable for people."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

OF_EVERY_LINE = {  # what Powertools and Lambda add to each record and is of no use on a terminal
    "level", "message", "timestamp", "location", "service", "cold_start", "function_name", "function_memory_size",
    "function_arn", "function_request_id", "xray_trace_id", "exception", "exception_name", "stack_trace", "requestId",
    "AWSRequestId", "log_level", "errorMessage", "stackTrace",
}  # fmt: skip


class Line(NamedTuple):
    """One line that a function wrote."""

    function: str
    text: str


class Logs:
    """The log files of a world's functions, `<function>.<process>.log` in one directory, or what else they write."""

    def __init__(self, directory: Path, kind: str = "log") -> None:
        self._directory = directory
        self._kind = kind
        self._read: dict[Path, int] = {}

    def files(self) -> list[Path]:
        """Return the files there are, one per process that ran a function."""
        return sorted(self._directory.glob(f"*.*.{self._kind}"))

    def processes(self, function: str) -> list[int]:
        """Return the ids of the processes that run a function now (`""`: any function)."""
        pids = [int(path.suffixes[0][1:]) for path in self.files() if path.name.startswith(function)]
        return [pid for pid in pids if alive(pid)]

    def all(self) -> list[Line]:
        """Return every line written so far, process by process."""
        return [Line(_function(path), text) for path in self.files() for text in path.read_text("utf-8").splitlines()]

    def fresh(self) -> Iterator[Line]:
        """Yield the whole lines written since the last call."""
        for path in self.files():
            read = self._read.get(path, 0)
            with path.open("rb") as file:
                start = file.seek(read if read <= path.stat().st_size else 0)  # a file may begin anew
                whole, newline, _ = file.read().rpartition(b"\n")
            self._read[path] = start + len(whole + newline)
            yield from (Line(_function(path), text) for text in whole.decode("utf-8", "replace").splitlines())


def readable(line: Line) -> str:
    """Return a log record as one line for people, "" for one that only machines read (metrics)."""
    record = _record(line.text)
    if record is None:
        return f"{'':8} {line.function:8}{line.text}"
    message = _short(record.get("message", record.get("errorMessage", "")))
    if "_aws" in record or message.startswith("LAMBDA_WARNING"):  # embedded metrics; AWS's advice beside every error
        return ""
    time = str(record.get("timestamp", ""))[11:19]
    fields = "".join(f" {key}={_short(value)}" for key, value in record.items() if _worth(key, value))
    level = "" if record.get("level") == "INFO" else f"{record.get('level', '')} "
    return f"{time:8} {line.function:8}{level}{message}{fields}{_trace(record)}"


def alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _function(path: Path) -> str:
    return path.name.split(".")[0]


def _record(text: str) -> dict[str, Any] | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _worth(key: str, value: object) -> bool:
    return key not in OF_EVERY_LINE and value not in ("", None, [], {})


def _trace(record: Mapping[str, Any]) -> str:
    text = str(record.get("exception") or "".join(record.get("stackTrace") or []))
    return "".join(f"\n{'':17}{row}" for row in text.splitlines())


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
