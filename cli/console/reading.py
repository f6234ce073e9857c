"""What the console reads of a stack. Each function costs a few calls of AWS, however many cards there are."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aws.table import card_of
from cards.card import Card, is_left_behind
from cards.endpoints import numbers as phones
from cards.key import heard_key, left_behind_part
from cli.checks import HEARD_MOST, problems
from cli.identities import keys_of
from connections import connection_of
from delivery.policy import EVER_MS
from errors import BadConnection, BadMapping
from ops import numbers, wanted
from ops.blockers import Trouble, throttle_of, troubles
from ops.insights import story_link
from ops.left_behind import left
from ops.rejected_queue import Held, Rejection, readable, told
from ops.stack import Stack
from ops.views import circuits, described, is_card, row, whole

LISTED = 50  # cards of a page
SOUGHT = 1_000  # rows that one call reads where something is sought that has no index
MOST_REJECTED = 200
QUEUES = ("InboxQueue", "DeliveryQueue", "RejectedQueue", "DeadDeliveryQueue", "LookupQueue")

Json = dict[str, Any]


def book(stack: Stack, after: str = "", text: str = "", state: str = "") -> Json:
    """Return the cards of one page of the table that fit, how many rows that read, and where the next page begins.

    Names and states have no index: of a large table the page says how far it has read, and the user reads on.
    """
    rows, more = stack.cards.scan(SOUGHT if text or state else LISTED, _place(after))
    cards = [card_of(item) for item in rows if is_card(item["key"]["S"])]
    fitting = [row(card) for card in cards if _fits(card, text)]
    shown = [one for one in fitting if one["state"].startswith(state)]
    return {"cards": shown, "read": len(rows), "after": _text(more)}


def found(stack: Stack, text: str) -> Json:
    """Return the cards of an id as a CRM writes it, of whatever connection, of a whole key, or of a phone number.

    Only what has an index is asked here.
    """
    entries = {} if is_card(text) else stack.secret("ConnectionsSecret")
    keys = {text} if is_card(text) else {key for name in entries for key in _keys(stack, entries, name, text)}
    cards = stack.cards.read(sorted(keys))
    if numbers.TYPED.fullmatch(text):
        cards |= {one.card.key: one.card for one in numbers.found(stack, text)}
    return {"cards": [row(card) for card in cards.values()]}


def _keys(stack: Stack, entries: Mapping[str, Any], name: str, identity: str) -> Iterator[str]:
    with suppress(BadConnection, BadMapping):  # the view of connections tells of it
        if connection := connection_of(entries, name):
            yield from keys_of(connection, stack.mappings.of(connection), identity).values()


def _fits(card: Card, text: str) -> bool:
    values = " ".join(json.dumps(stamp.value, ensure_ascii=False) for stamp in card.fields.values()).casefold()
    if numbers.TYPED.fullmatch(text):
        return re.sub(r"\D", "", text) in values
    return all(word in values for word in text.casefold().split())


def card_of_key(stack: Stack, key: str) -> Card:
    """Return a card; raise LookupError if there is none of this key."""
    known = stack.cards.read([key]) if is_card(key) else {}
    if key not in known:
        raise LookupError("There is no card of this key.")
    return known[key]


def card(stack: Stack, key: str) -> Json:
    """Return all that is known of a card."""
    known, now = card_of_key(stack, key), stack.clock()
    fields = [
        {"name": name, "value": stamp.value, "changedAt": stamp.changed_at, "receivedAt": stamp.received_at}
        for name, stamp in known.fields.items()
    ]
    held = [str(trouble) for trouble in troubles(stack.cards, int(key.partition("#")[0]), now)]
    shown = row(known) | whole(known, key, now)
    shown["story"] += [("number", f"{one}: {numbers.knowledge(known, one, held, now)}") for one in phones(known.fields)]
    is_left = is_left_behind(known)
    return shown | {
        "fields": fields, "held": held, "left": is_left, "wanted": _of_id(stack, known), "logs": story_link(stack, key)
    }  # fmt: skip


def _of_id(stack: Stack, known: Card) -> list[str]:
    """Return in words what is wanted from the CRM of a card's id."""
    connection, now = None, stack.clock()
    with suppress(BadConnection):
        connection = connection_of(stack.secret("ConnectionsSecret"), known.connection)
    if connection is None:
        return []
    of_it = wanted.of_id(stack.cards, stack.mappings, connection, known.key.split("#", 2)[2])
    is_held = bool(of_it.wanted and list(wanted.troubles(stack.cards, connection.name, now)))
    rows = [f"{one.lookup} {one.id} is wanted{wanted.since(one, now, is_held=is_held)}" for one in of_it.wanted]
    return rows + [f"{record}: {wanted.missed(at, now)}" for record, at in of_it.missing.items()]


