"""All records of a look-up, one page after the other: from a state to the variables of a request, and on. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from errors import OperatorError
from lookup.answer import content, ids_of, records_of
from mapping import normalize
from mapping.language.calls import variables
from mapping.language.expression import Expression, View
from mapping.language.model import Lookup, Sync
from wire import Answer

MOST_PAGES = 50_000
LONGEST_CURSOR = 4_096
LONGEST_NUMBER = 12


class BadPage(OperatorError):
    """The pages of a CRM lead to no end, or there is nothing to read: to go on, or to call it done, would be wrong."""

    code = "bad-page"


class State(NamedTuple):
    """Where a sync is. `known` are the ids read so far; a checkpoint keeps only those of the last page."""

    page: int = 1
    next: str = ""
    last: str = ""
    pages: int = 0
    records: int = 0
    latest: tuple[str, ...] = ()  # the ids of the last page
    size: int = 0  # records of a page, where those of a usual one were too much for an answer
    known: frozenset[str] = frozenset()

    def variables(self, sync: Sync) -> dict[str, Any]:
        """Return what `request.build` is to know, beside `since` and `now`."""
        size = self.size or sync.most
        return {"page": self.page, "size": size, "next": self.next or None, "last": self.last or None}

    def checkpoint(self) -> dict[str, Any]:
        """Return the state as JSON."""
        return {**self._replace(known=frozenset())._asdict(), "latest": list(self.latest), "known": []}


def resumed(checkpoint: Mapping[str, Any]) -> State:
    """Return the state of a checkpoint."""
    latest = tuple(checkpoint["latest"])
    return State(**{**checkpoint, "latest": latest, "known": frozenset(latest)})


def after(state: State, lookup: Lookup, answer: Answer, *, since: int | None = None) -> tuple[State, bool]:
    """Return the state after a good page, and whether there is a further one.

    Raises BadPage where all records of a page are known already, where its cursor leads nowhere, where there are too
    many pages, and where the first page of a full sync is empty: then the key may see no records.
    """
    body = content(answer)
    records = records_of(lookup, body, answer)
    if lookup.sync is None or records is None:
        raise BadPage(f"{lookup.place}: the answer holds no list of records")
    ids = ids_of(lookup, records)
    _check(state, ids, records, since)
    reached = state._replace(
        page=state.page + 1,
        next=_cursor(lookup.sync.next, body, body, answer),
        last=_cursor(lookup.sync.last, records[-1], body, answer) if records else state.last,
        pages=state.pages + 1,
        records=state.records + len(records),
        latest=ids,
        known=state.known | set(ids),
    )
    return reached, _goes_on(state, reached, lookup.sync, len(records))


def smaller(state: State, sync: Sync) -> State:
    """Return the state by which the same page is asked for in smaller parts; raise BadPage where there are none.

    A page is a whole number of them, so that numbers of pages stay right.
    """
    size = state.size or sync.most
    asked = {name for part in (sync.call.path, sync.call.query, sync.call.json) for name, _ in variables(part)}
    part = next((one for one in range(size // 2, 0, -1) if size % one == 0), 0) if "size" in asked else 0
    if not part:
        raise BadPage("a page is larger than 2 MiB, and there is no smaller one")
    return state._replace(size=part, page=(state.page - 1) * (size // part) + 1)


def total(lookup: Lookup, answer: Answer) -> int | None:
    """Return how many records there are, if the answer to a page, or to `count`, gives it."""
    rule = lookup.sync and lookup.sync.total
    if not rule:
        return None
    body = content(answer)
    given = normalize.text(rule.read(body, View(body, {}, answer.headers, {})))
    return int(given) if given and given.isascii() and given.isdigit() and len(given) < LONGEST_NUMBER else None


def _check(state: State, ids: tuple[str, ...], records: list[Any], since: int | None) -> None:
    if not records and not state.pages and since is None:
        raise BadPage("the first page is empty: the API key may not be allowed to see these records")
    if records and not ids:
        raise BadPage("no record of this page has an id that the look-up's pattern takes")
    if ids and state.known.issuperset(ids):
        raise BadPage("all records of this page were read before: the CRM gives the same page again")
    if state.pages >= MOST_PAGES:
        raise BadPage(f"there are more than {MOST_PAGES} pages")


def _cursor(rule: Expression | None, current: Any, body: Any, answer: Answer) -> str:
    if rule is None:
        return ""
    found = normalize.text(rule.read(current, View(body, {}, answer.headers, {})), LONGEST_CURSOR + 1) or ""
    if len(found) > LONGEST_CURSOR:
        raise BadPage("the cursor to the next page is too long")
    return found


def _goes_on(before: State, now: State, sync: Sync, records: int) -> bool:
    if sync.next:
        if now.next and (now.next == before.next or (before.pages and not (before.latest or now.latest))):
            raise BadPage("the cursor leads nowhere: to the same page, or from one empty page to the next")
        return bool(now.next)
    if records and sync.last and now.last in ("", before.last):
        raise BadPage("the last record of this page has no key from which the next one could begin")
    return records >= max(now.size or sync.most, 1)
