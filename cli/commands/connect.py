"""`bridge connect`: join a CRM account to a project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from cli import api_key, door, exits, questions
from cli.entry import Wish, begins_links, check_given, entry_of
from cli.first_event import first_event
from cli.guides import rendered, steps
from cli.questions import WAYS, Questions
from cli.terminal import Cell, say, say_wrapped
from connections import Connection, api_key_of, connection_of
from errors import BadConnection, OperatorError, did_you_mean
from mapping.language import loader
from mapping.language.model import Mapping as Loaded
from mappings import Bundle, newest
from ops import api_keys, origins
from ops import offline as valid
from ops.completion import connectable
from ops.crm import Crm, api_of
from ops.stack import Stack, of_stack
from ops.stored import absent, bundled, kept

OWN = "Let it send contacts that are created, changed and deleted there to what is printed above."
SAID = "they do within a minute of a deployment; older ones keep the events in the inbox queue"


@click.command(short_help="Join a CRM to a project; prints the address to paste there.")
@click.argument("preset", shell_complete=connectable)
@click.option("--name", help="Of the connection, such as acme-pipedrive.")
@click.option("--project", type=click.IntRange(min=1), help="The Ringostat project.")
@click.option("--country", callback=valid.checked(valid.country), help="Of phones without a code, such as UA.")
@click.option(
    "--time-zone", callback=valid.checked(valid.time_zone), help="Of times without a zone, such as Europe/Kyiv."
)
@click.option(
    "--crm-url",
    metavar="URL",
    callback=valid.checked(questions.crm_url),
    help="Address of your CRM; links begin with it.",
)
@click.option("--scheme", type=click.Choice(WAYS), help="How requests are verified.")
@click.option("--verify", multiple=True, metavar="FIELD=VALUE", help="What the scheme needs, such as secret=….")
@click.option("--setting", multiple=True, metavar="K=V", help="Any other setting, $settings.K.")
@click.option(
    "--origin",
    callback=valid.checked(questions.origin),
    help="Stands for the CRM's name in the keys of cards: keeps a second account of one CRM apart.",
)
@api_key.options
@click.option("--replace", is_flag=True, help="Replace the connection of this name; secret, API key, settings stay.")
@click.option("--new-secret", is_flag=True, help="With --replace: make a new secret too.")
@click.option("--api-only", is_flag=True, help="Only give the connection of this name an API key; all else stays.")
@click.option("--yes", is_flag=True, help="Take the suggestions for what is not given; ask nothing.")
@click.option(
    "--wait/--no-wait",
    default=None,
    help="Wait for the first event too; or for nothing. Else until the functions know the connection.",
)
@of_stack
def command(stack: Stack, *, api_only: bool, yes: bool, wait: bool | None, **given: Any) -> int:
    """Join a CRM that PRESET (or a mapping that `bridge mapping put` stored) reads to a project; print what to do.

    It asks for what is not given, makes a long random secret where the scheme needs one, and prints it once. A key to
    the CRM's API is tried before it is stored.
    """
    preset = given["preset"]
    mapping = _mapping(stack, preset)
    wish = Wish(stack, mapping, Questions(silent=yes), given)
    entries = stack.secret("ConnectionsSecret")
    if api_only:
        _give_key(wish, entries)
        return exits.FINE
    check_given(wish)
    name = _name(wish, entries)
    old = _old(entries, name)
    entry = entry_of(wish, name, old)
    key = _key(wish, name, entry, _known(stack, entries, name, mapping))
    entries = {**entries, name: entry}
    connection = _store(stack, entries, name, key)
    say(f"The connection {name} is stored.")
    _warn(stack, mapping, entries, connection)
    _print(stack, preset, mapping, connection)
    if wait is False:
        return exits.FINE
    known = _counts(stack, connection, old)
    return first_event(stack, name) if wait and known else exits.FINE


def _mapping(stack: Stack, name: str) -> Loaded:
    """Return a mapping that the deployed functions can read: a stored one goes first, for its connection says so."""
    if version := newest(stack.cards, name):
        if Bundle(stack.cards).asked() is None:
            say(Cell("The functions have not said that they read stored mappings: ", "yellow"), SAID)
        return _reading(name, version.loaded())
    if name in bundled(stack):
        return _reading(name, loader.load(name))
    if name.endswith(".toml"):
        own = Path(name).stem
        raise click.UsageError(f"store the file first: bridge mapping put {name} --name {own}, then connect {own}")
    stored = [one.name for one in kept(stack) if not one.name.endswith(loader.API_SUFFIX)]
    hint = did_you_mean(name, [*loader.presets(), *stored])
    raise click.UsageError(absent(name) + (f"; {hint}" if hint else ""))


def _reading(name: str, mapping: Loaded) -> Loaded:
    """Return a mapping that reads events; raise UsageError for one that only says how to ask the CRM."""
    if name.endswith(loader.API_SUFFIX) and mapping.api:
        raise click.UsageError(f"'{name}' reads no events, but what {mapping.crm}'s API answers; connect what names it")
    return mapping


def _existing(entries: Mapping[str, Any], name: str, preset: str) -> dict[str, Any]:
    """Return the entry that keeps all but its API key; raise UsageError where it is not this preset's."""
    connection = connection_of(entries, name)
    if connection is None or connection.mapping != preset:
        reads = f"it reads with {connection.mapping}" if connection else did_you_mean(name, entries)
        raise click.UsageError(f"there is no connection {name!r} that reads with {preset}; {reads or 'see --name'}")
    return dict(entries[name])


