"""Where each field comes from: the production engine's trace of an event beside the stamps of its card."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

from cards.card import Card, stamped
from cards.endpoints import Stamped
from local.page.arrivals import Arrival, card_key, row_id
from local.page.samples import LARGEST
from mapping.outcome import Outcome
from ops.dry_run import composed, moment, tried
from ops.offline import Offline
from ops.samples import Sample
from ops.trace import BLOCKS, rows

SHOWN_BYTES = 300_000  # of a body
SHOWN_OUTCOMES = 50
BLOCK_OF = {shown: name for name, shown in BLOCKS.items()}


def request(event: Arrival) -> dict[str, Any]:
    """Return the CRM's own request and what was answered."""
    body = event.sample.body
    return {
        "number": event.number,
        "time": event.time,
        "connection": event.connection,
        "preset": PurePath(event.known.mapping.source.name).stem if event.known else "",
        "mapping": event.known.mapping.source.name if event.known else "",
        "refusal": event.refusal,
        "method": event.method,
        "contentType": event.sample.content_type,
        "query": dict(event.sample.query),
        "headers": dict(event.sample.headers),
        "encoded": base64.b64encode(body).decode() if len(body) <= LARGEST else "",
        "body": body[:SHOWN_BYTES].decode("utf-8", "replace"),
        "bytes": len(body),
        "status": event.status,
        "answer": event.answer.decode("utf-8", "replace"),
    }


def outcomes(
    connection: Offline, sample: Sample, cards: Mapping[str, Card], *, only: str = "", received_at: int = 0
) -> list[dict[str, Any]]:
    """Return what the engine makes of a sample, field by field, beside the stamps of the cards that are there.

    `only` is the key of the one card that is wanted.
    """
    found = tried(connection, sample, trace=True)
    connection = found.connection
    wanted = [outcome for outcome in found.outcomes if not only or card_key(connection, outcome) == only]
    return [
        _outcome(connection, outcome, cards.get(card_key(connection, outcome)), received_at)
        for outcome in wanted[:SHOWN_OUTCOMES]
    ]


def _outcome(connection: Offline, outcome: Outcome, known: Card | None, received_at: int) -> dict[str, Any]:
    changed = outcome.result == "change"
    alone = composed(connection, outcome) if changed else None
    news = stamped(outcome.fields, changed_at=outcome.changed_at, received_at=received_at)
    return {
        "result": outcome.result,
        "record": outcome.record,
        "kind": outcome.kind,
        "card": outcome.card,
        "id": row_id(connection, outcome) if changed else "",
        "key": card_key(connection, outcome),
        "carries": outcome.carries if changed else "",
        "changedAt": moment(outcome.changed_at),
        "code": outcome.code,
        "field": outcome.field,
        "reason": outcome.reason,
        "warnings": list(outcome.warnings),
        "rows": list(_rows(connection, outcome, news, known)) if changed else [],
        "mismatches": list(_mismatches(outcome)),
        "wouldPost": {alone.endpoint: [alone.payload]} if alone and alone.payload else None,
        "waiting": alone.waiting if alone else None,
    }


def _rows(
    connection: Offline, outcome: Outcome, news: Mapping[str, Stamped], known: Card | None
) -> Iterator[dict[str, Any]]:
    for one in rows(connection, outcome):
        place, mark, rest = one.why.partition(": ")
        steps = [step for step in outcome.trace if one.name in (step.field, BLOCKS.get(step.field.partition(".")[0]))]
        yield {
            "name": one.name,
            "value": one.shown,
            "place": place if mark else "",
            "why": rest if mark else one.why,
            "sources": sorted({source for step in steps for source in step.sources}),
            "raws": sorted({json.dumps(step.raw, ensure_ascii=False) for step in steps if step.raw not in (None, "")}),
            "stamp": _stamp(one.name, news, known),
        }


def _stamp(name: str, news: Mapping[str, Stamped], known: Card | None) -> dict[str, Any] | None:
    """Return the stamp of a row's field on the card, and whether it is still what this event said."""
    block = BLOCK_OF.get(name)
    names = [field for field in news if field == name or (block and field.startswith(f"{block}."))]
    stamps = [known.fields[field] for field in names if known and field in known.fields]
    if not stamps or known is None:
        return None
    return {
        "changedAt": max(stamp.changed_at for stamp in stamps),
        "receivedAt": max(stamp.received_at for stamp in stamps),
        "current": all(known.fields.get(field, news[field]).value == news[field].value for field in names),
    }


def _mismatches(outcome: Outcome) -> Iterator[str]:
    """Yield why each record of the mapping did not match."""
    for step in outcome.trace if not outcome.record else ():
        wanted, *found = step.sources or ("",)
        seen = f"; {', '.join(found)}" if found else ""
        yield f"{step.place}: '{step.field}' wants {wanted}{seen} ({step.note})"
