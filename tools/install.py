"""`python -m tools.install .venv run`: install requirements/run.txt into a virtual environment, exactly as it is.

The locks are complete, so pip resolves nothing (`--no-deps`): what an index offers today changes nothing. `pip check`
then says whether a lock is closed. pip's own lines go to a log, and people read them only when something failed.
This runs under a bare Python, because it brings everything else.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 11)
OPTIONS = ("--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes")
# What pip says of a package that it cannot install, and what to do then.
FAULTS = (
    (
        r"DO NOT MATCH THE HASHES.*?\n +(\S+) from ",
        "the index has another file than the one that is pinned; look who changed it, then `make pins`",
    ),
    (
        r"No matching distribution found for (\S+)",
        "pip finds no such release; check the network, pip's index, and that the package supports your Python",
    ),
    (r"[\s\S]*Collecting ([^\s;]+)", "try again, and if it fails again read the log"),
)


class Failed(Exception):
    """An environment could not be made; the text says which, why, and what to do."""


def install(directory: Path, name: str) -> None:
    """Install a lock into a virtual environment, which is made if there is none.

    Raise Failed if pip cannot install a package, or if what is then installed is not what its packages ask for.
    """
    lock = Path("requirements") / f"{name}.txt"
    python = directory / "bin" / "python"
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{name}.log"
    log.write_text("")
    if not _logged(log, python, "-m", "pip", "--version") and not _logged(log, sys.executable, "-m", "venv", directory):
        raise Failed(f"{directory}: Python's module venv does not work (Debian has it in python3-venv); see {log}")
    if not _logged(log, python, "-m", "pip", "install", *OPTIONS, "-r", lock):
        raise Failed(f"{directory}: {_fault(log.read_text(errors='replace'), lock)}; see {log}")
    if not _logged(log, python, "-m", "pip", "--disable-pip-version-check", "check"):
        contradiction = log.read_text(errors="replace").splitlines()[-1]
        raise Failed(
            f"{directory}: what is installed does not fit together: {contradiction} "
            f"`rm -r {directory}` and try again; if that changes nothing, {lock} is wrong: `make pins`; see {log}"
        )


def megabytes(directory: Path) -> int:
    """Return how large a directory is."""
    return sum(path.lstat().st_size for path in directory.rglob("*")) // 10**6


def _logged(log: Path, *command: object) -> bool:
    """Run a command with its output in the log; return whether it ended well."""
    with log.open("ab") as output:
        try:
            words = [str(word) for word in command]
            return not subprocess.run(words, stdout=output, stderr=output, check=False).returncode
        except OSError:
            return False


def _fault(text: str, lock: Path) -> str:
    for pattern, advice in FAULTS:
        if found := re.search(pattern, text, re.DOTALL):
            return f"{found[1]} of {lock} is not installed: {advice}"
    return f"pip does not take {lock}"


def main() -> int:
    """Install, and say how large the environment is and how long it took; return an exit code."""
    if sys.version_info < OLDEST:
        print(f"Python 3.11 or newer is needed, and {sys.executable} is older: `make PYTHON=…`", file=sys.stderr)
        return 1
    directory, name = Path(sys.argv[1]), sys.argv[2]
    started = time.monotonic()
    print(f"{directory}: requirements/{name}.txt", end="", flush=True)
    try:
        install(directory, name)
    except Failed as error:
        print(flush=True)
        print(error, file=sys.stderr)
        return 1
    print(f", {megabytes(directory)} MB in all, {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
