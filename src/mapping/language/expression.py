"""One expression of a mapping: a dotted path or JMESPath, with the scopes `$…` and functions of our own.

https://jmespath.org/specification.html is the language. We use jmespath's internal lexer, parser and interpreter: a
path needs no interpreter, `$` is not in its grammar, and its errors quote the data.
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, TypeVar

from jmespath import exceptions, functions, lexer, parser, visitor  # type: ignore[import-untyped]

from errors import BadBody, TooLarge, did_you_mean
from mapping import normalize
from mapping.decode import MAX_RECORDS, json_text
from mapping.language.closures import Closure, Node, closure
from mapping.language.positions import Place
from mapping.normalize import is_empty

SCOPES = ("", "item", "headers", "query", "settings", "usual", "lookup")  # "" is `$`, the whole body
OPERATORS = frozenset(("eq", "ne", "lt", "lte", "gt", "gte"))
GLUE = "join"  # a function whose result may mix fixed text and data
LONGEST_TEXT = 10_000  # of a text on its way through a function
LONGEST = 5_000  # characters of an expression
DEEPEST = 100  # levels of its tree: Python ends at 1,000 calls, and each term of `a || b || …` is a level

_PATH = re.compile(r"(?:\$([a-z]*)(?:\.(?=\w)|$))?((?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?)", re.ASCII)
_SHORTER = "a long list of values belongs into a table of [lookups]"
_EVALUATION_ERRORS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)

_Function = TypeVar("_Function", bound=Callable[..., Any])


class BadExpression(Exception):
    """An expression cannot be read; `offset` is where in its text, `hint` what to write instead."""

    def __init__(self, message: str, offset: int, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.hint = hint


def as_list(value: Any) -> list[Any]:
    """Return a list for what CRMs send instead of lists: nothing, one object, a table by index or id."""
    if isinstance(value, list):
        return value
    if is_empty(value):
        return []
    return list(value.values()) if _is_by_number(value) else [value]


def as_records(value: Any) -> list[Any]:
    """Return the list of an event's records, as `as_list` does.

    Raises TooLarge where a table names a record by an index that no event has records for. Maps by id inside a record,
    such as Kommo's `linked_leads_id[35144366]`, are none of this function's business.
    """
    if _is_by_number(value) and any(map(_is_too_far, value)):
        raise TooLarge(f"A request may have {MAX_RECORDS} records, at indices below {MAX_RECORDS}.")
    return as_list(value)


def _is_by_number(value: Any) -> bool:
    return isinstance(value, dict) and all(key.isdecimal() for key in value if isinstance(key, str))


def _is_too_far(key: Any) -> bool:
    return len(str(key)) > 18 or int(key) >= MAX_RECORDS  # noqa: PLR2004 - PHP's indices have 63 bits


def _without_nulls(table: Node) -> Node:
    """Return a copy of a table without the keys that hold null, or a table in which nothing is left."""
    plain = {key: _without_nulls(value) if isinstance(value, dict) else value for key, value in table.items()}
    return {key: value for key, value in plain.items() if value is not None and value != {}}


def _set_null(table: Node, path: str) -> None:
    """Put a null at a path with dots, unless there is a value."""
    name, _, rest = path.partition(".")
    inner = table.setdefault(name, {} if rest else None)
    if rest and isinstance(inner, dict):
        _set_null(inner, rest)


def _takes(values: int) -> Callable[[_Function], _Function]:
    """Declare a function of so many values of any type."""
    return functions.signature(*({"types": []} for _ in range(values)))  # type: ignore[no-any-return]


class _Functions(functions.Functions):  # type: ignore[misc]  # the library has no types
    """JMESPath's functions, which may fail, and ours, which are total."""

    @_takes(1)
    def _func_text(self, value: Any) -> str | None:
        return normalize.text(value, LONGEST_TEXT)

    @_takes(1)
    def _func_lower(self, value: Any) -> str | None:
        return (normalize.text(value, LONGEST_TEXT) or "").lower() or None

    @_takes(2)
    def _func_phone(self, value: Any, country: Any) -> str | None:
        found, _ = normalize.phones(value, country if isinstance(country, str) and country else "UA")
        return found[0].value if found else None

    @_takes(1)
    def _func_base64(self, value: Any) -> str | None:
        return base64.b64encode(value.encode(errors="replace")).decode() if isinstance(value, str) else None

    @_takes(2)
    def _func_split(self, value: Any, separator: Any) -> list[str]:
        written = normalize.text(value, LONGEST_TEXT) or ""
        pieces = written.split(separator) if isinstance(separator, str) and separator else [written]
        return [piece.strip() for piece in pieces if piece.strip()]

    @_takes(1)
    def _func_json(self, value: Any) -> Any:
        try:
            return json_text(value) if isinstance(value, str) else value
        except BadBody:
            return None

    @_takes(1)
    def _func_list(self, value: Any) -> list[Any]:
        return as_list(value)

    @_takes(1)
    def _func_table(self, pairs: Any) -> Node:
        named = (pair for pair in as_list(pairs) if isinstance(pair, dict) and isinstance(pair.get("key"), str))
        return {pair["key"]: pair.get("value") for pair in named}

    @_takes(2)
    def _func_nulled(self, value: Any, names: Any) -> Node:
        table = _without_nulls(value) if isinstance(value, dict) else {}
        for name in as_list(names):
            if isinstance(name, str):
                _set_null(table, name)
        return table

    @_takes(2)
    def _func_for_each(self, values: Any, shared: Any) -> list[Node]:
        return [{"one": value, "all": shared} for value in as_list(values)]


