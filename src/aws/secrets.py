"""Secrets Manager: a secret that holds one JSON object, cached."""

import json
import time
from collections.abc import Callable
from typing import Any

from aws.client import ServiceClient
from aws.kept import Kept
from errors import BadConnection


class Secret(Kept[dict[str, Any]]):
    """A secret that holds one JSON object, cached; `read` raises BadConnection if it never was one."""

    def __init__(self, client: ServiceClient, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        def fetched() -> dict[str, Any]:
            return _object(client.call("GetSecretValue", SecretId=name).get("SecretString", ""))

        super().__init__("Secrets Manager", fetched, clock)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadConnection("The secret holds no JSON object: repair its value in Secrets Manager.")
    return value
