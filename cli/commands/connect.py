"""`bridge connect`: join a CRM account to a project."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from access import fault
from access.schemes import SCHEMES
from cli import api_key, exits
from cli.guides import steps
from cli.terminal import Cell, say
from connections import api_key_of, connection_of
from errors import OperatorError, did_you_mean
from mapping.language import loader
from mapping.language.model import Mapping as Loaded
from mappings import Bundle, newest
from ops import api_keys
from ops import offline as valid
from ops.completion import presets
from ops.crm import Crm, api_of
from ops.samples import pairs
from ops.stack import Stack, of_stack
from ops.stored import absent, bundled, names

QUEUE = "queue"  # no request proves anything: events come by the inbox queue alone
WAYS = (*SCHEMES, QUEUE)
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
OURS: Mapping[str, Callable[[], str]] = {  # what we invent; the rest comes from the CRM
    "token": lambda: secrets.token_urlsafe(32),
    "password": lambda: secrets.token_urlsafe(32),
    "username": lambda: "crm",
    "header": lambda: "X-Bridge-Key",
}
SAID = "they do within a minute of a deployment; older ones keep the events in the inbox queue"
QUESTIONS = {
    "token": "Token that the CRM puts into its bodies",
    "secret": "Secret with which the CRM signs",
    "field": "Field of the body that holds the token",
    "hooks": "Id and key of each webhook, as id:key,id:key",
}
FIELDS = {"bitrix24": "auth[application_token]", "copper": "key", "zoho": "token"}  # of the body; docs/connect
TAKE_OURS = ("copper", "zoho")  # they put into their bodies the token that a subscription names


@click.command(short_help="Join a CRM to a project; prints the address to paste there.")
@click.argument("preset", shell_complete=presets)
@click.option("--name", help="Of the connection, such as acme-pipedrive.")
@click.option("--project", type=click.IntRange(min=1), help="The Ringostat project.")
@click.option("--country", callback=valid.checked(valid.country), help="Of phones without a code, such as UA.")
@click.option(
    "--time-zone", callback=valid.checked(valid.time_zone), help="Of times without a zone, such as Europe/Kyiv."
)
@click.option("--crm-url", metavar="URL", help="Address of your CRM; links begin with it.")
@click.option("--scheme", type=click.Choice(WAYS), help="How requests are verified.")
@click.option("--verify", multiple=True, metavar="FIELD=VALUE", help="What the scheme needs, such as secret=….")
@click.option("--setting", multiple=True, metavar="K=V", help="Any other setting, $settings.K.")
@api_key.options
@click.option("--replace", is_flag=True, help="Replace the connection of this name; it keeps its API key.")
@click.option("--api-only", is_flag=True, help="Only give the connection of this name an API key; all else stays.")
@click.option("--yes", is_flag=True, help="Take the suggestions for what is not given; ask nothing.")
@of_stack
def command(stack: Stack, *, replace: bool, api_only: bool, yes: bool, **given: Any) -> int:
    """Join a CRM that PRESET (or a mapping that `bridge mapping put` stored) reads to a project; print what to do.

    It asks for what is not given, makes a long random secret where the scheme needs one, and prints it once. A key to
    the CRM's API is tried before it is stored.
    """
    preset = given["preset"]
    mapping, asked = _mapping(stack, preset), Questions(silent=yes)
    entries = stack.secret("ConnectionsSecret")
    name = asked.text("Name of the connection", given["name"], preset)
    if api_only:
        entry = _existing(entries, name, preset)
        api_key.check_alone(stack, api_of(mapping), api_key.given(given), silent=yes)
    else:
        _check_name(name, entries, replace=replace)
        entry = _entry(stack, mapping, asked, name, given)
    known = {} if api_only else _known(stack, entries, name, mapping)
    key = api_key.asked(stack, api_of(mapping), api_key.given(given), known, asked.text)
    if key is None and api_only:
        raise click.UsageError("no API key was given, so nothing was stored")
    if key is not None:
        entry["lookups"] = True
        _try(stack, mapping, name, entry, key, check=not given["no_check"])
    _store(stack, {**entries, name: entry}, name, key)
    say(f"The {'API key of' if api_only else 'connection'} {name} is stored; it counts within 5 minutes.")
    if not api_only:
        _print(stack, preset, mapping, name, entry.get("verify", {}))
    return exits.FINE


def _mapping(stack: Stack, name: str) -> Loaded:
    """Return a mapping that the deployed functions can read: a stored one goes first, for its connection says so."""
    if version := newest(stack.cards, name):
        if Bundle(stack.cards).asked() is None:
            say(Cell("The functions have not said that they read stored mappings: ", "yellow"), SAID)
        return version.loaded()
    if name in bundled(stack):
        return loader.load(name)
    if name.endswith(".toml"):
        own = Path(name).stem
        raise click.UsageError(f"store the file first: bridge mapping put {name} --name {own}, then connect {own}")
    hint = did_you_mean(name, [*loader.presets(), *names(stack)])
    raise click.UsageError(absent(name) + (f"; {hint}" if hint else ""))


def _existing(entries: Mapping[str, Any], name: str, preset: str) -> dict[str, Any]:
    """Return the entry that keeps all but its API key; raise UsageError where it is not this preset's."""
    connection = connection_of(entries, name)
    if connection is None or connection.mapping != preset:
        reads = f"it reads with {connection.mapping}" if connection else did_you_mean(name, entries)
        raise click.UsageError(f"there is no connection {name!r} that reads with {preset}; {reads or 'see --name'}")
    return dict(entries[name])