class _RecordFunctions(_Functions):
    """The functions where records are found: `list()` finds records, and raises TooLarge."""

    @_takes(1)
    def _func_list(self, value: Any) -> list[Any]:
        return as_records(value)


FUNCTIONS: Mapping[str, Any] = _Functions.FUNCTION_TABLE
_OPTIONS = visitor.Options(custom_functions=_Functions())
_RECORD_OPTIONS = visitor.Options(custom_functions=_RecordFunctions())


class _Lexer(lexer.Lexer):  # type: ignore[misc]  # the library has no types
    SIMPLE_TOKENS: ClassVar = {**lexer.Lexer.SIMPLE_TOKENS, "$": "scope"}

    def _consume_literal(self) -> Node:
        start = self._position
        written = self._consume_until("`").replace("\\`", "`")
        try:
            return {"type": "literal", "value": json.loads(written), "start": start, "end": self._position}
        except (ValueError, RecursionError):
            raise BadExpression(
                "what stands in backquotes is not JSON", start, "a text stands in single quotes"
            ) from None


class _Parser(parser.Parser):  # type: ignore[misc]  # the library has no types
    BINDING_POWER: ClassVar = {**parser.Parser.BINDING_POWER, "scope": 0}

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__()
        self._scopes = scopes

    def tree(self, source: str) -> Node:
        self._tokens = list(_Lexer().tokenize(source))
        self._index = 0
        tree: Node = self._expression()
        if self._current_token() != "eof":
            self._raise_parse_error_for_token(self._lookahead_token(0), "unexpected")
        return tree

    def _token_nud_scope(self, token: Node) -> Node:
        following = self._lookahead_token(0)
        name = ""
        if following["type"] == "unquoted_identifier" and following["start"] == token["start"] + 1:
            name = following["value"]
            self._advance()
        if name not in self._scopes:
            raise BadExpression(f"there is no scope ${name}", token["start"], f"scopes are {_listed(self._scopes)}")
        return {"type": "scope", "children": [], "value": name}


def _listed(scopes: tuple[str, ...]) -> str:
    return ", ".join("$" + scope for scope in scopes)


class _Scopes(dict[str, Any]):
    """What the scopes hold; `$usual` is read when it is first wanted, once an event: records are known by identity."""

    def __missing__(self, name: str) -> Any:
        from mapping import usual  # noqa: PLC0415 - only mappings that want it pay for it

        found = self[name] = usual.items(self[""], self["headers"], self["query"])
        return found


