"""Which rejected events or refused cards are meant."""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple

import click

from ops.completion import connections


class Filter(NamedTuple):
    """What must fit; an empty text fits everything. `since` is in ms since 1970."""

    connection: str
    code: str
    since: int

    def fits(self, connection: str, code: str, at: int) -> bool:
        """Return whether the filter takes this connection, code and time (ms since 1970)."""
        return self.connection in ("", connection) and self.code in ("", code) and at >= self.since


_OPTIONS = (
    click.option("--since", metavar="WHEN", help="Since then: 90min, 2h, 3d, 2026-03-01 or 2026-03-01T10:00."),
    click.option("--code", default="", help="With this code."),
    click.option("--connection", default="", shell_complete=connections, help="Of this connection."),
)


def filtered(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that choose; the command gets `connection`, `code` and `since` as they were written."""
    return reduce(lambda wrapped, option: option(wrapped), _OPTIONS, command)
