"""Reads `[api]` and `[lookup.NAME]`: how a CRM is asked for records, and what its answers mean."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mapping.language.expression import Expression, asked_of
from mapping.language.model import (
    API,
    CHECK,
    DEFAULT_IDS,
    GRANTS,
    KINDS,
    LOOKUP,
    RATE,
    SCOPES_OF_ANSWER,
    SCOPES_OF_API,
    SCOPES_OF_CALL,
    SYNC,
    Api,
    Call,
    Lookup,
    Named,
    Rate,
    Sync,
    Token,
)
from mapping.language.positions import Path, Place
from mapping.language.reading import Reading
from mapping.language.rule import Template

HOST = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
ANY_HOST = "*"
LARGEST = 1_000_000  # of calls, seconds and records
_FIXED_PATH = re.compile(r"(?!.*\.\.)(?!.*//)[A-Za-z0-9/._~$@!*'(),:;=+-]*")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_NAMES = "|".join(dict.fromkeys((*SCOPES_OF_CALL, *SCOPES_OF_API)))
_OPENING = re.compile(r"\{(?=\$)")
_WHOLE = re.compile(rf"\$(?:{_NAMES})(?:\.\w+)*")  # all of a text: its braces were forgotten
_BARE = re.compile(rf"{_WHOLE.pattern}\b|\{{[\w.]+\}}")
_NO_CALL = Call("GET", Template((), link=False), {}, None)


def variables(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each variable that a text, table or list of a request asks, and its first key: `("secret", "token")`."""
    if isinstance(value, Template):
        for part in value.parts:
            yield from asked_of(part) if isinstance(part, Expression) else ()
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from variables(inner)


