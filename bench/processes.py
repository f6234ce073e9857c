"""What processes cost, with all that they started: CPU time and memory, as Linux counts them."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


class Stat(NamedTuple):
    """A process: its parent, and the CPU seconds of itself and of those children that it has seen end."""

    parent: int
    cpu: float


def stat_of(text: str) -> Stat:
    """Read /proc/PID/stat (proc(5)); the name, in brackets, may hold spaces and brackets."""
    fields = text.rpartition(")")[2].split()
    return Stat(int(fields[1]), sum(map(int, fields[11:15])) / TICKS)


def pss_of(text: str) -> float:
    """Return the MiB of /proc/PID/smaps_rollup: what is shared counts in parts."""
    (found,) = re.findall(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found) / 1024


def tree(roots: Iterable[int], parents: dict[int, int]) -> Sequence[int]:
    """Return the roots and all below them; `parents` says whose child each process is."""
    found = list(roots)
    for process in found:
        found += [child for child, parent in parents.items() if parent == process]
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """Return the CPU seconds that processes and their descendants have used."""
    stats = _stats()
    return sum(stats[process].cpu for process in tree(roots, _parents(stats)))


def pss(roots: Iterable[int]) -> float:
    """Return the MiB of processes and their descendants."""
    return sum(pss_of(_read(process, "smaps_rollup")) for process in tree(roots, _parents(_stats())))


def _parents(stats: dict[int, Stat]) -> dict[int, int]:
    return {process: stat.parent for process, stat in stats.items()}


def _stats() -> dict[int, Stat]:
    stats = {}
    for process in [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]:
        try:
            stats[process] = stat_of(_read(process, "stat"))
        except OSError:
            continue  # it has ended meanwhile
    return stats


def _read(process: int, name: str) -> str:
    return (PROC / str(process) / name).read_text()
