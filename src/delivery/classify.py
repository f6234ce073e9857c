"""What an answer of Ringostat means: a pure table from status, headers and body to one class."""

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from cards.endpoints import ENDPOINTS
from delivery.policy import SLOW_DOWN_SECONDS
from wire import Answer, retry_after, says_all

AnswerClass = Literal[
    "confirmed",  # Ringostat holds what was posted
    "not-sent",  # nothing left: retry
    "ambiguous",  # it is unknown whether it was applied
    "slow-down",  # the whole project waits
    "bad-data",  # the array, or the record if it was alone
    "too-big",
    "configuration",  # a human repairs the address or the contract
    "auth",  # a human repairs the key or the project
    "unposted",  # made by bisect only: no POST was tried
]
Circuit = Literal["", "transport", "contract", "auth"]


class Judgement(NamedTuple):
    """The class of an answer.

    `code` is the status, a number that the body names, or a stable word. `field` is a field of the contract that the
    body names ("contactDirections.value"). `wait_seconds` is what Retry-After asks for; 0 if it does not. `circuit` is
    the breaker for which the answer counts as a failure. `is_over`: nothing of the request can be under way any more.
    The worker fills in `status`, that of the HTTP answer, and `begun_at`, when the request was begun (ms since 1970).
    None of them quotes text of the answer.
    """

    answer_class: AnswerClass
    code: str = ""
    field: str = ""
    wait_seconds: float = 0.0
    circuit: Circuit = ""
    is_over: bool = False
    status: int | None = None
    begun_at: int = 0


CLASS_OF_STATUS: Mapping[int, AnswerClass] = {
    **dict.fromkeys((400, 409, 422), "bad-data"),
    413: "too-big",
    **dict.fromkeys((401, 403), "auth"),
    **dict.fromkeys((408, 425, 429), "slow-down"),
    **dict.fromkeys((*range(300, 400), 404, 405, 410, 415, 501, 505), "configuration"),
    **dict.fromkeys((500, 502, 503, 504, *range(520, 530)), "ambiguous"),
}
CIRCUIT_OF_CLASS: Mapping[AnswerClass, Circuit] = {
    "not-sent": "transport",
    "ambiguous": "transport",
    "slow-down": "transport",
    "configuration": "contract",
    "auth": "auth",
}

# What handles a request says 500 or 503 itself: https://www.rfc-editor.org/rfc/rfc9110#section-15.6
# A proxy that has lost sight of a request says 502, 504 or 52x, and then it may still land.
OVER = (500, 503)

# Ringostat's other methods answer JSON-RPC errors inside HTTP 200: https://help.ringostat.com/en/articles/9188142
# https://www.jsonrpc.org/specification#error_object
STATUS_OF_JSON_RPC = {-32600: 400, -32601: 404, -32602: 400, -32603: 500, -32700: 400}

# An error inside 2xx may carry no number. A wrong key must not pass for bad data: it would refuse card after card.
STATUS_OF_WORDS = (
    (re.compile(r"too many|rate.?limit|slow down", re.IGNORECASE), 429),
    (re.compile(r"denied|forbidden|unauthori[sz]ed|not allowed|auth.?key|access|token", re.IGNORECASE), 401),
    (re.compile(r"internal|unavailable|try again|time.?out|timed out", re.IGNORECASE), 500),
    (re.compile(r"error|incorrect|invalid|fail|wrong|missing|required|exception|not found|unable", re.IGNORECASE), 400),
)
ERROR_KEYS = ("error", "errors", "exception")
VERDICT_KEYS = ("success", "ok", "result", "status")
CODE_KEYS = ("code", "status", "statuscode", "status_code")
TEXT_KEYS = (*ERROR_KEYS, "message", "detail", "details", "reason", "fields", "title")
FIELD_KEYS = ("field", "fields", "path", "param", "property", "pointer")
FAILED = ("false", "error", "fail", "failed", "failure")
ERROR_STATUSES = range(400, 600)

FIELDS = {name: parts for endpoint in ENDPOINTS.values() for name, parts in endpoint.fields.items()}
# The notes of https://help.ringostat.com/en/articles/9221318 spell some of them otherwise.
SPELLINGS = {**{name.lower(): name for name in FIELDS}, "external_id": "externalId", "lead_id": "leadId"}


class _Unreadable(NamedTuple):
    """A 2xx that is neither a success nor an error, and why: a stable word."""

    why: str


def classify(answer: Answer, now: float) -> Judgement:
    """Return what an answer means, whatever it is.

    `now` is in seconds since 1970, for a date in Retry-After.
    """
    if answer.error == "key":
        return _judged("auth", answer.error)
    if answer.status is None:
        return _judged("ambiguous" if answer.sent else "not-sent", answer.error)
    if not 200 <= answer.status < 300:  # noqa: PLR2004
        return _of_status(answer.status, str(answer.status), answer, now)
    content = _content(answer)
    if isinstance(content, _Unreadable):
        return Judgement("ambiguous", content.why, circuit="contract" if answer.complete else "transport")
    error = _error_inside(content)
    return Judgement("confirmed") if error is None else _of_status(*error, answer, now)


@lru_cache(maxsize=8)  # Ringostat's answers are nearly all the same
def shape(body: bytes) -> str:
    """Return keys and types of a body, and nothing else of it: `{data: [{id: number}], success: boolean}`."""
    text = body.strip()
    if not text:
        return "empty"
    try:
        return _shape(json.loads(text), 4)[:500]
    except (ValueError, RecursionError):
        return "markup" if text.startswith(b"<") else "broken-json" if text.startswith((b"{", b"[")) else "text"


