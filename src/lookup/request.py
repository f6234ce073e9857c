"""From what a mapping says of a CRM's API to one request. Pure.

A secret's value stands in no exception, and a Request shows nothing of itself: the path of Bitrix24 is its key.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from errors import OperatorError
from mapping.language.calls import ANY_HOST, HOST, variables
from mapping.language.expression import Expression, View, is_empty
from mapping.language.model import SCOPES_OF_API, SCOPES_OF_CALL, Api, Call, Token
from mapping.language.rule import Template

LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d{1,5}(?=/|$)")
HTTPS_PORT = 443
UNSET = object()  # what a text becomes of which a variable is not set


class Request(NamedTuple):
    """What is to be sent. It may hold a secret anywhere, so its repr shows none of it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    def __repr__(self) -> str:
        """Return the method only."""
        return f"Request({self.method} …)"

    __str__ = __repr__


class Moment(NamedTuple):
    """A time in the notations of CRMs: `{$since}` is the first of them."""

    iso: str
    text: str  # without zone: 2026-11-28 10:00:00, in UTC
    seconds: int
    ms: int


def build(  # noqa: PLR0913 - all that a request is made of
    api: Api,
    call: Call,
    *,
    secret: Mapping[str, str],
    settings: Mapping[str, str],
    ids: Sequence[str] = (),
    known: Mapping[str, Any] = {},
    loopback: bool = False,
) -> Request:
    """Return the request of a call; `ids` are those that it asks for, and fit the look-up's pattern.

    `known` are the other variables that are set: `since` and `now` (ms since 1970), `last`, `next`, `page`, `token`. A
    part of the call whose variable is not set falls away. With `loopback` a connection's own `url` may be
    http://127.0.0.1:PORT, and stands for that of the API.

    Raises OperatorError, which quotes nothing of the secret, where a field of it is missing, and where the address is
    no https or its host does not fit.
    """


def needs(api: Api) -> tuple[str, ...]:
    """Return the fields that the connection's secret must have: the names behind `$secret.` in `[api]`."""


def token_request(
    api: Api, token: Token, *, secret: Mapping[str, str], settings: Mapping[str, str], loopback: bool = False
) -> Request:
    """Return the request for an access token, which `answer.token` reads. Raises OperatorError as `build` does."""
