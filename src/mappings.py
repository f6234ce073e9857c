"""Which mapping reads a connection's events: one of the bundle, or one that the cards table holds, version by version.

A version is whole and never changes: beside its text and its tables it holds the texts of the stored mappings that its
`extends` and `api` name, as they were when it was put. So one read gives all of it.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

from aws.kept import Kept
from aws.table import Cards
from cards.key import BUNDLE, mapping_key
from cards.write import Write
from connections import Connection
from errors import BadMapping, NewerMapping
from mapping.language import loader
from mapping.language.model import FORMAT
from mapping.language.model import Mapping as Loaded
from mapping.language.positions import Source

Tables = Mapping[str, dict[str, str]]
TEXTS = ("text", "others", "tables")  # what a removed version loses


class Version(NamedTuple):
    """One version of a stored mapping, as its row holds it; times are ms since 1970."""

    name: str
    version: int
    text: str
    others: Mapping[
        str, tuple[str, str, Tables]
    ] = {}  # by name: which version it holds (`base v2`), its text and tables
    tables: Tables = {}  # `[lookups]` that stand outside the text
    put_at: int = 0
    note: str = ""
    format: int = FORMAT  # who reads only an older one cannot read this version

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"  # an @ would look like an e-mail address to the log

    @classmethod
    def of(cls, name: str, row: Mapping[str, Any]) -> "Version | None":
        """Return what a row holds, None where it holds no text."""
        if "text" not in row:
            return None
        own = {field: row[field] for field in cls._fields if field in row}
        return cls(**{**own, "name": name, "others": json.loads(row["others"]), "tables": json.loads(row["tables"])})

    def loaded(self, shown: str = "", *, whole: bool = True, near: Collection[str] = ()) -> Loaded:
        """Return the mapping; `shown` names its text in messages. Raise BadMapping, NewerMapping.

        Unless it is `whole`, what its `api` names is checked only once it is asked for. `near` are the names of stored
        mappings that a misspelt one may mean.
        """
        if self.format > FORMAT:
            raise NewerMapping(
                f"the stored mapping {self} has format {self.format}, and this version of the bridge reads {FORMAT}: "
                f"deploy the version that stored it, or bridge mapping rollback {self.name}"
            )
        others = {name: loader.Stored(Source(*known[:2]), known[2]) for name, known in self.others.items()}
        own = loader.Stored(Source(shown or str(self), self.text), self.tables)
        return loader.load_stored(own, others, whole=whole, near=near)


class Mappings:
    """The mappings of connections; each stored one is read at most every five minutes. `clock` gives seconds."""

    def __init__(self, cards: Cards, clock: Callable[[], float] = time.monotonic) -> None:
        self._cards = cards
        self._clock = clock
        self._bundled: set[str] = set()
        self._kept: dict[str, Kept[Loaded]] = {}
        self._loaded: dict[str, Loaded] = {}  # the newest version of each, compiled

    def of(self, connection: Connection) -> Loaded:
        """Return a connection's mapping; raise BadMapping or NewerMapping.

        Raise Unavailable where its row cannot be read, and no version read before can serve.
        """
        name = connection.mapping
        if name not in self._kept:
            self._find(name)
        if name in self._bundled and not connection.stored:
            return loader.load(name)
        return self._kept[name].read()

    def _find(self, name: str) -> None:
        """Look once in the life of this process whether the bundle has a mapping."""
        if name in loader.mappings():
            self._bundled.add(name)
        self._kept[name] = Kept("DynamoDB", partial(self._read, name), self._clock)

    def forget(self) -> None:
        """Forget everything read, as a new process has."""
        self._bundled.clear()
        self._kept.clear()
        self._loaded.clear()

    def _read(self, name: str) -> Loaded:
        version = newest(self._cards, name)
        if version is None:
            put = f"bridge mapping put FILE --name {name}"
            raise BadMapping(f"there is no mapping '{name}', neither in the bundle nor stored: {put}")
        known = self._loaded.get(name)
        if known is None or known.name != str(version):
            known = self._loaded[name] = version.loaded(whole=False)
        return known


def newest(cards: Cards, name: str) -> Version | None:
    """Return the version of a stored mapping that counts, None if there is none."""
    return Version.of(name, cards.row(mapping_key(name)))


def puts(version: Version, before: int) -> list[Write]:
    """Return the writes of a new version; they happen only while the number of the newest one is `before` (0: none)."""
    changes = {field: value for field, value in version._asdict().items() if field != "name"}
    condition, values = ("#version = :before", {"before": before}) if before else ("attribute_not_exists(#version)", {})
    kept = Write(mapping_key(version.name, version.version), changes, "attribute_not_exists(#text)")
    return [Write(mapping_key(version.name), changes, condition, values), kept]


def removed(name: str, before: int, now: int) -> list[Write]:
    """Return the writes that remove all versions; the number of the newest stays, so that no number comes twice."""
    gone = dict.fromkeys(TEXTS)
    head = Write(
        mapping_key(name), {**gone, "note": "removed", "put_at": now}, "#version = :before", {"before": before}
    )
    expiring = {**gone, "expires_at": now // 1000}
    return [head, *(Write(mapping_key(name, number), expiring) for number in range(1, before + 1))]


class Bundle:
    """What the deployed functions can read: told once by a process of theirs, and asked for by the commands."""

    def __init__(self, cards: Cards) -> None:
        self._cards = cards
        self._is_told = False

    def tell(self) -> None:
        """Write once in the life of this process which mappings its bundle has."""
        if not self._is_told:
            self._cards.write(Write(BUNDLE, {"mappings": loader.mappings(), "format": FORMAT}))
            self._is_told = True

    def forget(self) -> None:
        """Forget that it was told, as a new process has."""
        self._is_told = False

    def asked(self) -> list[str] | None:
        """Return the mappings that the functions told of; None where they did not: they are older than this."""
        row = self._cards.row(BUNDLE)
        return list(json.loads(row["mappings"])) if row else None
