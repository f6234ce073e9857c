"""The one way to the operator's screen: styled, never wrapped, and no value of a sample can steer the terminal."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import click

STEERING = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))  # control, direction marks, surrogates, odd line ends


class Cell(NamedTuple):
    """A text and its style, in rich's words."""

    text: str
    style: str = ""


Part = str | Cell
STATES = {"delivered": "green", "refused": "red", "retrying": "yellow", "waiting": "yellow", "erased": "dim"}


def say(*parts: Part, error: bool = False) -> None:
    """Print one line."""
    # 40 ms that `--help`, `--json` and a plain error never pay
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    Console(stderr=error, highlight=False, soft_wrap=True).print(Text.assemble(*_visible(parts)))


def say_wrapped(first: str, parts: Iterable[Part]) -> None:
    """Print a paragraph behind a first mark such as `1. `; on a terminal it is broken between words only."""
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    text = Text.assemble(*_visible(parts))
    room = max(console.width - len(first), 20) if console.is_terminal else len(text) + 1
    for at, line in enumerate(text.wrap(console, room, overflow="ignore") or [text]):
        line.rstrip()
        console.print(Text(" " * len(first) if at else first) + line)


def _visible(parts: Iterable[Part]) -> list[tuple[str, str]]:
    cells = (Cell(part) if isinstance(part, str) else part for part in parts)
    return [(visible(cell.text), cell.style) for cell in cells]


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def state_cell(words: str) -> Cell:
    """Return a card's state in its colour; `due` and `in delivery` are on their way."""
    return Cell(words, STATES.get(words.partition(" ")[0], "cyan"))


def say_json(value: Any) -> None:
    """Print a value as JSON, for programs."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace").decode())


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV; no cell is a formula to the spreadsheet that opens it."""
    text = io.StringIO()
    texts = ([str(cell) for cell in row] for row in rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(["'" + cell if cell[:1] in ("=", "+", "-", "@") else cell for cell in row] for row in texts)
    return text.getvalue().rstrip("\n")


def say_table(titles: Sequence[str], rows: Iterable[Sequence[Part]]) -> None:
    """Print rows below the titles of their columns, nothing where there are no rows."""
    if lines := list(rows):
        for line in columns([[Cell(title, "dim") for title in titles], *lines]):
            say(*line)


def columns(rows: Iterable[Sequence[Part]], *, widest: int = 44) -> list[list[Cell]]:
    """Return the rows with cells padded to columns; a cell wider than `widest` pushes only its own row."""
    table = [[Cell(part) if isinstance(part, str) else part for part in row] for row in rows]
    widths = [
        max((size for row in table if len(row) > at + 1 and (size := width(row[at].text)) <= widest), default=0)
        for at in range(max(map(len, table), default=0))
    ]
    return [[_padded(cell, widths[at] if at + 1 < len(row) else 0) for at, cell in enumerate(row)] for row in table]


def _padded(cell: Cell, wanted: int) -> Cell:
    return cell._replace(text=cell.text + " " * max(wanted - width(cell.text) + 2, 2) if wanted else cell.text)


def width(text: str) -> int:
    """Return how many columns of the screen a text takes."""
    from rich.cells import cell_len  # noqa: PLC0415 - as above

    return cell_len(visible(text))


def visible(text: str) -> str:
    """Return a text with its control characters as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if unicodedata.category(c) in STEERING else c for c in text)


def _escaped(character: str) -> str:
    return json.dumps(character)[1:-1] if character.isascii() else f"\\u{ord(character):04x}"
