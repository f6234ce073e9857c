"""Delivery: claim due cards, post them in arrays, record what came of it."""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from aws.queues import Queue
from aws.secrets import Secret
from aws.table import Cards
from cards.card import Card
from cards.endpoints import ENDPOINTS, compose
from cards.key import project_of
from cards.write import Write
from connections import auth_key_of
from delivery import state
from delivery.bisect import post_all, unposted
from delivery.classify import Judgement, classify, shape
from delivery.leases import Leases
from delivery.policy import (
    LEASE_GRACE_MS,
    LONGEST_HIDE_MS,
    MAX_RECEIVES,
    MAX_ROUNDS,
    PROBE_CARDS,
    STOP_MARGIN_MS,
    Policy,
)
from delivery.ringostat import Ringostat
from delivery.state import Lease
from delivery.throttle import gate
from delivery.throttles import Throttles
from delivery.wakeups import Wakeup
from errors import Unavailable
from telemetry import count, failed, logger, report
from wire import Answer

ORDER = list(ENDPOINTS)
_COMPACT = json.JSONEncoder(separators=(",", ":"))
CIRCUIT_OPEN = Judgement("unposted", "circuit-open")
NO_TIME = Judgement("unposted", "no-time")


class Worker(NamedTuple):
    """What a delivery needs from outside. `clock` gives ms since 1970, `jitter` 0…1, `new_id` a fresh lease id."""

    cards: Cards
    ringostat: Ringostat
    auth_keys: Secret
    wakeups: Queue
    throttles: Throttles
    policy: Policy
    clock: Callable[[], int]
    jitter: Callable[[], float]
    new_id: Callable[[], str]


class Target(NamedTuple):
    """Where cards of one POST go."""

    project: int
    endpoint: str


class Posting(NamedTuple):
    """A claimed card and its body, serialised once."""

    card: Card
    body: bytes