class View:
    """What expressions can see while one event is read, and the warnings that reading it gave."""

    __slots__ = ("interpreter", "lookups", "scopes", "seen", "strict", "warnings")

    def __init__(self, body: Any, settings: Any, headers: Any, query: Any, **others: Any) -> None:
        given = {"": body, "item": body, "headers": headers, "query": query, "settings": settings, "lookup": ""}
        self.scopes = _Scopes({**given, **others} if others else given)
        self.interpreter = _Interpreter(self.scopes, _OPTIONS)
        self.strict = False  # whether a join needs all its parts: half a name must replace no whole one
        self.seen: list[tuple[Expression, Any]] | None = None  # with a trace: what each expression found
        self.lookups: Mapping[str, Mapping[str, str]] = {}
        self.warnings: list[str] = []


class _Interpreter(visitor.TreeInterpreter):  # type: ignore[misc]  # the library has no types
    def __init__(self, scopes: Mapping[str, Any], options: visitor.Options) -> None:
        super().__init__(options)
        self.scopes = scopes
        self.functions = options.custom_functions

    def visit_scope(self, node: Node, _: Any) -> Any:
        return self.scopes[node["value"]]


class Expression(NamedTuple):
    """A compiled expression: a path has `keys`, anything else a `tree`; `scope` is None for the current item."""

    source: str
    place: Place
    scope: str | None
    keys: tuple[str, ...] | None
    tree: Node | None
    find: Closure | None = None  # the tree, ready to run

    def read(self, current: Any, view: View) -> Any:
        """Return what the expression finds; None, and a warning that quotes no data, where it fails."""
        if self.keys is None:
            return self._search(current, view, view.interpreter)
        return self._at_path(current, view)

    def records(self, view: View) -> list[Any]:
        """Return the records of the event that the expression finds; raises TooLarge where one has an index too far."""
        body = view.scopes[""]
        if self.keys is None:
            return as_records(self._search(body, view, _Interpreter(view.scopes, _RECORD_OPTIONS)))
        return as_records(self._at_path(body, view))

    def _at_path(self, current: Any, view: View) -> Any:
        value = current if self.scope is None else view.scopes[self.scope]
        for key in self.keys or ():
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    def _search(self, current: Any, view: View, interpreter: _Interpreter) -> Any:
        try:
            return self.find(current, interpreter) if self.find else None
        except exceptions.JMESPathTypeError as error:
            view.warnings.append(
                f"{self.place}: the expression failed: {error.function_name}() cannot take {error.actual_type}"
            )
        except _EVALUATION_ERRORS as error:
            view.warnings.append(f"{self.place}: the expression failed ({type(error).__name__})")
        return None

    def is_present(self, current: Any, view: View) -> bool:
        """Return whether the paths of the expression are in the event, even with an empty value."""
        if self.keys is not None:
            return _has(current if self.scope is None else view.scopes[self.scope], self.keys)
        try:
            return _is_present(self.tree or {}, current, view.interpreter)
        except _EVALUATION_ERRORS:
            return False


def _has(value: Any, keys: tuple[str, ...]) -> bool:
    for depth, key in enumerate(keys):
        if not isinstance(value, dict) or key not in value:
            return depth > 0 and _is_cleared(value)
        value = value[key]
    return True


def _is_cleared(value: Any) -> bool:
    """Return whether a value says that all in it is empty: `owner: null` does, and PHP's `[]`; `{}` says nothing."""
    return is_empty(value) and not isinstance(value, dict)


def _is_present(node: Node, value: Any, interpreter: _Interpreter) -> bool:
    kind, children = node["type"], node["children"]
    if kind == "field":
        return _has(value, (node["value"],))
    if kind in ("subexpression", "index_expression"):
        return _is_chain_present(children, value, interpreter)
    if kind in ("or_expression", "multi_select_list", "multi_select_dict"):
        return any(_is_present(child, value, interpreter) for child in children)
    if kind in ("and_expression", "comparator", "function_expression", "key_val_pair"):
        return all(_is_present(child, value, interpreter) for child in children if child["type"] != "expref")
    if kind in ("projection", "value_projection", "filter_projection", "flatten", "pipe", "not_expression"):
        return _is_present(children[0], value, interpreter)
    return True