def _give_key(wish: Wish, entries: Mapping[str, Any]) -> None:
    """Give a connection an API key and change nothing else."""
    stack, mapping, asked, given = wish
    name = asked.text("Name of the connection", given["name"], given["preset"])
    entry = _existing(entries, name, given["preset"])
    api_key.check_alone(stack, api_of(mapping), api_key.given(given), silent=asked.silent)
    key = _key(wish, name, entry, {})
    if key is None:
        raise click.UsageError("no API key was given, so nothing was stored")
    _store(stack, {**entries, name: entry}, name, key)
    say(f"The API key of {name} is stored; it counts within 5 minutes.")


def _name(wish: Wish, entries: Mapping[str, Any]) -> str:
    """Return the connection's name; one that none has is suggested, except to a script."""
    asked, given = wish.asked, wish.given
    preset, replace = given["preset"], given["replace"]
    suggested = preset if replace or asked.silent else questions.free(preset, entries)
    return asked.ask("Name of the connection", given["name"], questions.new_name(() if replace else entries), suggested)


def _old(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the entry that is replaced; empty where there is none that can be read."""
    try:
        return dict(entries[name]) if connection_of(entries, name) else {}
    except BadConnection:
        return {}


def _key(wish: Wish, name: str, entry: dict[str, Any], known: Mapping[str, str]) -> api_key.Key:
    """Return a connection's API key, which is tried, and asked for until the CRM takes it or none is given."""
    stack, mapping, asked, given = wish
    options = api_key.given(given)
    while True:
        key = api_key.asked(stack, api_of(mapping), options, known, asked)
        if key is None:
            return None
        looking = {**entry, "lookups": True}
        try:
            if not given["no_check"]:
                _try(stack, mapping, connection_of({name: looking}, name), key)
        except (click.ClickException, OperatorError) as error:
            if options or asked.silent:
                raise
            say(Cell(str(error), "red"))
            known = {}
            continue
        entry["lookups"] = True
        return key


def _try(stack: Stack, mapping: Loaded, connection: Connection | None, key: Mapping[str, str]) -> None:
    """Try a connection's API key."""
    dialect = api_of(mapping)
    if dialect and connection:
        api_key.check_local(stack, dialect, key)
        api_key.tried(Crm(stack, connection, dialect, key))


def _known(stack: Stack, entries: Mapping[str, Any], name: str, mapping: Loaded) -> Mapping[str, str]:
    """Return the API key of the connection that is replaced, empty if there is none or it is for another API."""
    try:
        replaced = connection_of(entries, name)
        same = replaced is not None and stack.mappings.of(replaced).api_name == mapping.api_name
    except OperatorError:
        same = False
    return api_key_of(api_keys.of(stack), name) if same else {}


def _store(stack: Stack, entries: Mapping[str, Any], name: str, key: Mapping[str, Any] | None) -> Connection:
    """Store a connection and its API key: the key first, because who looks up without one gives ids up."""
    connection = connection_of(entries, name)
    if connection is None:
        raise click.UsageError(f"there is no connection {name!r}")
    known = api_keys.of(stack)
    if key is not None and key != known.get(name):
        stack.put(api_keys.SECRET, {**known, name: key})
    stack.put("ConnectionsSecret", entries)
    if key is None and name in known:
        stack.put(api_keys.SECRET, {other: entry for other, entry in known.items() if other != name})
    return connection


def _warn(stack: Stack, mapping: Loaded, entries: Mapping[str, Any], connection: Connection) -> None:
    """Warn of what works, but not as expected."""
    if begins_links([mapping]) and not connection.settings.get("crm_url"):
        say(
            Cell("Without the address of your CRM ", "yellow"),
            "its cards get no button where a link begins with it: --replace --crm-url https://… adds it.",
        )
    for (project, origin), those in origins.shared(stack, entries).items():
        if connection.name in those:
            say(Cell("The same CRM twice: ", "yellow"), origins.words(project, origin, those), f"; {origins.REMEDY}")


def address_of(stack: Stack, name: str, verify: Mapping[str, Any]) -> str:
    """Return the address that the CRM calls."""
    token = verify.get("token", "") if verify.get("scheme") == "path-token" else ""
    first = token[0] if isinstance(token, list) else token
    return stack.hooks_url + name + (f"/{first}" if first else "")


def _counts(stack: Stack, connection: Connection, old: Mapping[str, Any]) -> bool:
    """Say when a connection counts, and wait for that where it shows; return whether events can come."""
    if connection.verify and connection.verify != old.get("verify"):
        return door.wait(stack, connection)
    say("It counts within 5 minutes." if old else "It counts within a minute.")
    return True


def _print(stack: Stack, preset: str, mapping: Loaded, connection: Connection) -> None:
    """Print what to do in the CRM."""
    verified = connection.verify
    address = address_of(stack, connection.name, verified)
    say()
    if verified:
        say("Paste into the CRM:")
        say(Cell(address, "bold"))
    else:
        say("Send events to       ", Cell(stack.queue_url("InboxQueue"), "bold"))
        say(f"message attribute    connection = {connection.name}")
    for field in ("header", "field", "username", "password", "token"):
        if verified.get(field) and verified["scheme"] in ("basic", "header-token", "body-token"):
            for value in [verified[field]] if isinstance(verified[field], str) else verified[field]:
                say(f"{field:20}", Cell(value, "bold"))
    if empty := [field for field, value in verified.items() if not value]:
        options = " ".join(f"--verify {field}=…" for field in empty)
        say(
            Cell(f"{' and '.join(empty)} is empty", "yellow"),
            f": nothing gets in before you give it with {options} --replace",
        )
    say()
    say("In the CRM:")
    told = list(rendered(steps(preset, address)))
    for first, parts in told or [("", [mapping.help or OWN])]:
        say_wrapped(first, parts)
    say()
    _next(connection)


def _next(connection: Connection) -> None:
    """Print the commands that come next."""
    given = click.get_current_context().params
    where = " --local" if given.get("local") else f" --stack {name}" if (name := given.get("stack_name")) else ""
    say(Cell("Next: ", "bold"), "save a contact in the CRM, and see it by the CRM's id:")
    say(f"bridge status {connection.name} ID{where}")
    if connection.lookups:
        say("What the CRM has already is read by:")
        say(f"bridge sync {connection.name} --dry-run{where}")
    say("If nothing comes:")
    say(f"bridge doctor{where}")
