"""Files to import: CSV whose headers name Ringostat's fields in some usual way, and JSON line by line."""

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from mapping import names, normalize
from mapping.language import rule

DELIMITERS = ",;\t|"
SCALARS = ("externalId", "fullName", "responsible", "leadId", "contactLink", "leadLink", "dealLink", "googleClientId")
PARTS = ("last", "first", "patronymic")  # of a name, in the order of a Ukrainian address book
COMPANY = ("companyId", "companyName")
LISTS = {"phone": "phones", "email": "emails"}
FIELDS = (*SCALARS, *PARTS, *COMPANY, "changedAt", *LISTS)
# Headers of contact exports that no CRM has. https://support.google.com/contacts/answer/7199294
OF_EXPORTS = {
    "additionalname": "patronymic",
    "organization1name": "companyName",
    "адресаелектронноїпошти": "email",
    "адресэлектроннойпочты": "email",
}
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # how Excel's "Unicode Text" begins
SEPARATOR = re.compile(r"sep=([,;\t|])\r?\n")  # a first line by which Excel, and exports for it, name the delimiter
IS_DAY = (
    "the time is a spreadsheet's own number of a day: give its column the format yyyy-mm-dd hh:mm and save again, "
    "or ignore it with --map 'HEADER='"
)
BAD_QUOTES = "a quote has no end, or text follows it"
HINT = "say --encoding: cp1251 (Cyrillic), cp1252 (Western) or utf-16-le, for instance"
# https://support.microsoft.com/office/date-systems-in-excel-e7fe7167-48a9-4b96-bb53-5612a800b487
DAY = re.compile(r"[2-7]\d{4}(?:[.,]\d+)?")  # a date as a spreadsheet counts it, from 1954 to 2119
SEVERAL = " ::: "  # between values of one label in Google's export


class Row(NamedTuple):
    """One record of a file: the line where it begins, and what it says; a text where it is not to be read."""

    line: int
    record: Any
    problem: str = ""


ENCODING = click.option(
    "--encoding",
    default="utf-8",
    show_default=True,
    help="Of the file; cp1251 (Cyrillic) or cp1252 (Western) for old spreadsheets.",
)


def text_of(path: Path, encoding: str, hint: str = HINT) -> str:
    """Return the text of a file, in UTF-16 too if it says so; raise click's UsageError, which quotes nothing."""
    data = path.read_bytes()
    usual = "utf-16" if data.startswith(UTF_16) else "utf-8-sig"
    try:
        text = data.decode(usual if encoding == "utf-8" else encoding)
    except LookupError:
        raise click.UsageError(f"there is no encoding {encoding!r}: {hint}") from None
    except UnicodeError:
        text = "\0"
    if "\0" in text.partition("\n")[0]:  # UTF-16 that does not say so is UTF-8 too, letter for letter
        raise click.UsageError(f"{path.name} is not {encoding}: {hint}")
    return text


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


class Line(NamedTuple):
    """One line of a table: where it begins, and its cells; a text where it is not to be read."""

    number: int
    cells: Sequence[str]
    problem: str = ""


def csv_lines(text: str) -> Iterator[Line]:
    """Return the lines of a CSV, which begin where another ended; a cell may hold line ends."""
    named = SEPARATOR.match(text)
    delimiter = named[1] if named else max(DELIMITERS, key=text.partition("\n")[0].count)
    return _csv_lines(list(io.StringIO(text, newline="")), delimiter, 1 if named else 0)