def _entry(stack: Stack, mapping: Loaded, asked: "Questions", name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a new connection."""
    dialect, preset = api_of(mapping), given["preset"]
    entry: dict[str, Any] = {"mapping": preset, "project": asked.project(stack, given["project"])}
    if mapping.name != preset:  # a version of a stored one
        entry["stored"] = True
    entry["country"] = valid.country(asked.text("Country of phones without a code", given["country"], "UA"))
    zone = asked.text("Time zone of times without one", given["time_zone"], "Europe/Kyiv")
    entry["time_zone"] = valid.time_zone(zone)
    read_by = [mapping, *([dialect.mapping] if dialect else [])]
    entry |= _crm_url(read_by, asked, given["crm_url"]) | pairs(given["setting"], "=", "--setting")
    scheme = asked.scheme(mapping, given["scheme"])
    fields, address = pairs(given["verify"], "=", "--verify"), stack.hooks_url + name
    _check_fields(scheme, fields)
    return entry if scheme == QUEUE else entry | {"verify": asked.verify(scheme, address, preset, fields)}


def _check_fields(scheme: str, fields: Mapping[str, str]) -> None:
    """Raise UsageError where a field is given that the scheme does not know, or one is given empty."""
    takes = SCHEMES[scheme].needs if scheme in SCHEMES else ()
    if unknown := next((field for field in fields if field not in takes), None):
        hint = did_you_mean(unknown, takes) or f"it needs {' and '.join(takes) or 'nothing'}"
        raise click.UsageError(f"the scheme {scheme} takes no {unknown!r}; {hint}")
    if empty := next((field for field, text in fields.items() if not text), None):
        raise click.UsageError(f"--verify {empty}= is empty: {QUESTIONS.get(empty, empty)}")


def _try(  # noqa: PLR0913 - a connection before it is stored
    stack: Stack, mapping: Loaded, name: str, entry: Mapping[str, Any], key: Mapping[str, str], *, check: bool
) -> None:
    """Try a connection's API key, if it is to be checked."""
    dialect, connection = api_of(mapping), connection_of({name: entry}, name)
    if check and dialect and connection:
        api_key.check_local(stack, dialect, key)
        api_key.tried(Crm(stack, connection, dialect, key))


class Questions:
    """Asks what was not given; `silent` takes what is suggested."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent

    def text(self, question: str, given: str | None, suggested: str = "", *, hidden: bool = False) -> str:
        """Return what was given, else the answer; a suggestion is taken silently with --yes."""
        if given is not None:
            return given
        if self._silent:
            return suggested
        return str(click.prompt(question, default=suggested, hide_input=hidden, show_default=bool(suggested))).strip()

    def project(self, stack: Stack, given: int | None) -> int:
        """Return the project: the only one that has an auth key is suggested."""
        if given is not None:
            return given
        known = [int(number) for number in stack.secret("AuthKeysSecret") if number.isdecimal()]
        only = str(known[0]) if len(known) == 1 else ""
        answer = self.text("Ringostat project", None, only)
        if not answer.isdecimal() or not int(answer):
            raise click.UsageError("say which project of Ringostat: --project N")
        return int(answer)

    def scheme(self, mapping: Loaded, given: str | None) -> str:
        """Return the scheme; the first that the CRM can satisfy is suggested, `path-token` where none is named."""
        suggested = mapping.verify.partition(",")[0].strip() or "path-token"
        scheme = self.text(f"How requests are verified ({', '.join(WAYS)})", given, suggested)
        if scheme not in WAYS:
            raise click.UsageError(f"there is no scheme {scheme!r}: it is one of {', '.join(WAYS)}")
        return scheme

    def verify(self, scheme: str, address: str, preset: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Return the connection's `verify`.

        With --yes a field that only the CRM can supply must be given. An empty answer leaves it empty; the connection
        denies requests until it is filled.
        """
        ours = {name: OURS[name] for name in OURS if (scheme, name) != ("body-token", "token") or preset in TAKE_OURS}
        known: dict[str, str] = {"url": address, **({"field": FIELDS[preset]} if preset in FIELDS else {}), **given}
        needs = SCHEMES[scheme].needs
        if self._silent and (missing := [field for field in needs if field not in known and field not in ours]):
            raise click.UsageError(_lacking(preset, scheme, missing, address))
        entry: dict[str, Any] = {"scheme": scheme}
        for field in needs:
            if field in given or field == "url":
                entry[field] = known[field]
            elif field in ours:
                entry[field] = ours[field]()
            else:
                entry[field] = self.text(QUESTIONS[field], None, known.get(field, ""), hidden=field != "field")
        if scheme == "espocrm":
            entry["hooks"] = dict(one.strip().split(":", 1) for one in entry["hooks"].split(",") if ":" in one)
        if reason := fault(entry) if given else "":
            raise click.UsageError(f"--verify: {reason}")
        return entry


def _lacking(preset: str, scheme: str, missing: Sequence[str], address: str) -> str:
    """Return what to give where only the CRM knows it, and the address that it may want first."""
    options = " ".join(f"--verify {field}=…" for field in missing)
    what = " and ".join(f"{field} ({QUESTIONS[field][0].lower()}{QUESTIONS[field][1:]})" for field in missing)
    return f"{preset} with {scheme} needs {what}: {options}; the address for the CRM is {address}"


def _known(stack: Stack, entries: Mapping[str, Any], name: str, mapping: Loaded) -> Mapping[str, str]:
    """Return the API key of the connection that is replaced, empty if there is none or it is for another API."""
    try:
        replaced = connection_of(entries, name)
        same = replaced is not None and stack.mappings.of(replaced).api_name == mapping.api_name
    except OperatorError:
        same = False
    return api_key_of(api_keys.of(stack), name) if same else {}


def _store(stack: Stack, entries: Mapping[str, Any], name: str, key: Mapping[str, Any] | None) -> None:
    """Store a connection and its API key: the key first, because who looks up without one gives ids up."""
    known = api_keys.of(stack)
    if key is not None and key != known.get(name):
        stack.put(api_keys.SECRET, {**known, name: key})
    stack.put("ConnectionsSecret", entries)
    if key is None and name in known:
        stack.put(api_keys.SECRET, {other: entry for other, entry in known.items() if other != name})


def _check_name(name: str, entries: Mapping[str, Any], *, replace: bool) -> None:
    if not NAME.fullmatch(name):
        raise click.UsageError("a connection's name has small letters, digits and hyphens, at most 63")
    if name in entries and not replace:
        raise click.UsageError(f"there is a connection {name!r} already: choose another --name, or --replace it")


def _crm_url(mappings: Sequence[Loaded], asked: Questions, given: str | None) -> dict[str, str]:
    """Return the setting crm_url, which is asked only where links, or the address of the API, begin with it."""
    if given is None and not any("$settings.crm_url" in mapping.source.text for mapping in mappings):
        return {}
    url = asked.text("Address of your CRM, such as https://acme.example.com (empty: no links)", given).rstrip("/")
    if url and not url.startswith("https://"):
        raise click.UsageError("the address of the CRM must begin with https://, or Ringostat shows no link")
    return {"crm_url": url} if url else {}


def address_of(stack: Stack, name: str, verify: Mapping[str, Any]) -> str:
    """Return the address that the CRM calls."""
    token = verify.get("token", "") if verify.get("scheme") == "path-token" else ""
    first = token[0] if isinstance(token, list) else token
    return stack.hooks_url + name + (f"/{first}" if first else "")


def _print(stack: Stack, preset: str, mapping: Loaded, name: str, verify: Mapping[str, Any]) -> None:
    """Print what to do in the CRM."""
    address = address_of(stack, name, verify)
    say()
    if not verify:
        say("Send events to       ", Cell(stack.queue_url("InboxQueue"), "bold"))
        say(f"message attribute    connection = {name}")
    else:
        say("Paste into the CRM  ", Cell(address, "bold"))
    for field in ("header", "field", "username", "password", "token"):
        if verify.get(field) and verify["scheme"] in ("basic", "header-token", "body-token"):
            say(f"{field:20}", Cell(verify[field], "bold"))
    empty = [field for field, value in verify.items() if not value]
    if empty:
        options = " ".join(f"--verify {field}=…" for field in empty)
        say(
            Cell(f"{' and '.join(empty)} is empty", "yellow"),
            f": nothing gets in before you give it with {options} --replace",
        )
    say()
    say(f"{mapping.crm}: {mapping.help}")
    for line in steps(preset, address):
        say(line)
