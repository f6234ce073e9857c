"""The connection that the offline verbs imagine: a mapping, a project, and the settings that mappings may see."""

import functools
from collections.abc import Callable
from collections.abc import Mapping as Table
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from connections import Connection
from errors import BadMapping
from mapping import normalize
from mapping.language import loader
from mapping.language.model import Mapping
from mapping.language.rule import spelt
from ops.completion import mappings
from ops.samples import pairs

if TYPE_CHECKING:
    from mappings import Mappings  # loads AWS, which the offline verbs do not need


class Offline(NamedTuple):
    """What a connection's entry says, without its verification, and its mapping."""

    mapping: Mapping
    project: int
    settings: Table[str, str]
    staff: Table[str, str] = {}  # Ringostat's employees by e-mail address
    own_origin: str = ""  # of the connection, in place of the mapping's crm

    @property
    def origin(self) -> str:
        """The origin of its cards."""
        return self.own_origin or self.mapping.crm

    @classmethod
    def of(cls, connection: Connection, mappings: "Mappings") -> "Offline":
        """Return a connection with its mapping; raise BadMapping."""
        return cls(mappings.of(connection), connection.project, connection.settings, own_origin=connection.origin)


def employees(ids: Table[str, str]) -> Table[str, str]:
    """Return ids by e-mail address as mappings compare them."""
    return {spelt(email): identity for email, identity in ids.items()}


def mapping_of(name: str) -> Mapping:
    """Return a preset by its name, or the mapping of a file; raises BadMapping with all problems."""
    if name not in loader.mappings() and (name.endswith(".toml") or Path(name).is_file()):
        return loader.load_file(name)
    return loader.load(name)


def country(value: str) -> str:
    """Return a country as it was given; raise BadParameter for what is none."""
    if not (len(value) == 2 and value.isascii() and value.isalpha()):  # noqa: PLR2004 - ISO 3166's two letters
        raise click.BadParameter("write two letters, such as UA")
    return value


def time_zone(value: str) -> str:
    """Return a time zone as it was given; raise BadParameter for what is none."""
    try:
        normalize.time_zone(value)
    except (KeyError, ValueError, OSError):
        raise click.BadParameter("there is no such zone; write it like Europe/Kyiv") from None
    return value


def checked(check: Callable[[str], str]) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return a check as the callback of an option that may be left out."""
    return lambda _context, _option, value: None if value is None else check(value)


_OPTIONS = (
    click.option("--staff", multiple=True, metavar="EMAIL=ID", help="An employee of Ringostat, for `staff` rules."),
    click.option("--project", default=106, show_default=True, help="The Ringostat project."),
    click.option("--setting", multiple=True, metavar="K=V", help="Any other setting of the connection, $settings.K."),
    click.option("--crm-url", default="", metavar="URL", help="Begins links to the CRM, $settings.crm_url."),
    click.option(
        "--time-zone", default="Europe/Kyiv", show_default=True, callback=checked(time_zone), help="Of times without."
    ),
    click.option(
        "--country", default="UA", show_default=True, callback=checked(country), help="Of phones without a code."
    ),
    click.option(
        "--mapping",
        "name",
        required=True,
        metavar="NAME|FILE",
        shell_complete=mappings,
        help="A preset, or a file of your own.",
    ),
)


def of_connection(command: Callable[..., int]) -> Callable[..., int]:
    """Add the options that describe a connection; the command gets it as `connection`."""

    @functools.wraps(command)
    def connected(  # noqa: PLR0913 - click calls it with each option by its name
        *,
        name: str,
        country: str,
        time_zone: str,
        crm_url: str,
        setting: tuple[str, ...],
        staff: tuple[str, ...],
        project: int,
        **others: Any,
    ) -> int:
        given = {"country": country, "time_zone": time_zone, "crm_url": crm_url}
        settings = {key: text for key, text in given.items() if text} | pairs(setting, "=", "--setting")
        try:
            connection = Offline(mapping_of(name), project, settings, employees(pairs(staff, "=", "--staff")))
        except BadMapping as error:
            raise click.ClickException(str(error)) from None
        return command(connection=connection, **others)

    return functools.reduce(lambda wrapped, option: option(wrapped), _OPTIONS, connected)
