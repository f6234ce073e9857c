"""A CRM's API as a command asks it, with one connection's key: the functions' own requests, judged as theirs are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from connections import Connection
from lookup import paging
from lookup.answer import TOO_LARGE, Read, content, records_of
from lookup.asking import Asking, Question
from lookup.fetch import Fetcher
from lookup.pace import is_elsewhere
from lookup.tokens import Tokens
from mapping import engine
from mapping.language import loader
from mapping.language.model import Api, Call, Lookup
from mapping.language.model import Mapping as Loaded
from mapping.outcome import Outcome
from ops import api_keys
from ops.pages import only
from ops.sifting import has
from ops.stack import Stack
from wire import Answer

SAMPLE = 20  # records that show what a key may see
PERSONS = ("contact", "lead")  # kinds of records that Ringostat knows by a phone


class Page(NamedTuple):
    """What the CRM answered, what that means, and the moment at which it was asked: no state of it is older."""

    read: Read
    answer: Answer
    asked_at: int  # ms since 1970
    state: paging.State = paging.State()  # by which a page of all records was asked for


class Seen(NamedTuple):
    """What a key may see of one kind: how many records there are, or at least how many, and a sample of them."""

    kind: str
    number: int
    whole: bool  # whether that is all of them
    sample: int
    phones: int  # records of the sample that have one


class Dialect(NamedTuple):
    """How a CRM's API is asked, and the mapping of its answers."""

    mapping: Loaded
    api: Api


def api_of(mapping: Loaded) -> Dialect | None:
    """Return how the CRM of a connection's mapping is asked, None where that looks nothing up."""
    found = loader.answers_of(mapping)
    return Dialect(found, found.api) if found.api else None


class Crm:
    """One connection's CRM."""

    def __init__(self, stack: Stack, connection: Connection, dialect: Dialect, key: Mapping[str, str]) -> None:
        self.name = dialect.mapping.crm
        self.connection = connection
        self.mapping, self.api = dialect
        self.key = key
        loopback = api_keys.may_be_local(stack)
        fetcher = Fetcher(loopback=loopback)
        self._asking = Asking(fetcher, Tokens(fetcher, stack.clock, loopback=loopback), stack.clock, loopback)

    def ask(self, call: Call, lookup: Lookup | None = None, known: Mapping[str, Any] = {}) -> Page:
        """Ask once; raise OperatorError, which quotes nothing of the key, where no request can be made of it."""
        now = self._asking.clock()
        answer, read = self._asking.ask(self.connection, self.api, Question(call, lookup, known=known), self.key)
        return Page(read, answer, now)

    def page(self, lookup: Lookup, state: paging.State, since: int = 0) -> Page:
        """Ask for a page of all records of a look-up; for a smaller one where that is too large.

        Raise BadPage where there is no smaller one.
        """
        if lookup.sync is None:
            raise paging.BadPage(f"{lookup.place}: nothing says how all its records are read")
        while True:
            page = self.ask(lookup.sync.call, lookup, state.variables(lookup.sync) | _since(since))
            if page.read.code != TOO_LARGE:
                return page._replace(state=state)
            state = paging.smaller(state, lookup.sync)

    def total(self, lookup: Lookup, page: Callable[[], Page], since: int = 0) -> int | None:
        """Return how many records there are; None where the CRM does not say it, or takes longer than any page.

        `page` asks for the first one, whose answer says it where there is no request of its own for that.
        """
        sync = lookup.sync
        if sync is None or sync.total is None:
            return None
        return paging.total(
            lookup, (self.ask(sync.counting, lookup, _since(since)) if sync.counting else page()).answer
        )

    def check(self) -> Read:
        """Return what the CRM says to a call that shows whether it takes the key; ok where there is no such call."""
        call = self.api.check or next((each.sync.call for each in self.mapping.calls.values() if each.sync), None)
        return self.ask(call).read if call else Read("ok")

    def trouble(self, read: Read) -> str:
        """Return what an answer that holds no records means, empty for one that does."""
        if (read.kind, read.code) == ("key", "address"):
            return f"the host of {self.name}'s API is one of a private network, which is never asked (address)"
        if read.kind == "key" and is_elsewhere(read):
            return f"{self.name}'s API is not at this address ({read.code})"
        return {
            "ok": "",
            "key": f"{self.name} does not take the API key ({read.code})",
            "wait": f"{self.name} asks to wait {read.seconds} s ({read.code})",
            "retry": f"{self.name} does not answer as it should ({read.code})",
            "bad": f"{self.name} refuses the request, or answers with too much ({read.code})",
            "gone": f"{self.name} has nothing at this address ({read.code})",
        }[read.kind]

    def syncs(self) -> list[Lookup]:
        """Return the look-ups whose records can be read all: organizations first, because contacts name them."""
        order = ("organization", *PERSONS)
        found = [lookup for lookup in self.mapping.calls.values() if lookup.sync]
        return sorted(found, key=lambda one: order.index(one.kind) if one.kind in order else len(order))

    def seen(self, lookup: Lookup) -> Seen | str:
        """Return what the key may see of a look-up's records, or why that is not known."""
        try:
            page = self.page(lookup, paging.State())
        except paging.BadPage as error:
            return str(error)
        if trouble := self.trouble(page.read):
            return trouble
        body, records = self.records(lookup, page.answer)
        total = self.total(lookup, lambda: page)
        whole = total is not None or len(records) < page_size(lookup)
        sample = records[:SAMPLE]
        mapped = self.mapped(lookup, body, records, sample)
        phones = sum(any(has(outcome, "phones") for outcome in outcomes) for _, outcomes in mapped)
        return Seen(lookup.kind, len(records) if total is None else total, whole, len(sample), phones)

    def records(self, lookup: Lookup, answer: Answer) -> tuple[Any, list[Any]]:
        """Return the body of a page, and the records in it."""
        body = content(answer)
        return body, records_of(lookup, body, answer) or []

    def mapped(
        self, lookup: Lookup, body: Any, records: Sequence[Any], chosen: Sequence[Any]
    ) -> list[tuple[Any, list[Outcome]]]:
        """Return the chosen ones of a page's records, each with what it becomes."""
        alone = ((record, only(body, records, [record])) for record in chosen)
        settings = self.connection.settings
        return [(one, engine.run(self.mapping, part, settings, {}, {}, lookup=lookup.name)) for one, part in alone]


def _since(since: int) -> dict[str, Any]:
    return {"since": since} if since else {}


def page_size(lookup: Lookup) -> int:
    """Return how many records a page of all records holds."""
    return (lookup.sync.most if lookup.sync else 0) or lookup.most