@dataclass
class Run:
    """One invocation: the wake-ups of a batch, until `ends_at` (ms since 1970)."""

    worker: Worker
    ends_at: int
    again: dict[str, int] = field(default_factory=dict)  # cards to try again, and when
    auth_keys: Mapping[str, Any] = field(default_factory=dict)

    def deliver(self, wakeups: Sequence[Wakeup]) -> dict[str, Any]:
        """Deliver every card that is due and free, and return Lambda's answer: the wake-ups to be handed out again."""
        self.auth_keys = self.worker.auth_keys.read()  # without keys nothing is claimed
        todo = list(dict.fromkeys(key for wakeup in wakeups for key in wakeup.keys))
        for _ in range(MAX_ROUNDS):
            if not todo:
                break
            if not self._may_start():
                self.again |= dict.fromkeys(todo, self.worker.clock())
                break
            todo = self._post_claimed(self._claim(self._admitted(todo)))
        return self._answer(wakeups)

    def _may_start(self) -> bool:
        return self.worker.clock() + self.worker.policy.post_deadline_ms + STOP_MARGIN_MS < self.ends_at

    def _admitted(self, keys: Sequence[str]) -> list[str]:
        """Return the cards whose projects may be posted to now; the others stay due, unclaimed."""
        now = self.worker.clock()
        projects: dict[int, list[str]] = defaultdict(list)
        for key in keys:
            projects[project_of(key)].append(key)
        admitted: list[str] = []
        for project, cards in sorted(projects.items()):
            throttle = self.worker.throttles.read(project, now)
            ready, free_at = len(cards), now
            if throttle.not_before is not None and throttle.not_before > now:
                ready, free_at = 0, throttle.not_before
            elif throttle.circuit is not None:
                ready = PROBE_CARDS if gate(throttle, now) == "probe" else 0
                free_at = max(now, throttle.rests_until or 0)
            admitted += cards[:ready]
            self.again |= dict.fromkeys(cards[ready:], free_at)
        return admitted

    def _claim(self, keys: Sequence[str]) -> list[Card]:
        lease = Lease(self.worker.new_id(), self.ends_at + LEASE_GRACE_MS)
        quiet_ms = self.worker.policy.quiet_ms
        return Leases(self.worker.cards, lease, self.worker.clock(), quiet_ms, self.again).claim(keys)

    def _post_claimed(self, claimed: Sequence[Card]) -> list[str]:
        """Post the cards by endpoint and project; return the keys of cards whose content changed meanwhile."""
        groups: dict[Target, list[Posting]] = defaultdict(list)
        for card in claimed:
            with self._leaving([card]):
                target, posting = _addressed(card)
                groups[target].append(posting)
        moved: list[str] = []
        for target in sorted(groups, key=lambda target: ORDER.index(target.endpoint)):
            with self._leaving([posting.card for posting in groups[target]]):
                moved += self._post_group(target, groups[target])
        return moved

    @contextmanager
    def _leaving(self, cards: Sequence[Card]) -> Iterator[None]:
        """Leave cards to the next run where anything unexpected happens."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the trouble of one card or project must not stop the others
            failed("delivery left to the next run", error, card=cards[0].key, cards=len(cards))
            again_at = self.worker.clock() + self.worker.policy.quiet_ms
            self.again |= dict.fromkeys((card.key for card in cards), again_at)

    def _post_group(self, target: Target, postings: Sequence[Posting]) -> list[str]:
        moved: list[str] = []
        stopped: Judgement | None = None
        size = self._size(target.project) if len(postings) > 1 else 1
        for start in range(0, len(postings), size):
            chunk = postings[start : start + size]
            if stopped:
                results = [(posting, unposted(stopped)) for posting in chunk]
            else:
                results = list(post_all(chunk, partial(self._post, target)))
            moved += self._record(results)
            stopped = next((judgement for _, judgement in results if judgement.answer_class in STOPPING), stopped)
        return moved

    def _size(self, project: int) -> int:
        """Return how many cards share a POST: none while it is in doubt whether Ringostat takes any card at all."""
        circuit = self.worker.throttles.read(project, self.worker.clock()).circuit
        return 1 if circuit == "contract" else self.worker.policy.batch_size

    def _post(self, target: Target, postings: Sequence[Posting]) -> Judgement:
        """Do one POST if there is time and nothing holds the project back; report the result to its throttle."""
        if not self._may_start():
            return NO_TIME
        throttles = self.worker.throttles
        if not throttles.admits(target.project, self.worker.clock()):
            return CIRCUIT_OPEN
        judgement = self._post_once_or_twice(target, postings)
        alone = postings[0].card if len(postings) == 1 else None
        return throttles.observe(target.project, judgement, self.worker.clock(), alone)

    def _post_once_or_twice(self, target: Target, postings: Sequence[Posting]) -> Judgement:
        """Do one POST, and once more with a key read afresh if Ringostat refuses the key."""
        key = auth_key_of(self.auth_keys, target.project)
        judgement = self._post_with(key, target, postings)
        if judgement.answer_class != "auth":
            return judgement
        self.auth_keys = self.worker.auth_keys.refresh()
        fresh = auth_key_of(self.auth_keys, target.project)
        return self._post_with(fresh, target, postings) if fresh != key and self._may_start() else judgement

    def _post_with(self, auth_key: str | None, target: Target, postings: Sequence[Posting]) -> Judgement:
        if auth_key is None:
            return Judgement("auth", "no-auth-key", circuit="auth")
        started = self.worker.clock()
        bodies = [posting.body for posting in postings]
        endpoint = ENDPOINTS[target.endpoint]
        answer = self.worker.ringostat.post(endpoint, bodies, project=target.project, auth_key=auth_key)
        ended = self.worker.clock()
        judgement = classify(answer, ended / 1000)._replace(status=answer.status, begun_at=started)
        _report(target, [posting.card.key for posting in postings], answer, judgement, ended - started)
        return judgement

    def _record(self, results: Sequence[tuple[Posting, Judgement]]) -> list[str]:
        """Write what came of each card; return the keys of cards whose content changed while they were posted."""
        now = self.worker.clock()
        records = {posting.card.key: self._judged(posting.card, judgement, now) for posting, judgement in results}
        cards = {posting.card.key: posting.card for posting, _ in results}
        moved = []
        for key, row in self.worker.cards.write_all(list(records.values())).items():
            if row is not None and row.lease_id == cards[key].lease_id:
                result = self.worker.cards.write(state.record_moved(cards[key], records[key].changes))
                moved += [key] if result.done else []
        return moved

    def _judged(self, card: Card, judgement: Judgement, now: int) -> Write:
        """Return the write of what a judgement makes of a card, count it, and note when to try again soon."""
        result = state.judged(card, judgement, now, self.worker.policy, self.worker.jitter())
        if refusal := result.record.changes.get("refused"):
            count("CardsRefused")
            logger.warning("refused", card=card.key, code=refusal.code, field=refusal.field)
        elif times := result.record.changes.get("refusals"):
            logger.warning("refused alone", card=card.key, code=judgement.code, field=judgement.field, times=times)
        if result.again_at is not None:
            self.again[card.key] = result.again_at
        return result.record

    def _answer(self, wakeups: Sequence[Wakeup]) -> dict[str, Any]:
        """Hide the wake-ups of cards to try again soon until then; what takes longer is the sweep's."""
        now = self.worker.clock()
        hidden: dict[str, int] = {}
        again = [wakeup.message_id for wakeup in wakeups if wakeup.is_newer]
        for wakeup in wakeups:
            times = [self.again[key] for key in wakeup.keys if key in self.again]
            if times and wakeup.received <= MAX_RECEIVES and min(times) - now <= LONGEST_HIDE_MS:
                again.append(wakeup.message_id)
                hidden[wakeup.receipt] = max(0, math.ceil((min(times) - now) / 1000))
        if hidden:
            self._hide(hidden)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _hide(self, seconds: Mapping[str, int]) -> None:
        try:
            self.worker.wakeups.hide(seconds)
        except Unavailable as error:
            failed("wake-ups come back later than they should", error)


STOPPING = frozenset({"ambiguous", "not-sent", "slow-down", "auth", "configuration", "unposted"})


def _addressed(card: Card) -> tuple[Target, Posting]:
    """Return a card's body and where it goes; raise KeyError where this version makes none of a card that is due."""
    composed = compose(card.key, card.fields)
    payload = composed.payload or {}
    body = _COMPACT.encode(payload).encode()
    return Target(payload["projectId"], composed.endpoint), Posting(card, body)


def _report(target: Target, cards: Sequence[str], answer: Answer, judgement: Judgement, took: int) -> None:
    """Log one line for the POST: the shape of the answer, never its text."""
    unknown = judgement.circuit == "contract"
    report(
        "posted",
        {
            "CardsPosted": len(cards),
            "CardsConfirmed": len(cards) * (judgement.answer_class == "confirmed"),
            "AnswersUnknown": unknown,
        },
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
