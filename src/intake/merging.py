"""The news of one event merged into their cards in the table, while others write there too.

A contact may know its organization by id only. The name on its card is a copy of the one on the organization's, and
each copy is known: before a contact is first written with an organization's id, it is noted among its members, and
before an organization is written with a new name, it is noted that the name must be spread. The event spreads it to the
first members, and the sweep to all of them once every contact that was being written with the old one is.

Likewise a card is listed in the rows of its phone numbers before it is written with them, or with the same call: what
the cards say is always in that index, which may say more.
"""

import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import chain
from typing import Any, NamedTuple

from aws.table import Cards
from cards.card import UNNAMED, Absorbed, Card, absorb, is_confirmed, name_for_contacts, named_by_id, with_names
from cards.endpoints import ORGANIZATION_NAME, PHONES, Fields, numbers
from cards.key import IsPersonal, employer_key, identity_in, members_page, project_of
from cards.write import Write, listed, merged, renaming
from delivery.policy import GIVE_UP_DAYS, REST_MS, SWEEP_AFTER_MS
from errors import Unavailable

DAY_SECONDS = 86_400
TRIES = 5  # merges of one card that other requests change at the same time
AT_ONCE = 100  # contacts that get a new name with the event that brings it; the sweep looks after all of them

News = Mapping[str, Sequence[Fields]]
Employers = dict[str, str]  # of a contact: keys of organizations, by id


def expiry(retention_days: int, now: int) -> int | None:
    """Return when a card expires (seconds since 1970): not while it may still be due, so 14 days later than asked."""
    return now // 1000 + (retention_days + GIVE_UP_DAYS) * DAY_SECONDS if retention_days else None


class Merged(NamedTuple):
    """The verdict on each change by key, in their order, and the cards to wake, each in so many seconds."""

    verdicts: Mapping[str, list[Absorbed]]
    due: Mapping[str, int]


