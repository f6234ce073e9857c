"""`bridge explain`: what a mapping makes of a sample, for people and as JSON."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from cards.endpoints import NO_DIRECTION, NO_NAME, Composed
from cli import exits
from cli.terminal import Cell, Part, columns, json_option, say, say_json
from errors import did_you_mean
from mapping.language import loader
from mapping.outcome import Outcome, Want
from ops.dry_run import USUAL, Trial, card_key, composed, document, fitting, moment, tried
from ops.offline import Offline, of_connection
from ops.samples import Sample, of_event
from ops.times import counted
from ops.trace import rows

STYLES = {
    "change": "bold green",
    "delete": "bold green",
    "erase": "bold green",
    "lookup": "bold green",
    "skip": "bold yellow",
    "reject": "bold red",
}
GONE = {"delete": "deleted", "erase": "erased", "lookup": "to be read"}
AROUND = 40  # characters shown on either side of a fault in a body
WAITING = {NO_DIRECTION: "neither a phone nor an e-mail is known", NO_NAME: "no name is known"}


@click.command(short_help="Show what a mapping makes of a sample, field by field.")
@of_connection
@of_event
@json_option
def command(connection: Offline, samples: list[Sample], *, as_json: bool) -> int:
    """Show what a mapping makes of SAMPLE: a raw body, a saved HTTP API event or a queue message; - is standard input.

    It prints personal data: it is for your own screen. Nothing is sent anywhere.
    """
    for sample in samples:
        _check_lookup(connection, sample.lookup)
    trials = [tried(connection, sample, trace=not as_json) for sample in samples]
    if as_json:
        say_json(document(connection, trials))
    else:
        _print(connection, trials)
    rejected = any(outcome.result == "reject" for trial in trials for outcome in trial.outcomes)
    return exits.REJECTED if rejected else exits.FINE


def _check_lookup(connection: Offline, name: str) -> None:
    """Raise UsageError for a look-up that the CRM's mapping does not have."""
    calls = loader.answers_of(connection.mapping).calls
    if not name or name in calls:
        return
    if not calls:
        raise click.UsageError(f"--lookup: the mapping '{connection.mapping.name}' looks nothing up")
    hint = did_you_mean(name, calls)
    parts = [f"there is no look-up '{name}'" + (f"; {hint}" if hint else "."), f"There are {', '.join(sorted(calls))}"]
    raise click.UsageError(f"--lookup: {' '.join(parts)}")


def _print(connection: Offline, trials: list[Trial]) -> None:
    number, shown = 0, None
    for trial in trials:
        if (mapping := trial.connection.mapping) is not shown:
            say("mapping  ", Cell(mapping.name, "bold"), f" ({mapping.source.name}) for {mapping.crm}")
            shown = mapping
        say(f"event    {_described(trial.sample)}")
        for outcome in trial.outcomes:
            number += 1
            say()
            _print_outcome(trial.connection, outcome, number)
            for line in _place(trial.sample, outcome):
                say("   ", Cell(line, "dim"))
        for name in fitting(connection, trial):
            say()
            say("hint     ", Cell(f"the preset '{name}' reads this body", "yellow"))
        if not trial.sample.lookup:
            say()
            say(f"answer   {_told(trial)}")
    say()
    say(_counted(outcome.result for trial in trials for outcome in trial.outcomes))


def _counted(results: Iterable[str]) -> str:
    count = Counter(results)
    gone = [f"{count[result]} {word}" for result, word in GONE.items() if count[result]]
    return ", ".join(
        [counted(count["change"], "change"), *gone, f"{count['skip']} skipped", f"{count['reject']} rejected"]
    )


def _described(sample: Sample) -> str:
    body = sample.body
    kind = {b"{": "JSON", b"[": "JSON", b"<": "XML"}.get(body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1], "a form")
    sent = f", sent as {sample.content_type}" if kind != "JSON" and "json" in sample.content_type else ""
    answers = f", an answer to the look-up {sample.lookup}" if sample.lookup else ""
    return f"{kind}, {counted(len(body), 'byte')}{sent}{answers}" + (f", in {sample.came_as}" if sample.came_as else "")


