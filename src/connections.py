"""What the secrets hold: who may send us events, and the keys with which we speak to Ringostat and to CRMs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from errors import BadConnection


class Connection(NamedTuple):
    """One CRM account joined to one Ringostat project."""

    name: str
    mapping: str
    project: int
    verify: Mapping[str, Any]  # empty for a connection that sends by the queue alone: no request proves anything
    settings: Mapping[str, str]  # what mappings may see: country, time_zone, crm_url …, never the verification
    lookups: bool = False  # whether the key to the CRM's API is known, with which records are looked up
    stored: bool = False  # whether the mapping is one of the table, also where the bundle has one of this name
    silent_hours: int | None = None  # after which it alarms, 0 never; None: the stack's SilentHours
    origin: str = ""  # in the keys of its cards, in place of the mapping's crm: keeps two accounts of one CRM apart


def connection_of(entries: Mapping[str, Any], name: str) -> Connection | None:
    """Return a connection of the connections secret, None without one; raise BadConnection for a broken entry."""
    entry = entries.get(name)
    if entry is None:
        return None
    try:
        own = {"mapping", "project", "verify", "lookups", "stored", "silent_hours", "origin"}
        settings = {key: str(value) for key, value in entry.items() if key not in own}
        verify = dict(entry.get("verify", {}))
        origin = str(entry.get("origin", ""))
        if "#" in origin:
            raise BadConnection(f"The origin of connection {name!r} may have no '#', which parts the keys of cards.")
        silent_hours = entry.get("silent_hours") if has_hours(entry) else None
        return Connection(
            name,
            str(entry["mapping"]),
            int(entry["project"]),
            verify,
            settings,
            lookups=entry.get("lookups") is True,
            stored=entry.get("stored") is True,
            silent_hours=silent_hours,
            origin=origin,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadConnection(
            f"The entry of connection {name!r} needs mapping and project (a number); verify must be an object."
        ) from error


def has_hours(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry's `silent_hours` can be used; `bridge doctor` names others."""
    hours = entry.get("silent_hours", 0)
    return isinstance(hours, int) and hours >= 0


def auth_key_of(entries: Mapping[str, Any], project: int) -> str | None:
    """Return a project's auth key of the auth keys secret, None if there is none."""
    entry = entries.get(str(project))
    key = entry.get("auth_key") if isinstance(entry, dict) else None
    return key if isinstance(key, str) and key else None


def api_key_of(entries: Mapping[str, Any], connection: str) -> Mapping[str, str]:
    """Return the fields of a connection's key to its CRM's API, of the API keys secret; empty without one."""
    entry = entries.get(connection)
    return {name: str(value) for name, value in entry.items()} if isinstance(entry, dict) else {}
