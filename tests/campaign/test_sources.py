"""The events of the campaign mean what they were made to mean."""

import random

from cards.key import key_of
from connections import connection_of
from local.in_process import CONNECTIONS, START
from mapping import engine
from mapping.decode import decode
from mapping.language import loader
from tests.campaign.sources import Sources


def meant(sent):
    """Return what the bridge makes of a request: changes, and the number of rejected records."""
    connection = connection_of(CONNECTIONS, sent.connection)
    mapping = loader.load(connection.mapping)
    body = decode(sent.body.encode(), sent.content_type)
    outcomes = engine.run(mapping, body, connection.settings, {}, {})
    changes = [
        (key_of(connection.project, mapping.crm, outcome.card), outcome.fields, outcome.changed_at)
        for outcome in outcomes
        if outcome.result == "change"
    ]
    return sorted(changes, key=str), sum(outcome.result == "reject" for outcome in outcomes)


def test_events_mean_what_they_were_made_to_mean():
    sources = Sources(random.Random(1), cards=40)

    for number in range(100):
        sent = sources.make(START + number)
        changes, rejected = meant(sent)
        assert changes == sorted(map(tuple, sent.truths), key=str), sent
        assert rejected == sent.rejected, sent