def _is_chain_present(children: list[Node], value: Any, interpreter: _Interpreter) -> bool:
    for depth, child in enumerate(children):
        if depth and _is_cleared(value):
            return True
        if not _is_present(child, value, interpreter):
            return False
        value = interpreter.visit(child, value)
    return True


def compiled(source: str, place: Place, scopes: tuple[str, ...] = SCOPES) -> Expression:
    """Compile an expression; raises BadExpression, also for what JMESPath itself would only find when it runs."""
    path = _PATH.fullmatch(source)
    if path and source and (path[1] is None or path[1] in scopes):
        return Expression(source, place, path[1], tuple(filter(None, path[2].split("."))), None)
    return Expression(source, place, None, None, _tree(source, scopes), _closure(source, scopes))


@lru_cache
def _tree(source: str, scopes: tuple[str, ...]) -> Node:
    """Return the syntax tree of an expression; a mapping may say the same in several places."""
    if len(source) > LONGEST:
        raise BadExpression(f"it has {len(source):,} characters; at most {LONGEST:,} are read", 0, _SHORTER)
    try:
        tree: Node = _Parser(scopes).tree(source)
    except (exceptions.JMESPathError, LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise _diagnosed(source, error) from None
    if _depth(tree) > DEEPEST:
        raise BadExpression(f"it is nested or chained more than {DEEPEST} levels deep", 0, _SHORTER)
    for node in _nodes(tree):
        if node["type"] == "function_expression":
            _check_call(node, source)
        elif node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
            negation = re.search(r"!\s*([\w$]+(?:\.\w+)+)", source)
            hint = f"write !({negation[1]})" if negation else "put the path into parentheses"
            message = "'!' takes only the first word of a path"
            raise BadExpression(message, negation.start() if negation else 0, hint)
    return _folded(tree)


@lru_cache
def _closure(source: str, scopes: tuple[str, ...]) -> Closure:
    return closure(_tree(source, scopes))


def _folded(node: Node) -> Node:
    """Return the tree with each list of fixed values as one value: rules compare with lists of names at every event."""
    children = [_folded(child) if isinstance(child, dict) else child for child in node["children"]]
    if node["type"] == "multi_select_list" and all(child["type"] == "literal" for child in children):
        return {"type": "literal", "value": [child["value"] for child in children], "children": []}
    return {**node, "children": children}


def _depth(tree: Node) -> int:
    """Return how many levels a tree has, without recursion."""
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in node["children"] if isinstance(child, dict)]
    return depth


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node["children"]:
        if isinstance(child, dict):  # the children of a slice are numbers
            yield from _nodes(child)


def _check_call(call: Node, source: str) -> None:
    name = call["value"]
    if name not in FUNCTIONS:
        hint = did_you_mean(name, FUNCTIONS, "{}()")
        raise BadExpression(f"there is no function {name}()", _offset(name, source), hint)
    wanted = FUNCTIONS[name]["signature"]
    variadic = bool(wanted and wanted[-1].get("variadic"))
    given = len(call["children"])
    if given < len(wanted) or (given > len(wanted) and not variadic):
        least = "at least " if variadic else ""
        raise BadExpression(f"{name}() takes {least}{len(wanted)} values, not {given}", _offset(name, source))


def _offset(name: str, source: str) -> int:
    called = re.search(rf"(?<!\w){re.escape(name)}\s*\(", _masked(source), re.ASCII)
    return called.start() if called else 0


# Each character is read once: a quote without an end goes to the end, a word is read from where it begins.
_QUOTED = re.compile(r"""(['"`])(?:\\.|(?!\1)[^\\])*+(?:\1|\\?\Z)""", re.DOTALL)
_HYPHENED = re.compile(r"(?<!\w)[^\W\d]\w*(?:-\w+)+")
_FOREIGN = re.compile(r"(?<!\w)\w*[^\W\da-zA-Z_]\w*")


