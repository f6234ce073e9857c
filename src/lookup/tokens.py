"""Access tokens of CRMs that give one for an hour or so: kept in memory, and got anew a minute before they end."""

from collections.abc import Callable, Mapping

from connections import Connection
from lookup import answer, request
from lookup.fetch import Fetcher
from mapping.language.model import Api

EARLY_MS = 60_000


class Tokens:
    """The tokens of one process, by connection; `clock` gives ms since 1970."""

    def __init__(self, fetcher: Fetcher, clock: Callable[[], int], *, loopback: bool) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._loopback = loopback
        self._kept: dict[str, tuple[str, int]] = {}

    def of(self, connection: Connection, api: Api, secret: Mapping[str, str]) -> str | None:
        """Return a token that is good for a minute at least, None where the API gives none or the CRM refuses.

        Raise OperatorError as `request.build` does.
        """
        value, until = self._kept.get(connection.name, ("", 0))
        if api.token is None or self._clock() < until - EARLY_MS:
            return value or None
        asked = request.token_request(
            api, api.token, secret=secret, settings=connection.settings, loopback=self._loopback
        )
        token = answer.token(self._fetcher.fetch(*asked))
        if token is None:
            return None
        self._kept[connection.name] = token.value, self._clock() + token.seconds * 1000
        return token.value

    def forget(self, connection: str) -> bool:
        """Get another token the next time; return whether there was one."""
        return self._kept.pop(connection, None) is not None
