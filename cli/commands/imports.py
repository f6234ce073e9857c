"""`bridge import`: contacts of a file, through the inbox queue."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from aws.queues import BATCH
from cli import checkpoint, exits, progress, workbook
from cli.rate import Rate
from cli.tables import ENCODING, LISTS, Line, Reading, Row, Table, csv_lines, json_rows, text_of
from cli.terminal import Cell, columns, say
from event import Event, wrapped
from mapping.meaning import OURS
from ops import inbox
from ops.completion import connections
from ops.dry_run import tried
from ops.offline import Offline
from ops.samples import Sample, pairs
from ops.stack import Stack, of_stack
from ops.times import counted, since

TOGETHER = 25  # records of our own contract in one message: one merge for all of them
LARGEST_MESSAGE = 45_000  # bytes of records; in base64 a third more, and SQS counts every 64 KiB as a request
LARGEST_CALL = inbox.LARGEST_CALL * 3 // 4  # bytes of the records in one call: base64 takes a third more
COMPACT = (",", ":")
JSON_LINES = (".ndjson", ".jsonl", ".json")
JSON_TYPE = {"content-type": "application/json"}
OURS_TYPE = {"content-type": OURS}


class Checkpoint(NamedTuple):
    """Everything up to `line` is in the inbox queue or in the file of rejected lines, which had `size` bytes then."""

    digest: str  # of the imported file
    where: str  # the inbox queue and the connection
    as_of: int  # ms since 1970: when the file was written
    line: int = 0
    sent: int = 0
    rejected: int = 0
    size: int = 0


class Mark(NamedTuple):
    """How far the rows have come: the last line, how many were rejected, and the bytes of the file that lists them."""

    line: int
    rejected: int
    size: int


class Contents(NamedTuple):
    """The rows of a file, on about how many lines; of a table they are records of our own contract."""

    rows: Iterable[Row]
    lines: int
    is_table: bool


class Message(NamedTuple):
    """Records that go together; every row up to the mark is in this message, in an earlier one, or rejected."""

    mark: Mark
    records: list[Any]
    size: int


@click.command(short_help="Import contacts from a CSV, .xlsx or NDJSON file, through the inbox queue.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--connection",
    required=True,
    shell_complete=connections,
    help="The contacts are those of its CRM, by their ids there.",
)
@click.option("--dry-run", is_flag=True, help="Match and map everything; send nothing.")
@click.option("--map", "mapped", multiple=True, metavar="HEADER=FIELD", help="What a header means.")
@click.option("--id-from", type=click.Choice(tuple(LISTS)), help="What stands for the id, where there is none.")
@ENCODING
@click.option("--as-of", metavar="WHEN", help="When the file was exported; its own time if not given.")
@click.option("--rate", default=250.0, show_default=True, type=click.FloatRange(0), help="Records a second; 0: all.")
@click.option("--restart", is_flag=True, help="Begin from the start, whatever an interrupted import did.")
@of_stack
def command(stack: Stack, file: Path, connection: str, mapped: tuple[str, ...], **given: Any) -> int:
    """Import the contacts of FILE: CSV or .xlsx with headers, or NDJSON with one event of the connection a line.

    Headers of usual CRMs, and of the exports of Google's and Outlook's contacts, are known. Lines that are rejected are
    listed in FILE.rejected.csv. An import that was interrupted goes on where it was when it is called again. What a CRM
    says later than the file was exported always wins.
    """
    entry = stack.connection(connection)
    mapping = Offline.of(entry, stack.mappings)
    contents = _contents(file, given["encoding"], pairs(mapped, "=", "--map"), given["id_from"] or "", mapping)
    as_of = since(given["as_of"], stack.clock(), "--as-of") or int(file.stat().st_mtime * 1000)
    start = Checkpoint(_digest(file), f"{stack.queue_url('InboxQueue')} {connection}", as_of)
    if not given["dry_run"] and not given["restart"]:
        start = _resumed(file, start)
    if start.line:
        say(f"going on after line {start.line}, {counted(start.sent, 'record')} sent already")
    say("Import only people whose data you may pass on to Ringostat.")
    sending = Import(stack, mapping, connection, start, file, send=not given["dry_run"], is_table=contents.is_table)
    with sending as run, progress.shown(contents.lines, "lines") as at:
        run.all(contents.rows, Rate(given["rate"], sleep=stack.sleep), at)
    say(run.summary())
    return exits.REJECTED if run.state.rejected else exits.FINE


def _contents(file: Path, encoding: str, given: dict[str, str], id_from: str, mapping: Offline) -> Contents:
    """Return what is in a file; say which sheet of a workbook is read, and how its headers or those of a CSV are."""
    if workbook.is_one(file):
        name, sheets, cells = workbook.sheet_of(file)
        if sheets > 1:
            say(f"of {sheets} sheets the first is read: {name}")
        lines: Iterable[Line] = (Line(number, row) for number, row in enumerate(cells, 1))
        size = len(cells)
    else:
        text = text_of(file, encoding)
        size = text.count("\n")
        if file.suffix.lower() in JSON_LINES or text.lstrip().startswith("{"):
            return Contents(json_rows(text), size, is_table=False)
        lines = csv_lines(text)
    return Contents(_rows(lines, given, _reading(mapping, id_from)), size, is_table=True)


def _reading(mapping: Offline, id_from: str) -> Reading:
    """Return how a connection reads cells; raise UsageError where an id may not be made."""
    own, settings = mapping.mapping, mapping.settings
    if id_from and not own.free_ids:
        raise click.UsageError(
            f"{own.crm} has ids of its own, so with --id-from each person would be a second contact; "
            "use a connection of `direct`: bridge connect direct"
        )
    return Reading(
        settings.get("country") or "UA", own.time_zone or settings.get("time_zone") or "Europe/Kyiv", id_from
    )


def _rows(lines: Iterable[Line], given: dict[str, str], reading: Reading) -> Iterable[Row]:
    """Return the rows of a table, and show how its headers are read."""
    table = Table(lines, given, reading)
    for row in columns(
        (header, Cell(field or "ignored", "cyan" if field else "yellow"))
        for header, field in zip(table.headers, table.fields, strict=True)
    ):
        say("  ", *row)
    return table.rows()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _beside(file: Path) -> Path:
    return file.with_name(file.name + ".checkpoint.json")


def _resumed(file: Path, start: Checkpoint) -> Checkpoint:
    """Return how far an interrupted import of the same file to the same place has come, else `start`."""
    path = _beside(file)
    known = checkpoint.read(path, Checkpoint, "--restart")
    if known and (known.digest, known.where) != (start.digest, start.where):
        raise click.ClickException(
            f"{path.name} is of another file, connection or stack, or the file was changed; --restart begins again"
        )
    return known or start


class Import:
    """One run over a file; a context manager that keeps the file of rejected lines open."""

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        stack: Stack,
        mapping: Offline,
        connection: str,
        state: Checkpoint,
        file: Path,
        *,
        send: bool,
        is_table: bool,
    ) -> None:
        self._stack = stack
        self._mapping = mapping
        self._connection = connection
        self._send = send
        self._ours = is_table or mapping.mapping.contract == "direct"
        self._type = OURS_TYPE if is_table and not mapping.mapping.contract else JSON_TYPE
        self._beside = _beside(file)
        self._rejects = file.with_name(file.name + ".rejected.csv")
        self.state = state
        self.rejected = state.rejected
        self.noted = state.rejected  # lines of the file that lists them
        self.codes: Counter[str] = Counter()
        self.warnings = 0  # of this run

    def __enter__(self) -> Self:
        if self.state.size and self._rejects.exists():
            self._file = self._rejects.open("r+b")
            self._file.truncate(self.state.size)
            self._file.seek(self.state.size)
        else:
            self._file = self._rejects.open("w+b")
            self._write("line", "code", "field", "reason")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is not None and self._send:
            say(f"stopped after line {self.state.line}: call it again to go on from there", error=True)
        elif self._send:
            self._beside.unlink(missing_ok=True)
        if kind is None and not self.noted:
            self._rejects.unlink()

    def all(self, rows: Iterable[Row], rate: Rate, at: Callable[[int], None]) -> None:
        """Map and send every row after the checkpoint; `at` is called with each line."""
        waiting: list[Message] = []
        for message in self._messages((row for row in rows if row.line > self.state.line), at):
            if len(waiting) == BATCH or sum(one.size for one in waiting) + message.size > LARGEST_CALL:
                self._flush(waiting, rate)
                waiting = []
            waiting.append(message)
        if waiting:
            self._flush(waiting, rate)
        self.state = self.state._replace(rejected=self.rejected)

    def _messages(self, rows: Iterable[Row], at: Callable[[int], None]) -> Iterator[Message]:
        """Yield the rows that the mapping takes, several of our own contract in one message."""
        mark, size = Mark(self.state.line, self.rejected, self.state.size), 0
        records: list[Any] = []
        together = TOGETHER if self._ours else 1
        for row in rows:
            at(row.line)
            if self._taken(row):
                length = len(json.dumps(row.record, separators=COMPACT))
                if records and (len(records) == together or size + length > LARGEST_MESSAGE):
                    yield Message(mark, records, size)
                    records, size = [], 0
                records, size = [*records, row.record], size + length
            mark = Mark(row.line, self.rejected, self._file.tell())
        if records:
            yield Message(mark, records, size)

    def _taken(self, row: Row) -> bool:
        """Return whether the mapping takes a row, after what it rejects or warns of was noted."""
        if row.problem:
            self._reject(row.line, [("bad-line", "", row.problem)])
            return False
        body = json.dumps(row.record, ensure_ascii=False).encode(errors="backslashreplace")
        outcomes = tried(self._mapping, Sample(body, self._type, {})).outcomes
        warnings = [("warning", outcome.field, warning) for outcome in outcomes for warning in outcome.warnings]
        self.warnings += len(warnings)
        self._note(row.line, *warnings)
        bad = [(outcome.code, outcome.field, outcome.reason) for outcome in outcomes if outcome.result == "reject"]
        if bad:
            self._reject(row.line, bad)
        return not bad

    def _reject(self, line: int, reasons: Sequence[tuple[str, str, str]]) -> None:
        self.rejected += 1
        self.codes[reasons[0][0]] += 1
        self._note(line, *reasons)

    def _note(self, line: int, *reasons: tuple[str, str, str]) -> None:
        for reason in reasons:
            self.noted += 1
            self._write(line, *reason)

    def _write(self, *cells: object) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerow(cells)
        self._file.write(text.getvalue().encode())

    def _flush(self, messages: Sequence[Message], rate: Rate) -> None:
        """Send messages, and write down how far that is; what was sent and not written down is sent again alike."""
        number = sum(len(message.records) for message in messages)
        if self._send:
            rate.wait(number)
            inbox.put(self._stack, [self._wrapped(message) for message in messages])
        mark = messages[-1].mark
        self.state = self.state._replace(
            line=mark.line, sent=self.state.sent + number, rejected=mark.rejected, size=mark.size
        )
        if self._send:
            self._file.flush()
            checkpoint.write(self._beside, self.state)

    def _wrapped(self, message: Message) -> str:
        records = message.records if self._ours else message.records[0]
        body = json.dumps(records, separators=COMPACT).encode()
        request_id = f"import-{self.state.digest[:12]}-{message.mark.line}"
        return wrapped(Event(self._connection, body, self._type, {}, self.state.as_of, request_id))

    def summary(self) -> str:
        """Return what came of it."""
        sent = "sent to the inbox queue" if self._send else "would be sent"
        whole = sum(self.codes.values()) == self.state.rejected  # not where another run had begun
        codes = "".join(f", {number} {code}" for code, number in self.codes.most_common(10)) if whole else ""
        warnings = f", {counted(self.warnings, 'warning')}" if self.warnings else ""
        listed = f"; see {self._rejects.name}" if self.noted else ""
        return f"{self.state.sent} {sent}, {self.state.rejected} rejected{codes}{warnings}{listed}"
