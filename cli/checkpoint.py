"""How far a long run has come, in a file from which it goes on."""

import json
import os
from pathlib import Path
from typing import Any, TypeVar

import click

T = TypeVar("T", bound=tuple[Any, ...])


def write(path: Path, state: Any) -> None:
    """Write a named tuple whole, or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(state._asdict()), "utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - the same on every system, and atomic


def read(path: Path, kind: type[T], anew: str) -> T | None:
    """Return a named tuple that was written, None without a file; `anew` is the option that begins anew."""
    if not path.exists():
        return None
    try:
        return kind(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError, RecursionError):
        raise click.ClickException(f"{path.name} is no checkpoint: {anew} begins from the start") from None
