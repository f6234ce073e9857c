"""From what a mapping says of a CRM's API to one request. Pure.

A secret's value is in no exception, and a Request shows nothing of itself: the path of Bitrix24 is its key.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from errors import OperatorError
from mapping.language.calls import ANY_HOST, HOST, variables
from mapping.language.expression import Expression, View
from mapping.language.model import SCOPES_OF_API, SCOPES_OF_CALL, Api, Call, Token
from mapping.language.rule import Template
from mapping.normalize import is_empty

HTTPS_PORTS = ("", ":", ":443")
VARIABLES = {*SCOPES_OF_API, *SCOPES_OF_CALL} - {"settings"}
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Request(NamedTuple):
    """What is to be sent. It may hold a secret anywhere, so its repr shows none of it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    def __repr__(self) -> str:
        """Return the method only."""
        return f"Request({self.method} …)"


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
    part of the call whose variable is not set falls away. With `loopback` the `url` of a secret may be
    http://127.0.0.1:PORT, and stands for the API's.

    Raises OperatorError, which quotes nothing of the secret, where a field of it is missing, and where the address is
    no https or its host does not fit.
    """
    filling = _Filling(secret, settings, ids, known)
    local = _local(secret) if loopback else ""
    if local and ("secret", "url") in variables(api.url):
        base = (filling.text(api.url, encoded=True, first=True) or "").rstrip("/")
    else:
        base = local or filling.address(api.url, api.hosts)
    url = base + filling.path(call.path)
    if query := list(filling.query(call.query)):
        url += "?" + urlencode(query, quote_via=quote, safe="", errors="replace")
    body = None
    if call.method == "POST":
        body = b"" if call.json is None else json.dumps(filling.json(call.json)).encode()
    usual = {"Accept": JSON, **({"Content-Type": JSON} if body else {})}
    return Request(call.method, url, _over(usual, filling.headers(api.headers)), body)


def needs(api: Api) -> tuple[str, ...]:
    """Return the fields that the connection's secret must have: the names behind `$secret.` in `[api]`."""
    token = (api.token.url, dict(api.token.fields)) if api.token else ()
    check = (api.check.path, dict(api.check.query), api.check.json) if api.check else ()
    asked = [one for part in (api.url, dict(api.headers), *token, *check) for one in variables(part)]
    return tuple(dict.fromkeys(name for scope, name in asked if scope == "secret" and name))


def token_request(
    api: Api, token: Token, *, secret: Mapping[str, str], settings: Mapping[str, str], loopback: bool = False
) -> Request:
    """Return the request for an access token, which `answer.token` reads. Raises OperatorError as `build` does."""
    filling = _Filling(secret, settings, (), {})
    if loopback and (local := _local(secret)):
        path = urlsplit(filling.text(token.url, encoded=True, first=True) or "").path
        url = urlsplit(local)._replace(path=path, query="").geturl()
    else:
        url = filling.address(token.url, api.hosts)
    form = {"grant_type": token.grant, **dict(filling.query(token.fields))}
    return Request("POST", url, {"Accept": JSON, "Content-Type": FORM}, urlencode(form, errors="replace").encode())


def _local(secret: Mapping[str, str]) -> str:
    """Return the address of a CRM on this machine, if the secret names one."""
    given = secret.get("url", "").rstrip("/")
    return given if re.fullmatch(r"http://127\.0\.0\.1:\d{1,5}(/[!-~]*)?", given) else ""


