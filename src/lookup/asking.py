"""One question to a CRM: with its key, and once more with a fresh one where that is refused."""

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


class Question(NamedTuple):
    """Some records by their ids, or a page of all: `known` are the variables of the page."""

    lookup: Lookup
    call: Call
    ids: Sequence[str] = ()
    known: Mapping[str, Any] = {}


class Asker(NamedTuple):
    """What a question needs; `clock` gives ms since 1970."""

    api_keys: Secret
    fetcher: Fetcher
    tokens: Tokens
    clock: Callable[[], int]
    loopback: bool

    def ask(
        self, connection: Connection, api: Api, question: Question, may_repeat: Callable[[], bool]
    ) -> tuple[Answer, Read]:
        """Return the answer and what it means, whatever happens; nothing of the key stands in a log or an error."""
        secret = api_key_of(self.api_keys.read(), connection.name)
        answer, read = self._once(connection, api, question, secret)
        if read.kind != "key":
            return answer, read
        fresh = api_key_of(self.api_keys.refresh(), connection.name)
        if (self.tokens.forget(connection.name) or fresh != secret) and may_repeat():
            return self._once(connection, api, question, fresh)
        return answer, read

    def _once(
        self, connection: Connection, api: Api, question: Question, secret: Mapping[str, str]
    ) -> tuple[Answer, Read]:
        began, why = self.clock(), ""
        try:
            answer, read = self._tried(connection, api, question, secret, began)
        except OperatorError as error:
            answer, read, why = NOT_ASKED, Read("key", error.code), str(error)
        logger.info(
            "looked up",
            connection=connection.name,
            lookup=question.lookup.name,
            number=len(question.ids),
            status=read.status,
            answer=read.kind,
            code=read.code,
            found=len(read.found),
            missing=len(read.missing),
            milliseconds=self.clock() - began,
            why=why,
        )
        return answer, read

    def _tried(
        self, connection: Connection, api: Api, question: Question, secret: Mapping[str, str], now: int
    ) -> tuple[Answer, Read]:
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


NOT_ASKED = Answer(None, sent=False, error="key")
