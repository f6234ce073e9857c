"""How far an import has come, in a file beside the one that is imported."""

import hashlib
import json
import os
from pathlib import Path
from typing import NamedTuple

import click


class Checkpoint(NamedTuple):
    """Everything up to `line` is in the inbox queue or in the file of rejected lines, which had `size` bytes then."""

    digest: str  # of the imported file
    where: str  # the inbox queue and the connection
    as_of: int  # ms since 1970: when the file was written
    line: int = 0
    sent: int = 0
    rejected: int = 0
    size: int = 0

    def write(self, path: Path) -> None:
        """Write it whole, or not at all."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(json.dumps(self._asdict()), "utf-8")
        os.replace(fresh, path)  # noqa: PTH105 - the same on every system, and atomic


def digest_of(path: Path) -> str:
    """Return the digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def resumed(path: Path, start: Checkpoint) -> Checkpoint:
    """Return how far an interrupted import of the same file to the same place has come, else `start`."""
    if not path.exists():
        return start
    try:
        known = Checkpoint(**json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError):
        raise click.ClickException(f"{path.name} is no checkpoint: --restart begins from the start") from None
    if (known.digest, known.where) != (start.digest, start.where):
        raise click.ClickException(
            f"{path.name} is of another file, connection or stack, or the file was changed; --restart begins again"
        )
    return known
