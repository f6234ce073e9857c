"""Which ids of a mapping's records are personal: phones that stand for an id. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from mapping.normalize import phones

COUNTRY = "UA"  # of a connection that names none


def personal_ids(settings: Mapping[str, str]) -> Callable[[str], bool]:
    """Return whether an id is a phone number, however it is written: for mappings whose senders choose the ids.

    The ids of a CRM's own are numbers too, but not phones by intent: they stay readable.
    """
    return partial(_is_phone, country=settings.get("country") or COUNTRY)


@lru_cache(1_000)
def _is_phone(identity: str, country: str) -> bool:
    return bool(phones(identity, country)[0])
