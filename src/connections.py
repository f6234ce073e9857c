"""The two secrets: who may send us events, and the keys with which we speak to Ringostat."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from errors import BadConnection, Unavailable

FRESH_SECONDS = 5 * 60
GOOD_SECONDS = 24 * 3600  # how long the last good value serves while Secrets Manager fails
AGAIN_SECONDS = 60  # between two reads that an answer of Ringostat asked for
RETRY_SECONDS = 5  # between two reads while Secrets Manager fails, so that it is not asked for every request


class Connection(NamedTuple):
    """One CRM account joined to one Ringostat project."""

    name: str
    mapping: str
    project: int
    verify: Mapping[str, Any]  # empty for a connection that sends by the queue alone: no request proves anything
    settings: Mapping[
        str, str
    ]  # what mappings may see: country, time_zone, responsible, crm_url … never the verification


class Secret:
    """A secret that holds one JSON object, cached; `clock` gives seconds and never goes back."""

    def __init__(self, client: Any, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._value: dict[str, Any] | None = None
        self._read_at = self._tried_at = float("-inf")

    def read(self) -> dict[str, Any]:
        """Return the object; raise Unavailable without a good value, BadConnection if it never was a JSON object."""
        now = self._clock()
        if now - self._read_at >= FRESH_SECONDS and now - self._tried_at >= RETRY_SECONDS:
            self._fetch(now)
        if self._value is None or now - self._read_at >= GOOD_SECONDS:
            raise Unavailable("Secrets Manager does not answer and no value read before can serve.")
        return self._value

    def refresh(self) -> dict[str, Any]:
        """Read the secret now, for its value was refused; at most once a minute."""
        now = self._clock()
        if now - self._tried_at >= AGAIN_SECONDS:
            self._fetch(now)
        return self.read()

    def _fetch(self, now: float) -> None:
        self._tried_at = now
        try:
            text = self._client.get_secret_value(SecretId=self._name).get("SecretString", "")
        except (BotoCoreError, ClientError):
            return
        value = _object(text)
        if value is not None:
            self._value, self._read_at = value, now
        elif self._value is None:
            raise BadConnection("The secret holds no JSON object: repair its value in Secrets Manager.")


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def connection_of(entries: Mapping[str, Any], name: str) -> Connection | None:
    """Return a connection of the connections secret, None without one; raise BadConnection for a broken entry."""
    entry = entries.get(name)
    if entry is None:
        return None
    try:
        own = {"mapping", "project", "verify"}
        settings = {key: str(value) for key, value in entry.items() if key not in own}
        return Connection(name, str(entry["mapping"]), int(entry["project"]), dict(entry.get("verify", {})), settings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadConnection(
            f"The entry of connection {name!r} needs mapping and project (a number); verify must be an object."
        ) from error


def auth_key_of(entries: Mapping[str, Any], project: int) -> str | None:
    """Return a project's auth key of the auth keys secret, None if there is none."""
    entry = entries.get(str(project))
    key = entry.get("auth_key") if isinstance(entry, dict) else None
    return key if isinstance(key, str) and key else None
