"""The entry of a connection, of what is given, answered, and known of the one that it replaces."""

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import click

from access import fault
from access.schemes import SCHEMES
from cli import questions
from cli.commands import project as projects
from cli.questions import QUEUE, Questions
from connections import auth_key_of
from errors import did_you_mean
from mapping.language.model import Mapping as Loaded
from ops import offline as valid
from ops.crm import api_of
from ops.samples import pairs
from ops.stack import Stack

OURS: Mapping[str, Callable[[], str]] = {  # what we invent; the rest comes from the CRM
    "token": lambda: secrets.token_urlsafe(32),
    "password": lambda: secrets.token_urlsafe(32),
    "username": lambda: "crm",
    "header": lambda: "X-Bridge-Key",
}
QUESTIONS = {
    "token": "Token that the CRM puts into its bodies",
    "secret": "Secret with which the CRM signs",
    "field": "Field of the body that holds the token",
    "hooks": "Id and key of each webhook, as id:key,id:key",
}
FIELDS = {"bitrix24": "auth[application_token]", "copper": "key", "zoho": "token"}  # of the body; docs/connect
TAKE_OURS = ("copper", "zoho")  # they put into their bodies the token that a subscription names


class Wish(NamedTuple):
    """What `bridge connect` is to make: the options as they were given, and who answers for the others."""

    stack: Stack
    mapping: Loaded
    asked: Questions
    given: Mapping[str, Any]


def check_given(wish: Wish) -> None:
    """Raise UsageError for options that are wrong whatever is answered."""
    given = wish.given
    fields = pairs(given["verify"], "=", "--verify")
    pairs(given["setting"], "=", "--setting")
    if given["scheme"] is not None:
        _check_fields(questions.scheme(wish.mapping)(given["scheme"]), fields)