def _masked(source: str) -> str:
    """Return the expression with blanks where something is quoted, so that a search finds bare words only."""
    return _QUOTED.sub(lambda quoted: " " * len(quoted[0]), source)


def _diagnosed(source: str, error: Exception) -> BadExpression:  # noqa: PLR0911 - a list of faults
    """Say what people get wrong most, else where the parser stopped."""
    bare = _masked(source)
    if hyphen := _HYPHENED.search(bare):
        offset = hyphen.start() + hyphen[0].index("-")
        return BadExpression("a field name with '-' must stand in double quotes", offset, f'write "{hyphen[0]}"')
    if foreign := _FOREIGN.search(bare):
        offset = foreign.start() + next(at for at, c in enumerate(foreign[0]) if not c.isascii())
        message = "a field name with letters outside a-z must stand in double quotes"
        return BadExpression(message, offset, f'write "{foreign[0]}"')
    if number := re.search(r"[=<>]\s*(-?\d+(?:\.\d+)?)", bare):
        return BadExpression(
            f"the number {number[1]} must stand in backquotes", number.start(1), f"write `{number[1]}`"
        )
    if single := re.search(r"(?<![=!<>])=(?!=)", bare):
        return BadExpression("one '=' compares nothing", single.start(), "write ==")
    if word := re.search(r"(?<=\s)(and|or|not)(?=\s)", bare):
        return BadExpression(f"'{word[1]}' is no operator", word.start(), "write && for and, || for or, ! for not")
    offset = min(getattr(error, "lex_position", 0) or 0, len(source))
    if isinstance(error, exceptions.IncompleteExpressionError) or offset == len(source):
        return BadExpression("it ends too early", offset)
    return BadExpression("it cannot be read from here on", offset)


def quoted_text(source: str) -> tuple[int, str] | None:
    """Return where a comparison has a double-quoted word for a text, and the word: that is a field, silently null."""
    if '"' not in source:
        return None
    tokens = list(_Lexer().tokenize(source))
    for before, token in pairwise(tokens):
        if before["type"] in OPERATORS and token["type"] == "quoted_identifier":
            return token["start"], token["value"]
    return None


def glued(expression: Expression) -> int | None:
    """Return where an expression calls a function that glues texts together, or None."""
    nodes = _nodes(expression.tree) if expression.tree else ()
    calls = (node["value"] for node in nodes if node["type"] == "function_expression")
    return _offset(GLUE, expression.source) if GLUE in calls else None


def asked_of(expression: Expression) -> Iterator[tuple[str, str]]:
    """Yield each scope that an expression asks, and the first key that it asks there; empty for the scope itself."""
    if expression.scope is not None:
        yield expression.scope, (expression.keys or ("",))[0]
    yield from _asked(expression.tree, "") if expression.tree else ()


def _asked(node: Node, following: str) -> Iterator[tuple[str, str]]:
    if node["type"] == "scope":
        yield node["value"], following
    children = [child for child in node["children"] if isinstance(child, dict)]
    names = [child["value"] if child["type"] == "field" else "" for child in children[1:]]
    for child, name in zip(children, [*names, ""], strict=False):
        yield from _asked(child, name if node["type"] == "subexpression" else "")


def paths(expression: Expression) -> list[tuple[str, ...]]:
    """Return the dotted paths that an expression starts from: what `explain` names when it finds nothing."""
    if expression.keys is not None:
        return [expression.keys] if expression.keys and expression.scope in (None, "item", "") else []
    return list(dict.fromkeys(_paths(expression.tree or {})))


def _paths(node: Node) -> Iterator[tuple[str, ...]]:
    kind, children = node.get("type"), node.get("children", ())
    if kind == "field":
        yield (node["value"],)
    elif kind == "subexpression":
        names = [child["value"] for child in children if child["type"] == "field"]
        yield from [tuple(names)] if len(names) == len(children) else _paths(children[0])
    elif kind in ("projection", "value_projection", "filter_projection", "pipe", "index_expression"):
        yield from _paths(children[0])
    else:
        for child in children:
            yield from _paths(child) if isinstance(child, dict) else ()
