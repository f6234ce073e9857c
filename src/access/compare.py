"""How schemes compare: in constant time, with every valid secret, within five minutes."""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Any

WINDOW_MS = 5 * 60 * 1000  # both ways: an older one is a replay, a newer one could be replayed later


def fits(given: str | bytes, valid: Iterable[str | bytes]) -> bool:
    """Return whether a value equals one of the valid ones; the time it takes reveals neither which nor how much.

    Digests are compared, so that lengths do not matter and no short value can pass for the beginning of a long one.
    """
    digest = _digest(given)
    found = False
    for value in valid:
        found |= hmac.compare_digest(digest, _digest(value))
    return found


def is_secret(given: str | bytes, entry: Mapping[str, Any], name: str) -> bool:
    """Return whether a value is one of the valid secrets; raises as `secrets_of` does."""
    return fits(given, secrets_of(entry, name))


def _digest(value: str | bytes) -> bytes:
    return hashlib.sha256(value.encode(errors="surrogatepass") if isinstance(value, str) else value).digest()


def secrets_of(entry: Mapping[str, Any], name: str, shape: str = "(?s:.+)") -> list[str]:
    """Return the secrets that are valid: one text, or a list of them while one takes over from another.

    Raises KeyError or TypeError where there is none. One without the shape never counts, least of all an empty
    one: anybody could prove to know it.
    """
    value = entry[name]
    if not isinstance(value, str | list):
        raise TypeError(f"{name} is neither a text nor a list of texts.")
    listed = [value] if isinstance(value, str) else value
    return [secret for secret in listed if isinstance(secret, str) and re.fullmatch(shape, secret)]


def is_recent(written: str, received_at: int, *, digits: int) -> bool:
    """Return whether a Unix time, of 10 digits in seconds or 13 in ms, is within five minutes of an arrival in ms.

    A signed text must not be divisible in two ways, so a time has exactly its digits: no sign, blank, comma or dot.
    """
    if not re.fullmatch(f"[0-9]{{{digits}}}", written):
        return False
    sent_at = int(written.ljust(13, "0"))
    return abs(received_at - sent_at) <= WINDOW_MS
