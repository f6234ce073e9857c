"""What a connection would make of a sample, by the production code's own decode, map and compose."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cards.card import stamped
from cards.endpoints import Composed, compose
from cards.key import key_of
from errors import SenderError
from event import WANTED
from mapping import engine
from mapping.identity import personal_ids
from mapping.language import loader
from mapping.language.model import SECTIONS, Mapping
from mapping.meaning import meaning
from mapping.outcome import Fields, Outcome
from ops.offline import Offline
from ops.samples import Sample

DIRECTIONS = ("phones", "emails")
KNOWN = ("change", "delete", "erase", "lookup")  # results of a body that a mapping knows
USUAL = engine.Answer(202, "application/json", "")  # a verdict for each record


class Trial(NamedTuple):
    """One event, what became of it, the answer its sender would get, and the connection with the mapping that read it.

    That mapping is the connection's own, or the one of its CRM's answers.
    """

    sample: Sample
    outcomes: Sequence[Outcome]
    answer: engine.Answer
    connection: Offline


def tried(connection: Offline, sample: Sample, *, trace: bool = False) -> Trial:
    """Decode and map a sample as `ingest` does; a body that cannot be read is one rejected record."""
    try:
        if sample.problem:
            raise sample.problem
        reader, outcomes = meaning(
            connection.mapping,
            sample.body,
            connection.settings,
            sample.headers,
            sample.query,
            lookup=sample.lookup,
            is_again=sample.content_type == WANTED,
            trace=trace,
            staff=connection.staff,
        )
    except SenderError as error:
        rejected = Outcome("reject", code=error.code, reason=str(error))
        return Trial(sample, [rejected], engine.Answer(error.status, "application/problem+json", ""), connection)
    answer = USUAL if sample.lookup else _answer(connection, sample.decoded(), outcomes)
    return Trial(sample, outcomes, answer, connection._replace(mapping=reader))


def _answer(connection: Offline, body: Any, outcomes: Sequence[Outcome]) -> engine.Answer:
    if connection.mapping.contract and all(outcome.result == "reject" for outcome in outcomes):
        return engine.Answer(422, "application/problem+json", "")
    return engine.answer(connection.mapping, body) or USUAL


USUAL_FIELDS = {
    "id": 1,
    "name": "A B",
    "first_name": "A",
    "last_name": "B",
    "phone": "0670000001",
    "email": "a@example.com",
}


def fitting(connection: Offline, trial: Trial) -> list[str]:
    """Return the presets that know this body, if the connection's own mapping does not.

    One that reads any body with the usual fields knows no CRM by them, so it is not named.
    """
    if connection.mapping.name != "generic" and any(outcome.result in KNOWN for outcome in trial.outcomes):
        return []
    try:
        body = trial.sample.decoded()
    except SenderError:
        return []
    others = [loader.load(name) for name in loader.presets() if name != connection.mapping.name]
    return [
        mapping.name
        for mapping in others
        if not mapping.contract
        and _reads(mapping, connection, trial, body)
        and not _reads(mapping, connection, trial, USUAL_FIELDS)
    ]


def _reads(mapping: Mapping, connection: Offline, trial: Trial, body: Any) -> bool:
    outcomes = engine.run(mapping, body, connection.settings, trial.sample.headers, trial.sample.query)
    return any(outcome.result in KNOWN for outcome in outcomes)


def card_key(connection: Offline, outcome: Outcome) -> str:
    """Return the key of the card that an outcome names."""
    is_personal = personal_ids(connection.settings) if connection.mapping.free_ids else None
    return key_of(connection.project, connection.origin, outcome.card, is_personal)


def card_keys(connection: Offline, outcome: Outcome) -> set[str]:
    """Return the keys of the cards that an outcome is about: its own, or those of the records that it only names."""
    if outcome.result != "lookup":
        return {card_key(connection, outcome)} if outcome.card else set()
    calls = loader.answers_of(connection.mapping).calls
    cards = {f"{kind}:{want.id}" for want in outcome.wants if (kind := calls[want.lookup].kind)}
    return {card_key(connection, outcome._replace(card=card)) for card in cards}


def composed(connection: Offline, outcome: Outcome) -> Composed | None:
    """Return what Ringostat would be sent if a change were all that is known; None for a skip or reject."""
    if outcome.result != "change":
        return None
    key = card_key(connection, outcome)
    return compose(key, stamped(outcome.fields, changed_at=outcome.changed_at, received_at=outcome.changed_at or 0))


def moment(milliseconds: int | None) -> str | None:
    """Return a time as `2026-03-01T10:00:00.000Z`; one that no calendar holds as its number."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def document(connection: Offline, trials: Iterable[Trial]) -> dict[str, Any]:
    """Return outcomes and answer as JSON for programs; the answer is that to the last of several events."""
    trials = list(trials)
    outcomes = [_outcome(trial.connection, outcome) for trial in trials for outcome in trial.outcomes]
    last = trials[-1].answer
    answer = {"status": last.status, "contentType": last.content_type, "body": last.body or None}
    fits = sorted({name for trial in trials for name in fitting(connection, trial)})
    return {"outcomes": outcomes, "answer": answer, "presets": fits}


def _outcome(connection: Offline, outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as one of change, lookup, skip and reject; `do` says what else becomes of the card."""
    body = composed(connection, outcome)
    changed = body is not None
    marks = outcome.result in ("delete", "erase")  # takes nothing of the record's data
    return {
        "result": "skip" if marks else outcome.result,
        "wants": [want._asdict() for want in outcome.wants],
        "do": outcome.result if marks else None,
        "record": outcome.record or None,
        "kind": outcome.kind or None,
        "card": outcome.card or None,
        "carries": outcome.carries if changed else None,
        "changed_at": moment(outcome.changed_at),
        "fields": dict(_fields(connection, outcome, body)) if body else dict(outcome.fields),
        "payload": body.payload if body else None,
        "waiting": body.waiting if body else None,
        "code": outcome.code or None,
        "field": outcome.field or None,
        "reason": outcome.reason or None,
        "warnings": list(outcome.warnings),
    }


def _fields(connection: Offline, outcome: Outcome, body: Composed) -> Iterator[tuple[str, Any]]:
    """Yield what the change sets, under Ringostat's names: its blocks together are two lists."""
    kinds = {name.partition(".")[0] for name in outcome.fields}
    shown = with_half_name(outcome.fields)
    for name in SECTIONS[outcome.kind]:
        if name in shown:
            yield name, shown[name]
    if kinds & set(DIRECTIONS):
        yield "contactDirections", body.payload["contactDirections"] if body.payload else []
    if "organizations" in kinds:
        yield "organizations", _organizations(connection, outcome)


def with_half_name(fields: Fields) -> Fields:
    """Return the fields with half a name as the name, where no whole one is known."""
    half = fields.get("halfName")
    return {**fields, "fullName": half} if half and not fields.get("fullName") else fields


def _organizations(connection: Offline, outcome: Outcome) -> list[dict[str, Any]]:
    """Return the organizations as the change names them, also those whose name only their own card knows."""
    blocks = [name for name in outcome.fields if name.startswith("organizations.")]
    found = {entry["externalId"]: entry["name"] for name in blocks for entry in outcome.fields[name] or ()}
    identity = {"projectId": connection.project, "origin": connection.origin}
    return [{**identity, "name": name, "externalId": identifier} for identifier, name in found.items()]
