"""Asks a CRM for its pages at the pace that it allows, and again where that may help."""

import click

from cli.rate import Rate
from cli.terminal import say
from connections import api_key_of
from lookup.answer import Read
from lookup.pace import is_elsewhere
from lookup.paging import State
from mapping.language.model import Lookup
from ops import api_keys
from ops.crm import Crm, Page
from ops.stack import Stack

TRIES = 8  # of one page that brings no answer: about four minutes
LONGEST_WAIT_SECONDS = 3_600  # for one page, in all
REMEDIES = {
    "key": "bridge connect … --api-only stores a new key",
    "wait": "that is more than an hour of waiting for one page: go on later, with --resume where a part was read",
    "retry": f"{TRIES} tries failed: go on later, with --resume where a part was read",
    "address": "bridge connect … --api-only stores the right one; no redirect is followed",
    "bad": "see that the key may read these records, and that the preset fits this version of the CRM",
    "gone": "see that the address of the API is right",
}


class Patient:
    """Reads pages of one connection's CRM."""

    def __init__(self, crm: Crm, stack: Stack) -> None:
        self._crm = crm
        self._stack = stack
        self._pace = Rate(crm.api.rate.calls / crm.api.rate.seconds, sleep=stack.sleep)

    def page(self, lookup: Lookup, state: State, since: int) -> Page:
        """Return a page that holds records; raise ClickException where asking again does not help."""
        tries, waited = 0, 0
        while True:
            self._pace.wait(1)
            page = self._crm.page(lookup, state, since)
            if page.read.kind == "ok":
                return page
            tries += page.read.kind == "retry"
            waited += (seconds := _seconds(page, tries))
            may_help = tries < TRIES and waited <= LONGEST_WAIT_SECONDS
            trouble = self._crm.trouble(page.read)
            if not may_help or not (seconds or self._has_new_key(page)):
                raise click.ClickException(f"{trouble}; {remedy(page.read)}")
            if seconds:
                number = f"; try {tries} of {TRIES}" if tries else ""
                say(f"{trouble}{number}; asked again in {seconds} s", error=True)
                self._stack.sleep(seconds)

    def _has_new_key(self, page: Page) -> bool:
        """Take the key afresh where it was refused; return whether there is another."""
        if page.read.kind != "key":
            return False
        fresh = api_key_of(api_keys.of(self._stack), self._crm.connection.name)
        changed, self._crm.key = fresh != self._crm.key, fresh
        return changed


def remedy(read: Read) -> str:
    """Return what to do about an answer that holds no records."""
    return REMEDIES["address" if read.kind == "key" and is_elsewhere(read) else read.kind]


def _seconds(page: Page, tries: int) -> int:
    """Return when to ask again, 0 where waiting does not help."""
    read = page.read
    return {"wait": read.seconds, "retry": max(read.seconds, 1 << tries)}.get(read.kind, 0)
