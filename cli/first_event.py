"""The first event of a new connection: waited for until it was heard, or an event was rejected."""

from cards.key import heard_key
from cli import exits
from cli.terminal import Cell, say
from intake.heard import HOUR_MS
from ops.stack import Stack

AGAIN_SECONDS = 5
TRIES = 180  # a quarter of an hour


def first_event(stack: Stack, name: str) -> int:
    """Wait for the first event and say what became of it; return an exit code."""
    before, rejected = _heard(stack, name), stack.depth("RejectedQueue")
    if before > stack.clock() - HOUR_MS:  # until then no other event moves that time
        say(f"{name} sent events within the last hour: bridge status {name} ID shows a card and when it came.")
        return exits.FINE
    say("Waiting for the first event: save a contact in the CRM (Ctrl-C ends the waiting, not the connection).")
    for _ in range(TRIES):
        if stack.depth("RejectedQueue") > rejected:
            say(Cell("An event was rejected: ", "yellow"), f"bridge rejected list --connection {name} says why.")
            return exits.REJECTED
        if _heard(stack, name) > before:
            say(Cell("The first event came", "green"), f", and its mapping knows it: bridge status {name} ID.")
            return exits.FINE
        stack.sleep(AGAIN_SECONDS)
    say(Cell("No event came in 15 minutes: ", "yellow"), "bridge doctor looks for the reason.")
    return exits.WRONG


def _heard(stack: Stack, name: str) -> int:
    """Return when an event that the mapping knows came last, to the hour; 0 if none did."""
    return int(stack.cards.row(heard_key(name)).get("read_at", 0))