def _csv_lines(lines: Sequence[str], delimiter: str, start: int) -> Iterator[Line]:
    while start < len(lines):
        first = start
        reader = csv.reader(map(lines.__getitem__, range(first, len(lines))), delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                yield Line(start + 1, cells)
                start = first + reader.line_num
        except csv.Error:  # a quote without an end takes no later line with it: the next one begins anew
            yield Line(start + 1, [], f"the line is not CSV: {BAD_QUOTES}")
            start += 1


class Reading(NamedTuple):
    """How the cells of a table are read: what the connection says of phones and times, and what stands for an id."""

    country: str = "UA"
    time_zone: str = "Europe/Kyiv"
    id_from: str = ""  # phone or email: there is no id, and the first of these is one

    def identity(self, found: Mapping[str, Sequence[str]]) -> str:
        """Return the id of a line that has none, always spelt alike, empty without a phone or an e-mail."""
        values = found.get(self.id_from, ())
        if self.id_from == "phone":
            return next((phone.value for value in values for phone in normalize.phones(value, self.country)[0]), "")
        return next((email.lower() for value in values for email in normalize.emails(value)[0]), "")


class Table:
    """Lines with their headers matched: by their usual names, or as `given` says (an empty field ignores one)."""

    def __init__(self, lines: Iterable[Line], given: Mapping[str, str], reading: Reading) -> None:
        self._lines = (line for line in lines if line.problem or any(map(str.strip, line.cells)))
        self._reading = reading
        first = next(self._lines, Line(1, []))
        self.headers = [header.strip() for header in first.cells]
        self.fields = _matched(self.headers, given, reading.id_from)

    def rows(self) -> Iterator[Row]:
        """Yield the contacts of all lines but the first; empty lines are none."""
        for line in self._lines:
            yield Row(line.number, None, line.problem) if line.problem else self._row(line)

    def _row(self, line: Line) -> Row:
        if any(map(str.strip, line.cells[len(self.headers) :])):
            return Row(line.number, None, "the line has more cells than there are headers")
        found: dict[str, list[str]] = {}
        for field, cell in zip(self.fields, line.cells, strict=False):
            if field and (value := cell.strip()):
                found.setdefault(field, []).extend(value.split(SEVERAL) if field in LISTS else [value])
        if DAY.fullmatch(found.get("changedAt", [""])[0]):
            return Row(line.number, None, IS_DAY)
        return Row(line.number, contact(found, self._reading))


def _matched(headers: Sequence[str], given: Mapping[str, str], id_from: str) -> list[str]:
    unknown = [header for header in given if header not in headers]
    if unknown:
        raise click.BadParameter(f"there is no header {unknown[0]!r}", param_hint="--map")
    if wrong := next((field for field in given.values() if field and field not in FIELDS), None):
        raise click.BadParameter(f"there is no field {wrong!r}: it is one of {', '.join(FIELDS)}", param_hint="--map")
    plain = [names.plain(header) for header in headers]
    family = None if "last" in given.values() else names.family(plain)
    meant = [
        given[header] if header in given else "last" if name == family else field_of(header)
        for header, name in zip(headers, plain, strict=True)
    ]
    _check_id(headers, meant, id_from)
    fields = _telling(headers, meant, id_from)
    counts = Counter(field for field in fields if field not in (*LISTS, "companyName", ""))
    if twice := next((field for field, number in counts.items() if number > 1), None):
        both = " and ".join(repr(header) for header, field in zip(headers, fields, strict=True) if field == twice)
        raise click.BadParameter(f"{both} are both {twice}: ignore one with 'HEADER='", param_hint="--map")
    return fields


def _check_id(headers: Sequence[str], fields: Sequence[str], id_from: str) -> None:
    """Raise BadParameter where no header gives the id, or one does although it is to be made of something else."""
    if not id_from and "externalId" not in fields:
        hint = "say --map 'HEADER=externalId', or --id-from phone if the file has no ids"
        raise click.UsageError(f"no header looks like an id: the first line must be the headers; {hint}")
    if id_from and id_from not in fields:
        raise click.UsageError(f"no header looks like the {id_from}: say --map 'HEADER={id_from}'")
    if id_from and "externalId" in fields:
        header = headers[fields.index("externalId")]
        hint = f"leave --id-from out, or ignore that with --map '{header}='"
        raise click.BadParameter(f"{header!r} is an id: {hint}", param_hint="--id-from")


def _telling(headers: Sequence[str], fields: Sequence[str], id_from: str) -> list[str]:
    """Return the fields, empty where one says nothing beside the others."""
    # A company's name is no id: it would be shown beside the company that the CRM sends.
    companies = {"companyName"} if "companyId" not in fields and not id_from else set()
    nicknames = {at for at, header in enumerate(headers) if names.plain(header) == "nickname"}
    named = {field for at, field in enumerate(fields) if at not in nicknames} & {"fullName", *PARTS}
    return [
        "" if field in companies or (at in nicknames and named and field == "fullName") else field
        for at, field in enumerate(fields)
    ]


def field_of(header: str) -> str:
    """Return the field that a header means, empty for none."""
    if header in FIELDS:
        return header
    plain = names.plain(header)
    if plain in OF_EXPORTS:
        return OF_EXPORTS[plain]
    if field := next((field for field in FIELDS if plain in names.NAMES.get(field, ())), ""):
        return field
    if names.is_phone(header):
        return "phone"
    if names.is_email(header):
        return "email"
    return "companyName" if plain in names.COMPANIES else ""


def contact(found: Mapping[str, Sequence[str]], reading: Reading) -> dict[str, Any]:
    """Return the record of our own contract; it says only what the line has, so nothing known is erased."""
    record: dict[str, Any] = {"kind": "contact", "carries": "partial"}
    record |= {field: found[field][0] for field in SCALARS if field in found}
    if reading.id_from and (identity := reading.identity(found)):
        record["externalId"] = identity
    if "changedAt" in found:  # what is no time is left for the contract to reject
        record["changedAt"] = normalize.time(found["changedAt"][0], reading.time_zone) or found["changedAt"][0]
    parts = [found[part][0] for part in PARTS if part in found]
    if "fullName" not in found and parts:
        record["fullName"] = " ".join(parts)
    record |= {name: list(found[field]) for field, name in LISTS.items() if field in found}
    return record | _company(found, reading)


def _company(found: Mapping[str, Sequence[str]], reading: Reading) -> dict[str, Any]:
    """Return the company; where nothing has an id of a CRM, it has one made of its name, which may be a person's."""
    name = found.get("companyName", [""])[0]
    identity = found.get("companyId", [""])[0]
    if reading.id_from and name and not identity:
        identity = "name-" + hashlib.sha256(name.casefold().encode()).hexdigest()[:16]
    return {"organization": {"externalId": identity, **({"name": name} if name else {})}} if identity else {}


def table_of(path: Path, encoding: str) -> dict[str, str]:
    """Return a table of `[lookups]`, a CSV of two columns; raise ClickException, which quotes no cell.

    A first line whose second cell alone has no digit is a header: Ringostat's ids are numbers.
    """
    rows = _pairs(path, text_of(path, encoding))
    digits = [any(map(str.isdigit, value)) for _, _, value in rows]
    if len(digits) > 1 and not digits[0] and all(digits[1:]):
        rows.pop(0)
    found: dict[str, str] = {}
    for number, key, value in rows:
        if rule.spelt(key) in found:
            raise click.ClickException(f"{path.name}:{number}: what the CRM says stands in an earlier line too")
        found[rule.spelt(key)] = value
    if not found:
        raise click.ClickException(f"{path.name} has no line; bridge mapping table rm removes a table")
    return found


def _pairs(path: Path, text: str) -> list[tuple[int, str, str]]:
    """Return the lines that are not empty, each with its number."""
    delimiter = max(DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for cells in reader:
            if line := [cell.strip() for cell in cells if any(map(str.strip, cells))]:
                if len(line) != 2 or not all(line):  # noqa: PLR2004 - a key and a value
                    what = "it needs two cells, what the CRM says and what it means"
                    raise click.ClickException(f"{path.name}:{reader.line_num}: {what}")
                rows.append((reader.line_num, line[0], line[1]))
    except csv.Error:
        raise click.ClickException(f"{path.name}:{reader.line_num}: {BAD_QUOTES}") from None
    return rows
