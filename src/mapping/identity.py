"""Which ids of a mapping's records are personal: phones that stand for an id. Pure."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

from mapping.language import model
from mapping.normalize import phones

COUNTRY = "UA"  # of a connection that names none


def personal_ids(mapping: model.Mapping, settings: Mapping[str, str]) -> Callable[[str], bool]:
    """Return whether an id is a phone number, however it is written, where the sender chooses the ids (`freeIds`).

    The ids of a CRM's own are numbers too, but not phones by intent: they stay readable.
    """
    return partial(_is_phone, country=settings.get("country") or COUNTRY) if mapping.free_ids else never


def never(identity: str) -> bool:  # noqa: ARG001 - as personal_ids gives it
    """Return False: no id of a CRM's own is a phone."""
    return False


@lru_cache(1_000)
def _is_phone(identity: str, country: str) -> bool:
    return bool(phones(identity, country)[0])
