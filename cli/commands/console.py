"""`bridge console`: a page over a stack, on this machine only."""

import click

from cli import exits
from cli.console.server import Console
from cli.terminal import Cell, say
from ops.stack import Stack, of_stack


@click.command(short_help="Open a page over the stack, on this machine: cards, what waits and why, repair.")
@click.option("--port", default=0, type=click.IntRange(0, 65_535), help="Of 127.0.0.1; any free one without it.")
@click.option("--read-only", is_flag=True, help="Refuse to replay, retry, erase and take off.")
@of_stack
def command(stack: Stack, port: int, *, read_only: bool) -> int:
    """Serve a page over the stack on 127.0.0.1, with your own rights in AWS, until Ctrl-C.

    It shows personal data to the browser that opens the printed address, and to no other. Nothing is hosted.
    """
    try:
        console = Console(stack, port, read_only=read_only)
    except OSError as error:
        raise click.ClickException(f"port {port} of this machine is taken: choose another with --port") from error
    say(Cell(console.url, "bold"))
    say("Open it in your browser; the address is a key, so give it to no one. Ctrl-C ends the console.")
    try:
        console.run()
    except KeyboardInterrupt:
        pass
    finally:
        console.stop()
    return exits.FINE
