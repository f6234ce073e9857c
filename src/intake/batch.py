"""A batch of messages of the inbox queue: the events of a connection are merged at once, or alone if that fails."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from aws.secrets import Secret
from connections import Connection, connection_of
from errors import AllRejected, BadBody, SenderError, TooLarge, Unavailable, UnknownConnection
from event import Event, Record, queued, sent_at
from intake.ingest import Mapped, Stores, Verdict, conclude, mapped, merge, reject, reject_unread
from telemetry import count, failed, logger


class Batch(NamedTuple):
    """One invocation; `clock` gives ms since 1970, UTC."""

    connections: Secret
    stores: Stores
    clock: Callable[[], int]

    def take(self, records: Sequence[Record]) -> dict[str, list[dict[str, str]]]:
        """Ingest messages; name those that Lambda must hand out again."""
        left: list[Record] = []
        events: dict[str, list[tuple[Record, Mapped]]] = {}
        for record in records:
            with _staying(record, left):
                if one := self._meant(record):
                    events.setdefault(one.connection.name, []).append((record, one))
        left += [record for of_it in events.values() for record in self._take_together(of_it)]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in left]}

    def _take_together(self, events: Sequence[tuple[Record, Mapped]]) -> list[Record]:
        """Ingest a connection's messages in one merge, or each alone if that fails; return the messages that stay."""
        try:
            verdicts = merge([one for _, one in events], self.stores, self.clock())
        except Exception as error:  # noqa: BLE001 - see `_staying`
            if len(events) > 1:
                return [record for event in events for record in self._take_together([event])]
            return [_stays(record, error) for record, _ in events]
        left: list[Record] = []
        for (record, one), found in zip(events, verdicts, strict=True):
            with _staying(record, left):
                self._conclude(one, found)
        return left

    def _meant(self, record: Record) -> Mapped | None:
        """Return what a message means; None if it can never be read, and the message is in the rejected queue."""
        try:
            event = queued(record)
        except BadBody as error:  # it wraps no event, so it is kept as it came
            _log(record["messageId"], "", error)
            count("RecordsRejected")
            reject_unread(record, self.stores.rejected, error.code, str(error))
            return None
        try:
            return self._mapped(event, record)
        except TooLarge:
            raise  # wrapped in base64 it might not fit the rejected queue: the redrive moves it there as it is
        except SenderError as error:
            count("RecordsRejected")
            self._reject(event, error)
        return None

    def _mapped(self, event: Event, record: Record) -> Mapped:
        connection = self._connection(event.connection, sent_at(record))
        return mapped(event, connection, self.stores.mappings.of(connection), self.stores)

    def _connection(self, name: str, since: int) -> Connection:
        """Return a connection; raise UnknownConnection only where the secret was read after the message was sent.

        Of one that was read before, the connection may be new: the message stays, and the secret is read until then.
        """
        secret = self.connections
        connection = connection_of(secret.read(), name) or connection_of(secret.refresh(), name)
        if connection is None:
            if secret.age() * 1000 > self.clock() - since:
                raise Unavailable("The connection may be newer than what was read of the secret.")
            raise UnknownConnection
        return connection

    def _conclude(self, one: Mapped, verdicts: Sequence[Verdict]) -> None:
        """Keep a message with a rejected record, also one of our own contract: no sender waits for an answer."""
        try:
            conclude(one, verdicts, self.stores)
        except AllRejected as error:  # counted one by one
            self._reject(one.event, error)

    def _reject(self, event: Event, error: SenderError) -> None:
        """Put an event whole into the rejected queue."""
        known = "" if isinstance(error, UnknownConnection) else event.connection  # else it is anybody's text
        _log(event.request_id, known, error)
        reject(event, self.stores.rejected, error.code, str(error))


def _log(request_id: str, connection: str, error: SenderError) -> None:
    logger.warning("rejected", request_id=request_id, connection=connection or None, code=error.code)


@contextmanager
def _staying(record: Record, left: list[Record]) -> Iterator[None]:
    """Leave a message in the queue where anything unexpected happens."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the message must not be lost
        left.append(_stays(record, error))


def _stays(record: Record, error: Exception) -> Record:
    """Log by type and place why a message stays in the queue."""
    failed("left in the inbox queue", error, request_id=record["messageId"])
    return record
