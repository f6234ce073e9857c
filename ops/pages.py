"""A page of a CRM's records, in parts: each is an answer of the same shape that holds fewer of them."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

MOST_RECORDS = 250  # in one message: ten of them are merged in a few of the inbox function's 30 seconds
LARGEST_BODY = 130_000  # bytes in one message: base64 takes a third more, and SQS's smallest limit is 256 KiB


def only(body: Any, records: Sequence[Any], kept: Sequence[Any]) -> Any:
    """Return a page with those of its records that are kept; all else of it stays, such as what is beside the list.

    Records are known by identity, not by equality, so they must come from this body. It is not changed.
    """
    gone = {id(record) for record in records} - {id(record) for record in kept}
    return _without(body, gone, {id(record) for record in kept}) if gone else body


def _without(value: Any, gone: Collection[int], kept: Collection[int]) -> Any:
    if id(value) in kept:
        return value
    if isinstance(value, list):
        return [_without(item, gone, kept) for item in value if id(item) not in gone]
    if isinstance(value, dict):
        return {name: _without(item, gone, kept) for name, item in value.items()}
    return value


def parts(body: Any, records: Sequence[Any], kept: Sequence[Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the kept records of a page as JSON texts that fit into a message, each with its records.

    One record that does not fit even alone is yielded as an empty text.
    """
    if not kept:
        return
    text = json.dumps(only(body, records, kept), separators=(",", ":")) if len(kept) <= MOST_RECORDS else ""
    if text and len(text) <= LARGEST_BODY:
        yield text, kept
    elif len(kept) == 1:
        yield "", kept
    else:
        half = len(kept) // 2
        yield from parts(body, records, kept[:half])
        yield from parts(body, records, kept[half:])