@dataclass
class Merging:
    """Merge news, given by the keys of their cards. `now` is in ms since 1970, UTC; `retention_days` 0 keeps them.

    `until` is how long there is time for calls (of time.monotonic), `is_personal` is that of `key_of`.
    """

    cards: Cards
    _: KW_ONLY
    connection: str
    now: int
    retention_days: int = 0
    until: float = math.inf
    is_personal: IsPersonal = None
    mapping: str = ""  # what read the news; empty if no event brought it
    known: dict[str, Card] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    renamed: dict[str, None] = field(default_factory=dict)
    employers: dict[str, Employers] = field(default_factory=dict)  # by contact

    def merge(self, news: News) -> Merged:
        """Write all news: one call to read and one to write per hundred cards.

        Raise Unavailable when others keep changing the same cards, or when time is up. Part of the news is written
        then, and all of it may come again.
        """
        named = (self._employers(key, fields).values() for key, changes in news.items() for fields in changes)
        self._read([*news, *chain.from_iterable(named)])
        verdicts = self._write(news)
        for organization in self.renamed:
            if time.monotonic() < self.until:
                self.spread(organization, list(chain.from_iterable(self.cards.members(organization)))[:AT_ONCE])
        return Merged(verdicts, self.due)

    def spread(self, organization: str, contacts: Sequence[str]) -> None:
        """Give the name of an organization to those contacts that still name it by its id."""
        self._read([organization, *contacts])
        name = name_for_contacts(self.known[organization])
        found = {key: identity_in(organization, named_by_id(self.known[key].fields)) for key in contacts}
        self._write({key: [{ORGANIZATION_NAME + one: name}] for key, one in found.items() if one is not None})

    def _employers(self, contact: str, fields: Fields) -> Employers:
        """Return the keys, by id, of the organizations that fields of a contact name by id only."""
        known = self.employers.setdefault(contact, {})
        named = named_by_id(fields)
        known.update({one: employer_key(contact, one, self.is_personal) for one in named if one not in known})
        return {one: known[one] for one in named}

    def _read(self, keys: Iterable[str]) -> None:
        unread = list(dict.fromkeys(key for key in keys if key not in self.known))
        found = self.cards.read(unread) if unread else {}
        self.known |= {key: self._owned(key, found.get(key)) for key in unread}

    def _owned(self, key: str, card: Card | None) -> Card:
        """Return a card with its connection, which a row may lack: a tombstone that was lifted was born without one."""
        card = card or Card(key)
        return card if card.connection else card._replace(connection=self.connection)

    def _write(self, news: News) -> dict[str, list[Absorbed]]:
        verdicts: dict[str, list[Absorbed]] = {}
        todo = list(news)
        for project in {project_of(key) for key in todo if not self.known[key].rev}:
            self.cards.enrol(project)
        for _ in range(TRIES):
            before = {key: self.known[key] for key in todo}
            absorbed = {key: absorb(before[key], news[key]) for key in todo}
            verdicts |= {key: found for key, (_, found) in absorbed.items()}
            self.known |= {key: card for key, (card, _) in absorbed.items()}
            employers = {key: self._employers(key, self.known[key].fields) for key in todo}
            self._prepare(before, employers)
            listing = listings(self.cards, [(was, self.known[key]) for key, was in before.items()], self.now)
            conflicts = self.cards.write_all(list(self._writes(before, employers)), self.until, first=listing)
            self.known |= {key: self._owned(key, card) for key, card in conflicts.items()}
            todo = [key for key in todo if key in conflicts]
            if not todo:
                return verdicts
        raise Unavailable("Other requests kept changing the same cards.")

    def _prepare(self, before: Mapping[str, Card], employers: Mapping[str, Employers]) -> None:
        """Note what must be known before cards are written: new members of organizations, new names."""
        members: dict[str, set[str]] = {}
        employed_by: list[str] = []
        renamed = [key for key, was in before.items() if _name(was) != _name(self.known[key])]
        for key, of_it in employers.items():
            for identity, organization in of_it.items():
                if ORGANIZATION_NAME + identity not in before[key].fields:
                    members.setdefault(members_page(organization, key), set()).add(key)
                    employed_by.append(organization)
        self.renamed |= dict.fromkeys(renamed)
        notes = [renaming(key, self.now) for key in renamed]
        notes += [Write(page, {}, members=frozenset(keys)) for page, keys in members.items()]
        if notes:
            self.cards.write_all(notes, self.until)
            self._read(employed_by)

    def _writes(self, before: Mapping[str, Card], employers: Mapping[str, Employers]) -> Iterator[Write]:
        """Yield the writes of cards that are not as they were before, contacts with their organizations' names."""
        for key, was in before.items():
            card = self.known[key]
            if (employers[key] or card is not was) and card.erased is None:
                card = with_names(was, card, {one: self.known.get(found) for one, found in employers[key].items()})
            self.known[key] = card
            if _must_wake(was, card):
                self.due[key] = self._rest(card)
            if card is not was:
                yield self._written(was, card)

    def _rest(self, card: Card) -> int:
        """Return in how many seconds a card is to be posted: at once, unless Ringostat took it a moment ago."""
        since = REST_MS if card.confirmed_at is None else max(0, self.now - card.confirmed_at)
        return math.ceil(max(0, REST_MS - since) / 1000)

    def _written(self, before: Card, after: Card) -> Write:
        due_at = None if after.hash == before.hash else max(self.now + SWEEP_AFTER_MS, after.not_before or 0)
        after = after._replace(mapping=self.mapping or after.mapping)
        expires_at = expiry(self.retention_days, self.now)
        return merged(before, after, due_at=due_at, expires_at=expires_at, since=self.now)


def _name(card: Card) -> Any:
    """Return the name of an organization; a contact's card has no field of that name."""
    return card.fields.get("name", UNNAMED).value


def listings(cards: Cards, pairs: Iterable[tuple[Card, Card]], now: int) -> list[Write]:
    """Return the writes that list cards, given before and after a change, below the numbers that are new to them."""
    news: dict[str, set[str]] = {}
    for was, card in pairs:
        if card is not was and _phones(card) != _phones(was):
            for number in numbers(card.fields) - numbers(was.fields):
                news.setdefault(cards.number_key(project_of(card.key), number), set()).add(card.key)
    return [listed(number, frozenset(keys), now) for number, keys in news.items()]


def _phones(card: Card) -> list[Any]:
    return [stamp.value for name, stamp in card.fields.items() if name.startswith(PHONES)]


def _must_wake(before: Card, after: Card) -> bool:
    """Wake a worker for new content, and for old content whose wake-up may have been lost."""
    owed = after.hash is not None and not is_confirmed(after)
    return owed and (after.hash != before.hash or before.due_at is not None)
