"""Requests to a connection's address, with its proof: again for a minute while the functions do not know it yet."""

from http import HTTPStatus

import click

from access import fault
from cli.terminal import Cell, say
from connections import Connection
from ops import sending
from ops.samples import Sample
from ops.sending import Answer
from ops.stack import Stack

AGAIN_SECONDS = 10
TRIES = 8  # the functions read the connections again before they deny a request, at most once a minute
EMPTY = Sample(b"", {"content-type": "application/json"}, {})  # refused for what it is (400), once its proof is good
BUT_FOR_ITS_TOKEN = EMPTY._replace(body=b"{}")


def sent(stack: Stack, connection: Connection, sample: Sample) -> tuple[Answer, int]:
    """Send a sample; return its answer, and after how many seconds of waiting.

    Raise ClickException where it can carry no proof or nothing answers.
    """
    for number in range(TRIES):
        answer = sending.sent(stack, connection, sample)
        if answer.status != HTTPStatus.UNAUTHORIZED or number == TRIES - 1:
            break
        if not number:
            say("The functions do not know it yet: it is tried again for a minute.", error=True)
        stack.sleep(AGAIN_SECONDS)
    return answer, number * AGAIN_SECONDS


def wait(stack: Stack, connection: Connection) -> bool:
    """Wait until the functions know a connection, and say so; return whether they do."""
    if fault(connection.verify):  # what the CRM alone knows is not given yet
        say("The functions know the connection within a minute.")
        return True
    empty = BUT_FOR_ITS_TOKEN if connection.verify["scheme"] == "body-token" else EMPTY
    try:
        answer, waited = sent(stack, connection, empty)
    except click.ClickException as error:
        say(Cell("Not tried: ", "yellow"), error.message)
        return False
    if answer.status == HTTPStatus.BAD_REQUEST:
        say(Cell(f"Ready in {waited} s" if waited else "Ready", "green"), ": events are taken.")
        return True
    say(Cell(f"The address answers {answer.status}", "yellow"), " to a request with its proof; bridge doctor says more")
    return False