def delivery(stack: Stack) -> Json:
    """Return what is due and left behind of each project, what holds it up, what is wanted, and the queues' depths."""
    return {
        "projects": [_project(stack, project) for project in stack.cards.projects()],
        "wanted": [_wants(stack, name) for name in stack.cards.wanting()],
        "queues": {name: stack.depth(name) for name in QUEUES if name in stack.ids},
    }


def _project(stack: Stack, project: int) -> Json:
    return {
        "project": project,
        "held": _texts(troubles(stack.cards, project, stack.clock())),
        "circuits": circuits(throttle_of(stack.cards, project)),
        "due": due(stack, project),
        "left": left_behind(stack, project),
    }


def _texts(found_: Iterator[Trouble]) -> list[str]:
    return [str(trouble) for trouble in found_]


def _wants(stack: Stack, name: str) -> Json:
    of_it, now = wanted.wanted(stack.cards, name), stack.clock()
    words = of_it.words(now) if of_it else "wants nothing"
    return {"connection": name, "words": words, "held": _texts(wanted.troubles(stack.cards, name, now))}


def due(stack: Stack, project: int, after: str = "") -> Json:
    """Return a page of the cards of a project that are due, newest first."""
    keys, more = stack.cards.part(str(project), EVER_MS, LISTED, newest=True, after=_place(after, str(project)))
    known = stack.cards.read(keys)
    return {"cards": [row(known[key]) for key in keys if key in known], "after": _text(more)}


def left_behind(stack: Stack, project: int, after: str = "") -> Json:
    """Return a page of the cards of a project that are left behind, the oldest first."""
    part = left_behind_part(project)
    keys, more = stack.cards.part(part, EVER_MS, LISTED, after=_place(after, part))
    known = stack.cards.read(keys)
    cards = [left(known[key])._asdict() for key in keys if key in known and is_left_behind(known[key])]
    return {"cards": cards, "after": _text(more)}


def rejected(stack: Stack) -> Json:
    """Return what the rejected queue holds, up to a limit, newest first; no personal data."""
    some: list[Rejection] = []
    with Held(stack) as held:
        for batch in held.batches():
            some += batch
            if len(some) >= MOST_REJECTED:
                break
    some.sort(key=lambda one: one.received_at, reverse=True)
    return {"events": [_rejected(one) for one in some], "more": len(some) >= MOST_REJECTED}


def _rejected(one: Rejection) -> Json:
    names = ("identity", "connection", "code", "reason")
    return {name: getattr(one, name) for name in names} | {"at": one.received_at, "request": one.request_id}


def event(stack: Stack, identity: str) -> Json:
    """Return a rejected event whole, and what its mapping makes of it now."""
    with Held(stack) as held:
        one = next((one for batch in held.batches() for one in batch if one.identity == identity), None)
    if one is None:
        raise LookupError("The rejected queue does not give this event now: it was replayed, or another reader has it.")
    return _rejected(one) | {
        "headers": dict(one.sample.headers),
        "query": dict(one.sample.query),
        "contentType": one.sample.content_type,
        "body": readable(one.sample.body),
        "now": told(one, stack.secret("ConnectionsSecret"), stack.mappings),
    }


def connections(stack: Stack) -> Json:
    """Return the connections, without their secrets, each with its last event and what is wrong with it."""
    entries, keys = stack.secret("ConnectionsSecret"), stack.secret("AuthKeysSecret")
    rows = stack.cards.rows([heard_key(name) for name in sorted(entries)])
    silent = stack.cards.silent(stack.clock(), HEARD_MOST)
    return {
        "connections": [
            described(entries, name)
            | {"heard": rows.get(heard_key(name), {}).get("read_at"), "silent": name in silent}
            | {"problems": [f"{one.what}: {one.remedy}" for one in problems(stack, entries, keys, name)]}
            for name in sorted(entries)
        ]
    }


def _place(after: str, part: str = "") -> Json | None:
    """Return where a page of the table, or of a part of its index, begins; raise ValueError for what is no place."""
    if not after:
        return None
    match json.loads(after):
        case {"key": {"S": str(key)}, "due_at": {"N": str(at)}} if key and part:
            return {"key": {"S": key}, "due": {"S": part}, "due_at": {"N": str(int(at))}}
        case {"key": {"S": str(key)}} if key and not part:
            return {"key": {"S": key}}
    raise ValueError("This is no place of the table.")


def _text(place: Json | None) -> str:
    return json.dumps(place) if place else ""
