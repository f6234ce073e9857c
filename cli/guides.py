"""What an admin does in the CRM: the chapters "In the CRM" and "Remove it" of docs/connect/<crm>.md."""

import re
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = [parent / "docs" / "connect" for parent in (HERE, HERE.parent)]  # installed; in the repository
STEP = re.compile(r"^(?=\d+\. )", re.MULTILINE)
DONE = r"\d+\. (Add the connection to the connections secret|Each webhook has its own id and secret key)"


def steps(preset: str, address: str) -> list[str]:
    """Return the steps but for those that `bridge connect` did, with the connection's own address in them."""
    text = _guide(preset)
    chapter = re.search(r"^## In the CRM\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    left = [step for step in STEP.split(chapter[1] if chapter else "")[1:] if not re.match(DONE, step)]
    numbers = {step.partition(".")[0]: str(at) for at, step in enumerate(left, 1)}
    renumbered = "".join(
        re.sub(r"\A\d+|(?<=\bstep )\d+", lambda found: numbers.get(found[0], found[0]), step) for step in left
    )
    own = re.sub(r"<base address>/crm/[\w-]+(/<token>)?", lambda _: address, renumbered)
    return own.rstrip().splitlines()


def removal(preset: str) -> str:
    """Return what to switch off in the CRM: the first line of its chapter, empty where there is none."""
    found = re.search(r"^## Remove it\n+(.+)$", _guide(preset), re.MULTILINE)
    return found[1] if found else ""


def _guide(preset: str) -> str:
    """Return the guide of a preset's name, or of the CRM that its name begins with: pipedrive-v1, pipedrive."""
    name = preset
    while name:
        for path in (folder / f"{name}.md" for folder in FOLDERS):
            if path.is_file():
                return path.read_text("utf-8")
        name = name.rpartition("-")[0]
    return ""
