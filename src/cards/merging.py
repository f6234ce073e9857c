"""The news of one event merged into their cards in the table, whoever else writes them at the same time.

A contact may know its organization by id only. Its name then comes from the organization's card: when the contact
changes, or when the organization at last arrives, which keeps a list of the contacts that want its name.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cards import store
from cards.card import Card, Fields, absorb, name_for_contacts, nameless, project_of
from cards.store import Cards
from errors import Unavailable

RING_FIRST_MS = 60_000  # the ring normally comes first; the sweep looks after it
TRIES = 5  # merges of one card that other requests change at the same time

News = Mapping[str, Sequence[Fields]]


class Merged(NamedTuple):
    """The verdict on each change by key, in their order, and the cards to ring."""

    verdicts: Mapping[str, list[str]]
    due: Sequence[str]


class Merging:
    """Merge news, given by the keys of their cards. `now` is in ms, `expires_at` in seconds since 1970, UTC."""

    def __init__(self, cards: Cards, *, connection: str, now: int, expires_at: int | None) -> None:
        self._cards = cards
        self._connection = connection
        self._now = now
        self._expires_at = expires_at
        self._known: dict[str, Card] = {}
        self._due: dict[str, None] = {}

    def merge(self, news: News) -> Merged:
        """Write all news: one call to read and one to write per hundred cards.

        Raise Unavailable when others keep changing the same cards. Part of the news is written then, and all of it may
        come again.
        """
        employers = (key for card, changes in news.items() for fields in changes for key in nameless(card, fields))
        self._read([*news, *employers])
        verdicts = self._write(news)
        if names := self._late_names(news):
            self._read(names)
            self._write(names)
        return Merged(verdicts, list(self._due))

    def _read(self, keys: Iterable[str]) -> None:
        unread = list(dict.fromkeys(key for key in keys if key not in self._known))
        found = self._cards.read(unread) if unread else {}
        self._known |= {key: found.get(key) or self._new(key) for key in unread}

    def _new(self, key: str) -> Card:
        return Card(key, connection=self._connection)

    def _write(self, news: News) -> dict[str, list[str]]:
        verdicts: dict[str, list[str]] = {}
        todo = sorted(news, key=lambda key: "#organization:" not in key)  # a contact beside its organization finds it
        for _ in range(TRIES):
            writes = []
            for key in todo:
                before = self._known[key]
                after, verdicts[key] = absorb(before, news[key])
                after, _ = absorb(after, self._names(after))
                self._known[key] = after
                if _must_ring(before, after):
                    self._due[key] = None
                if after is not before:
                    writes.append(self._written(before, after))
            for project in {project_of(write.key) for write in writes}:
                self._cards.enrol(project)
            conflicts = self._cards.write_all(writes)
            self._known |= {key: card or self._new(key) for key, card in conflicts.items()}
            todo = [key for key in todo if key in conflicts]
            if not todo:
                return verdicts
        raise Unavailable("Other requests kept changing the same cards.")

    def _written(self, before: Card, after: Card) -> store.Write:
        due_at = None if after.hash == before.hash else max(self._now + RING_FIRST_MS, after.not_before or 0)
        return store.merged(before, after, due_at=due_at, expires_at=self._expires_at)

    def _names(self, card: Card) -> list[Fields]:
        """Return the names of organizations that a contact's card wants and that have been read."""
        known = (self._known.get(key) for key in nameless(card.key, card.fields))
        return [names for organization in known if organization and (names := name_for_contacts(organization))]

    def _late_names(self, news: News) -> dict[str, list[Fields]]:
        """Return names for contacts: of organizations that came meanwhile, or that others were waiting for."""
        late: dict[str, list[Fields]] = {}
        for key in news:
            card = self._known[key]
            for employer in nameless(key, card.fields):
                if names := name_for_contacts(self._cards.want(employer, key)):
                    late.setdefault(key, []).append(names)
            if names := name_for_contacts(card):
                for contact in card.wanted_by:
                    late.setdefault(contact, []).append(names)
        return late


def _must_ring(before: Card, after: Card) -> bool:
    """Ring for new content, and for old content whose ring may have been lost."""
    unconfirmed = after.hash is not None and after.hash != after.confirmed_hash
    return unconfirmed and (after.hash != before.hash or before.due_at is not None)
