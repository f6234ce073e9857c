"""What an event means: which mapping reads it, and how. Ingest and the commands' dry run both ask here."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mapping import engine
from mapping.decode import MAX_ANSWER_BYTES, MAX_BYTES, decoded, has_lost_letters
from mapping.language import loader, model
from mapping.language.rule import STAFF
from mapping.outcome import Outcome, Want

# The content type of records of our own contract on a connection with a CRM's mapping: `bridge import` sends tables so.
OURS = "application/vnd.ringostat-bridge.direct+json"


class Meaning(NamedTuple):
    """What became of an event, and the mapping that read it."""

    mapping: model.Mapping
    outcomes: Sequence[Outcome]


def meaning(  # noqa: PLR0913 - all that the meaning of an event depends on
    mapping: model.Mapping,
    body: bytes,
    settings: Mapping[str, str],
    headers: Mapping[str, str],
    query: Mapping[str, str],
    *,
    lookup: str = "",
    is_again: bool = False,
    trace: bool = False,
    staff: Mapping[str, str] = {},
) -> Meaning:
    """Return what an event of a connection means, whose mapping is given.

    `lookup` names the look-up that it answers. `is_again`: it wants records anew, as `event.wanted_again` writes it.
    `staff` are the ids of Ringostat's employees by e-mail address, for a mapping that needs them.
    Raise SenderError for a body that cannot be decoded.
    """
    if is_again:
        return Meaning(mapping, _wanted(decoded(body, headers), mapping))
    most = MAX_ANSWER_BYTES if lookup else MAX_BYTES
    reader = loader.answers_of(mapping) if lookup else mapping
    if headers.get("content-type") == OURS and not mapping.contract:
        reader = _of_our_contract(mapping)
    plain, lost = decoded(body, headers, most), has_lost_letters(body)
    whole = reader._replace(lookups={**reader.lookups, STAFF: staff}) if staff else reader
    outcomes = engine.run(whole, plain, settings, headers, query, trace=trace, lost=lost, lookup=lookup)
    return Meaning(reader, outcomes)


def _of_our_contract(mapping: model.Mapping) -> model.Mapping:
    """Return the mapping of our own contract, whose cards are the same as those that a CRM's mapping makes."""
    return loader.load("direct")._replace(
        name=mapping.name, crm=mapping.crm, free_ids=mapping.free_ids, time_zone=mapping.time_zone
    )


def _wanted(body: Any, mapping: model.Mapping) -> list[Outcome]:
    """Return what it means that records are to be wanted again."""
    given = body if isinstance(body, dict) else {}
    calls = loader.answers_of(mapping).calls
    lookup, ids = calls.get(str(given.get("lookup"))), given.get("ids")
    if lookup is None or not isinstance(ids, list) or not ids:
        return [Outcome("reject", code="no-match", reason="the mapping of this connection has no such look-up")]
    return [
        Outcome("lookup", position, wants=(Want(lookup.name, one),))
        if isinstance(one, str) and lookup.ids.fullmatch(one)
        else Outcome("reject", position, code="no-id", field="id", reason="this is no id that may be asked for")
        for position, one in enumerate(ids)
    ]
