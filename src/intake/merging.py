"""The news of one event merged into their cards in the table, while others write there too.

A contact may know its organization by id only. The name on its card is a copy of the one on the organization's, and
each copy is known: before a contact is first written with an organization's id, it is noted among its members, and
before an organization is written with a new name, it is noted that the name must be spread. The event spreads it to the
first members, and the sweep to all of them once every contact that was being written with the old one is.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from aws.table import Cards
from cards.card import (
    Absorbed,
    Card,
    Fields,
    absorb,
    employers,
    id_of_employer,
    is_confirmed,
    name_for_contacts,
    with_names,
)
from cards.endpoints import ORGANIZATION_NAME
from cards.key import is_organization, members_page, project_of
from cards.write import Write, merged, renaming
from delivery.policy import REST_MS, SWEEP_AFTER_MS
from errors import Unavailable

TRIES = 5  # merges of one card that other requests change at the same time
AT_ONCE = 100  # contacts that get a new name with the event that brings it; the sweep looks after all of them

News = Mapping[str, Sequence[Fields]]


class Merged(NamedTuple):
    """The verdict on each change by key, in their order, and the cards to wake, each in so many seconds."""

    verdicts: Mapping[str, list[Absorbed]]
    due: Mapping[str, int]


class Merging:
    """Merge news, given by the keys of their cards. `now` is in ms, `expires_at` in seconds since 1970, UTC.

    `in_time` says whether there is time for one more call, `is_personal` is that of `key_of`.
    """

    def __init__(  # noqa: PLR0913 - all but the table are given by name
        self,
        cards: Cards,
        *,
        connection: str,
        now: int,
        expires_at: int | None,
        in_time: Callable[[], bool] = lambda: True,
        is_personal: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._cards = cards
        self._connection = connection
        self._now = now
        self._expires_at = expires_at
        self._in_time = in_time
        self._is_personal = is_personal
        self._known: dict[str, Card] = {}
        self._due: dict[str, int] = {}
        self._renamed: dict[str, None] = {}

    def merge(self, news: News) -> Merged:
        """Write all news: one call to read and one to write per hundred cards.

        Raise Unavailable when others keep changing the same cards, or when time is up. Part of the news is written
        then, and all of it may come again.
        """
        named_by_id = (
            key
            for card, changes in news.items()
            for fields in changes
            for key in employers(card, fields, self._is_personal).values()
        )
        self._read([*news, *named_by_id])
        verdicts = self._write(news)
        for organization in self._renamed:
            if self._in_time():
                self.spread(organization, list(chain.from_iterable(self._cards.members(organization)))[:AT_ONCE])
        return Merged(verdicts, self._due)

    def spread(self, organization: str, contacts: Sequence[str]) -> Merged:
        """Give the name of an organization to those contacts that still name it by its id."""
        self._read([organization, *contacts])
        name = name_for_contacts(self._known[organization])
        found = {key: id_of_employer(self._known[key], organization) for key in contacts}
        self._write({key: [{ORGANIZATION_NAME + one: name}] for key, one in found.items() if one is not None})
        return Merged({}, self._due)

    def _read(self, keys: Iterable[str]) -> None:
        unread = list(dict.fromkeys(key for key in keys if key not in self._known))
        found = self._cards.read(unread) if unread else {}
        self._known |= {key: found.get(key) or self._new(key) for key in unread}

    def _new(self, key: str) -> Card:
        return Card(key, connection=self._connection)

    def _write(self, news: News) -> dict[str, list[Absorbed]]:
        verdicts: dict[str, list[Absorbed]] = {}
        todo = sorted(news, key=lambda key: not is_organization(key))  # a contact beside its organization finds it
        for project in {project_of(key) for key in todo}:
            self._cards.enrol(project)
        for _ in range(TRIES):
            absorbed = {key: absorb(self._known[key], news[key]) for key in todo}
            verdicts |= {key: found for key, (_, found) in absorbed.items()}
            self._prepare([card for card, _ in absorbed.values()])
            writes = [self._written(before, after) for before, after in self._named(absorbed) if after is not before]
            conflicts = self._cards.write_all(writes, self._in_time)
            self._known |= {key: card or self._new(key) for key, card in conflicts.items()}
            todo = [key for key in todo if key in conflicts]
            if not todo:
                return verdicts
        raise Unavailable("Other requests kept changing the same cards.")

    def _prepare(self, cards: Sequence[Card]) -> None:
        """Note what must be known before cards are written: new members of organizations, and new names."""
        members: dict[str, set[str]] = {}
        renamed = []
        employed_by = []
        for card in cards:
            before = self._known[card.key]
            if is_organization(card.key):
                if name_for_contacts(card).value != name_for_contacts(before).value:
                    renamed.append(card.key)
                continue
            for identity, organization in employers(card.key, card.fields, self._is_personal).items():
                if ORGANIZATION_NAME + identity not in before.fields:
                    members.setdefault(members_page(organization, card.key), set()).add(card.key)
                    employed_by.append(organization)
        self._renamed |= dict.fromkeys(renamed)
        notes = [renaming(key, self._now) for key in renamed]
        notes += [Write(page, {}, members=frozenset(keys)) for page, keys in members.items()]
        if notes:
            self._cards.note(notes, self._in_time)
            self._read(employed_by)

    def _named(self, absorbed: Mapping[str, tuple[Card, list[Absorbed]]]) -> Iterator[tuple[Card, Card]]:
        """Yield cards as they were and as they will be, contacts with the names of their organizations."""
        for key, (card, _) in absorbed.items():
            before, after = self._known[key], card
            if not is_organization(key) and after.erased is None:
                after = self._with_names(before, card)
            self._known[key] = after
            if _must_wake(before, after):
                self._due[key] = self._rest(after)
            yield before, after

    def _with_names(self, before: Card, after: Card) -> Card:
        """Return a contact's card with the names of its organizations; they are noted even where there is none yet."""
        if not (found := employers(after.key, after.fields, self._is_personal)) and after is before:
            return after
        names = {identity: name_for_contacts(self._known.get(key)) for identity, key in found.items()}
        return with_names(before, after, names)

    def _rest(self, card: Card) -> int:
        """Return in how many seconds a card is to be posted: at once, unless Ringostat took it a moment ago."""
        since = REST_MS if card.confirmed_at is None else max(0, self._now - card.confirmed_at)
        return math.ceil(max(0, REST_MS - since) / 1000)

    def _written(self, before: Card, after: Card) -> Write:
        due_at = None if after.hash == before.hash else max(self._now + SWEEP_AFTER_MS, after.not_before or 0)
        return merged(before, after, due_at=due_at, expires_at=self._expires_at)


def _must_wake(before: Card, after: Card) -> bool:
    """Wake a worker for new content, and for old content whose wake-up may have been lost."""
    owed = after.hash is not None and not is_confirmed(after)
    return owed and (after.hash != before.hash or before.due_at is not None)
