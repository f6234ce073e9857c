"""Every interleaving of two workers, three changes and a few faults over one card, by breadth-first search.

What may be done and what an answer makes of it are the bridge's own functions: `Rules` names them, and a mutant is the
same with one of them replaced. The rest is the world: a row whose writes happen under their conditions, requests that
land late, workers that die, time that passes.
"""

from collections import deque
from functools import cache
from typing import Any, NamedTuple

from cards import card as cards
from cards import write
from cards.card import Card, canonical, stamped
from delivery import state
from delivery.classify import classify
from delivery.policy import Policy
from delivery.state import Lease
from intake.merging import Merging
from local.expressions import holds
from settings import SETTINGS
from wire import Answer

NOW = 1_000_000  # it is always now: passing time makes everything else earlier
KEY = "106#X#contact:1"
POLICY = Policy.of(SETTINGS._asdict())._replace(
    quiet_ms=4_000,
    short_quiet_ms=2_000,
    assert_after_ms=10_000,
    retry_base_ms=1,
    retry_cap_ms=1,
    repair_ms=1,
    tried_again_after_ms=(4_000,),
)
INVOCATION = 2_000  # what is left of a worker's lease when it claims
BASE = {"externalId": "1", "phones.0": [{"value": "+380670000001", "name": None, "primary": True}]}
DEFAULTS = Card(KEY)._asdict()


