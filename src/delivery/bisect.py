"""Finding the bad records of a refused array, within one invocation and with few POSTs."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from delivery.classify import Judgement

T = TypeVar("T")

# While few bad records are known, what is left of split arrays is posted together: one bad of a hundred costs 10 POSTs
# instead of 15. An array full of bad ones would cost several times as many POSTs so, instead of two per record.
FEW = 3

SPLITTING = ("bad-data", "too-big")


class _Group(NamedTuple, Generic[T]):
    records: Sequence[T]
    state: Literal["new", "refused", "too-big"] = "new"
    touched: bool = False  # was part of a refused array


def post_all(records: Sequence[T], post: Callable[[Sequence[T]], Judgement]) -> Iterator[tuple[T, Judgement]]:
    """Post the records and yield each once with its judgement, as soon as that is known.

    A refused or too big array is split until every record was accepted, or refused alone. Any other answer holds for
    the records of its POST and ends the posting; so does `unposted`, of a POST that was not done. The records left are
    `unposted` (with its code, or the class of that answer), or `ambiguous` with the code `refused-array` where a
    refused array had held them, as it is unknown whether Ringostat applies the good part.
    Worst cases: 1 bad of 10 costs 7 POSTs, 1 of 100 costs 10, 3 of 100 cost 28, 100 of 100 cost 217.
    """
    stack = [_Group(records)] if records else []
    found, limit = 0, len(records)
    while stack:
        group = _next(stack, limit if found <= FEW else 0)
        tried, rest = _parts(group, limit)
        judgement = post(tried)
        refused = judgement.answer_class == "bad-data"
        confirmed = judgement.answer_class == "confirmed"
        if rest:
            # Of a refused array whose first part was accepted, the rest needs no POST to be known as refused.
            state = group.state if confirmed and group.state == "refused" else "new"
            stack.append(_Group(rest, state, group.touched))
        if judgement.answer_class in SPLITTING and len(tried) > 1:
            limit = limit if refused else len(tried) - 1
            stack.append(_Group(tried, "refused" if refused else "too-big", group.touched or refused))
            continue
        if judgement.answer_class == "unposted":
            yield from _left([*stack, _Group(tried, touched=group.touched)], judgement)
            return
        found += refused
        yield from ((record, judgement) for record in tried)
        if not confirmed and judgement.answer_class not in SPLITTING:
            yield from _left(stack, unposted(judgement))
            return


def _next(stack: list[_Group[T]], limit: int) -> _Group[T]:
    """Take the next group, and with it the new ones that follow, up to `limit` records."""
    group = stack.pop()
    while group.state == "new" and stack and stack[-1].state == "new":
        if len(group.records) + len(stack[-1].records) > limit:
            break
        other = stack.pop()
        group = _Group([*group.records, *other.records], "new", group.touched or other.touched)
    return group


def _parts(group: _Group[T], limit: int) -> tuple[Sequence[T], Sequence[T]]:
    """Return what to post of a group and what to keep: a group that would fail is halved."""
    if group.state == "new" and len(group.records) <= limit:
        return group.records, ()
    middle = (len(group.records) + 1) // 2
    return group.records[:middle], group.records[middle:]


def unposted(judgement: Judgement) -> Judgement:
    """Return what an answer that ends the posting means for the records that were not posted."""
    return judgement if judgement.answer_class == "unposted" else Judgement("unposted", judgement.answer_class)


def _left(stack: Sequence[_Group[T]], left: Judgement) -> Iterator[tuple[T, Judgement]]:
    for group in reversed(stack):
        judgement = Judgement("ambiguous", "refused-array") if group.touched else left
        yield from ((record, judgement) for record in group.records)
