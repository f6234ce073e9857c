"""The worker: takes wake-ups, and does one round at a time for each connection."""

import math
from collections.abc import Sequence
from typing import Any

from cards.key import pace_key
from cards.write import Write
from connections import Connection, connection_of
from delivery.policy import LONGEST_HIDE_MS, MAX_RECEIVES
from errors import Unavailable
from lookup.leased import Leased, Worker
from lookup.pace import LEASE_GRACE_MS, REST_MS, Pace, lease, opens_at
from lookup.round import Round
from lookup.wakeups import Wakeup
from telemetry import failed, logger


class Run:
    """One invocation: the wake-ups of a batch, until `ends_at` (ms since 1970)."""

    def __init__(self, worker: Worker, ends_at: int) -> None:
        self._worker = worker
        self._ends_at = ends_at

    def look_up(self, wakeups: Sequence[Wakeup]) -> dict[str, Any]:
        """Read what the connections want, and return Lambda's answer: the wake-ups to be handed out again.

        Of the wake-ups of a connection one comes back: it stands for all.
        """
        again = {wakeup.message_id: 0 for wakeup in wakeups if wakeup.is_newer}
        for wakeup in {wakeup.connection: wakeup for wakeup in wakeups if wakeup.connection}.values():
            at = self._of(wakeup.connection)
            if at is not None and wakeup.received <= MAX_RECEIVES and at - self._worker.clock() <= LONGEST_HIDE_MS:
                again[wakeup.message_id] = at
                self._hide(wakeup, at)
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}

    def _hide(self, wakeup: Wakeup, at: int) -> None:
        seconds = max(0, math.ceil((at - self._worker.clock()) / 1000))
        try:
            self._worker.wakeups.hide({wakeup.receipt: seconds})
        except Unavailable as error:
            failed("a wake-up comes back later than it should", error)

    def _of(self, name: str) -> int | None:
        """Do a round for a connection; return when its wake-up is to come back, if it is."""
        try:
            connections = self._worker.connections
            connection = connection_of(connections.read(), name) or connection_of(connections.refresh(), name)
            if connection is None:
                logger.warning("no connection has this name", connection=name)
            return self._leased(connection) if connection else None
        except Exception as error:  # noqa: BLE001 - one connection's trouble must not stop the others
            failed("look-ups left to the next run", error, connection=name)
            return self._worker.clock() + REST_MS

    def _leased(self, connection: Connection) -> int | None:
        worker, now = self._worker, self._worker.clock()
        until = self._ends_at + LEASE_GRACE_MS
        is_ours = worker.cards.write(lease(connection.name, worker.new_id(), until, now)).done
        pace = Pace.of(worker.cards.row(pace_key(connection.name)))
        if not is_ours:
            return self._later(connection, pace, now)
        leased = Leased(worker, connection, pace, self._ends_at)
        a_round = Round(leased)
        try:
            a_round.read_all()
        finally:
            leased.end(is_owed=a_round.is_owed)
        return opens_at(leased.pace) if a_round.is_owed else None

    def _later(self, connection: Connection, pace: Pace, now: int) -> int | None:
        """Return when a wake-up that came too early is to come back; None where another one will."""
        if (pace.again_at or 0) > now:
            return None
        at = max(pace.not_before or 0, now + REST_MS if pace.lease_until else 0)
        self._worker.cards.write(Write(pace_key(connection.name), {"again_at": at}))
        return at