def entry_of(wish: Wish, name: str, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's entry; what it replaces is suggested, and kept where it reads with the same mapping."""
    _, mapping, asked, given = wish
    dialect, preset, kept = api_of(mapping), given["preset"], _settings(old, given["preset"])
    entry: dict[str, Any] = {"mapping": preset, "project": _project(wish, old)}
    if mapping.name != preset:  # a version of a stored one
        entry["stored"] = True
    country = partial(asked.ask, "Country of phones without a code", given["country"], valid.country)
    entry["country"] = country(str(old.get("country", "UA")))
    zone = partial(asked.ask, "Time zone of times without one", given["time_zone"], valid.time_zone)
    entry["time_zone"] = zone(str(old.get("time_zone", "Europe/Kyiv")))
    entry = {**kept, **entry}
    read_by = [mapping, *([dialect.mapping] if dialect else [])]
    entry |= _crm_url(read_by, asked, given["crm_url"], str(kept.get("crm_url", "")))
    entry |= {"origin": given["origin"]} if given["origin"] else {}
    entry |= pairs(given["setting"], "=", "--setting")
    scheme = _scheme(wish, old)
    before = {} if given["new_secret"] else _before(old, scheme)
    verified = verify(wish, scheme, wish.stack.hooks_url + name, before)
    return entry | ({"verify": verified} if verified else {})


def _settings(old: Mapping[str, Any], preset: str) -> dict[str, Any]:
    """Return what a connection keeps of the one that it replaces, if that reads with the same mapping."""
    made = ("mapping", "project", "verify", "lookups", "stored")
    return {name: value for name, value in old.items() if name not in made} if old.get("mapping") == preset else {}


def _crm_url(mappings: Sequence[Loaded], asked: Questions, given: str | None, known: str) -> dict[str, str]:
    """Return the setting crm_url, which is asked only where links, or the address of the API, begin with it."""
    if given is None and not begins_links(mappings):
        return {}
    question = "Address of your CRM, such as https://acme.example.com (empty: no links)"
    url = asked.ask(question, given, questions.crm_url, known)
    return {"crm_url": url} if url else {}


def begins_links(mappings: Sequence[Loaded]) -> bool:
    """Return whether links, or the address of the API, begin with the setting crm_url."""
    return any("$settings.crm_url" in mapping.source.text for mapping in mappings)


def _project(wish: Wish, old: Mapping[str, Any]) -> int:
    """Return the project; the only one that has an auth key is suggested."""
    stack, _, asked, given = wish
    keys = stack.secret("AuthKeysSecret")
    known = sorted(int(one) for one in keys if one.isascii() and one.isdecimal())
    only = str(known[0]) if len(known) == 1 else ""
    question = f"Ringostat project ({', '.join(map(str, known))})" if len(known) > 1 else "Ringostat project"
    number = None if given["project"] is None else str(given["project"])

    def check(text: str) -> int:
        project = questions.project(text)
        if not (given["no_check"] or auth_key_of(keys, project)):
            _add_key(stack, project, may_ask=not asked.silent and sys.stdin.isatty())
        return project

    return asked.ask(question, number, check, str(old.get("project", only)))


def _add_key(stack: Stack, project: int, *, may_ask: bool) -> None:
    """Let a person add the auth key of a project; raise UsageError where it stays without one."""
    lacks = f"project {project} has no auth key, so no card of it would be delivered"
    if not may_ask or not click.confirm(f"{lacks}. Add it now?"):
        raise click.UsageError(f"{lacks}: bridge project add {project} gives it one, --no-check connects without")
    context = click.get_current_context()
    context.obj = stack
    try:
        context.invoke(projects.add, project=project, no_check=False)
    except click.ClickException as error:
        raise click.UsageError(error.message) from None


def _scheme(wish: Wish, old: Mapping[str, Any]) -> str:
    """Return the scheme: the only one that the CRM can do is not asked for."""
    given = wish.given["scheme"]
    can, check = questions.offered(wish.mapping), questions.scheme(wish.mapping)
    before = old.get("verify", {}).get("scheme", QUEUE) if old else ""
    same = old.get("mapping") == wish.given["preset"]
    try:
        suggested = check(before) if same or before in can else can[0]
    except click.UsageError:  # the CRM cannot do it any more
        suggested = can[0]
    if given is None and len(can) == 1:
        return suggested
    return wish.asked.ask(f"How requests are verified ({', '.join(can)})", given, check, suggested)


def _before(old: Mapping[str, Any], scheme: str) -> Mapping[str, Any]:
    """Return how requests were verified, where that is the same scheme."""
    verified: Mapping[str, Any] = old.get("verify", {})
    return verified if verified.get("scheme") == scheme else {}


def verify(wish: Wish, scheme: str, address: str, before: Mapping[str, Any] = {}) -> dict[str, Any]:
    """Return a connection's `verify`; what it was before stays where nothing else is given.

    With --yes a field that only the CRM can supply must be given. An empty answer leaves it empty; the connection
    denies requests until it is filled.
    """
    asked, preset, given = wish.asked, wish.given["preset"], pairs(wish.given["verify"], "=", "--verify")
    _check_fields(scheme, given)
    ours = {name: OURS[name] for name in OURS if (scheme, name) != ("body-token", "token") or preset in TAKE_OURS}
    usual = {"url": address, **({"field": FIELDS[preset]} if preset in FIELDS else {})}
    kept = {field: value for field, value in before.items() if value}
    known: dict[str, Any] = usual | kept | dict(given)
    needs = SCHEMES[scheme].needs if scheme in SCHEMES else ()
    if asked.silent and (missing := [field for field in needs if field not in known and field not in ours]):
        raise click.UsageError(_lacking(scheme, missing, address))
    entry: dict[str, Any] = {"scheme": scheme} if needs else {}
    for field in needs:
        check = questions.hooks if field == "hooks" else str
        if field in kept and field not in given:
            entry[field] = kept[field]
        elif field in given or field == "url":
            entry[field] = check(known[field])
        elif field in ours:
            entry[field] = ours[field]()
        else:
            entry[field] = asked.ask(QUESTIONS[field], None, check, known.get(field, ""), hidden=field != "field")
    if reason := fault(entry) if given else "":
        raise click.UsageError(f"--verify: {reason}")
    return entry


def _check_fields(scheme: str, fields: Mapping[str, str]) -> None:
    """Raise UsageError where a field is given that the scheme does not know, or one is given empty."""
    takes = SCHEMES[scheme].needs if scheme in SCHEMES else ()
    if unknown := next((field for field in fields if field not in takes), None):
        hint = did_you_mean(unknown, takes) or f"it needs {' and '.join(takes) or 'nothing'}"
        raise click.UsageError(f"the scheme {scheme} takes no {unknown!r}; {hint}")
    if empty := next((field for field, text in fields.items() if not text), None):
        raise click.UsageError(f"--verify {empty}= is empty: {QUESTIONS.get(empty, empty)}")


def _lacking(scheme: str, missing: Sequence[str], address: str) -> str:
    """Return what to give where only the CRM knows it, and the address that it may want first."""
    options = " ".join(f"--verify {field}=…" for field in missing)
    what = " and ".join(f"the {QUESTIONS[field][0].lower()}{QUESTIONS[field][1:]}" for field in missing)
    return f"the scheme {scheme} needs {what}: {options}; the address for the CRM is {address}"
