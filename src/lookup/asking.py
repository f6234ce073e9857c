"""One question to a CRM and what its answer means: the same for the worker and for an operator's command."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from aws.secrets import Secret
from connections import Connection, api_key_of
from errors import OperatorError
from lookup.answer import Read, judged
from lookup.fetch import Fetcher
from lookup.request import build
from lookup.tokens import Tokens
from mapping.language.model import Api, Call, Lookup
from telemetry import logger
from wire import Answer

NOT_ASKED = Answer(None, sent=False, error="key")


class Question(NamedTuple):
    """Some records by their ids, or a page of all, whose variables are `known`; `lookup` is None of a mere check."""

    call: Call
    lookup: Lookup | None = None
    ids: Sequence[str] = ()
    known: Mapping[str, Any] = {}


class Asking(NamedTuple):
    """What a question needs from outside. `clock` gives ms since 1970."""

    fetcher: Fetcher
    tokens: Tokens
    clock: Callable[[], int]
    loopback: bool

    def ask(
        self, connection: Connection, api: Api, question: Question, secret: Mapping[str, str]
    ) -> tuple[Answer, Read]:
        """Ask once, with an access token where the API wants one; raise OperatorError as `request.build` does."""
        now = self.clock()
        token = self.tokens.of(connection, api, secret)
        if api.token and token is None:
            return NOT_ASKED, Read("key", "no-token")
        request = build(
            api,
            question.call,
            secret=secret,
            settings=connection.settings,
            ids=question.ids,
            known={"now": now, "token": token, **question.known},
            loopback=self.loopback,
        )
        answer = self.fetcher.fetch(*request)
        return answer, judged(answer, api, question.lookup, question.ids, self.clock() / 1000)


class Asker(NamedTuple):
    """Asks with a connection's key, and once more with a fresh one where that is refused; logs a line a request."""

    api_keys: Secret
    asking: Asking

    def ask(
        self, connection: Connection, api: Api, question: Question, may_repeat: Callable[[], bool]
    ) -> tuple[Answer, Read]:
        """Return the answer and what it means, whatever happens; nothing of the key stands in a log or an error."""
        secret = api_key_of(self.api_keys.read(), connection.name)
        answer, read = self._once(connection, api, question, secret)
        if read.kind != "key":
            return answer, read
        fresh = api_key_of(self.api_keys.refresh(), connection.name)
        if (self.asking.tokens.forget(connection.name) or fresh != secret) and may_repeat():
            return self._once(connection, api, question, fresh)
        return answer, read

    def _once(
        self, connection: Connection, api: Api, question: Question, secret: Mapping[str, str]
    ) -> tuple[Answer, Read]:
        began, why = self.asking.clock(), ""
        try:
            answer, read = self.asking.ask(connection, api, question, secret)
        except OperatorError as error:
            answer, read, why = NOT_ASKED, Read("key", error.code), str(error)
        logger.info(
            "looked up",
            connection=connection.name,
            lookup=question.lookup.name if question.lookup else "",
            number=len(question.ids),
            status=read.status,
            answer=read.kind,
            code=read.code,
            found=len(read.found),
            missing=len(read.missing),
            milliseconds=self.asking.clock() - began,
            why=why,
        )
        return answer, read
