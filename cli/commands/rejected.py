"""`bridge rejected`: events that could not be mapped, whole, for 14 days."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from cli import exits
from cli.filters import Filter, filtered
from cli.rate import Rate
from cli.terminal import Cell, json_option, say, say_json, say_table
from errors import BridgeError
from mapping.outcome import compact
from mappings import Mappings
from ops.dry_run import moment
from ops.rejected_queue import Held, Rejection, replayed, sendable
from ops.stack import Stack, of_stack
from ops.times import local
from ops.times import since as parsed

SHORT = 8  # characters of an id, enough to distinguish messages


@click.group(short_help="List, show and replay events that were rejected.")
def command() -> None:
    """List, show and replay events that were rejected. They are kept whole for 14 days."""


@command.command("list", short_help="List rejected events, newest first. No personal data.")
@filtered
@json_option
@of_stack
def list_(stack: Stack, connection: str, code: str, since: str | None, *, as_json: bool) -> int:
    """List rejected events, newest first: id, first arrival, connection, code and reason. No personal data."""
    chosen = Filter(connection, code, parsed(since, stack.clock()))
    with Held(stack) as held:
        found = [one for one in held.all() if _means(chosen, one)]
    found.sort(key=lambda one: one.received_at, reverse=True)
    if as_json:
        say_json([_document(one) for one in found])
        return exits.REJECTED if found else exits.FINE
    say_table(("id", "arrived", "connection", "code", "reason"), map(_row, found))
    counts = Counter(f"{one.connection or 'no connection'} {one.code}" for one in found)
    most = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))[:10]
    say(f"{len(found)} rejected" + "".join(f"; {number} {what}" for what, number in most))
    return exits.REJECTED if found else exits.FINE


def _means(chosen: Filter, one: Rejection) -> bool:
    return chosen.fits(one.connection, one.code, one.received_at)


def _document(one: Rejection) -> dict[str, Any]:
    return {
        "id": one.identity,
        "arrived_at": moment(one.received_at),
        "connection": one.connection or None,
        "code": one.code,
        "reason": one.reason,
    }


def _row(one: Rejection) -> tuple[str | Cell, ...]:
    identity = Cell(one.identity[:SHORT], "bold")
    return identity, local(one.received_at), one.connection or "?", Cell(one.code, "red"), one.reason


@command.command("show", short_help="Show rejected events whole, and what their mapping makes of them now.")
@click.argument("identities", nargs=-1, required=True, metavar="ID…")
@of_stack
def show(stack: Stack, identities: tuple[str, ...]) -> int:
    """Show rejected events by the ids that `rejected list` prints, and what their mapping makes of them now.

    It prints personal data: it is for your own screen.
    """
    with Held(stack) as held:
        found = [one for one in held.all() if one.identity.startswith(identities)]
    entries = stack.secret("ConnectionsSecret")
    for one in found:
        _print(one, entries, stack.mappings)
    if not found:
        say("There is no rejected event of such an id: `bridge rejected list` shows them.", error=True)
        return exits.WRONG
    return exits.FINE


def _print(one: Rejection, entries: dict[str, Any], mappings: Mappings) -> None:
    say(Cell(one.identity, "bold"), "  ", Cell(one.code, "red"), f"  {one.reason}")
    say(f"  arrived     {local(one.received_at)}, connection {one.connection or 'unknown'}, request {one.request_id}")
    sample = one.sample
    for name, text in [*sample.headers.items(), *((f"?{name}", text) for name, text in sample.query.items())]:
        say(f"  {name:11} {text}")
    for line in _readable(sample.body):
        say("  ", line)
    try:
        outcomes = [compact(outcome) for outcome in replayed(one, entries, mappings)]
    except (BridgeError, LookupError) as error:
        outcomes = [{"reason": str(error)}]
    for outcome in outcomes:
        words = [str(outcome[name]) for name in ("result", "card", "code", "field", "reason") if outcome.get(name)]
        if outcome.get("result") == "lookup":
            words += [f"{want['lookup']} {want['id']}" for want in outcome["wants"]]
        say(Cell("  now         ", "cyan"), " ".join(words))
    say()


def _readable(body: bytes) -> list[str]:
    """Return the lines of a body: JSON indented, anything else as it came."""
    text = body.decode(errors="backslashreplace")
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2).splitlines()
    except (ValueError, RecursionError):
        return text.splitlines()


@command.command("drop", short_help="Delete rejected events for good.")
@click.argument("identities", nargs=-1, required=True, metavar="ID…")
@of_stack
def drop(stack: Stack, identities: tuple[str, ...]) -> int:
    """Delete rejected events by the ids that `rejected list` prints, at least 8 characters of each."""
    if any(len(identity) < SHORT for identity in identities):
        raise click.UsageError(f"write at least {SHORT} characters of each id")
    with Held(stack) as held:
        found = [one for one in held.all() if one.identity.startswith(identities)]
        left = held.delete(found)
    say(f"{len(found) - left} deleted")
    return exits.FINE if found and not left else exits.WRONG


@command.command("replay", short_help="Send rejected events to the inbox queue again.")
@filtered
@click.option("--dry-run", is_flag=True, help="Count only; nothing is sent.")
@click.option("--rate", default=0.0, metavar="N", type=click.FloatRange(0), help="At most N events a second.")
@of_stack
def replay(  # noqa: PLR0913 - click calls it with each option by its name
    stack: Stack, *, connection: str, code: str, since: str | None, dry_run: bool, rate: float
) -> int:
    """Send rejected events to the inbox queue again, after their mapping was fixed.

    They keep their first time of arrival, so a late or double replay makes nothing older than it is. An event leaves
    the rejected queue only after the inbox queue has it; what is rejected again comes back.
    """
    chosen = Filter(connection, code, parsed(since, stack.clock()))
    if dry_run:
        with Held(stack) as held:
            meant = sum(_means(chosen, one) for one in held.all())
        say(f"{meant} would be replayed, nothing was sent")
        return exits.FINE
    run = Replay(stack, Rate(rate, sleep=stack.sleep))
    try:
        with Held(stack, a_second=rate or float("inf")) as held:
            for batch in held.batches():
                run.replay([one for one in batch if _means(chosen, one)], held)
    finally:
        say(run.summary())
    return exits.WRONG if run.counts["not taken"] else exits.FINE


class Replay:
    """One run: every event once, though what is rejected again comes back into the queue that is being read."""

    def __init__(self, stack: Stack, rate: Rate) -> None:
        self._client = stack.client("sqs")
        self._url = stack.queue_url("InboxQueue")
        self._rate = rate
        self._sent: set[tuple[str, str, int]] = set()
        self.counts: Counter[str] = Counter()

    def replay(self, rejections: Sequence[Rejection], held: Held) -> None:
        """Send what this run has not sent yet, then delete what was taken."""
        fresh = list({one.event: one for one in rejections if one.event not in self._sent}.values())
        self.counts["back"] += len(rejections) - len(fresh)
        for piece in sendable(fresh):
            self._rate.wait(len(piece))
            taken = self._send(piece)
            self._sent |= {one.event for one in taken}
            self.counts["sent"] += len(taken)
            self.counts["not taken"] += len(piece) - len(taken)
            self.counts["twice"] += held.delete(taken)

    def _send(self, piece: Sequence[Rejection]) -> list[Rejection]:
        entries = [{"Id": str(index), "MessageBody": one.body} for index, one in enumerate(piece)]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [piece[int(entry["Id"])] for entry in answer.get("Successful", ())]

    def summary(self) -> str:
        """Return what came of it."""
        notes = {
            "back": "were rejected again, or were there twice, and stay",
            "not taken": "were not taken by the inbox queue and stay",
            "twice": "could not be deleted and stay; replaying them again does no harm",
        }
        more = "".join(f"; {self.counts[name]} {note}" for name, note in notes.items() if self.counts[name])
        return f"{self.counts['sent']} sent to the inbox queue{more}"
