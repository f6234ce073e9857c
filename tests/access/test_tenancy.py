"""A request of one connection never touches a card of another, whatever it says of projects, origins and keys."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cards.key import is_number, key_of
from local.in_process import aws
from settings import SETTINGS

# Two tenants with the same CRM, and a third connection of the first tenant with another one.
HOMES = {"acme": "106#Pipedrive#", "shop": "107#Pipedrive#", "acme-generic": "106#CRM#"}
TOKENS = {"acme": "local", "shop": "new", "acme-generic": "local"}

CLAIMS = st.sampled_from(
    ["106", "107", 106, 107, "acme", "shop", "Pipedrive", "CRM", "107#Pipedrive#contact:42", None, ["107"], {"id": 107}]
)
NAMES = st.sampled_from(
    ["project", "projectId", "project_id", "origin", "crm", "connection", "key", "mapping", "x-project-id", "verify"]
)
IDS = st.one_of(
    st.sampled_from(
        [42, "42", "107#Pipedrive#contact:42", "#", "../42", "42\u0000", "contact:42", "+380670000001", "a@example.com"]
    ),
    st.text(min_size=1, max_size=30),
    st.integers(-5, 10**30),
)
EXTRA = st.dictionaries(NAMES, CLAIMS, max_size=4)


def person(identity, data, meta):
    return {
        **data,
        "meta": {**meta, "action": "change", "entity": "person", "version": "2.0", "timestamp": "2026-03-01T10:00:00Z"},
        "data": {**data, "id": identity, "name": "Olena Koval", "phones": [{"value": "067 000 00 01"}]},
        "previous": None,
    }


def plain(identity, data, _):
    return {**data, "id": identity, "name": "Olena Koval", "phone": "067 000 00 01"}


def rows():
    """Return cards and rows of numbers as they are stored, by key; rows of no project begin with a number sign."""
    items = aws("dynamodb").scan(TableName=SETTINGS.cards_table, ConsistentRead=True)["Items"]
    cards = {item["key"]["S"]: json.dumps(item, sort_keys=True, default=repr) for item in items}
    return {key: row for key, row in cards.items() if not key.startswith("#")}


def at_home(connection, key):
    return key.startswith((HOMES[connection], f"{HOMES[connection].partition('#')[0]}#number:"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(connection=st.sampled_from(sorted(HOMES)), identity=IDS, claims=st.tuples(EXTRA, EXTRA, EXTRA))
def test_a_request_of_one_connection_touches_no_card_of_another(tenants, connection, identity, claims):
    before = tenants.rows
    outside = {name: str(value) for name, value in claims[2].items()}

    body = (plain if "generic" in connection else person)(identity, *claims[:2])
    answer = tenants.post(connection, body, TOKENS[connection], headers=outside, query=outside)

    tenants.rows = rows()
    changed = {key for key in before | tenants.rows if before.get(key) != tenants.rows.get(key)}
    assert answer.status == 202
    assert all(at_home(connection, key) for key in changed)


@pytest.fixture
def tenants(nowhere):
    """The bridge in which every tenant has a card of the id that all of them try."""
    for connection in HOMES:
        nowhere.post(connection, (plain if "generic" in connection else person)(42, {}, {}), TOKENS[connection])
    nowhere.rows = rows()
    assert len([key for key in nowhere.rows if not is_number(key)]) == len(HOMES)
    return nowhere


@given(identity=st.text(max_size=300), kind=st.sampled_from(["contact", "lead", "organization"]))
def test_no_id_leads_out_of_the_cards_of_its_project_and_crm(identity, kind):
    key = key_of(106, "Pipedrive", f"{kind}:{identity}")

    assert key.startswith(f"106#Pipedrive#{kind}:")


def test_a_token_opens_its_own_connection_only(nowhere):
    answers = {
        (connection, token): nowhere.post(connection, person(42, {}, {}), token).status
        for connection in ("acme", "shop")
        for token in ("local", "old", "new")
    }

    assert {pair for pair, status in answers.items() if status == 202} == {
        ("acme", "local"),
        ("shop", "old"),
        ("shop", "new"),
    }
