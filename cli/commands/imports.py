"""`bridge import`: contacts of a file, through the inbox queue."""

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from aws.queues import BATCH
from cli import exits
from cli.checkpoint import Checkpoint, digest_of, resumed
from cli.rate import Rate
from cli.tables import Csv, Row, json_rows, text_of
from cli.terminal import Cell, columns, say
from errors import Unavailable
from event import Event, wrapped
from ops.dry_run import tried
from ops.offline import Offline
from ops.samples import Sample, pairs
from ops.stack import Stack, of_stack
from ops.times import since

TRIES = 5
TOGETHER = 25  # records of our own contract in one message: one merge for all of them
LARGEST_MESSAGE = 45_000  # bytes of records; in base64 a third more, and SQS counts every 64 KiB as a request
LARGEST_CALL = 150_000  # bytes of the records in one call; with base64 below SQS's smallest limit, 256 KiB
COMPACT = (",", ":")
JSON_TYPE = {"content-type": "application/json"}


class Mark(NamedTuple):
    """How far the rows have come: the last line, how many were rejected, and the bytes of the file that lists them."""

    line: int
    rejected: int
    size: int


class Message(NamedTuple):
    """Records that go together; every row up to the mark is in this message, in an earlier one, or rejected."""

    mark: Mark
    records: list[Any]
    size: int


@click.command(short_help="Import contacts from a CSV or NDJSON file, through the inbox queue.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--connection", required=True, help="Whose mapping reads the records; a CSV needs `direct`.")
@click.option("--dry-run", is_flag=True, help="Match and map everything; send nothing.")
@click.option("--map", "mapped", multiple=True, metavar="HEADER=FIELD", help="What a header of a CSV means.")
@click.option("--encoding", default="utf-8", show_default=True, help="Of the file; cp1251 for old spreadsheets.")
@click.option("--as-of", metavar="WHEN", help="When the file was exported; its own time if not given.")
@click.option("--rate", default=500.0, show_default=True, type=click.FloatRange(0), help="Records a second; 0: all.")
@click.option("--restart", is_flag=True, help="Begin from the start, whatever an interrupted import did.")
@of_stack
def command(stack: Stack, file: Path, connection: str, mapped: tuple[str, ...], **given: Any) -> int:
    """Import the contacts of FILE: CSV with headers, or NDJSON with one event of the connection a line.

    Lines that the mapping rejects are listed in FILE.rejected.csv. An import that was interrupted goes on where it
    was when it is called again. What a CRM says later than the file was exported always wins.
    """
    entry = stack.connection(connection)
    mapping = Offline.of(entry)
    text = text_of(file, given["encoding"])
    rows = _rows(file, text, pairs(mapped, "=", "--map"), mapping)
    as_of = since(given["as_of"], stack.clock()) or int(file.stat().st_mtime * 1000)
    start = Checkpoint(digest_of(file), f"{stack.queue_url('InboxQueue')} {connection}", as_of)
    beside = file.with_name(file.name + ".checkpoint.json")
    if not given["dry_run"] and not given["restart"]:
        start = resumed(beside, start)
    if start.line:
        say(f"going on after line {start.line}, {start.sent} records are sent already")
    say("Import only people whose data you may pass on to Ringostat.")
    with Import(stack, mapping, connection, start, file, send=not given["dry_run"]) as run:
        run.all(rows, Rate(given["rate"], sleep=stack.sleep), progress(text))
    say(run.summary())
    return exits.REJECTED if run.state.rejected else exits.FINE


def _rows(file: Path, text: str, given: dict[str, str], mapping: Offline) -> Iterable[Row]:
    """Return the rows of a file, and show how the headers of a CSV are read."""
    if file.suffix.lower() != ".csv":
        return json_rows(text)
    if mapping.mapping.contract != "direct":
        raise click.UsageError("a CSV needs a connection whose mapping is `direct` or extends it (docs/mapping.md)")
    table = Csv(text, given)
    for row in columns(
        (header, Cell(field or "ignored", "cyan" if field else "yellow"))
        for header, field in zip(table.headers, table.fields, strict=True)
    ):
        say("  ", *row)
    return table.rows()


