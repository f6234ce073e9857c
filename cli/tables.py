"""Files to import: CSV whose headers name Ringostat's fields in some usual way, and JSON line by line."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from mapping import names

DELIMITERS = ",;\t|"
SCALARS = ("externalId", "fullName", "responsible", "leadId", "contactLink", "leadLink", "dealLink", "googleClientId")
PARTS = ("last", "first", "patronymic")  # of a name, in the order of a Ukrainian address book
COMPANY = ("companyId", "companyName")
FIELDS = (*SCALARS, *PARTS, *COMPANY, "changedAt", "phone", "email")


class Row(NamedTuple):
    """One record of a file: the line where it begins, and what it says; a text where it is not to be read."""

    line: int
    record: Any
    problem: str = ""


def text_of(path: Path, encoding: str) -> str:
    """Return the text of a file; raise click's UsageError, which quotes nothing."""
    try:
        return path.read_bytes().decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except (UnicodeDecodeError, LookupError):
        raise click.UsageError(f"{path.name} is not {encoding}: say --encoding, cp1251 for instance") from None


def json_rows(text: str) -> Iterator[Row]:
    """Yield each line that is not empty."""
    for number, line in enumerate(io.StringIO(text), 1):
        if line.strip():
            yield _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return Row(number, None, "the line is not JSON")
    return Row(number, record) if isinstance(record, dict) else Row(number, None, "the line is not a JSON object")


class Csv:
    """A CSV file with its headers matched: by their usual names, or as `given` says (an empty field ignores one)."""

    def __init__(self, text: str, given: Mapping[str, str]) -> None:
        self._text = text
        first = text.partition("\n")[0]
        self._delimiter = max(DELIMITERS, key=first.count)
        self.headers = [header.strip() for header in next(self._lines(), [])]
        self.fields = _matched(self.headers, given)

    def _lines(self) -> Any:
        return csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter)

    def rows(self) -> Iterator[Row]:
        """Yield the contacts of all lines but the first; empty lines are none."""
        reader = self._lines()
        next(reader, None)
        start = reader.line_num + 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                yield Row(start, None, "the line is not CSV")
                cells = []
            if any(map(str.strip, cells)):
                yield self._row(start, cells)
            start = reader.line_num + 1

    def _row(self, line: int, cells: Sequence[str]) -> Row:
        if len(cells) > len(self.headers) and any(map(str.strip, cells[len(self.headers) :])):
            return Row(line, None, "the line has more cells than there are headers")
        found: dict[str, list[str]] = {}
        for field, cell in zip(self.fields, cells, strict=False):
            if field and (value := cell.strip()):
                found.setdefault(field, []).append(value)
        return Row(line, contact(found))


def _matched(headers: Sequence[str], given: Mapping[str, str]) -> list[str]:
    unknown = [header for header in given if header not in headers]
    if unknown:
        raise click.BadParameter(f"there is no header {unknown[0]!r}", param_hint="--map")
    fields = [given[header] if header in given else field_of(header) for header in headers]
    counts = Counter(field for field in fields if field not in ("phone", "email", ""))
    if wrong := next((field for field in given.values() if field and field not in FIELDS), None):
        raise click.BadParameter(f"there is no field {wrong!r}: it is one of {', '.join(FIELDS)}", param_hint="--map")
    if twice := next((field for field, number in counts.items() if number > 1), None):
        both = " and ".join(repr(header) for header, field in zip(headers, fields, strict=True) if field == twice)
        raise click.BadParameter(f"{both} are both {twice}: ignore one with 'HEADER='", param_hint="--map")
    if "externalId" not in fields:
        raise click.BadParameter("no header looks like an id: say 'HEADER=externalId'", param_hint="--map")
    # A company's name is no id: it would be shown beside the company that the CRM sends.
    return fields if "companyId" in fields else ["" if field == "companyName" else field for field in fields]


def field_of(header: str) -> str:
    """Return the field that a header means, empty for none."""
    if header in FIELDS:
        return header
    plain = names.plain(header)
    if field := next((field for field in FIELDS if plain in names.NAMES.get(field, ())), ""):
        return field
    if names.is_phone(header):
        return "phone"
    if names.is_email(header):
        return "email"
    return "companyName" if plain in names.COMPANIES else ""


def contact(found: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the record of our own contract; it says only what the line has, so nothing known is erased."""
    record: dict[str, Any] = {"kind": "contact", "carries": "partial"}
    record |= {field: found[field][0] for field in (*SCALARS, "changedAt") if field in found}
    parts = [found[part][0] for part in PARTS if part in found]
    if "fullName" not in found and parts:
        record["fullName"] = " ".join(parts)
    for field, name in (("phone", "phones"), ("email", "emails")):
        if field in found:
            record[name] = list(found[field])
    if "companyId" in found:
        named = {"name": found["companyName"][0]} if "companyName" in found else {}
        record["organization"] = {"externalId": found["companyId"][0], **named}
    return record
