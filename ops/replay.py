"""Rejected events sent to the inbox queue again."""

from collections import Counter
from collections.abc import Callable, Sequence

from ops.rejected_queue import Held, Rejection, sendable
from ops.stack import Stack


class Replay:
    """One run: every event once, though what is rejected again comes back into the queue that is being read.

    `wait` holds so many events back as long as they must.
    """

    def __init__(self, stack: Stack, wait: Callable[[int], None] = lambda _: None) -> None:
        self._client = stack.client("sqs")
        self._url = stack.queue_url("InboxQueue")
        self._wait = wait
        self._sent: set[tuple[str, str, int]] = set()
        self.counts: Counter[str] = Counter()

    def replay(self, rejections: Sequence[Rejection], held: Held) -> None:
        """Send what this run has not sent yet, then delete what was taken."""
        fresh = list({one.event: one for one in rejections if one.event not in self._sent}.values())
        self.counts["back"] += len(rejections) - len(fresh)
        for piece in sendable(fresh):
            self._wait(len(piece))
            taken = self._send(piece)
            self._sent |= {one.event for one in taken}
            self.counts["sent"] += len(taken)
            self.counts["not taken"] += len(piece) - len(taken)
            self.counts["twice"] += held.delete(taken)

    def _send(self, piece: Sequence[Rejection]) -> list[Rejection]:
        entries = [{"Id": str(index), "MessageBody": one.body} for index, one in enumerate(piece)]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [piece[int(entry["Id"])] for entry in answer.get("Successful", ())]

    def summary(self) -> str:
        """Return what came of it."""
        notes = {
            "back": "were rejected again, or were there twice, and stay",
            "not taken": "were not taken by the inbox queue and stay",
            "twice": "could not be deleted and stay; replaying them again does no harm",
        }
        more = "".join(f"; {self.counts[name]} {note}" for name, note in notes.items() if self.counts[name])
        return f"{self.counts['sent']} sent to the inbox queue{more}"
