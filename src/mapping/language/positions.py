"""Source positions of keys and values, which `tomllib` does not report.

Scanned only when a message needs a line, from text that `tomllib` has accepted.
"""

import re
import tomllib
from functools import cached_property
from typing import NamedTuple

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'''"""(?P<texts>(?:[^\\]|\\.)*?)"""(?!")|"(?P<text>(?:[^"\\\n]|\\.)*)"'''
    r"""|'''(?P<raws>.*?)'''(?!')|'(?P<raw>[^'\n]*)'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(?:u.{4}|U.{8}|x..|[ \t]*\n\s*|.)", re.DOTALL)


class Spot(NamedTuple):
    """Offsets into the file: of a key (or a value that has none), of its value's text, and whether that has escapes."""

    key: int
    value: int
    escaped: bool = False


class Source:
    """A mapping file: the name that messages show, and its text."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.replace("\r\n", "\n")

    @cached_property
    def spots(self) -> dict[Path, Spot]:
        """Every key, table and array element by its path."""
        return _Scan(self.text).spots

    def line(self, path: Path) -> int:
        """Return the line (from 1) of a key."""
        return self.position(path)[0]

    def position(self, path: Path, offset: int | None = None) -> tuple[int, int]:
        """Return line and column (from 1) of a key, or of the character `offset` of its text."""
        while path and path not in self.spots:
            path = path[:-1]
        spot = self.spots.get(path, Spot(0, 0))
        return self.line_and_column(spot.key if offset is None else self._character(spot, offset))

    def line_and_column(self, at: int) -> tuple[int, int]:
        """Return line and column (from 1) of an offset into the file."""
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def _character(self, spot: Spot, offset: int) -> int:
        at = spot.value
        for _ in range(offset if spot.escaped else 0):
            escape = _ESCAPE.match(self.text, at)
            at = escape.end() if escape else at + 1
        return at if spot.escaped else at + offset


class Place(NamedTuple):
    """Where in a mapping something is: the file, and the path of keys and indices in it."""

    source: Source
    path: Path

    def __str__(self) -> str:
        """Return `presets/pipedrive.toml:36`."""
        return f"{self.source.name}:{self.source.line(self.path)}"

    def inside(self, *steps: str | int) -> "Place":
        """Return the place of something below."""
        return Place(self.source, (*self.path, *steps))


class _Scan:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.spots: dict[Path, Spot] = {}
        self._lengths: dict[Path, int] = {}  # of arrays of tables
        table: Path = ()
        while self._skip() < len(text):
            if text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self) -> int:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.at

    def _header(self) -> Path:
        start, many = self.at, self.text.startswith("[[", self.at)
        self.at += 2 if many else 1
        self._skip()
        keys = self._keys()
        self.at = self.text.index("]", self.at) + (2 if many else 1)
        path: Path = ()
        for depth, key in enumerate(keys, 1):
            path += (key,)
            self.spots.setdefault(path, Spot(start, start))
            if many and depth == len(keys):
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path += (self._lengths[path] - 1,)
        self.spots[path] = Spot(start, start)
        return path

    def _keys(self) -> list[str]:
        keys = []
        while key := _KEY.match(self.text, self.at):
            bare = key[0]
            keys.append(next(iter(tomllib.loads(f"{bare} = 0"))) if bare[0] in "\"'" else bare)
            self.at = key.end()
            dot = _DOT.match(self.text, self.at)
            if dot is None:
                break
            self.at = dot.end()
        return keys

    def _pair(self, table: Path) -> None:
        start = self.at
        path = table
        for key in self._keys():
            path += (key,)
            self.spots.setdefault(path, Spot(start, start))
        self.at = self.text.index("=", self.at) + 1
        self._skip()
        self._value(path, start)

    def _value(self, path: Path, key: int) -> None:
        string = _STRING.match(self.text, self.at)
        if string:
            kind = str(string.lastgroup)
            skipped = kind.endswith("s") and string[kind].startswith("\n")  # a line break behind """ is no text
            escaped = kind.startswith("text") and "\\" in string[kind]
            self.spots[path] = Spot(key, string.start(kind) + skipped, escaped)
            self.at = string.end()
            return
        self.spots[path] = Spot(key, self.at)
        if self.text[self.at] == "[":
            self._array(path)
        elif self.text[self.at] == "{":
            self._inline(path)
        elif scalar := _SCALAR.match(self.text, self.at):
            self.at = scalar.end()

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self.text[self._skip()] != "]":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._value((*path, index), self.at)
            index += 1
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self.text[self._skip()] != "}":
            if self.text[self.at] == ",":
                self.at += 1
                continue
            self._pair(path)
        self.at += 1
