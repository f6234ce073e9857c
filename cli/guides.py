"""What an admin does next in the CRM: the chapter "Set it up" of docs/connect/<crm>.md."""

import re
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = [parent / "docs" / "connect" for parent in (HERE, HERE.parent)]  # installed; in the repository


def steps(preset: str, address: str) -> list[str]:
    """Return the steps after the one that `bridge connect` did, with the connection's own address in them."""
    text = _guide(preset)
    chapter = re.search(r"^## Set it up\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    lines = chapter[1] if chapter else ""
    later = re.search(r"^2\. .*", lines, re.DOTALL | re.MULTILINE)
    own = re.sub(r"<base address>/crm/[\w-]+(/<token>)?", lambda _: address, later[0] if later else "")
    return own.rstrip().splitlines()


def _guide(preset: str) -> str:
    """Return the guide of a preset's name, or of the CRM that its name begins with: pipedrive-v1, pipedrive."""
    name = preset
    while name:
        for path in (folder / f"{name}.md" for folder in FOLDERS):
            if path.is_file():
                return path.read_text("utf-8")
        name = name.rpartition("-")[0]
    return ""
