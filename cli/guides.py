"""What an admin does in the CRM: the chapters "In the CRM" and "Remove it" of docs/connect/<crm>.md."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from cli.terminal import Cell, Part

HERE = Path(__file__).parent
FOLDERS = [parent / "docs" / "connect" for parent in (HERE, HERE.parent)]  # installed; in the repository
CHAPTER = re.compile(r"^## In the CRM\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
STYLED = re.compile(r"(\*\*.+?\*\*|`[^`]+`)")
FENCE = "```"


def steps(preset: str, address: str) -> list[str]:
    """Return the chapter, with the connection's own address in it."""
    found = CHAPTER.search(_guide(preset))
    own = re.sub(r"<base address>/crm/[\w-]+(/<token>)?", lambda _: address, found[1] if found else "")
    return own.strip().splitlines()


def rendered(lines: Iterable[str]) -> Iterator[tuple[str, list[Part]]]:
    """Return lines of a guide for a terminal, each as its indent and its styled parts: no Markdown is left in them."""
    fenced = False
    for line in lines:
        words = line.strip()
        if words.startswith(FENCE):
            fenced = not fenced
        elif fenced:
            yield line[: len(line) - len(line.lstrip())] + "  ", [words]
        elif words.startswith("|"):
            yield from _row(words)
        else:
            number, text = re.fullmatch(r"(\d+\. |[-*] )?(.*)", words, re.DOTALL).groups("")  # type: ignore[union-attr]
            indent = line[: len(line) - len(line.lstrip())]
            yield indent + number, _styled(text)


def _row(words: str) -> Iterator[tuple[str, list[Part]]]:
    """Return a row of a table, none for the line below its head."""
    cells = [cell.strip() for cell in words.strip("|").split("|")]
    if set("".join(cells)) - set("-: "):
        parts = [part for at, cell in enumerate(cells) for part in ["    " if at else "", *_styled(cell)]]
        yield "     ", parts


def _styled(text: str) -> list[Part]:
    return [_part(part) for part in STYLED.split(LINK.sub(r"\1", text)) if part]


def _part(part: str) -> Part:
    if part.startswith("**"):
        return Cell(part[2:-2].replace("`", ""), "bold")
    return Cell(part[1:-1], "cyan") if part.startswith("`") else part


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
