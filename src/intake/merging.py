"""The news of one event merged into their cards in the table, while others write there too.

A contact may know its organization by id only. Its name then comes from the organization's card: each time the contact
changes, and when the organization comes or is renamed, for the first contacts that wanted its name before it had one.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from aws.table import Cards
from cards.card import Absorbed, Card, Fields, absorb, employers, is_confirmed, name_for_contacts
from cards.key import is_organization, project_of
from cards.write import Write, merged
from delivery.policy import REST_MS, SWEEP_AFTER_MS
from errors import Unavailable

TRIES = 5  # merges of one card that other requests change at the same time
MOST_WANTED = 10  # organizations of one merge whose names are asked for; the others' come with the next event

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

    def merge(self, news: News) -> Merged:
        """Write all news: one call to read and one to write per hundred cards.

        Raise Unavailable when others keep changing the same cards, or when time is up. Part of the news is written
        then, and all of it may come again.
        """
        named_by_id = (
            key
            for card, changes in news.items()
            for fields in changes
            for key in employers(card, fields, self._is_personal)
        )
        self._read([*news, *named_by_id])
        renamed = {key: name_for_contacts(self._known[key]) for key in news if is_organization(key)}
        verdicts = self._write(news)
        renamed = {key: before for key, before in renamed.items() if name_for_contacts(self._known[key]) != before}
        if late := self._names_of(renamed) | self._names_wanted(news):
            self._read(late)
            self._write({key: names for key, names in late.items() if self._known[key].rev})
        return Merged(verdicts, self._due)

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
            writes = []
            for key in todo:
                before = self._known[key]
                after, verdicts[key] = absorb(before, news[key])
                if names := self._names(after):
                    after, _ = absorb(after, names)
                self._known[key] = after
                if _must_wake(before, after):
                    self._due[key] = self._rest(after)
                if after is not before:
                    writes.append(self._written(before, after))
            conflicts = self._cards.write_all(writes, self._in_time)
            self._known |= {key: card or self._new(key) for key, card in conflicts.items()}
            todo = [key for key in todo if key in conflicts]
            if not todo:
                return verdicts
        raise Unavailable("Other requests kept changing the same cards.")

    def _rest(self, card: Card) -> int:
        """Return in how many seconds a card is to be posted: at once, unless Ringostat took it a moment ago."""
        since = REST_MS if card.confirmed_at is None else max(0, self._now - card.confirmed_at)
        return math.ceil(max(0, REST_MS - since) / 1000)

    def _written(self, before: Card, after: Card) -> Write:
        due_at = None if after.hash == before.hash else max(self._now + SWEEP_AFTER_MS, after.not_before or 0)
        return merged(before, after, due_at=due_at, expires_at=self._expires_at)

    def _names(self, card: Card) -> list[Fields]:
        """Return the names of a contact's organizations, as far as their cards have been read and have one."""
        known = (self._known.get(key) for key in employers(card.key, card.fields, self._is_personal))
        return [names for organization in known if organization and (names := name_for_contacts(organization))]

    def _names_of(self, organizations: Iterable[str]) -> dict[str, list[Fields]]:
        """Return names for the contacts that wanted them, of organizations read afresh: `want` moves no revision."""
        found = self._cards.read(list(organizations)).values() if organizations else ()
        late: dict[str, list[Fields]] = {}
        for organization in found:
            for contact in organization.wanted_by:
                late.setdefault(contact, []).append(name_for_contacts(organization))
        return late

    def _names_wanted(self, news: News) -> dict[str, list[Fields]]:
        """Ask nameless organizations for their names; return those that came between the reading and the asking."""
        wanting: dict[str, list[str]] = {}
        for contact in news:
            for key in employers(contact, self._known[contact].fields, self._is_personal):
                if not name_for_contacts(self._known.get(key) or self._new(key)):
                    wanting.setdefault(key, []).append(contact)
        late: dict[str, list[Fields]] = {}
        for key in list(wanting)[:MOST_WANTED]:
            if not self._in_time():
                break
            organization = self._cards.want(key, wanting[key], self._expires_at)
            if organization and (names := name_for_contacts(organization)):
                late |= {contact: [*late.get(contact, ()), names] for contact in wanting[key]}
        return late


def _must_wake(before: Card, after: Card) -> bool:
    """Wake a worker for new content, and for old content whose wake-up may have been lost."""
    owed = after.hash is not None and not is_confirmed(after)
    return owed and (after.hash != before.hash or before.due_at is not None)
