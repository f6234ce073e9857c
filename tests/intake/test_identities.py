"""Ids that are phones stand in no key, queue or log; those of CRMs stay readable."""

import pytest

from cards.endpoints import compose
from cli.identities import keys_of
from connections import connection_of
from local.in_process import CONNECTIONS
from mapping.language import loader


def keys(name, identity):
    connection = connection_of(CONNECTIONS, name)
    return keys_of(connection, loader.load(connection.mapping), identity)


def accepted(bridge, connection, identity, phone="0670000001"):
    names = {"externalId": identity, "fullName": "Olena", "phones": [phone]}
    usual = {"id": identity, "name": "Olena", "phone": phone}
    return bridge.post(connection, names if connection == "acme-direct" else usual).body["accepted"]


@pytest.mark.parametrize("connection", ["acme-direct", "acme-generic"])
@pytest.mark.parametrize(
    "identity", ["380670000001", "0670000001", "067 000 00 01", "8 067 000-00-01", "+380670000001"]
)
def test_an_id_that_is_a_phone_stands_in_no_key_queue_or_log(nowhere, caplog, connection, identity):
    assert accepted(nowhere, connection, identity) == 1

    ((key,),) = nowhere.wakeups()
    logged = [record.cards for record in caplog.records if hasattr(record, "cards")]
    assert logged == [[key]]
    assert "#contact:sha256-" in key
    assert keys(connection, identity)["contact"] == key
    assert keys(connection, key) == {"contact": key}


@pytest.mark.parametrize("identity", ["4242", "12345678", "1700000000000", "C-1"])
def test_an_id_that_can_be_no_phone_stays_readable(nowhere, identity):
    accepted(nowhere, "acme-direct", identity)

    assert nowhere.wakeups() == [[f"106#Direct#contact:{identity}"]]


def test_a_number_of_a_crm_stays_readable(nowhere):
    assert keys("acme", "380670000001")["contact"] == "106#Pipedrive#contact:380670000001"


def test_an_organization_whose_id_is_a_phone_is_found_by_its_contacts(nowhere):
    organization = {"kind": "organization", "externalId": "0670000009", "name": "Koval"}
    contact = {
        "externalId": "1",
        "fullName": "O",
        "phones": ["0670000001"],
        "organization": {"externalId": "0670000009"},
    }
    nowhere.post("acme-direct", [organization, contact])

    card = nowhere.card("106#Direct#contact:1")
    assert compose(card.key, card.fields).payload["organizations"][0]["name"] == "Koval"
