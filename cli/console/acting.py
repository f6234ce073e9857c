"""What the console does to a stack: the same functions that the verbs call."""

from collections.abc import Collection

from cli.console.reading import card_of_key
from ops.erasing import AT_RINGOSTAT, erased
from ops.left_behind import taken_off
from ops.refused import retried
from ops.rejected_queue import Held
from ops.replay import Replay
from ops.stack import Stack
from ops.times import counted
from ops.views import row


def replay(stack: Stack, identities: Collection[str]) -> str:
    """Send rejected events to the inbox queue again; return what came of it."""
    run, left = Replay(stack), set(identities)
    with Held(stack) as held:
        for batch in held.batches():
            run.replay([one for one in batch if one.identity in left], held)
            left -= {one.identity for one in batch}
            if not left:
                break
    return run.summary()


def retry(stack: Stack, key: str) -> str:
    """Post a refused card once more."""
    known = card_of_key(stack, key)
    if not row(known)["state"].startswith("refused"):
        return "The card is not refused any more."
    return (
        "The card is due again." if retried(stack, [known]) else "The card changed meanwhile, which ends its refusal."
    )


def erase(stack: Stack, key: str) -> str:
    """Erase a card for good."""
    card_of_key(stack, key)
    traces = erased(stack, key)
    words = f"{key} erased; {counted(len(traces.of_it), 'rejected event')} of it deleted. {AT_RINGOSTAT}"
    unknown = f" {counted(len(traces.unknown), 'rejected event')} of no known card: look for this one's."
    return words + unknown if traces.unknown else words


def remove(stack: Stack, key: str) -> str:
    """Take a card off the list of those left behind."""
    card_of_key(stack, key)
    return "The card is taken off." if taken_off(stack, [key]) else "The card is not left behind any more."
