"""Delivery: claim due cards, post them in arrays, record what came of it."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from aws.queues import Queue, dumps
from aws.secrets import Secret
from aws.table import Cards, chunks
from cards.card import Card, Refusal, compose
from cards.key import endpoint_of, project_of
from connections import auth_key_of
from delivery import state
from delivery.answer import Answer
from delivery.bisect import settle, unposted
from delivery.circuits import PROBE, Circuits
from delivery.classify import Judgement, classify, shape
from delivery.leases import Claims
from delivery.pace import Paces
from delivery.ringostat import Endpoint, Ringostat
from delivery.state import Lease, Policy
from delivery.wakeups import Ring
from errors import Unavailable
from telemetry import count, failed, logger

ROUNDS = 3  # deliveries of one card in one run, while its content keeps changing
STOP_MS = 3000  # what recording needs after the last POST
LEASE_GRACE_MS = 5000  # clocks of workers differ
LONGEST_HIDE_MS = 15 * 60_000
GIVE_UP_MS = 14 * 86_400_000

HIDES = 5  # receives after which the sweep, which counts none, takes over


class Worker(NamedTuple):
    """What a delivery needs from outside. `clock` gives ms since 1970, `jitter` 0…1, `new_id` a fresh lease id."""

    cards: Cards
    ringostat: Ringostat
    auth_keys: Secret
    rings: Queue
    circuits: Circuits
    paces: Paces
    policy: Policy
    batch_size: int
    post_deadline: int  # ms
    clock: Callable[[], int]
    jitter: Callable[[], float]
    new_id: Callable[[], str]


class Target(NamedTuple):
    """Where cards of one POST go."""

    project: int
    endpoint: Endpoint


class Posting(NamedTuple):
    """A claimed card and its body, serialised once."""

    card: Card
    body: bytes


class Run:
    """One invocation: the rings of a batch, until `ends_at` (ms since 1970)."""

    def __init__(self, worker: Worker, ends_at: int) -> None:
        self._worker = worker
        self._ends_at = ends_at
        self._again: dict[str, int] = {}  # cards to try again, and when

    def deliver(self, rings: Sequence[Ring]) -> dict[str, Any]:
        """Deliver every card that is due and free, and return Lambda's answer: the rings to be handed out again."""
        self._worker.auth_keys.read()  # without keys nothing is claimed
        todo = list(dict.fromkeys(key for ring in rings for key in ring.keys))
        for _ in range(ROUNDS):
            if not todo:
                break
            if not self._may_start():
                self._again |= dict.fromkeys(todo, self._worker.clock())
                break
            todo = self._post_all(self._claim(self._admitted(todo)))
        return self._answer(rings)

    def _may_start(self) -> bool:
        return self._worker.clock() + self._worker.post_deadline + STOP_MS < self._ends_at

    def _admitted(self, keys: Sequence[str]) -> list[str]:
        """Return the cards whose projects may be posted to now; the others stay due, unclaimed."""
        now = self._worker.clock()
        admitted: list[str] = []
        for project in sorted({project_of(key) for key in keys}):
            cards = [key for key in keys if project_of(key) == project]
            pace = self._worker.paces.read(project, now)
            if pace.not_before > now:
                self._again |= dict.fromkeys(cards, pace.not_before)
                continue
            gate = self._worker.circuits.gate(project, now)
            admitted += {"closed": cards, "probe": cards[:PROBE], "open": []}[gate]
        return admitted

    def _claim(self, keys: Sequence[str]) -> list[Card]:
        lease = Lease(self._worker.new_id(), self._ends_at + LEASE_GRACE_MS)
        quiet = self._worker.policy.quiet
        claims = Claims(self._worker.cards, lease, now=self._worker.clock(), quiet=quiet)
        claimed = claims.claim(keys)
        self._again |= claims.waiting
        return claimed

    def _post_all(self, claimed: Sequence[Card]) -> list[str]:
        """Post the cards by project and endpoint, organizations first; return the keys whose content has moved on."""
        groups: dict[Target, list[Card]] = defaultdict(list)
        for card in claimed:
            groups[Target(project_of(card.key), endpoint_of(card.key))].append(card)
        moved = []
        for target in sorted(groups, reverse=True):  # "organizations" before "contacts", which may name them
            cards = groups[target]
            try:
                moved += self._post_group(target, cards)
            except Exception as error:  # noqa: BLE001 - one project's trouble must not stop the others
                failed("delivery left to the next run", error, project=target.project, cards=len(cards))
                self._again |= dict.fromkeys(
                    (card.key for card in cards), self._worker.clock() + self._worker.policy.quiet
                )
        return moved

    def _post_group(self, target: Target, cards: Sequence[Card]) -> list[str]:
        postings = [Posting(card, _body(card)) for card in cards]
        moved: list[str] = []
        stopped: Judgement | None = None
        for chunk in chunks(postings, self._worker.batch_size):
            if stopped:
                results = [(posting, unposted(stopped)) for posting in chunk]
            else:
                results = list(settle(chunk, partial(self._post, target), may_start=self._may_start))
            moved += self._record(results)
            stopped = next((judgement for _, judgement in results if judgement.answer_class in STOPPING), stopped)
        return moved

    def _post(self, target: Target, postings: Sequence[Posting]) -> Judgement:
        """Do one POST if the project's circuits let it through; what Ringostat asks of the project, note for all."""
        judgement = self._worker.circuits.post(target.project, partial(self._post_once_or_twice, target, postings))
        if judgement.answer_class == "slow-down":
            now = self._worker.clock()
            pace = self._worker.paces.read(target.project, now).slowed(now + int(judgement.wait_seconds * 1000))
            self._worker.paces.write(target.project, pace, now)
        return judgement

    def _post_once_or_twice(self, target: Target, postings: Sequence[Posting]) -> Judgement:
        """Do one POST, and once more with a key read afresh if Ringostat refuses the key."""
        key = auth_key_of(self._worker.auth_keys.read(), target.project)
        judgement = self._post_with(key, target, postings)
        if judgement.answer_class != "auth":
            return judgement
        fresh = auth_key_of(self._worker.auth_keys.refresh(), target.project)
        return self._post_with(fresh, target, postings) if fresh != key and self._may_start() else judgement

    def _post_with(self, auth_key: str | None, target: Target, postings: Sequence[Posting]) -> Judgement:
        if auth_key is None:
            return Judgement("auth", "no-auth-key", circuit="auth")
        started = self._worker.clock()
        bodies = [posting.body for posting in postings]
        answer = self._worker.ringostat.post(target.endpoint, bodies, project=target.project, auth_key=auth_key)
        ended = self._worker.clock()
        judgement = classify(answer, ended / 1000)
        _report(target, [posting.card.key for posting in postings], answer, judgement, ended - started)
        return judgement

    def _record(self, results: Sequence[tuple[Posting, Judgement]]) -> list[str]:
        """Write what came of each card; return the keys of those that say something new meanwhile."""
        now = self._worker.clock()
        changes = {posting.card.key: self._changes(posting.card, judgement, now) for posting, judgement in results}
        cards = {posting.card.key: posting.card for posting, _ in results}
        conflicts = self._worker.cards.write_all([state.record(card, changes[key]) for key, card in cards.items()])
        moved = []
        for key, row in conflicts.items():
            if row is not None and row.lease_id == cards[key].lease_id:
                result = self._worker.cards.write(state.record_moved(cards[key], changes[key]))
                moved += [key] if result.done else []
        return moved

    def _changes(self, card: Card, judgement: Judgement, now: int) -> dict[str, Any]:
        """Return what a judgement makes of a card's row, and note when to try again soon."""
        policy, jitter = self._worker.policy, self._worker.jitter()
        given_up = card.due_since is not None and now - card.due_since > GIVE_UP_MS
        if given_up and judgement.answer_class != "confirmed":
            card = card._replace(ambiguous=card.ambiguous or judgement.answer_class == "ambiguous")
            judgement = Judgement("bad-data", "expired")
        match judgement.answer_class:
            case "confirmed":
                count("CardsConfirmed")
                return state.confirmed(card, now, policy)
            case "bad-data" | "too-big":
                count("CardsRefused")
                logger.warning("refused", card=card.key, code=judgement.code, field=judgement.field)
                return state.refused(card, Refusal(card.hash or "", judgement.code, judgement.field, now))
            case "auth" | "configuration":
                return state.postponed(card, now + policy.repair)
            case "ambiguous":
                changes = state.ambiguous(card, now, policy, jitter)
            case "not-sent":
                changes = state.retried(card, now, policy, jitter)
            case "slow-down":
                changes = state.postponed(card, now + int(judgement.wait_seconds * 1000 * (1 + jitter / 10)))
            case _:
                changes = state.released(card, now if judgement.code == "no-time" else now + policy.retry_base)
                if judgement.code == "circuit-open":
                    return changes
        self._again[card.key] = changes["due_at"] or now
        return changes

    def _answer(self, rings: Sequence[Ring]) -> dict[str, Any]:
        """Hide the rings of cards to try again soon until then; what takes longer is the sweep's."""
        now = self._worker.clock()
        hidden: dict[str, int] = {}
        again: list[str] = []
        for ring in rings:
            times = [self._again[key] for key in ring.keys if key in self._again]
            if times and ring.received <= HIDES and min(times) - now <= LONGEST_HIDE_MS:
                again.append(ring.message_id)
                hidden[ring.receipt] = max(0, math.ceil((min(times) - now) / 1000))
        if hidden:
            self._hide(hidden)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _hide(self, seconds: Mapping[str, int]) -> None:
        try:
            self._worker.rings.hide(seconds)
        except Unavailable as error:
            failed("rings come back later than they should", error)


STOPPING = frozenset({"ambiguous", "not-sent", "slow-down", "auth", "configuration", "unposted"})


def _body(card: Card) -> bytes:
    payload = compose(card.key, card.fields).payload
    return dumps(payload).encode()


def _report(target: Target, cards: Sequence[str], answer: Answer, judgement: Judgement, took: int) -> None:
    """Log one line for the POST: the shape of the answer, never its text."""
    unknown = judgement.circuit == "contract"
    count("CardsPosted", len(cards))
    count("AnswersUnknown", unknown)
    logger.info(
        "posted",
        project=target.project,
        endpoint=target.endpoint,
        number=len(cards),
        cards=cards[:100],
        status=answer.status,
        error=answer.error,
        answer=judgement.answer_class,
        code=judgement.code,
        field=judgement.field,
        unknown=unknown,
        shape=shape(answer.body),
        milliseconds=took,
    )