def _place(sample: Sample, outcome: Outcome) -> Iterator[str]:
    """Yield the line of a body that cannot be read, and a caret where reading stopped."""
    place = re.search(r"line (\d+) column (\d+)", outcome.reason)
    if outcome.code != "bad-body" or place is None:
        return
    lines = (sample.body or b"").decode("utf-8", "replace").splitlines() or [""]
    line, column = lines[min(int(place[1]), len(lines)) - 1], int(place[2]) - 1
    start = max(0, column - AROUND)
    yield line[start : column + AROUND]
    yield " " * (column - start) + "^"


def _told(trial: Trial) -> str:
    answer = trial.answer
    if answer == USUAL:
        return "202 with a verdict for each record"
    if answer.content_type == "application/problem+json":
        return f"{answer.status} with the reason"
    return f"{answer.status} {answer.content_type}, as the mapping declares: {answer.body}"


def _print_outcome(connection: Offline, outcome: Outcome, number: int) -> None:
    body = composed(connection, outcome)
    say(f"{number}. {outcome.record or '(no record)'} -> ", *_result(connection, outcome))
    if body is None and outcome.result != "lookup":
        say(f"   because: {outcome.reason}")
    for want in outcome.wants:
        say(f"   {_read_of(connection, want)}")
    for line in _fields(connection, outcome) if body else _mismatches(outcome):
        say("   ", *line)
    for warning in outcome.warnings:
        say("   ", Cell("warning: ", "yellow"), warning)
    for posted in _posted(body) if body else ():
        say("   ", posted)


def _result(connection: Offline, outcome: Outcome) -> Iterator[Part]:
    yield Cell(outcome.result.upper(), STYLES[outcome.result])
    key = card_key(connection, outcome) if outcome.card else ""
    if outcome.result == "change":
        yield f" ({outcome.carries})  card {key}"
    elif key:
        yield f"  {outcome.code}  card {key}"
    elif outcome.code:
        yield f"  {outcome.code}" + (f"  {outcome.field}" if outcome.field else "")


def _read_of(connection: Offline, want: Want) -> str:
    """Return in words what will be read from the CRM's API."""
    api = loader.answers_of(connection.mapping)
    reads = api.calls[want.lookup]
    path = "".join(part if isinstance(part, str) else f"{{{part.source}}}" for part in reads.call.path.parts)
    several = f", up to {reads.most} in one request" if reads.most > 1 else ""
    unknown = ", unless its card is known" if want.card else ""
    return f"will read {want.lookup} {want.id}{unknown}: {reads.call.method} {path}{several}, mapped by {api.name}"


def _fields(connection: Offline, outcome: Outcome) -> Iterator[list[Cell]]:
    event = f"   event: {outcome.event_id}" if outcome.event_id else ""
    yield [Cell(f"changed: {moment(outcome.changed_at) or 'not sent; arrival counts'}{event}")]
    yield from columns(
        (row.name, Cell(row.shown, "dim" if row.shown == "null" else ""), Cell(row.why, "dim"))
        for row in rows(connection, outcome)
    )


def _mismatches(outcome: Outcome) -> Iterator[list[Cell]]:
    """Yield why each record did not match."""
    for step in outcome.trace:
        if not outcome.record:
            wanted, *found = step.sources
            seen = f"; {', '.join(found)}" if found else ""
            yield [Cell(f"{step.place}: '{step.field}' wants {wanted}{seen} ({step.note})", "dim")]


def _posted(body: Composed) -> Iterator[str]:
    if body.payload is None:
        yield f"would post nothing yet: {WAITING.get(body.waiting or '', body.waiting)}; the card waits for it"
        return
    shown = json.dumps({body.endpoint: [body.payload]}, ensure_ascii=False, indent=2)
    yield from f"would post {shown}".splitlines()
