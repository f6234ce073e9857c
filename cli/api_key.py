"""What `bridge connect` asks about the key to a CRM's API."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from cli.terminal import Cell, say
from errors import did_you_mean
from lookup.request import needs
from mapping.language.model import Mapping as Loaded
from ops import api_keys
from ops.samples import pairs
from ops.stack import Stack

QUESTIONS = {
    "url": "Address of the CRM's API, with its key if that is in it",
    "token": "Key to the CRM's API",
    "email": "E-mail of the key's owner",
    "client_id": "Id of the application (client_id)",
    "client_secret": "Secret of the application (client_secret)",
    "refresh_token": "Refresh token of the application",
}
SHOWN = frozenset(("email", "user", "username", "client_id", "tenant", "database"))  # all else is typed without an echo


Ask = Callable[..., str]  # (question, what was given, hidden=…)


def options(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that give a key; `given` takes them out of the command's."""
    for option in (
        click.option("--no-check", is_flag=True, help="Store the API key even if the CRM does not take it now."),
        click.option("--api", "api", multiple=True, metavar="NAME=VALUE", help="Anything else that its API needs."),
        click.option("--api-token", metavar="KEY", help="The key to its API."),
        click.option("--api-url", metavar="URL", help="The address of its API, where that belongs to the account."),
    ):
        command = option(command)
    return command


def given(options: dict[str, Any]) -> dict[str, str]:
    """Take what the options give of a key."""
    named = {"url": options.pop("api_url"), "token": options.pop("api_token")}
    return {name: text for name, text in named.items() if text is not None} | pairs(options.pop("api"), "=", "--api")


def asked(stack: Stack, api: Loaded | None, told: Mapping[str, str], known: Mapping[str, Any], ask: Ask) -> Any:
    """Return a connection's key as it was given, is known, or is answered; None where it is to look nothing up."""
    if api is None or api.api is None:
        if told:
            raise click.UsageError("this mapping looks nothing up in its CRM, so it takes no API key")
        return None
    if not api_keys.are_kept(stack):
        if told:
            raise click.ClickException(f"{api_keys.HOW_TO_DEPLOY}, and connect again; nothing was stored")
        say(Cell("Without look-ups: ", "yellow"), f"{api_keys.HOW_TO_DEPLOY}, then connect again with --replace.")
        return None
    wanted = needs(api.api)
    if unknown := next((name for name in told if name not in (*wanted, api_keys.EXPIRES)), None):
        hint = did_you_mean(unknown, (*wanted, api_keys.EXPIRES)) or f"it needs {' and '.join(wanted)}"
        raise click.UsageError(f"{api.crm}'s API takes no {unknown!r}; {hint}")
    return known or None if known and not told else _answered(api, wanted, told, ask)


def _answered(api: Loaded, wanted: tuple[str, ...], told: Mapping[str, str], ask: Ask) -> dict[str, str] | None:
    key = dict(told)
    if not told:
        say(f"{api.crm} is asked for what its events leave out. {api.help}")
    for name in wanted:
        first = not key
        question = QUESTIONS.get(name, f"{name} of the CRM's API") + (" (empty: without look-ups)" if first else "")
        key[name] = ask(question, told.get(name), hidden=name not in SHOWN).strip()
        if first and not key[name]:
            return None
    if empty := [name for name in wanted if not key[name]]:
        raise click.UsageError(f"{api.crm}'s API needs {' and '.join(empty)} too: --api {empty[0]}=…")
    return key
