"""The events of the campaign mean what they were made to mean."""

import json
import random

from cards.key import key_of
from connections import connection_of
from local.in_process import CONNECTIONS, START
from lookup.fetch import Fetcher
from lookup.request import build
from mapping import engine
from mapping.decode import decode
from mapping.language import loader
from tests.campaign.sources import ENTRY, LOOKED_UP, Portal, Sources

FETCHER = Fetcher(loopback=True)


def meant(sent, portal):
    """Return what the bridge makes of a request: changes, and the number of rejected records."""
    connection = connection_of({**CONNECTIONS, LOOKED_UP: ENTRY}, sent.connection)
    mapping = loader.load(connection.mapping)
    body = decode(sent.body.encode(), sent.content_type)
    outcomes = engine.run(mapping, body, connection.settings, {}, {})
    outcomes += looked_up(outcomes, connection, portal)
    changes = [
        (key_of(connection.project, mapping.crm, outcome.card), outcome.fields, outcome.changed_at)
        for outcome in outcomes
        if outcome.result == "change"
    ]
    return sorted(changes, key=str), sum(outcome.result == "reject" for outcome in outcomes)


def looked_up(outcomes, connection, portal):
    """Return what the records that are wanted mean, and those that these want in turn."""
    found = []
    for want in [want for outcome in outcomes for want in outcome.wants if connection.lookups]:
        mapping = loader.load("bitrix24-api")
        call, about = mapping.calls[want.lookup].call, {"settings": connection.settings, "secret": portal.secret()}
        answer = FETCHER.fetch(*build(mapping.api, call, ids=[want.id], loopback=True, **about))
        body = json.loads(answer.body)
        read = engine.run(mapping, body, connection.settings, {}, {}, lookup=want.lookup)
        found += read + looked_up(read, connection, portal)
    return [outcome for outcome in found if outcome.result != "reject"]


def test_events_mean_what_they_were_made_to_mean():
    with Portal(lambda: START, 20) as portal:
        sources = Sources(random.Random(1), 40, portal)
        portal.crms.limited("bitrix24", on=False)
        for number in range(150):
            sent = sources.make(START + number)
            changes, rejected = meant(sent, portal)
            assert changes == sorted(map(tuple, [*sent.truths, *sent.implied]), key=str), sent
            assert rejected == sent.rejected, sent
