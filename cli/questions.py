"""The questions of `bridge connect`, and the rules by which an answer is good: an option that breaks one ends it."""

import re
from collections.abc import Callable, Collection
from typing import TypeVar
from urllib.parse import urlsplit

import click

from access.schemes import SCHEMES
from cli.terminal import Cell, say
from mapping.language.model import Mapping as Loaded

QUEUE = "queue"  # no request proves anything: events come by the inbox queue alone
WAYS = (*SCHEMES, QUEUE)
ANY_CAN = ("path-token", QUEUE)  # a token in the address, for what calls one; the queue, for what writes to it
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
T = TypeVar("T")
Check = Callable[[str], T]  # returns what an answer says; raises UsageError that says what is wrong


class Questions:
    """Asks what was not given, until the answer is good; `silent` takes what is suggested."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent

    def ask(self, question: str, given: str | None, check: Check[T], suggested: str = "", *, hidden: bool = False) -> T:
        """Return what was given, else the answer; raise UsageError for what is given or suggested and not good."""
        if given is not None or self.silent:
            return check(suggested if given is None else given)
        while True:
            try:
                return check(self._answer(question, suggested, hidden=hidden))
            except click.UsageError as error:
                say(Cell(error.message, "red"))

    def text(self, question: str, given: str | None, suggested: str = "", *, hidden: bool = False) -> str:
        """Return what was given, else the answer, of which nothing is demanded."""
        return self.ask(question, given, str, suggested, hidden=hidden)

    def _answer(self, question: str, suggested: str, *, hidden: bool) -> str:
        return str(click.prompt(question, default=suggested, hide_input=hidden, show_default=bool(suggested))).strip()


def new_name(taken: Collection[str]) -> Check[str]:
    """Return the rule of a connection's name, which may be none of those taken."""

    def check(text: str) -> str:
        if not NAME.fullmatch(text):
            raise click.UsageError("a connection's name has small letters, digits and hyphens, at most 63")
        if text in taken:
            raise click.UsageError(f"there is a connection {text!r} already: choose another --name, or --replace it")
        return text

    return check


def free(name: str, taken: Collection[str]) -> str:
    """Return a name that none has: pipedrive, or pipedrive-2."""
    return next(one for number in range(1, len(taken) + 2) if (one := _numbered(name, number)) not in taken)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def project(text: str) -> int:
    """Return the number of a project; raise UsageError for what is none."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise click.UsageError("say which project of Ringostat, by its number: --project N")
    return int(text)


def crm_url(text: str) -> str:
    """Return the address of a CRM without its last slash, or an empty text; raise UsageError for any other."""
    if text and not (text.startswith("https://") and _host(text)):
        raise click.UsageError(
            "the address of the CRM must begin with https:// and a host, or Ringostat shows no link: "
            "https://acme.example.com"
        )
    return text.rstrip("/")


def _host(url: str) -> str | None:
    try:
        return None if re.search(r"\s", url) else urlsplit(url).hostname
    except ValueError:
        return None


def origin(text: str) -> str:
    """Return an origin; raise UsageError for what no key can hold."""
    if not text.strip() or "#" in text or not text.isprintable() or len(text) > 60:  # noqa: PLR2004 - of a short name
        raise click.UsageError("an origin is a short name without '#', such as Pipedrive-2")
    return text.strip()


def offered(mapping: Loaded) -> list[str]:
    """Return the schemes that a mapping's CRM can satisfy, the best first; `path-token` where it names none."""
    return [name for part in mapping.verify.split(",") if (name := part.strip()) in WAYS] or ["path-token"]


def scheme(mapping: Loaded) -> Check[str]:
    """Return the rule of a scheme: one that the CRM can do, any where the sender is software of one's own."""
    can = WAYS if mapping.free_ids or not mapping.verify else (*offered(mapping), *ANY_CAN)

    def check(text: str) -> str:
        if text not in WAYS:
            raise click.UsageError(f"there is no scheme {text!r}: it is one of {', '.join(offered(mapping))}")
        if text not in can:
            raise click.UsageError(
                f"{mapping.crm} cannot send what the scheme {text} proves, so nothing would get in; "
                f"it can do {', '.join(dict.fromkeys(can))}"
            )
        return text

    return check


def hooks(text: str) -> dict[str, str]:
    """Return the key of each webhook by its id, of `id:key,id:key`; empty for an empty text."""
    pairs = [part.strip().partition(":") for part in text.split(",") if part.strip()]
    if not all(name and key for name, _, key in pairs):
        raise click.UsageError("write the id and the key of each webhook as id:key,id:key")
    return {name: key for name, _, key in pairs}
