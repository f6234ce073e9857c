"""A CRM's API as a command asks it, with one connection's key: the functions' own requests, judged as theirs are."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import click

from connections import Connection
from lookup.answer import Read, judged
from lookup.fetch import Fetcher
from lookup.request import build
from mapping.language import loader
from mapping.language.model import Api, Call, Lookup
from mapping.language.model import Mapping as Loaded
from ops.stack import Stack

SAMPLE = 20  # records that show what a key may see


def api_of(mapping: Loaded) -> Loaded | None:
    """Return the mapping of a CRM's own API, None where a mapping looks nothing up."""
    if mapping.api is not None:
        return mapping
    return loader.load(mapping.api_name) if mapping.api_name else None
