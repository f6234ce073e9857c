"""The invented records of one CRM: companies, contacts, deals and leads, made from a seed and changed by people."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any, NamedTuple

KINDS = ("contact", "company", "deal", "lead")
FIRST = ("Олена", "Андрій", "Ірина", "Тарас", "Оксана", "Богдан", "Соломія", "Юрій", "Ґалина", "Єва", "Зоряна", "Їржі")
LAST = ("Коваль", "Шевчук", "Бондар", "Ткачук", "Мельник", "Гнатюк", "Лисенко", "Поліщук", "Савчук", "Кравець")
OWNERS = 5
SPAN_SECONDS = 90 * 86_400  # all were changed within so many seconds before the start
BARE = 97  # every 97th contact has neither phone nor e-mail


class Record(NamedTuple):
    """One record, as no CRM shows it: each has a dialect of its own."""

    kind: str
    id: int
    name: str  # given name of a person, name of a company, title of a deal
    last: str = ""
    phones: tuple[str, ...] = ()  # as people typed them
    emails: tuple[str, ...] = ()
    owner: int = 1
    company: int = 0  # 0: none
    contact: int = 0
    created: float = 0.0  # seconds since 1970
    updated: float = 0.0
    visible: bool = True  # to the key that asks

    @property
    def full_name(self) -> str:
        """The name as one text."""
        return f"{self.name} {self.last}".strip()


class Records:
    """All records of a CRM; not safe between threads."""

    def __init__(self, clock: Callable[[], float], contacts: int = 200, seed: int = 1) -> None:
        self._clock = clock
        self.merged: dict[int, int] = {}  # contacts by the one that they were merged into
        self._by_kind: dict[str, dict[int, Record]] = {kind: {} for kind in KINDS}
        self._ids: dict[str, list[int]] = {kind: [] for kind in KINDS}  # ascending
        self._last = dict.fromkeys(KINDS, 0)
        random, since = Random(seed), clock() - SPAN_SECONDS
        companies, deals = contacts // 20 + 1, contacts // 10 + 1
        step = SPAN_SECONDS / (contacts + 1)
        for number in range(1, companies + 1):
            self._keep(Record("company", number, f"ТОВ Приклад {number}", created=since, updated=since))
        for number in range(1, contacts + 1):
            company = random.randint(1, companies) * (random.random() < 0.5)  # noqa: PLR2004 - every second has one
            self._keep(_person("contact", number, random, int(since + number * step))._replace(company=company))
        for number in range(1, deals + 1):
            contact = self._by_kind["contact"].get(random.randint(1, max(contacts, 1)))
            ids: dict[str, Any] = {"contact": contact.id, "company": contact.company} if contact else {}
            self._keep(Record("deal", number, f"Угода {number}", created=since, updated=since, **ids))
            self._keep(_person("lead", number, random, int(since), numbers_from=900_000))

    def _next(self, kind: str) -> int:
        """Return an id that no record of this kind had before."""
        self._last[kind] = max([self._last[kind], *self._ids[kind][-1:]]) + 1
        return self._last[kind]

    def _keep(self, record: Record) -> None:
        if record.id not in self._by_kind[record.kind]:
            insort(self._ids[record.kind], record.id)
        self._by_kind[record.kind][record.id] = record

    def get(self, kind: str, number: int) -> Record | None:
        """Return a record that the key may see, None if there is none."""
        found = self._by_kind[kind].get(number)
        return found if found and found.visible else None

    def chosen(self, kind: str, ids: Iterable[Any]) -> list[Record]:
        """Return the records of these ids, each once, in the order of ids; what is no number is no id."""
        numbers = {int(one) for one in ids if str(one).isascii() and str(one).isdecimal()}
        return [found for number in sorted(numbers) if (found := self.get(kind, number))]

    def visible(self, kind: str, *, after: int = 0, since: float = 0.0) -> Iterator[Record]:
        """Yield all beyond an id that the key may see and that changed since a second, in the order of ids."""
        ids = self._ids[kind]
        found = (self._by_kind[kind][one] for one in islice(ids, bisect_right(ids, after), None))
        return (one for one in found if one.visible and int(one.updated) >= since)

    def everything(self, kind: str) -> list[Record]:
        """Return all records, as the CRM's administrator sees them."""
        return list(self._by_kind[kind].values())

    def counts(self) -> dict[str, int]:
        """Return how many records there are of each kind."""
        return {kind: len(ids) for kind, ids in self._ids.items()}

    def put(self, kind: str, number: int | None, changes: Mapping[str, Any]) -> tuple[Record, set[str]]:
        """Change a record, or make one; return it and what has changed. Raise ValueError for a change of no sense."""
        known = self._by_kind[kind]
        now = self._clock()
        before = known.get(number) if number else Record(kind, self._next(kind), "", created=now)
        if before is None:
            raise ValueError(f"There is no {kind} {number}.")
        after = before._replace(**_checked(changes))
        changed = {name for name in Record._fields if getattr(before, name) != getattr(after, name)}
        self._keep(after._replace(updated=now))
        return known[after.id], changed

    def drop(self, kind: str, number: int, into: int = 0) -> Record:
        """Delete a record, or merge a contact into another; return what it was. Raise ValueError if there is none."""
        if into:
            self.merged[number] = into
        if number not in self._by_kind[kind]:
            raise ValueError(f"There is no {kind} {number}.")
        self._ids[kind].remove(number)
        return self._by_kind[kind].pop(number)


def _person(kind: str, number: int, random: Random, at: float, numbers_from: int = 0) -> Record:
    """Return a person with a plainly fake number; some have a second one, written as people write it."""
    phones = [f"+380670{numbers_from + number:06}"]
    if random.random() < 0.3:  # noqa: PLR2004 - three of ten
        second = f"{500_000 + number:06}"
        phones.append(f"0670 {second[:2]} {second[2:4]} {second[4:]}")
    emails = (f"{kind}{number}@example.com",)
    bare = kind == "contact" and number % BARE == 0
    return Record(
        kind,
        number,
        random.choice(FIRST),
        random.choice(LAST),
        () if bare else tuple(phones),
        () if bare else emails,
        random.randint(1, OWNERS),
        created=at,
        updated=at,
    )


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes with the types of a record; raise ValueError for others."""
    wanted = {name: changes[name] for name in changes if name in Record._fields[2:9] or name == "visible"}
    if unknown := changes.keys() - wanted.keys():
        raise ValueError(f"A record has no {', '.join(sorted(unknown))} to change.")
    for name, value in wanted.items():
        wanted[name] = tuple(value) if name in ("phones", "emails") and isinstance(value, list) else value
        if type(wanted[name]) is not type(Record._field_defaults.get(name, "")):
            raise ValueError(f"{name} is of another type.")
        if isinstance(wanted[name], tuple) and not all(isinstance(one, str) for one in wanted[name]):
            raise ValueError(f"{name} are texts.")
    return wanted