def progress(text: str) -> Callable[[Iterable[Row]], Iterator[Row]]:
    """Return what shows how far the rows are, with rate and time left, on a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        return iter
    from rich.console import Console  # noqa: PLC0415 - as in cli.terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    def following(rows: Iterable[Row]) -> Iterator[Row]:
        bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("lines, {task.fields[rate]}/s,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
        )
        with bar:
            task = bar.add_task("", total=text.count("\n"), rate=0)
            for row in rows:
                bar.update(task, completed=row.line, rate=round(bar.tasks[task].speed or 0))
                yield row

    return following


class Import:
    """One run over a file; a context manager that keeps the file of rejected lines open."""

    def __init__(  # noqa: PLR0913 - what a run is made of
        self, stack: Stack, mapping: Offline, connection: str, state: Checkpoint, file: Path, *, send: bool
    ) -> None:
        self._client = stack.client("sqs")
        self._url = stack.queue_url("InboxQueue")
        self._sleep = stack.sleep
        self._mapping = mapping
        self._connection = connection
        self._send = send
        self._ours = mapping.mapping.contract == "direct"
        self._beside = file.with_name(file.name + ".checkpoint.json")
        self._rejects = file.with_name(file.name + ".rejected.csv")
        self.state = state
        self.rejected = state.rejected
        self.noted = state.rejected  # lines of the file that lists them
        self.codes: Counter[str] = Counter()

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

    def all(self, rows: Iterable[Row], rate: Rate, follow: Callable[[Iterable[Row]], Iterator[Row]]) -> None:
        """Map and send every row after the checkpoint."""
        waiting: list[Message] = []
        for message in self._messages(follow(row for row in rows if row.line > self.state.line)):
            if len(waiting) == BATCH or sum(one.size for one in waiting) + message.size > LARGEST_CALL:
                self._flush(waiting, rate)
                waiting = []
            waiting.append(message)
        if waiting:
            self._flush(waiting, rate)
        self.state = self.state._replace(rejected=self.rejected)

    def _messages(self, rows: Iterable[Row]) -> Iterator[Message]:
        """Yield the rows that the mapping takes, several of our own contract in one message."""
        mark, size = Mark(self.state.line, self.rejected, self.state.size), 0
        records: list[Any] = []
        together = TOGETHER if self._ours else 1
        for row in rows:
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
        outcomes = tried(self._mapping, Sample(body, JSON_TYPE, {})).outcomes
        for outcome in outcomes:
            self._note(row.line, *(("warning", outcome.field, warning) for warning in outcome.warnings))
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
            self._put([self._wrapped(message) for message in messages])
        mark = messages[-1].mark
        self.state = self.state._replace(
            line=mark.line, sent=self.state.sent + number, rejected=mark.rejected, size=mark.size
        )
        if self._send:
            self._file.flush()
            self.state.write(self._beside)

    def _wrapped(self, message: Message) -> str:
        records = message.records if self._ours else message.records[0]
        body = json.dumps(records, separators=COMPACT).encode()
        request_id = f"import-{self.state.digest[:12]}-{message.mark.line}"
        return wrapped(Event(self._connection, body, JSON_TYPE, {}, self.state.as_of, request_id))

    def _put(self, bodies: Sequence[str]) -> None:
        """Send with one call; what SQS does not take at once, with more calls."""
        left = list(bodies)
        for _ in range(TRIES):
            entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(left)]
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            left = [left[int(entry["Id"])] for entry in answer.get("Failed", ())]
            if not left:
                return
            self._sleep(1)
        raise Unavailable(f"SQS did not take {len(left)} of {len(bodies)} messages.")

    def summary(self) -> str:
        """Return what came of it."""
        sent = "sent to the inbox queue" if self._send else "would be sent"
        whole = sum(self.codes.values()) == self.state.rejected  # not where another run had begun
        codes = "".join(f", {number} {code}" for code, number in self.codes.most_common(10)) if whole else ""
        listed = f"; see {self._rejects.name}" if self.noted else ""
        return f"{self.state.sent} {sent}, {self.state.rejected} rejected{codes}{listed}"
