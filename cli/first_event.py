"""The first event of a new connection: waited for until it has changed a card, or was rejected."""

from cli import exits
from cli.checks import newest
from cli.terminal import Cell, say
from ops.stack import Stack

AGAIN_SECONDS = 5
TRIES = 180  # a quarter of an hour


def first_event(stack: Stack, name: str) -> int:
    """Wait for the first event and say what became of it; return an exit code."""
    before, rejected = newest(stack)[0].get(name), stack.depth("RejectedQueue")
    say("Waiting for the first event: save a contact in the CRM (Ctrl-C ends the waiting, not the connection).")
    for _ in range(TRIES):
        changed, whole = newest(stack)
        if changed.get(name) != before:
            say(Cell("The first event came", "green"), " and changed a card.")
            return exits.FINE
        if stack.depth("RejectedQueue") > rejected:
            say(Cell("An event was rejected: ", "yellow"), f"bridge rejected list --connection {name} says why.")
            return exits.REJECTED
        if not whole:
            say("The table is too large to be watched: bridge status shows one card by its id.")
            return exits.FINE
        stack.sleep(AGAIN_SECONDS)
    say(Cell("No event came in 15 minutes: ", "yellow"), "bridge doctor looks for the reason.")
    return exits.WRONG
