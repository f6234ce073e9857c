"""One request to a CRM and what its answer means: the same for the worker and for an operator's command."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from connections import Connection
from lookup.answer import Read, judged
from lookup.fetch import Fetcher
from lookup.request import build
from lookup.tokens import Tokens
from mapping.language.model import Api, Call, Lookup
from wire import Answer


class Asking(NamedTuple):
    """What a request needs from outside. `clock` gives ms since 1970."""

    fetcher: Fetcher
    tokens: Tokens
    clock: Callable[[], int]
    loopback: bool

    def ask(  # noqa: PLR0913 - all that a request is made of
        self,
        connection: Connection,
        api: Api,
        call: Call,
        secret: Mapping[str, str],
        *,
        lookup: Lookup | None = None,
        ids: Sequence[str] = (),
        known: Mapping[str, Any] = {},
    ) -> tuple[Answer, Read]:
        """Ask once, with an access token where the API wants one; raise OperatorError as `request.build` does."""
        token = self.tokens.of(connection, api, secret)
        if api.token and token is None:
            return Answer(None, sent=False, error="key"), Read("key", "no-token")
        request = build(
            api,
            call,
            secret=secret,
            settings=connection.settings,
            ids=ids,
            known={"now": self.clock(), "token": token, **known},
            loopback=self.loopback,
        )
        answer = self.fetcher.fetch(*request)
        return answer, judged(answer, api, lookup, ids, self.clock() / 1000)