def _judged(answer_class: AnswerClass, code: str, field: str = "", wait: float = 0.0) -> Judgement:
    return Judgement(answer_class, code, field, wait, CIRCUIT_OF_CLASS.get(answer_class, ""))


def _of_status(status: int, code: str, answer: Answer, now: float) -> Judgement:
    wait = retry_after(answer.headers, now)
    answer_class = CLASS_OF_STATUS.get(status)
    if answer_class is None:
        return Judgement("ambiguous", code, wait_seconds=wait, circuit="contract")
    if answer_class == "slow-down":
        return _judged(answer_class, code, wait=wait or SLOW_DOWN_SECONDS)
    judgement = _judged(answer_class, code, _field(answer.body) if answer_class == "bad-data" else "", wait)
    return judgement._replace(is_over=status in OVER and answer.complete)


def _content(answer: Answer) -> Any:
    """Return the JSON of a 2xx, or its text, or why it has neither."""
    if not answer.complete or not says_all(answer.status or 0, answer.headers, answer.body):
        return _Unreadable(answer.error or "truncated")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return _Unreadable("encoded")
    raw = answer.body.strip()
    if raw.startswith(b"<"):
        return _Unreadable("markup")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return _text(raw, declared="json" in answer.headers.get("content-type", "").lower())


def _text(raw: bytes, *, declared: bool) -> str | _Unreadable:
    if raw.startswith((b"{", b"[")) or (declared and raw):
        return _Unreadable("broken-json")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _Unreadable("binary")


def _error_inside(content: Any) -> tuple[int, str] | None:
    """Return status and code of the first error that a 2xx reports, at its top or per item."""
    if content is False:
        return 400, "false"
    if isinstance(content, str):
        status = _status_of_words([content])
        return (status, "text") if status else None
    reports = _reports(content)
    errors = (_error_of(report, nested=report is not content) for report in reports)
    return next((error for error in errors if error is not None), None)


def _reports(content: Any) -> Iterator[Mapping[str, Any]]:
    """Yield objects breadth first, three levels deep: the report itself and the reports per item."""
    waiting = deque([(content, 3)])
    while waiting:
        value, depth = waiting.popleft()
        if isinstance(value, dict):
            yield value
        if depth and isinstance(value, dict | list):
            waiting.extend((item, depth - 1) for item in (value.values() if isinstance(value, dict) else value))


def _error_of(report: Mapping[str, Any], *, nested: bool) -> tuple[int, str] | None:
    names = {name.lower(): value for name, value in report.items()}
    error = next((names[key] for key in ERROR_KEYS if names.get(key)), None)
    number = _number(error) or _number(names)
    failed = names.get("success") == 0 or any(_says_failed(names.get(key)) for key in VERDICT_KEYS)
    if error is None and not failed and (number < ERROR_STATUSES.start or (nested and number not in ERROR_STATUSES)):
        return None
    if number in ERROR_STATUSES:
        return number, str(number)
    texts = [text for key in TEXT_KEYS for text in _texts(names.get(key))]
    status = STATUS_OF_JSON_RPC.get(number) or _status_of_words(texts) or 400
    return status, str(number) if number else "error"


def _number(report: Any) -> int:
    """Return the number by which a report names its error, 0 if it names none."""
    if not isinstance(report, dict):
        return 0
    for key in CODE_KEYS:
        value = report.get(key)
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,5}", value):
            value = int(value)
        if isinstance(value, int) and (400 <= value < 100_000 or value in STATUS_OF_JSON_RPC):  # noqa: PLR2004
            return value
    return 0


def _says_failed(value: Any) -> bool:
    return value is False or (isinstance(value, str) and value.lower() in FAILED)


def _status_of_words(texts: list[str]) -> int:
    return next((status for words, status in STATUS_OF_WORDS if any(map(words.search, texts))), 0)


def _texts(value: Any, depth: int = 4) -> Iterator[str]:
    """Yield the keys and strings of a value in the order of the text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and depth:
        for name, item in value.items():
            yield name
            yield from _texts(item, depth - 1)
    elif isinstance(value, list) and depth:
        for item in value:
            yield from _texts(item, depth - 1)


def _field(body: bytes) -> str:
    """Return the field of the contract that an error names, empty if it names none that we know."""
    try:
        reports = list(_reports(json.loads(body)))
    except (ValueError, RecursionError):
        return ""
    for keys in (FIELD_KEYS, TEXT_KEYS):
        for report in reports:
            for text in (text for key in keys for text in _texts(report.get(key))):
                if name := _known_field(text):
                    return name
    return ""


def _known_field(text: str) -> str:
    words = re.findall(r"[A-Za-z_]+", text[:200])
    for index, word in enumerate(words):
        if name := SPELLINGS.get(word.lower()):
            part = next((part for part in words[index + 1 :] if part in FIELDS[name]), "")
            return f"{name}.{part}" if part else name
    return ""


def _shape(value: Any, depth: int) -> str:
    if isinstance(value, dict):
        entries = [f"{_safe_key(name)}: {_shape(item, depth - 1)}" for name, item in list(value.items())[:20]]
        return "{" + ", ".join(sorted(set(entries))) + "}" if depth else "{…}"
    if isinstance(value, list):
        return "[" + " | ".join(sorted({_shape(item, depth - 1) for item in value[:20]})) + "]" if depth else "[…]"
    return {str: "string", bool: "boolean", int: "number", float: "number"}.get(type(value), "null")


def _safe_key(name: str) -> str:
    """Return a key that looks like a programmer's word; an object keyed by e-mails or phones has others."""
    return name if re.fullmatch(r"[a-z][A-Za-z_]{0,29}[0-9]{0,2}", name) else "?"
