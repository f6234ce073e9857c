"""`bridge sync`: all records that a CRM has, page by page, through the inbox queue."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import click

from cli import checkpoint, exits, progress
from cli.patience import Patient
from cli.rate import Rate
from cli.terminal import Cell, say
from connections import api_key_of
from errors import did_you_mean
from event import answered, wrapped
from lookup import paging
from lookup.night import OVERLAP_MS
from mapping.language.model import Lookup
from mapping.outcome import Outcome
from ops import api_keys, inbox
from ops.completion import connections
from ops.crm import Crm, Page, api_of, page_size
from ops.dry_run import card_key
from ops.offline import Offline
from ops.pages import parts
from ops.sifting import sifted
from ops.stack import Stack, of_stack
from ops.times import counted
from ops.times import since as parsed

CLOCK_TOLERANCE_MS = 3_000  # AWS says its time in whole seconds, and an answer takes a moment


class Progress(NamedTuple):
    """How far a run is: what was read is in the inbox queue, or counted among what was left out."""

    where: str  # the inbox queue and the connection
    since: int  # ms since 1970: only what changed later; 0: everything
    started: int  # ms since 1970
    chosen: tuple[str, ...]  # the look-ups that it reads
    done: tuple[str, ...] = ()  # look-ups that were read whole
    lookup: str = ""  # the one that is being read
    state: dict[str, Any] = {}  # of its pages
    read: int = 0
    sent: int = 0
    left: dict[str, int] = {}  # left out, by reason
    rejected: int = 0  # among them, those that the mapping rejects


@click.command(short_help="Read all records of a CRM and bring them to Ringostat: the first fill.")
@click.argument("connection", shell_complete=connections)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only contact, lead, organization …; repeatable.")
@click.option("--since", metavar="WHEN", help="Only what changed since then, such as 3d or 2026-03-01.")
@click.option("--resume", is_flag=True, help="Go on where an interrupted run was.")
@click.option("--dry-run", is_flag=True, help="Read and map everything; send nothing.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    metavar="N",
    help="End after the page with the N-th record, of those that are left.",
)
@click.option("--rate", default=100.0, show_default=True, type=click.FloatRange(0), help="Records a second; 0: all.")
@click.option("--yes", is_flag=True, help="Begin without a question.")
@of_stack
def command(stack: Stack, connection: str, *, kinds: tuple[str, ...], resume: bool, yes: bool, **given: Any) -> int:
    """Read all records of CONNECTION's CRM through its API, and bring them to Ringostat through the inbox queue.

    It says first how many there are and how long that takes. What the CRM's events say meanwhile always wins. Records
    with neither phone nor e-mail are left out. A run that was interrupted goes on with --resume.
    """
    crm = _crm(stack, connection)
    _check_clock(stack)
    path = Path(f"{connection}.sync.json")
    now = stack.clock()
    chosen = _chosen(crm, kinds)
    fresh = Progress(
        f"{stack.queue_url('InboxQueue')} {connection}",
        parsed(given["since"], now),
        now,
        tuple(lookup.name for lookup in chosen),
    )
    if fresh.since > now:
        raise click.UsageError("--since lies in the future, so nothing can have changed since then")
    start = _resumed(path, fresh, has_kinds=bool(kinds), has_since=bool(given["since"])) if resume else fresh
    run = Sync(stack, crm, start, path, dry_run=given["dry_run"], limit=given["limit"], rate=given["rate"])
    lookups = [lookup for lookup in crm.syncs() if lookup.name in start.chosen and lookup.name not in start.done]
    total = run.announce(lookups)
    if path.exists() and not resume:
        say(
            Cell("An interrupted run is kept in ", "yellow"),
            f"{path}: --resume goes on with it, this one begins from the start.",
        )
    if not yes:
        click.confirm("Go on?", default=True, abort=True)
    with run, progress.shown(total, "records") as at:
        run.all(lookups, at)
    run.summarize()
    return exits.REJECTED if run.state.rejected else exits.FINE


def _check_clock(stack: Stack) -> None:
    """Raise ClickException where a page would count as newer, or older, than what the functions read beside it."""
    ahead = stack.ahead() or 0
    if abs(ahead) > CLOCK_TOLERANCE_MS:
        side = "ahead of" if ahead > 0 else "behind"
        raise click.ClickException(f"this machine's clock is {abs(ahead) // 1000} s {side} AWS's; set it by NTP first")


def _crm(stack: Stack, name: str) -> Crm:
    """Return the CRM of a connection; raise ClickException where it cannot be asked."""
    connection = stack.connection(name)
    api = api_of(stack.mappings.of(connection))
    if api is None:
        hint = "bridge import brings a file"
        raise click.ClickException(f"the mapping {connection.mapping} cannot ask its CRM for records; {hint}")
    if not api_keys.are_kept(stack):
        raise click.ClickException(
            f"{api_keys.HOW_TO_DEPLOY}, then bridge connect {connection.mapping} --name {name} --api-only"
        )
    key = api_key_of(api_keys.of(stack), name)
    if not key:
        again = f"bridge connect {connection.mapping} --name {name} --api-only"
        raise click.ClickException(f"{name} has no API key: {again} asks for one")
    return Crm(stack, connection, api, key)


def _chosen(crm: Crm, kinds: Sequence[str]) -> list[Lookup]:
    known = crm.syncs()
    names = dict.fromkeys(name for lookup in known for name in (lookup.kind, lookup.name) if name)
    if unknown := next((kind for kind in kinds if kind not in names), None):
        hint = did_you_mean(unknown, names) or f"it is one of {', '.join(names)}"
        raise click.UsageError(f"all records of {unknown!r} cannot be read; {hint}")
    return [lookup for lookup in known if not kinds or {lookup.kind, lookup.name} & set(kinds)]


def _resumed(path: Path, fresh: Progress, *, has_kinds: bool, has_since: bool) -> Progress:
    """Return an interrupted run; raise where it is none of this stack, or what is given contradicts it."""
    known = checkpoint.read(path, Progress, "a call without --resume")
    if known is None:
        raise click.ClickException(f"there is no {path} here, so nothing was interrupted")
    if known.where != fresh.where:
        raise click.ClickException(f"{path} is of another stack: a call without --resume begins from the start")
    known = known._replace(chosen=tuple(known.chosen))
    contradicted = {
        "--kind": has_kinds and known.chosen != fresh.chosen,
        "--since": has_since and known.since != fresh.since,
    }
    for option in (option for option, is_so in contradicted.items() if is_so):
        raise click.UsageError(f"{option} is not that of the interrupted run: leave it out, or --resume")
    return known


class Sync:
    """One run; a context manager that says how to go on where it was interrupted."""

    def __init__(  # noqa: PLR0913 - what a run is made of
        self,
        stack: Stack,
        crm: Crm,
        state: Progress,
        path: Path,
        *,
        dry_run: bool,
        limit: int | None,
        rate: float,
    ) -> None:
        self._stack = stack
        self._crm = crm
        self._offline = Offline(crm.mapping, crm.connection.project, crm.connection.settings)
        self._path = path
        self._send = not dry_run
        self._most = math.inf if limit is None else state.read + limit
        self._rate = Rate(rate, sleep=stack.sleep)
        self._a_second = rate
        self._patient = Patient(crm, stack)
        self._is_cut = False  # by --limit
        self.state = state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._send and kind is None and not self._is_cut:
            self._path.unlink(missing_ok=True)
        elif self._send and self._path.exists():
            say(f"stopped after {counted(self.state.read, 'record')}: --resume goes on from there", error=True)

    def announce(self, lookups: Sequence[Lookup]) -> int | None:
        """Say how many records there are and what it takes to read them; return their number if the CRM gives it."""
        since = f" that changed since {_when(self.state.since)}" if self.state.since else ""
        totals = [self._total(lookup) for lookup in lookups]
        for lookup, total in zip(lookups, totals, strict=True):
            left = None if total is None else self._left(lookup, total)
            number = "an unknown number of records" if total is None else counted(total, "record")
            of_them = f"{left:,} of " if left != total else ""
            say(f"{lookup.name}: {of_them}{number}{since}{' left' if of_them else ''}")
        known = [self._left(lookup, total) for lookup, total in zip(lookups, totals, strict=True) if total is not None]
        if len(known) < len(totals):
            say(f"{self._crm.name} does not say how many there are; it is asked {_pace(self._crm)}.")
            return None
        known = _cut(known, self._most - self.state.read)
        calls = sum(math.ceil(total / page_size(lookup)) for lookup, total in zip(lookups, known, strict=True))
        rate = self._crm.api.rate
        seconds = max(calls * rate.seconds / rate.calls, sum(known) / self._a_second if self._a_second else 0)
        limit = "" if self._most == math.inf else f" for at most {sum(known):,} of them"
        say(f"That takes about {counted(calls, 'call')} and {math.ceil(seconds / 60):,} min{limit}.")
        if 0 < self._crm.api.per_day < calls:
            say(
                Cell(f"It allows {counted(self._crm.api.per_day, 'call')} a day.", "yellow"),
                " --resume goes on the next day.",
            )
        return sum(known) + self.state.read

    def _left(self, lookup: Lookup, total: int) -> int:
        """Return how many of a look-up's records an interrupted run has not read."""
        read = self.state.state.get("records", 0) if self.state.lookup == lookup.name else 0
        return max(0, total - read)

    def _total(self, lookup: Lookup) -> int | None:
        since = self.state.since
        return self._crm.total(lookup, lambda: self._patient.page(lookup, paging.State(), since), since)

    def all(self, lookups: Sequence[Lookup], at: Callable[[int], None]) -> None:
        """Read every page that is left; `at` gets how many records were read."""
        for lookup in lookups:
            state = paging.resumed(self.state.state) if self.state.lookup == lookup.name else paging.State()
            for reached in self._pages(lookup, state):
                self._note(lookup=lookup.name, state=reached.checkpoint())
                at(self.state.read)
                if self.state.read >= self._most:
                    self._is_cut = True
                    return
            self._note(done=(*self.state.done, lookup.name), lookup="", state={})
        if not self.state.read and not self.state.since:
            raise click.ClickException(f"{self._crm.name} shows no record at all: see which rights the API key has")

    def _pages(self, lookup: Lookup, state: paging.State) -> Iterator[paging.State]:
        """Read one page after the other and send its records; yield the state after each."""
        more = True
        while more:
            page = self._patient.page(lookup, state, self.state.since)
            body, records = self._crm.records(lookup, page.answer)
            if not records and not state.pages:
                return  # of one kind there may be none; none of any kind is an error
            state, more = paging.after(page.state, lookup, page.answer, since=self.state.since or None)
            self._sift(lookup, page, body, records)
            yield state

    def _sift(self, lookup: Lookup, page: Page, body: Any, records: Sequence[Any]) -> None:
        """Send the records of a page that become cards, and count the others."""
        found = sifted(self._crm.mapped(lookup, body, records, records), self._known_cards)
        self._rate.wait(len(found.kept))
        made = list(parts(body, records, found.kept))
        large = sum(not text for text, _ in made)
        self._put(lookup, page, [text for text, _ in made if text])
        left = Counter(self.state.left) + found.left + Counter({"too-large": large})
        self.state = self.state._replace(
            read=self.state.read + len(records),
            sent=self.state.sent + len(found.kept) - large,
            left=dict(left),
            rejected=self.state.rejected + found.rejected + large,
        )

    def _put(self, lookup: Lookup, page: Page, texts: Sequence[str]) -> None:
        """Send pages as answers of their look-up; what was sent and not noted is sent again alike."""
        if not self._send:
            return
        number, name = page.asked_at, self._crm.connection.name
        inbox.put_all(
            self._stack,
            [
                wrapped(
                    answered(
                        name,
                        text.encode(),
                        {},
                        asked_at=number,
                        lookup=lookup.name,
                        depth=0,
                        request_id=f"sync-{number}-{index}",
                    )
                )
                for index, text in enumerate(texts)
            ],
        )

    def _known_cards(self, outcomes: list[Outcome]) -> set[str]:
        """Return which of the cards that changes name are in the table."""
        keys = {card_key(self._offline, outcome): outcome.card for outcome in outcomes}
        return {keys[key] for key in self._stack.cards.read(list(keys))}

    def _note(self, **changes: Any) -> None:
        self.state = self.state._replace(**changes)
        if self._send:
            checkpoint.write(self._path, self.state)

    def summarize(self) -> None:
        """Say what came of it, and how to go on from there the next time."""
        sent = "sent to the inbox queue" if self._send else "would be sent"
        left = "".join(f", {number:,} {reason}" for reason, number in Counter(self.state.left).most_common())
        say(f"{self.state.read:,} read, {self.state.sent:,} {sent}{'; left out: ' + left[2:] if left else ''}")
        if self._send and not self._is_cut:
            name, since = self._crm.connection.name, _when(self.state.started - OVERLAP_MS)
            say("The next time, what changed since then: ", Cell(f"bridge sync {name} --since {since}", "bold"))


def _cut(totals: Sequence[int], most: float) -> list[int]:
    """Return how many of each kind are read where all are no more than `most`."""
    found: list[int] = []
    for total in totals:
        found.append(int(min(total, most - sum(found))))
    return found


def _when(milliseconds: int) -> str:
    """Return a time in this machine's zone, as --since takes it."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="seconds")[:19]


def _pace(crm: Crm) -> str:
    rate = crm.api.rate
    seconds = "a second" if rate.seconds == 1 else f"in {rate.seconds} s"
    return f"{counted(rate.calls, 'time')} {seconds}"
