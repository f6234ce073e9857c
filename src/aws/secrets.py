"""Secrets Manager: a secret that holds one JSON object, cached."""

import json
import time
from collections.abc import Callable
from typing import Any

from aws.client import ServiceClient
from errors import BadConnection, Unavailable

FRESH_SECONDS = 5 * 60
GOOD_SECONDS = 24 * 3600  # how long the last good value serves while Secrets Manager fails
AGAIN_SECONDS = 60  # between two reads that an answer of Ringostat asked for
RETRY_SECONDS = 5  # between two reads while Secrets Manager fails and the last good value serves


class Secret:
    """A secret that holds one JSON object, cached; `clock` gives seconds and never goes back."""

    def __init__(self, client: ServiceClient, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._value: dict[str, Any] | None = None
        self._read_at = self._tried_at = float("-inf")

    def read(self) -> dict[str, Any]:
        """Return the object; raise Unavailable without a good value, BadConnection if it is no JSON object."""
        now = self._clock()
        if self._value is None or now - self._read_at >= GOOD_SECONDS:
            self._value = None
            self._fetch(now)
        elif now - self._read_at >= FRESH_SECONDS and now - self._tried_at >= RETRY_SECONDS:
            self._fetch(now)
        if self._value is None:
            raise Unavailable("Secrets Manager does not answer and no value read before can serve.")
        return self._value

    def refresh(self) -> dict[str, Any]:
        """Read the secret now, because its value was not accepted; at most once a minute."""
        now = self._clock()
        if now - self._tried_at >= AGAIN_SECONDS:
            self._fetch(now)
        return self.read()

    def forget(self) -> None:
        """Read the secret at the next call, whatever was read before."""
        self._read_at = self._tried_at = float("-inf")

    def _fetch(self, now: float) -> None:
        self._tried_at = now
        try:
            text = self._client.call("GetSecretValue", SecretId=self._name).get("SecretString", "")
        except Unavailable:
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