class Frozen(dict):
    """Fields, equal only to themselves: `frozen` makes one of each."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__


INTERNED: dict[str, Frozen] = {}


def frozen(fields):
    """Return fields that can be hashed: of equal ones always the same."""
    return INTERNED.setdefault(canonical(fields), Frozen(fields))


NEW = Card(KEY, fields=frozen({}))


class Message(NamedTuple):
    """One event on its way to us: the fields that it sets, and its stamp."""

    fields: tuple[tuple[str, str], ...]
    changed_at: int | None
    received_at: int  # its first time of arrival
    came_at: int = 0  # this time of arrival, which no rule may ask for


class Taking(NamedTuple):
    """An event between our read of the row and our write."""

    message: Message
    read: Card


class Worker(NamedTuple):
    """One invocation: idle, read, instead, claimed, answered or moved."""

    at: str = "idle"
    card: Card | None = None
    answer: str = ""
    since: int = NOW  # its `now`: when it read the row, or claimed
    asserts: bool = False  # the assertion was owed when it posted


class Flight(NamedTuple):
    """A request that its worker believes dead, and until when it may land."""

    hash: str
    rev: int
    until: int


class State(NamedTuple):
    row: Card | None
    messages: tuple[Message, ...]
    taking: tuple[Taking, ...]
    workers: tuple[Worker, Worker]
    remote: tuple[str, int] | None  # hash, and the revision of the row that was posted
    flights: tuple[Flight, ...]
    faults: int


class Rules(NamedTuple):
    """The functions under proof."""

    absorb: Any = cards.absorb
    stamped: Any = stamped
    merged: Any = write.merged
    step: Any = state.step
    claim: Any = state.claim
    claim_read: Any = state.claim_read
    reclaim: Any = state.reclaim
    settle: Any = state.settle
    confirmed: Any = state.confirmed
    ambiguous: Any = state.ambiguous
    refused: Any = state.refused
    record: Any = state.record
    record_moved: Any = state.record_moved
    classify: Any = classify
    claims: tuple[str, ...] = ("claim", "read")  # a wake-up of one card claims at once, one of many reads first


class World(NamedTuple):
    """What may happen: the events, how many faults of which kinds, and how late a request may land."""

    messages: tuple[Message, ...]
    faults: int
    kinds: tuple[str, ...] = ("error", "lost", "late", "killed", "killed-late", "cut", "unsent", "refused")
    late: int = POLICY.quiet_ms
    ordered: bool = False  # events come in their order only
    takers: int = 0  # events between their read and their write at once; 0: merging is one step


class Result(NamedTuple):
    states: int
    stale: list[str] | None  # the shortest way to an older state over a newer one
    wrong: list[str] | None  # the shortest way to rest with anything but the newest state
    stuck: int  # states from which nothing leads to rest


ANSWERS = {
    "ok": Answer(200, {"content-type": "application/json"}, b'{"success": true}', complete=True),
    "error": Answer(503, {}, b"", complete=True),
    "lost": Answer(None, error="reset"),
    "late": Answer(None, error="timeout"),
    "cut": Answer(200, {}, b"", error="truncated"),
    "unsent": Answer(None, sent=False, error="connect"),
    "refused": Answer(400, {}, b"", complete=True),
}


class Model:
    """The transitions of a world under rules."""

    def __init__(self, world, rules=Rules()):  # noqa: B008 - never changed
        self.world = world
        self.rules = rules
        self._merging = Merging(None, connection="", now=NOW)
        self._absorbed = cache(self._absorb)
        truth, _ = cards.absorb(NEW, [fields_of(message, stamped) for message in world.messages])
        self.newest = truth.hash

    def start(self):
        return State(None, self.world.messages, (), (Worker(), Worker()), None, (), self.world.faults)

    def successors(self, state):
        """Yield (what happened, the state after it, whether an older state replaced a newer one)."""
        yield from self._arrivals(state)
        yield from self._takings(state)
        for number in (0, 1):
            yield from self._work(state, number)
        for flight in dict.fromkeys(state.flights):
            left = list(state.flights)
            left.remove(flight)
            yield from self._landing(f"lands: {flight.rev}", state._replace(flights=tuple(left)), flight)
        yield from self._passing(state)

    def is_at_rest(self, state):
        """Nothing is under way, and nothing will ever happen by itself."""
        return not (
            state.messages
            or state.taking
            or state.flights
            or any(worker.at != "idle" for worker in state.workers)
            or (state.row is not None and state.row.due_at is not None)
        )

    def is_right(self, state):
        if state.row.hash != self.newest:
            return False
        if state.row.refused is not None:  # each refusal passes, so one alone must not last
            return self.world.faults - state.faults > len(POLICY.tried_again_after_ms)
        return state.remote is not None and state.remote[0] == self.newest

    def _arrivals(self, state):
        if len(state.taking) == max(1, self.world.takers):
            return
        for index, message in enumerate(state.messages[:1] if self.world.ordered else state.messages):
            if message not in state.messages[:index]:
                rest = state.messages[:index] + state.messages[index + 1 :]
                taken = state._replace(messages=rest, taking=(*state.taking, Taking(message, state.row or NEW)))
                if self.world.takers:
                    yield "arrives", taken, False
                else:
                    yield from self._takings(taken)

    def _takings(self, state):
        for index, (message, read) in enumerate(state.taking):
            others = state.taking[:index] + state.taking[index + 1 :]
            after = self._absorbed(read, message)
            if after == read:
                yield "nothing new", state._replace(taking=others), False
                continue
            row = self._written(state.row, self._merged(read, after))
            if row is None:
                again = Taking(message, state.row or NEW)
                yield "conflict", state._replace(taking=(*others, again)), False
            else:
                yield f"merges: {row.rev}", state._replace(row=row, taking=others), False

    def _absorb(self, read, message):
        known = read._replace(fields=dict(read.fields))
        after, _ = self.rules.absorb(known, [fields_of(message, self.rules.stamped)])
        return read if after is known else after._replace(fields=frozen(after.fields))

    def _merged(self, read, after):
        due_at = self._merging._written(read, after).changes.get("due_at")
        return self.rules.merged(read, after, due_at=due_at, expires_at=None)

    def _work(self, state, number):
        worker = state.workers[number]
        lease = Lease(_fresh(state), worker.since + INVOCATION)
        match worker.at:
            case "idle" if state.row is not None:
                yield from self._claims(state, number, lease)
            case "read":
                if self.rules.step(worker.card, worker.since, POLICY.quiet_ms) != "claim":
                    yield from self._instead(state, number, lease)
                elif row := self._written(state.row, self.rules.claim_read(worker.card, lease, worker.since)):
                    card = worker.card._replace(lease_id=row.lease_id, lease_until=row.lease_until)
                    yield self._claimed(state._replace(row=row), number, card)
                else:
                    yield from self._claims(state, number, lease, ("claim",))
            case "instead":
                yield from self._instead(state, number, lease)
            case "claimed":
                yield from self._posts(state, number)
            case "answered":
                yield from self._records(state, number)
            case "moved":
                changes = self._changes(worker)
                row = self._written(state.row, self.rules.record_moved(worker.card, changes))
                yield "records what has moved", _with(state._replace(row=row or state.row), number, Worker()), False

    def _claims(self, state, number, lease, ways=None):
        for way in ways or self.rules.claims:
            if way == "read" and self._is_of_use(state.row):
                yield "reads", _with(state, number, Worker("read", state.row)), False
            elif way == "read":
                continue
            elif row := self._written(state.row, self.rules.claim(KEY, lease, state.workers[number].since)):
                yield self._claimed(state._replace(row=row), number, row)
            elif self._is_of_use(state.row):
                yield (
                    "claims in vain",
                    _with(state, number, Worker("instead", state.row, since=state.workers[number].since)),
                    False,
                )
            else:
                yield "leaves it", _with(state, number, Worker()), False

    def _is_of_use(self, row):
        return self.rules.step(row, NOW, POLICY.quiet_ms) in ("claim", "reclaim", "settle")

    def _claimed(self, state, number, card):
        return (
            f"claims: {card.rev}",
            _with(state, number, Worker("claimed", card, since=state.workers[number].since)),
            False,
        )

    def _instead(self, state, number, lease):
        _, card, _, since, _ = state.workers[number]
        match self.rules.step(card, since, POLICY.quiet_ms):
            case "reclaim":
                if row := self._written(state.row, self.rules.reclaim(card, lease)):
                    yield self._claimed(state._replace(row=row), number, row)
                    return
            case "settle":
                row = self._written(state.row, self.rules.settle(card))
                state = state._replace(row=row or state.row)
        yield "leaves it", _with(state, number, Worker()), False

    def _posts(self, state, number):
        card = state.workers[number].card
        flight = Flight(card.hash, card.rev, NOW + self.world.late)
        since = state.workers[number].since
        asserts = card.assert_at is not None and card.assert_at <= NOW
        answered = {kind: _with(state, number, Worker("answered", card, kind, since, asserts)) for kind in ANSWERS}
        yield from self._landing(f"posts: {card.rev}", answered["ok"], flight)
        if not state.faults:
            return
        faulty = {kind: after._replace(faults=state.faults - 1) for kind, after in answered.items()}
        dead = _with(state, number, Worker())._replace(faults=state.faults - 1)
        for kind in self.world.kinds:
            label = f"posts: {card.rev}, {kind}"
            match kind:
                case "error" | "cut" | "unsent" | "refused":
                    yield label, faulty[kind], False
                case "lost":
                    yield from self._landing(label, faulty[kind], flight)
                case "late":
                    yield label, faulty[kind]._replace(flights=_sorted(state.flights, flight)), False
                case "error-late":
                    soon = flight._replace(until=NOW + POLICY.short_quiet_ms)
                    yield label, faulty["error"]._replace(flights=_sorted(state.flights, soon)), False
                case "killed":
                    yield from self._landing(label, dead, flight)
                case "killed-late":
                    yield label, dead._replace(flights=_sorted(state.flights, flight)), False

    def _landing(self, label, state, flight):
        older = state.remote is not None and flight.rev < state.remote[1] and flight.hash != state.remote[0]
        yield label, state._replace(remote=(flight.hash, flight.rev)), older

    def _records(self, state, number):
        worker = state.workers[number]
        changes = self._changes(worker)
        if row := self._written(state.row, self.rules.record(worker.card, changes)):
            yield "records", _with(state._replace(row=row), number, Worker()), False
        elif state.row.lease_id == worker.card.lease_id:
            yield "sees news", _with(state, number, worker._replace(at="moved")), False
        else:
            yield "lost its lease", _with(state, number, Worker()), False

    def _changes(self, worker):
        begun_at = NOW if worker.asserts else 0
        card, judgement = worker.card, self.rules.classify(ANSWERS[worker.answer], 0)._replace(begun_at=begun_at)
        match judgement.answer_class:
            case "confirmed":
                return self.rules.confirmed(card, judgement, NOW, POLICY)
            case "ambiguous":
                return self.rules.ambiguous(card, judgement, NOW, POLICY, 0.0)
            case "bad-data":
                return self.rules.refused(card, judgement, NOW, POLICY)
        return state.retried(card, NOW, POLICY, 0.0)

    def _written(self, row, write):
        """Return the row after a write, None if its condition does not hold."""
        if not holds(write.condition, lambda name: _operand(row, write.values, name)):
            return None
        changes = {name: value for name, value in write.changes.items() if name in DEFAULTS and name != "numbers"}
        changes = {name: DEFAULTS[name] if value is None else value for name, value in changes.items()}
        return normal((row or NEW)._replace(**changes), 0)

    def _passing(self, state):
        """Let time pass until the next moment at which something becomes possible."""
        card = state.row
        if card is None:
            return
        lease_ends = [] if card.lease_until is None else [card.lease_until, card.lease_until + POLICY.quiet_ms]
        moments = [card.not_before, card.retry_at, card.assert_at, *lease_ends]
        later = [moment for moment in moments if moment is not None and moment > NOW]
        limits = [flight.until - 1 for flight in state.flights]
        limits += [worker.since + INVOCATION for worker in state.workers if worker.at != "idle"]
        if later and min(later) <= min(limits, default=min(later)):
            yield "time passes", shifted(state, min(later) - NOW), False


def fields_of(message, stamp):
    fields = {**BASE, **dict(message.fields)}
    if stamp is stamped:
        return stamped(fields, changed_at=message.changed_at, received_at=message.received_at)
    return stamp(fields, message)


def normal(card, elapsed):
    """Return a card as it is some time later, told apart by nothing that no rule asks for."""
    not_before = None if card.not_before is None or card.not_before - elapsed <= NOW else card.not_before - elapsed
    retry_at = None if card.retry_at is None or card.retry_at - elapsed <= NOW else card.retry_at - elapsed
    assert_at = None if card.assert_at is None else max(NOW, card.assert_at - elapsed)
    lease = None if card.lease_until is None else max(NOW - POLICY.quiet_ms, card.lease_until - elapsed)
    due_at = None if card.due_at is None else NOW
    return card._replace(
        not_before=not_before,
        retry_at=retry_at,
        assert_at=assert_at,
        lease_until=lease,
        due_at=due_at,
        due_since=None,
        confirmed_at=None,
        attempts=0,
    )


def shifted(state, elapsed):
    taking = tuple(Taking(message, normal(read, elapsed)) for message, read in state.taking)
    workers = _unordered(*(_aged(worker, elapsed) for worker in state.workers))
    flights = tuple(flight._replace(until=flight.until - elapsed) for flight in state.flights)
    row = normal(state.row, elapsed)
    return state._replace(row=row, taking=taking, workers=workers, flights=flights)


def _aged(worker, elapsed):
    if worker.card is None:
        return worker
    return worker._replace(card=normal(worker.card, elapsed), since=worker.since - elapsed)


def _operand(row, values, name):
    if name[0] == ":":
        return values[name[1:]]
    if row is None:
        return None
    value = getattr(row, "due_at" if name == "#due" else name[1:])
    return None if value is False else value


def _with(state, number, worker):
    return state._replace(workers=_unordered(worker, state.workers[1 - number]))


def _unordered(*workers):
    """Return the workers in one order of the two, as nothing tells one from the other."""
    return tuple(sorted(workers, key=hash))


def _fresh(state):
    """Return a lease id that nobody knows."""
    known = {card.lease_id for card in (state.row, *(worker.card for worker in state.workers)) if card}
    return next(name for name in "abcd" if name not in known)


def _sorted(flights, flight):
    return tuple(sorted((*flights, flight)))


def explore(model, stop=None):
    """Search breadth first, until `stop` is content with what was found."""
    start = model.start()
    numbers = {start: 0}
    came_from = [(0, "")]
    before: list[list[int]] = [[]]
    queue = deque([start])
    ends, stale, wrong = [], None, None
    while queue and not (stop and stop(stale, wrong)):
        state = queue.popleft()
        number = numbers[state]
        if model.is_at_rest(state):
            ends.append(number)
            if wrong is None and not model.is_right(state):
                wrong = _way(came_from, number)
        for label, after, older in model.successors(state):
            known = numbers.get(after)
            if known is None:
                known = numbers[after] = len(came_from)
                came_from.append((number, label))
                before.append([])
                queue.append(after)
            before[known].append(number)
            if older and stale is None:
                stale = [*_way(came_from, number), label]
    return Result(len(numbers), stale, wrong, _stuck(before, ends))


def _way(came_from, number):
    way = []
    while number:
        number, label = came_from[number]
        way.append(label)
    return way[::-1]


def _stuck(before, ends):
    """Count the states from which no end is reached."""
    reached, waiting = set(ends), list(ends)
    while waiting:
        for number in before[waiting.pop()]:
            if number not in reached:
                reached.add(number)
                waiting.append(number)
    return len(before) - len(reached)
