"""What a connection may want from its CRM, and how events that only name a record leave a row for it."""

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aws.queues import Queue
from aws.table import Cards
from cards.card import Card
from cards.endpoints import is_deleted
from cards.key import pace_key
from connections import Connection
from event import Event
from lookup.pace import Pace
from lookup.rows import Debt, wanted
from lookup.wakeups import MOST_WANTED, wake
from mapping.outcome import Outcome, Want

SETTLE_SECONDS = 3  # so that the events of one save share a request
DEEPEST = 2  # deal → contact → company
NAMES = ("fullName", "halfName", "name")


REFUSALS = {
    "no-api-key": "the event only names a record; `bridge connect` shows how to let the bridge read it",
    "lookup-full": f"{MOST_WANTED:,} records of this connection wait already; `bridge due` shows why",
}


def is_unknown(card: Card | None) -> bool:
    """Return whether a card says too little: nothing that can be posted, or no name."""
    if card is None:
        return True
    if card.erased or is_deleted(card.fields):
        return False
    return card.hash is None or not any(name in card.fields and card.fields[name].value for name in NAMES)


def refused(outcome: Outcome, code: str) -> Outcome:
    """Return an outcome of a connection that may want nothing: what only names a record is rejected."""
    if outcome.result == "lookup":
        outcome = outcome._replace(result="reject", code=code, reason=REFUSALS[code])
    return outcome._replace(wants=())


class Wanting(NamedTuple):
    """What a connection may want; `refusal` is a code if it may want nothing now."""

    cards: Cards
    wakeups: Queue | None
    connection: str
    refusal: str

    @classmethod
    def of(cls, cards: Cards, wakeups: Queue | None, connection: Connection) -> "Wanting":
        """Return what a connection may want; `wakeups` is None where look-ups are switched off."""
        if wakeups is None or not connection.lookups:
            return cls(cards, None, connection.name, "no-api-key")
        full = Pace.of(cards.row(pace_key(connection.name))).full
        return cls(cards, wakeups, connection.name, "lookup-full" if full else "")

    def admitted(self, event: Event, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Return the outcomes of an event without what may not be wanted."""
        return [self._admitted(event, outcome) if outcome.wants else outcome for outcome in outcomes]

    def _admitted(self, event: Event, outcome: Outcome) -> Outcome:
        if self.refusal:
            return refused(outcome, self.refusal)
        wants = tuple(want for want in outcome.wants if event.depth < DEEPEST and want.lookup != event.lookup)
        outcome = outcome._replace(wants=wants)
        too_deep = outcome._replace(result="skip", code="lookup-depth", reason="it is too far from the event")
        return outcome if wants or outcome.result != "lookup" else too_deep

    def want(self, debts: Mapping[Want, Debt], now: int, until: float) -> None:
        """Write rows for records that are wanted, those that are wanted only if unknown if they are, and wake up."""
        asked = [debt.card for debt in debts.values() if debt.card]
        known = self.cards.read(asked) if asked and time.monotonic() < until else {}
        writes = [
            wanted(self.connection, want, debt, now)
            for want, debt in debts.items()
            if not debt.card or is_unknown(known.get(debt.card))
        ]
        if not writes or self.wakeups is None:
            return
        self.cards.enrol(self.connection, "wanting")
        self.cards.write_all(writes, until)
        # What an answer wants is read by the worker that got the answer: it must not feed its own queue.
        if not all(debt.depth for debt in debts.values()):
            wake(self.wakeups, [self.connection], SETTLE_SECONDS)
