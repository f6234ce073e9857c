"""The names of organizations, given to all contacts that name them by id: a part of the sweep."""

from itertools import chain
from typing import NamedTuple

from aws.queues import Queue
from aws.table import Cards
from cards.key import renaming_key
from cards.write import spread
from delivery.policy import RENAMED_CARDS
from delivery.wakeups import wake
from intake.merging import Merging
from telemetry import failed, logger

ORGANIZATIONS = 100  # that one sweep looks at
LEAST = RENAMED_CARDS // ORGANIZATIONS  # contacts: what an organization without any costs


class Spreader(NamedTuple):
    """What spreading needs from outside. Times are in ms since 1970, UTC."""

    cards: Cards
    wakeups: Queue
    retention_days: int

    def spread(self, now: int) -> None:
        """Go on with the spreading of new names, a thousand contacts a sweep; the next sweep does the rest."""
        left = RENAMED_CARDS
        for organization in self.cards.renamed(now, ORGANIZATIONS):
            if left > 0:
                left -= max(LEAST, self._tried(organization, now, left))

    def _tried(self, organization: str, now: int, most: int) -> int:
        try:
            return self._spread(organization, now, most)
        except Exception as error:  # noqa: BLE001 - one organization's trouble must not stop the others
            failed("spreading left to the next sweep", error, organization=organization)
            return 0

    def _spread(self, organization: str, now: int, most: int) -> int:
        """Give a name to whole pages of contacts, at least to one page; return how many contacts were looked at."""
        row = self.cards.row(renaming_key(organization))
        if "page" not in row:
            return 0  # the index is late: it was done by the last sweep
        pages = self.cards.members(organization)
        end = row["page"] + 1
        while end < len(pages) and sum(map(len, pages[row["page"] : end + 1])) <= most:
            end += 1
        contacts = list(chain.from_iterable(pages[row["page"] : end]))
        merging = Merging(self.cards, connection="", now=now, retention_days=self.retention_days)
        merging.spread(organization, contacts)
        wake(self.wakeups, merging.due)
        self.cards.write(spread(organization, row["due_at"], None if end == len(pages) else end))
        logger.info("name spread", organization=organization, contacts=len(contacts), changed=len(merging.due))
        return len(contacts)
