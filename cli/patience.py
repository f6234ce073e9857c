"""Asks a CRM for its pages at the pace that it allows, and again where that may help."""

from collections.abc import Mapping
from typing import Any

import click

from cli.rate import Rate
from cli.terminal import say
from connections import api_key_of
from mapping.language.model import Lookup
from ops import api_keys
from ops.crm import Crm, Page
from ops.stack import Stack

REMEDIES = {
    "key": "bridge connect … --api-only stores a new key",
    "retry": "go on later with --resume",
    "bad": "see that the key may read these records, and that the preset fits this version of the CRM",
    "gone": "see that the address of the API is right",
}
TRIES = 8  # of one page that brings no answer: about four minutes


class Patient:
    """Reads pages of one connection's CRM."""

    def __init__(self, crm: Crm, stack: Stack) -> None:
        self._crm = crm
        self._stack = stack
        self._pace = Rate(crm.api.rate.calls / crm.api.rate.seconds, sleep=stack.sleep)

    def page(self, lookup: Lookup, known: Mapping[str, Any]) -> Page:
        """Return a page that holds records; raise ClickException where asking again does not help."""
        tries = 0
        while True:
            self._pace.wait(1)
            page = self._crm.page(lookup, known)
            if page.read.kind == "ok":
                return page
            tries += page.read.kind != "wait"
            if not self._may_help(page, tries):
                raise click.ClickException(f"{self._crm.trouble(page.read)}; {REMEDIES[page.read.kind]}")

    def _may_help(self, page: Page, tries: int) -> bool:
        """Wait as the answer asks for, or take the key afresh; return whether to ask again."""
        match page.read.kind:
            case "wait":
                say(f"{self._crm.trouble(page.read)}", error=True)
                self._stack.sleep(page.read.seconds)
                return True
            case "retry":
                self._stack.sleep(max(page.read.seconds, 2**tries))
                return tries < TRIES
            case "key":
                fresh = api_key_of(api_keys.of(self._stack), self._crm.connection.name)
                changed, self._crm.key = fresh != self._crm.key, fresh
                return changed
            case _:
                return False
