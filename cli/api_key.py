"""What `bridge connect` asks about the key to a CRM's API."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import click

from cli.questions import Questions
from cli.terminal import Cell, say
from errors import did_you_mean
from lookup.request import needs
from ops import api_keys
from ops.crm import PERSONS, Crm, Dialect, Seen
from ops.samples import pairs
from ops.stack import Stack
from ops.times import counted

QUESTIONS = {
    "url": "Address of the CRM's API, with its key if that is in it",
    "token": "Key to the CRM's API",
    "email": "E-mail of the key's owner",
    "client_id": "Id of the application (client_id)",
    "client_secret": "Secret of the application (client_secret)",
    "refresh_token": "Refresh token of the application",
}
EMULATED = "http://127.0.0.1:8082"  # where `make run` has its CRMs
SHOWN = frozenset(("email", "user", "username", "client_id", "tenant", "database"))  # all else is typed without an echo


Key = Mapping[str, str] | None  # None where a connection is to look nothing up


def options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that give a key; `given` takes them out of the command's."""
    for option in (
        click.option(
            "--no-check",
            is_flag=True,
            help="Store it even if the CRM does not take the API key now, or the project has no auth key.",
        ),
        click.option("--api", "api", multiple=True, metavar="NAME=VALUE", help="Anything else that its API needs."),
        click.option("--api-token", metavar="KEY", help="The key to its API."),
        click.option("--api-url", metavar="URL", help="The address of its API, where that belongs to the account."),
    ):
        command = option(command)
    return command


def given(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what the options give of a key."""
    named = {"url": options["api_url"], "token": options["api_token"]}
    return {name: text for name, text in named.items() if text is not None} | pairs(options["api"], "=", "--api")


def asked(
    stack: Stack, dialect: Dialect | None, options: Mapping[str, str], known: Mapping[str, str], ask: Questions
) -> Key:
    """Return a connection's key as it is given by options, known, or answered."""
    if dialect is None:
        if options:
            raise click.UsageError("this mapping looks nothing up in its CRM, so it takes no API key")
        return None
    if not api_keys.are_kept(stack):
        if options:
            raise click.ClickException(f"{api_keys.HOW_TO_DEPLOY}, and connect again; nothing was stored")
        say(Cell("Without look-ups: ", "yellow"), f"{api_keys.HOW_TO_DEPLOY}, then connect again with --api-only.")
        return None
    wanted = needs(dialect.api)
    takes = (*wanted, api_keys.EXPIRES, *(("url",) if api_keys.may_be_local(stack) else ()))
    if unknown := next((name for name in options if name not in takes), None):
        hint = did_you_mean(unknown, takes) or f"it needs {' and '.join(wanted)}"
        raise click.UsageError(f"{dialect.mapping.crm}'s API takes no {unknown!r}; {hint}")
    if api_keys.EXPIRES in options and api_keys.moment(options[api_keys.EXPIRES]) is None:
        raise click.UsageError("write when the key ends as a date: --api expires=2027-01-31")
    if known and not options:
        return known
    key = _answered(stack, dialect, options, ask)
    if key is None:
        say(Cell("Without look-ups: ", "yellow"), "--api-only gives the key later.")
    return key


def check_alone(stack: Stack, dialect: Dialect | None, options: Mapping[str, str], *, silent: bool) -> None:
    """Raise ClickException where a key cannot be stored alone: --api-only."""
    if dialect is None:
        raise click.UsageError("this mapping looks nothing up in its CRM, so it takes no API key")
    if not api_keys.are_kept(stack):
        raise click.ClickException(f"{api_keys.HOW_TO_DEPLOY}, and connect again; nothing was stored")
    if silent and not options:
        flags = {"url": "--api-url URL", "token": "--api-token KEY"}
        wanted = " ".join(flags.get(name, f"--api {name}=…") for name in needs(dialect.api))
        raise click.UsageError(f"--api-only stores an API key, and no API key was given: {wanted}")


def _answered(stack: Stack, dialect: Dialect, options: Mapping[str, str], ask: Questions) -> Key:
    """Return a key whose first field was not left empty; raise UsageError where another is."""
    api, wanted, key = dialect.mapping, needs(dialect.api), dict(options)
    if not options:
        say(f"{api.crm} is asked for what its events leave out. {api.help}")
    for name in wanted:
        first = not key
        question = QUESTIONS.get(name, f"{name} of the CRM's API") + (" (empty: without look-ups)" if first else "")
        check = _filled(api.crm, name) if not first else str
        key[name] = ask.ask(question, options.get(name), check, hidden=name not in SHOWN).strip()
        if first and not key[name]:
            return None
    if not options and "url" not in key and _is_local(stack):
        key["url"] = ask.text(QUESTIONS["url"], None, _emulated(dialect))
    return key


def _filled(crm: str, name: str) -> Callable[[str], str]:
    """Return the rule of a field that its API cannot do without."""

    def check(text: str) -> str:
        if not text.strip():
            raise click.UsageError(f"{crm}'s API needs {name} too: --api {name}=…")
        return text

    return check


def _is_local(stack: Stack) -> bool:
    return stack.hooks_url.startswith("http://127.0.0.1:") and api_keys.may_be_local(stack)


def _emulated(dialect: Dialect) -> str:
    """Return where `make run` has a CRM's API."""
    *first, last = dialect.api.url.parts
    path = last if isinstance(last, str) else ""
    return EMULATED + (path if first else urlsplit(path).path)


def check_local(stack: Stack, dialect: Dialect, key: Mapping[str, str]) -> None:
    """Raise UsageError where a local world would ask the CRM itself with a key that names no address."""
    if "url" in key or not _is_local(stack):
        return
    raise click.UsageError(
        f"with --local name the address of {dialect.mapping.crm}'s API: --api-url {_emulated(dialect)} asks the "
        "emulated CRMs of `make run`, and an https address the CRM itself"
    )


def tried(crm: Crm) -> None:
    """Try a key before it is stored, and say what it may see; raise ClickException if the CRM does not take it."""
    fault = crm.trouble(crm.check())
    found = [crm.seen(lookup) for lookup in crm.syncs() if lookup.kind in PERSONS and not fault]
    if fault or (found and all(isinstance(one, str) for one in found)):
        raise click.ClickException(f"{fault or found[0]}. Nothing was stored; --no-check stores it anyway")
    for one in found:
        _say(one)


def _say(seen: Seen | str) -> None:
    """Say what a key may see."""
    if isinstance(seen, str):
        say(Cell("Not tried: ", "yellow"), seen)
    elif not seen.sample:
        say(f"The key may see no {seen.kind}s: there are none, or it has no right to read them.")
    else:
        number = f"{'' if seen.whole else 'at least '}{counted(seen.number, seen.kind)}"
        say(f"The key may see {number}; {seen.phones} of {seen.sample} have a phone.")
        if not seen.phones:
            say(Cell("None of them has a phone: ", "yellow"), "see whether the key and its owner may read phones.")