class _Moment(dict[str, Any]):
    """A time in the notations of CRMs: `{$since}` is its `iso`, `{$since.seconds}` another."""

    @classmethod
    def of(cls, ms: int) -> "_Moment":
        at = datetime.fromtimestamp(ms // 1000, UTC)
        text = at.strftime("%Y-%m-%d %H:%M:%S")
        return cls(iso=f"{text.replace(' ', 'T')}Z", text=text, date=text[:10], seconds=ms // 1000, ms=ms)


class _Filling:
    """Fills the texts of one request with its variables."""

    def __init__(
        self, secret: Mapping[str, str], settings: Mapping[str, str], ids: Sequence[str], known: Mapping[str, Any]
    ) -> None:
        moments = {name: _Moment.of(known[name]) for name in ("since", "now") if known.get(name) is not None}
        self.ids = list(ids)
        self.view = View(None, settings, {}, {}, **{**dict.fromkeys(VARIABLES), **known, **moments, "secret": secret})
        self._name(self.ids)

    def _name(self, ids: list[str]) -> None:
        """Set `$ids`, and `$id` where there is only one."""
        self.view.scopes["ids"] = ids
        self.view.scopes["id"] = ids[0] if len(ids) == 1 else None

    def _each(self, ids: list[str]) -> Iterator[None]:
        """Set one id after the other, and all of them again in the end."""
        for one in ids:
            self._name([one])
            yield
        self._name(self.ids)

    def _value(self, part: Expression) -> Any:
        found = part.read(None, self.view)
        return found.get("iso") if isinstance(found, _Moment) else None if is_empty(found) else found

    def text(self, template: Template, *, encoded: bool = False, first: bool = False) -> str | None:
        """Return a filled text, or None where a variable is not set; `first` leaves what begins it as it is."""
        filled = ""
        for part in template.parts:
            if isinstance(part, str):
                filled += part
                continue
            written = _written(self._value(part))
            if written is None:
                self._check_secret(part)
                return None
            filled += quote(written, safe="", errors="replace") if encoded and not (first and not filled) else written
        return filled

    def _check_secret(self, part: Expression) -> None:
        for scope, name in variables(Template((part,), link=False)):
            if scope == "secret":
                raise OperatorError(f"the API key of this connection lacks '{name}'; enter it with bridge connect")

    def address(self, url: Template, hosts: Sequence[str]) -> str:
        """Return a checked address, without a slash at its end."""
        text = self.text(url, encoded=True, first=True)
        if text is None:
            missing = ", ".join(f"'{name}'" for scope, name in variables(url) if scope == "settings")
            raise OperatorError(f"the address of the CRM's API is made of {missing}, which this connection lacks")
        address = text.strip().rstrip("/")
        parts, rule = _split(address)
        if parts is None:
            raise OperatorError(f"the address of the CRM's API must be https://HOST/…: {rule}")
        own = str(self.view.scopes["settings"].get("api_host", "")).lower()
        allowed = [*hosts, own] if own else hosts
        if any(variables(url)) and not any(_fits(parts.hostname or "", pattern) for pattern in allowed):
            raise OperatorError(f"the host of the CRM's API must be one of {', '.join(hosts)}, or the 'api_host' set")
        return address

    def path(self, path: Template) -> str:
        """Return a path, each placeholder percent-encoded; a segment whose variable is not set falls away."""
        filled = [self.text(Template(tuple(parts), link=False), encoded=True) for parts in _segments(path)]
        segments = [segment for segment in filled if segment is not None]
        if any(segment in (".", "..") for segment in segments):
            raise OperatorError("an id of dots would lead to another path")
        joined = "/".join(segments).lstrip("/")
        return f"/{joined}" if joined else ""

    def query(self, query: Mapping[str, Template]) -> Iterator[tuple[str, str]]:
        """Yield what is set; a key that ends in `[]` comes once for each id."""
        for key, template in query.items():
            by_id = key.endswith("[]") and {"ids", "id"} & {scope for scope, _ in variables(template)}
            for _ in self._each(self.ids) if by_id else (None,):
                if (text := self.text(template)) is not None:
                    yield key, text

    def json(self, value: Any) -> Any:
        """Return JSON in which what is not set fell away; a table or list in which nothing is left falls away too."""
        filled = self._json(value)
        return {} if filled is _UNSET else filled

    def _json(self, value: Any) -> Any:
        if isinstance(value, Template):
            return self._json_text(value)
        if isinstance(value, dict):
            table = {key: filled for key, inner in value.items() if (filled := self._json(inner)) is not _UNSET}
            return _UNSET if value and not table else table
        return self._json_list(value) if isinstance(value, list) else value

    def _json_text(self, template: Template) -> Any:
        if len(template.parts) == 1 and isinstance(template.parts[0], Expression):
            found = self._value(template.parts[0])
        else:
            found = self.text(template)
        return _UNSET if found is None else found

    def _json_list(self, values: list[Any]) -> Any:
        """Return a list: one element that asks `$id` is repeated, and a condition of which a word lacks falls away."""
        if len(values) == 1 and "id" in {scope for scope, _ in variables(values)}:
            filled = [self._json(values[0]) for _ in self._each(self.ids)]
        else:
            filled = [self._json(value) for value in values]
            if any(one is _UNSET and isinstance(value, Template) for one, value in zip(filled, values, strict=True)):
                return _UNSET
        kept = [one for one in filled if one is not _UNSET]
        return _UNSET if values and not kept else kept

    def headers(self, headers: Mapping[str, Template]) -> dict[str, str]:
        """Return the headers that are set."""
        texts = {name: self.text(template) for name, template in headers.items()}
        filled = {name: text.strip() for name, text in texts.items() if text is not None}
        for name, text in filled.items():
            if not re.fullmatch(r"[ -~]*", text):
                raise OperatorError(f"the header {name} would hold a character that no header may; check the API key")
        return filled


_UNSET = object()


def _written(value: Any) -> str | None:
    """Return a value as it is written in a text, or None where it has no text."""
    if isinstance(value, list):
        texts = [_written(one) for one in value]
        return None if None in texts else ",".join(text for text in texts if text)
    if isinstance(value, bool):
        return "true"
    return str(value) if isinstance(value, str | int | float) else None


def _segments(path: Template) -> list[list[str | Expression]]:
    """Return the parts of a path, segment by segment."""
    segments: list[list[str | Expression]] = [[]]
    for part in path.parts:
        if isinstance(part, Expression):
            segments[-1].append(part)
            continue
        first, *others = part.split("/")
        segments[-1].append(first)
        segments += [[other] for other in others]
    return segments


def _split(address: str) -> tuple[SplitResult | None, str]:
    """Return the parts of a plain https address, None for any other with the rule that it breaks."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return None, "its host is no name"
    broken = {
        "it does not begin with https://": not address.lower().startswith("https://"),
        "it has a character that no address may have": not re.fullmatch(r"[!-~]+", address) or "\\" in address,
        "it has a query or a fragment": bool(set("?#") & set(address)),
        "it has a user part": "@" in address,
        "it names a port": re.sub(r"^(\[[^]]*\]|[^:]*)", "", parts.netloc) not in HTTPS_PORTS,
        "its host is a number or this network's own; the name of a public one is needed": _is_own(host),
        "its host is no name": not HOST.fullmatch(host),
        "its path has dots": any(segment in (".", "..") for segment in parts.path.split("/")),
    }
    rule = next((rule for rule, is_broken in broken.items() if is_broken), "")
    return None if rule else parts, rule


def _is_own(host: str) -> bool:
    """Return whether a host is an IP address, or a name that only this machine knows."""
    return host == "localhost" or ":" in host or bool(re.fullmatch(r"[\d.]+", host))


def _fits(host: str, pattern: str) -> bool:
    """Return whether a host fits a pattern, in which a star stands for one label, or alone for any host."""
    labels, wanted = host.split("."), pattern.split(".")
    both = zip(labels, wanted, strict=False)
    return pattern == ANY_HOST or (len(labels) == len(wanted) and all(own in ("*", label) for label, own in both))


def _over(usual: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    names = {name.lower() for name in given}
    return {**{name: text for name, text in usual.items() if name.lower() not in names}, **given}
