"""What an answer of a CRM's API means: a pure table from status, headers and body to one class."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from mapping.language.model import Api, Lookup
from wire import Answer

Kind = Literal[
    "ok",  # it holds records, perhaps none of those that were asked for
    "wait",  # the whole connection pauses
    "key",  # a human repairs the key or the address; no id is given up
    "retry",  # nothing is known of the ids: again, later
    "bad",  # the CRM refuses this request: its half may be fine
    "gone",  # the one record that was asked for is not there, or not to be seen
]


class Read(NamedTuple):
    """The class of an answer. Nothing in it quotes the answer but ids, which fit the look-up's pattern.

    `code` is a stable word, or the status. `seconds` is how long a `wait` lasts. `found` are the ids of the records in
    the answer, `missing` those that were asked for and are not among them: not found or not visible.
    """

    kind: Kind
    code: str = ""
    seconds: int = 0
    found: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    status: int = 0  # 0 if none arrived


def judged(answer: Answer, api: Api, lookup: Lookup | None, asked: Sequence[str], now: float) -> Read:
    """Return what an answer means, whatever it is.

    `lookup` is None for the answer to `check`. `asked` are the ids of the request, none for a page of a sync. `now` is
    in seconds since 1970, for a date in Retry-After.
    """


class AccessToken(NamedTuple):
    """An access token, and for how many seconds it is good. Its repr shows neither."""

    value: str
    seconds: int

    def __repr__(self) -> str:
        """Return the name only."""
        return "AccessToken(…)"


def token(answer: Answer) -> AccessToken | None:
    """Return the token that a 2xx to `request.token_request` holds, None if it holds none."""
