"""Excel's workbooks: the rows of the first sheet, as texts."""

import io
import warnings
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

MARK = b"PK\x03\x04"  # a ZIP archive, which a workbook is
OLD_MARK = b"\xd0\xcf\x11\xe0"  # the container of .xls, and of a workbook that has a password
UNREADABLE = (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, SyntaxError, OSError)  # of openpyxl


class Sheet(NamedTuple):
    """The first sheet of a workbook, and how many there are."""

    name: str
    sheets: int
    rows: list[list[str]]


def is_one(path: Path) -> bool:
    """Return whether a file is a workbook, whatever its name; raise UsageError for one that nothing here reads."""
    with path.open("rb") as file:
        mark = file.read(4)
    if mark == OLD_MARK or path.suffix.lower() == ".xls":
        raise click.UsageError(
            f"{path.name} is an older .xls, or has a password: open it and save it as .xlsx, without a password"
        )
    return mark == MARK


def sheet_of(path: Path) -> Sheet:
    """Return the first sheet; raise UsageError, which quotes nothing."""
    import openpyxl  # type: ignore[import-untyped]  # noqa: PLC0415 - a third of a second that no other verb pays

    try:
        with warnings.catch_warnings(action="ignore"):  # of styles and forms that it does not read
            book = openpyxl.load_workbook(io.BytesIO(path.read_bytes()), read_only=True, data_only=True)
            first = book.worksheets[0]
            first.reset_dimensions()  # some exporters write that a sheet has one cell
            rows = [[_text(cell) for cell in row] for row in first.iter_rows()]
    except (*UNREADABLE, IndexError):
        raise click.UsageError(
            f"{path.name} cannot be read as .xlsx: open it and save it as .xlsx or CSV UTF-8"
        ) from None
    return Sheet(first.title, len(book.worksheets), rows)


def _text(cell: Any) -> str:
    """Return a cell as a person would type it: no `.0` at the end of a phone, no `1.0E+11`, no `#N/A`."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return str(int(value)).zfill(_zeros(cell.number_format))
    return str(value)


def _zeros(number_format: str) -> int:
    """Return how many digits a format such as `0000000000` shows at least: so Excel keeps leading zeros."""
    return len(number_format) if set(number_format) == {"0"} else 0
