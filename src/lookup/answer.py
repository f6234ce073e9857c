"""What an answer of a CRM's API means: a pure table from status, headers and body to one class."""

import math
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from errors import BadBody
from mapping import normalize
from mapping.decode import json_text
from mapping.language.calls import variables
from mapping.language.expression import Expression, View, as_list
from mapping.language.model import Api, Lookup
from mapping.normalize import is_empty
from wire import LONGEST_RETRY_AFTER_SECONDS, Answer, retry_after, says_all

Kind = Literal[
    "ok",  # it holds records, perhaps none of those that were asked for
    "wait",  # the whole connection pauses
    "key",  # a human repairs the key or the address; no id is given up
    "retry",  # nothing is known of the ids: again, later
    "bad",  # the CRM refuses this request: its half may be fine
    "gone",  # the one record that was asked for is not there, or not to be seen
]
WAIT_SECONDS = 60.0  # where the CRM does not say how long
DEFAULT_TOKEN_SECONDS = 300
LONGEST_TOKEN = 8_192
FOR_A_HUMAN = ("address", "key")  # errors before anything was sent
SUCCESS = range(200, 300)
KIND_OF_STATUS: dict[int, Kind] = {
    **dict.fromkeys((429, 503), "wait"),
    **dict.fromkeys((401, 402, 403, *range(404, 408), 410, 415), "key"),  # 404: the address itself is not there
    **dict.fromkeys(range(300, 400), "key"),  # no redirect is followed
    **dict.fromkeys((408, 425, *range(500, 503), *range(504, 600)), "retry"),
}
NOT_FOUND = (404, 410)
TOO_LARGE = "answer-too-large"


class Read(NamedTuple):
    """The class of an answer. Nothing in it quotes the answer but ids, which fit the look-up's pattern.

    `code` is a stable word, or the status. `seconds` is how long a `wait` lasts, and for a `retry` what Retry-After
    says. `found` are the ids of the records in the answer, `missing` those that were asked for and are not among them:
    not found or not visible.
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
    if answer.status is None:
        return Read("key" if answer.error in FOR_A_HUMAN else "retry", answer.error or "no-answer")
    read = _judged(answer, answer.status, api, lookup, asked)._replace(status=answer.status)
    if read.kind in ("wait", "retry"):
        return read._replace(seconds=_seconds(answer, api, now, read.kind))
    return read


def _judged(answer: Answer, status: int, api: Api, lookup: Lookup | None, asked: Sequence[str]) -> Read:
    whole = answer.complete and says_all(status, answer.headers, answer.body)
    if status in SUCCESS and not whole:
        return Read("bad", TOO_LARGE) if answer.error == "too-long" else Read("retry", answer.error or "truncated")
    body = content(answer)
    if said := _said(api, answer, body):
        return _gone(said, asked) if said == "gone" else Read(said, "error" if said == "bad" else str(status))
    if status in SUCCESS:
        return _of_records(body, answer, lookup, asked)
    if status in NOT_FOUND and lookup and _names_ids(lookup):
        return _gone(str(status), asked)
    return Read(KIND_OF_STATUS.get(status, "bad" if 400 <= status < 500 else "retry"), str(status))  # noqa: PLR2004


def _names_ids(lookup: Lookup) -> bool:
    """Return whether the path is that of one record: of any other it is the address that is not found."""
    return bool({scope for scope, _ in variables(lookup.call.path)} & {"ids", "id"})


def _said(api: Api, answer: Answer, body: Any) -> Kind | None:
    """Return the class that the mapping's own expressions give an answer."""
    said: tuple[tuple[Kind, Expression | None], ...] = (
        ("wait", api.wait),
        ("key", api.key),
        ("gone", api.gone),
        ("bad", api.error if answer.status in SUCCESS else None),  # any other status says itself what it is
    )
    return next((kind for kind, rule in said if rule and not is_empty(_over_facts(rule, answer, body))), None)


def _over_facts(rule: Expression, answer: Answer, body: Any) -> Any:
    facts = {"status": answer.status, "headers": dict(answer.headers), "body": body}
    return rule.read(facts, View(facts, {}, {}, {}))


def _gone(code: str, asked: Sequence[str]) -> Read:
    """Return what it means that something is not there: of several ids each is asked for alone."""
    return Read("bad", code) if len(asked) > 1 else Read("gone", code, missing=tuple(asked))


def _of_records(body: Any, answer: Answer, lookup: Lookup | None, asked: Sequence[str]) -> Read:
    if lookup is None:
        return Read("ok")
    records = records_of(lookup, body, answer)
    if records is None:
        return Read("retry", "unreadable")
    found = ids_of(lookup, records)
    return Read("ok", found=found, missing=tuple(one for one in asked if one not in found))


def content(answer: Answer) -> Any:
    """Return the JSON of an answer; None where it holds none."""
    try:
        return json_text(answer.body.decode("utf-8-sig"))
    except (BadBody, UnicodeDecodeError):
        return None


def records_of(lookup: Lookup, body: Any, answer: Answer) -> list[Any] | None:
    """Return the records of a good answer; None where it does not hold what the mapping says."""
    if body is None:
        return [] if not answer.body.strip() else None
    found = lookup.records.read(body, View(body, {}, answer.headers, {}))
    return None if found is None else as_list(found)


def ids_of(lookup: Lookup, records: Sequence[Any]) -> tuple[str, ...]:
    """Return the ids of records, those that fit the look-up's pattern."""
    view = View(None, {}, {}, {})
    found = (normalize.identity(lookup.id.read(record, view)) for record in records)
    return tuple(dict.fromkeys(one for one in found if one and lookup.ids.fullmatch(one)))


def _seconds(answer: Answer, api: Api, now: float, kind: Kind) -> int:
    """Return what Retry-After says; for a wait else what the mapping's expression finds, else a minute."""
    seconds = retry_after(answer.headers, now)
    if not seconds and kind == "wait":
        given = _over_facts(api.wait_seconds, answer, content(answer)) if api.wait_seconds else None
        seconds = min(max(_number(given) or WAIT_SECONDS, 1.0), LONGEST_RETRY_AFTER_SECONDS)
    return math.ceil(seconds)


def _number(value: Any) -> float:
    """Return a number, or that of a text; 0 where there is none."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) else 0.0


class AccessToken(NamedTuple):
    """An access token, and for how many seconds it is good. Its repr shows neither."""

    value: str
    seconds: int

    def __repr__(self) -> str:
        """Return the name only."""
        return "AccessToken(…)"


def token(answer: Answer) -> AccessToken | None:
    """Return the token that a 2xx to `request.token_request` holds, None if it holds none.

    https://www.rfc-editor.org/rfc/rfc6749#section-5.1
    """
    body = content(answer) if answer.status in SUCCESS and answer.complete else None
    value = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN:
        return None
    seconds = _number(body.get("expires_in") if isinstance(body, dict) else None)
    return AccessToken(value, max(int(min(seconds, 86_400)), 1) if seconds > 0 else DEFAULT_TOKEN_SECONDS)