class CallReader(Reading):
    """Reads the two sections of one file; everything wrong goes to `problems`."""

    def api(self, data: Any) -> Api | None:
        """Return what `[api]` says."""
        path: Path = ("api",)
        if not self.known(path, data, API, "[api]"):
            return None
        hosts = tuple(self.value((*path, "hosts"), data.get("hosts", []), "texts") or ())
        for index, host in enumerate(hosts):
            self._check_pattern((*path, "hosts", index), host)
        if "url" not in data:
            self.wrong(path, "url is missing", 'write url = "https://…"')
        facts = {key: self._over_answer((*path, key), data[key]) for key in API if API[key] == "facts" and key in data}
        return Api(
            Place(self.source, path),
            self._url((*path, "url"), data.get("url", "https://x.example.com"), hosts),
            hosts,
            self._headers((*path, "headers"), data.get("headers", {})),
            self._token((*path, "token"), data["token"], hosts) if "token" in data else None,
            self._check(data["check"]) if "check" in data else None,
            self._rate((*path, "rate"), data.get("rate", {"calls": 1, "seconds": 1})),
            self._number((*path, "perDay"), data["perDay"]) if "perDay" in data else 0,
            *(facts.get(key) for key in ("wait", "key", "gone", "error", "waitSeconds")),
        )

    def lookups(self, data: Any) -> dict[str, Lookup]:
        """Return what each `[lookup.NAME]` says."""
        if not isinstance(data, dict):
            self.wrong(("lookup",), "must hold tables", "write [lookup.contact]")
            return {}
        return {name: self._lookup(("lookup", name), name, table) for name, table in data.items()}

    def named(self, data: Any) -> dict[str, Named]:
        """Return what must be known of each `[lookup.NAME]` to want its records."""
        given = data if isinstance(data, dict) else {}
        return {name: self._named(("lookup", name), name, one) for name, one in given.items() if isinstance(one, dict)}

    def _named(self, path: Path, name: str, data: Mapping[str, Any]) -> Named:
        kind = self.value((*path, "as"), data["as"], KINDS) if "as" in data else name if name in KINDS else ""
        return Named(name, kind or "", self._pattern((*path, "ids"), data.get("ids", DEFAULT_IDS)))

    def _check_pattern(self, path: Path, pattern: str) -> None:
        fixed = re.sub(r"^(\*\.)+", "", pattern)
        if pattern != ANY_HOST and not HOST.fullmatch(fixed):
            hint = 'write it like "*.example.com": a star stands for one label, and the last two are fixed'
            self.wrong(path, f"'{pattern}' is no pattern of host names", hint, offset=0)

    def _url(self, path: Path, value: Any, hosts: tuple[str, ...]) -> Template:
        url = self._filled(path, value, SCOPES_OF_API[:2])
        if not any(variables(url)):
            fixed = str(value)
            host, _, below = fixed.removeprefix("https://").partition("/")
            if not fixed.startswith("https://") or not HOST.fullmatch(host) or not _FIXED_PATH.fullmatch(below):
                self.wrong(path, "must be an https address of a plain host name", 'write "https://api.…"')
        elif not hosts:
            hint = 'add hosts = ["*.example.com"] to [api]'
            self.wrong(path, "the host of this address is not fixed, so hosts must say which are meant", hint)
        return url

    def _headers(self, path: Path, data: Any) -> dict[str, Template]:
        texts = self._fillings(path, data, SCOPES_OF_API)
        for name in texts:
            if not _HEADER.fullmatch(name):
                self.wrong((*path, name), f"'{name}' is no name of a header")
        return texts

    def _token(self, path: Path, data: Any, hosts: tuple[str, ...]) -> Token | None:
        if not isinstance(data, dict) or "url" not in data or "grant" not in data:
            self.wrong(path, "must be a table with url and grant", 'write { url = "…", grant = "…", … }')
            return None
        grant = self.value((*path, "grant"), data["grant"], GRANTS) or ""
        fields = {key: value for key, value in data.items() if key not in ("url", "grant")}
        url = self._url((*path, "url"), data["url"], hosts)
        return Token(url, grant, self._fillings(path, fields, SCOPES_OF_API[:2]))

    def _check(self, data: Any) -> Call | None:
        path: Path = ("api", "check")
        if not self.known(path, data, CHECK, "check"):
            return None
        return self._call(path, data, SCOPES_OF_API)

    def _rate(self, path: Path, data: Any) -> Rate:
        given = data if self.known(path, data, RATE, "rate") else {}
        calls, seconds = (self._number((*path, key), given.get(key, 0)) for key in RATE)
        return Rate(calls, seconds)

    def _lookup(self, path: Path, name: str, data: Any) -> Lookup:
        given = data if self.known(path, data, LOOKUP, f"[{path[0]}.{name}]") else {}
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
            self.wrong(path, f"'{name}' is no name of a look-up", 'write it like "contact"')
        named = self._named(path, name, given)
        call = self._call(path, given, SCOPES_OF_CALL)
        most = self._number((*path, "max"), given.get("max", 1))
        self._check_ids(path, call, most)
        if "records" not in given:
            self.wrong(path, "records is missing", 'write records = "…": where in the answer the records are')
        return Lookup(
            name,
            Place(self.source, path),
            named.kind,
            call,
            most,
            named.ids,
            self._found((*path, "records"), given.get("records", "@")),
            self._found((*path, "id"), given.get("id", "id")),
            self._sync((*path, "sync"), given["sync"], call) if "sync" in given else None,
        )

    def _check_ids(self, path: Path, call: Call, most: int) -> None:
        asked = {name for part in (call.path, call.query, call.json) for name, _ in variables(part)}
        if not asked & {"ids", "id"}:
            self.wrong(path, "the request does not name the records", "write {$ids} or {$id} into it")
        elif most > 1 and "id" in _outside_lists(call):
            hint = "write {$ids}, or max = 1"
            self.wrong(path, "{$id} outside a list of one element cannot stand for several ids", hint)

    def _sync(self, path: Path, data: Any, base: Call) -> Sync | None:
        if not self.known(path, data, SYNC, "sync"):
            return None
        given = self._call(path, data, SCOPES_OF_CALL, base)
        found = {key: self._found((*path, key), data[key]) for key in ("next", "last", "total") if key in data}
        if {name for name, _ in variables(given.path)} & {"ids", "id"}:
            self.wrong(path, "the path names one record; reading all needs a path of its own", 'write get = "…"')
        asked = {name for part in (given.path, given.query, given.json) for name, _ in variables(part)}
        turns = [name for name in ("next", "last", "page") if name in asked and (name == "page" or name in found)]
        if len(turns) != 1:
            hint = "write {$page}, or next = … and {$next}, or last = … and {$last}"
            self.wrong(path, "it must be said in one way how the next page is asked for", hint)
        most = self._number((*path, "max"), data["max"]) if "max" in data else 0
        if "size" in asked and not most:
            self.wrong(path, "{$size} is at most what max says, which is missing", "write max = …")
        count = self._count((*path, "count"), data, given) if "count" in data else None
        return Sync(given, most, found.get("next"), found.get("last"), found.get("total"), count)

    def _count(self, path: Path, data: Mapping[str, Any], base: Call) -> Call | None:
        if not self.known(path, data["count"], CHECK, "count"):
            return None
        if "total" not in data:
            self.wrong(path, "what its answer counts is not said", 'write total = "…" beside it')
        return self._call(path, data["count"], SCOPES_OF_CALL, base)

    def _call(self, path: Path, data: Mapping[str, Any], scopes: tuple[str, ...], base: Call = _NO_CALL) -> Call:
        """Return a request; what it does not say is that of `base`, and an empty text takes a part of that away."""
        methods = [key for key in ("get", "post") if key in data]
        if len(methods) != 1 and (base is _NO_CALL or methods):
            self.wrong(path, "needs one of get and post", 'write get = "/path"')
        method = methods[0] if methods else base.method.lower()
        where = self._path((*path, method), data[method], scopes) if methods else base.path
        query = self._fillings((*path, "query"), data.get("query", {}), scopes)
        body = self._json((*path, "json"), data["json"], scopes) if "json" in data else None
        if "json" in data and method == "get":
            self.wrong((*path, "json"), "a GET carries no body", "write query, or post")
        if method == "get":
            return Call("GET", where, _over(base.query, query), None)
        return Call("POST", where, _over(base.query, query), base.json if body is None else _over(base.json, body))

    def _path(self, path: Path, value: Any, scopes: tuple[str, ...]) -> Template:
        text = self._filled(path, value, scopes)
        if not all(isinstance(part, Expression) or _FIXED_PATH.fullmatch(part) for part in text.parts):
            self.wrong(path, "is no plain path", "what stands behind a question mark goes into query = { … }")
        return text

    def _fillings(self, path: Path, data: Any, scopes: tuple[str, ...]) -> dict[str, Template]:
        if not isinstance(data, dict):
            self.wrong(path, "must be a table of texts", 'write it like { limit = "50" }')
            return {}
        return {key: self._filled((*path, key), value, scopes) for key, value in data.items()}

    def _json(self, path: Path, data: Any, scopes: tuple[str, ...]) -> Any:
        if isinstance(data, dict):
            return {key: self._json((*path, key), value, scopes) for key, value in data.items()}
        if isinstance(data, list):
            return [self._json((*path, index), value, scopes) for index, value in enumerate(data)]
        if isinstance(data, str):
            if bare := _WHOLE.fullmatch(data):
                self.wrong(path, f"'{data}' lacks its braces", f"write {{{bare[0]}}}", offset=0)
            return self._with_variables(path, data, scopes) if _OPENING.search(data) else data
        if not isinstance(data, bool | int | float):
            self.wrong(path, "must be JSON: a time is written as a text")
        return data

    def _filled(self, path: Path, value: Any, scopes: tuple[str, ...]) -> Template:
        """Return a text in which a variable without braces is a mistake."""
        if not isinstance(value, str):
            self.value(path, value, "text")
            return _NO_CALL.path
        template = self._with_variables(path, value, scopes)
        for part in template.parts:
            if isinstance(part, str) and (bare := _BARE.search(part)):
                hint = f"write {{${bare[0].strip('{}').removeprefix('$')}}}"
                self.wrong(path, f"'{bare[0]}' is no placeholder", hint, offset=value.find(bare[0]))
        return template

    def _with_variables(self, path: Path, text: str, scopes: tuple[str, ...]) -> Template:
        return self.template(path, text, _OPENING, partial(self.expression, scopes=scopes))

    def _pattern(self, path: Path, value: Any) -> re.Pattern[str]:
        try:
            return re.compile(self.value(path, value, "text") or DEFAULT_IDS, re.ASCII)
        except re.error as error:
            self.wrong(path, f"is no regular expression: {error.msg}", offset=error.pos)
        return re.compile(DEFAULT_IDS)

    def _over_answer(self, path: Path, value: Any) -> Expression | None:
        """Return an expression over the status, headers and body of an answer."""
        return self.expression(path, value, scopes=())

    def _found(self, path: Path, value: Any) -> Any:
        """Return an expression over the body of an answer, or a record of it."""
        return self.expression(path, value, scopes=SCOPES_OF_ANSWER)

    def _number(self, path: Path, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST:
            self.wrong(path, "must be a whole number from 1")
            return 1
        return value


def _over(base: Any, given: Any) -> Any:
    """Return a table with what is given in place of what it held; an empty text takes a part away."""
    if not isinstance(given, dict):
        return given
    both = {**(base if isinstance(base, dict) else {}), **given}
    return {key: value for key, value in both.items() if value not in ("", _NO_CALL.path)}


def _outside_lists(call: Call) -> set[str]:
    """Return the variables of a request that are asked where nothing is repeated for each id."""
    once = [value for key, value in call.query.items() if not key.endswith("[]")]
    return {name for part in (call.path, once, _not_repeated(call.json)) for name, _ in variables(part)}


def _not_repeated(value: Any) -> Any:
    if isinstance(value, dict):
        return [_not_repeated(inner) for inner in value.values()]
    if isinstance(value, list):
        return [_not_repeated(inner) for inner in value] if len(value) > 1 else []
    return value
