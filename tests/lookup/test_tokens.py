"""A CRM that gives access tokens for an hour, from the event to the card: Zoho, emulated."""

import json

import pytest

from cards.key import pace_key
from local.crm import Crms
from local.crm.dialects import zoho
from local.crm.emulator import KEY
from local.in_process import CONNECTIONS, connection
from lookup.pace import Pace

NAME = "acme-zoho"
CARD = "106#Zoho CRM#contact:3"


@pytest.fixture
def crms(quick):
    crms = Crms(contacts=5, clock=lambda: quick.clock.time / 1000, crms={"zoho": zoho.CRM})
    with crms:
        quick.put_connections({**CONNECTIONS, NAME: connection("zoho", lookups=True)})
        enter(quick, crms)
        yield crms


def enter(bridge, crms, **changes):
    own = {"url": crms.url, "accounts_url": crms.url, "client_id": "1000.LOCAL", "client_secret": "secret"}
    bridge.put_api_keys({NAME: {**own, "refresh_token": KEY, **changes}})


def read(bridge, crms, number=3):
    """Let a notification name a contact, and a worker read it; return what the CRM was asked since."""
    before = len(crms.requests())
    body = {"channel_id": "1", "module": "Contacts", "operation": "update", "ids": [str(number)]}
    assert bridge.post(NAME, json.dumps(body)).body["lookup"] == 1
    bridge.look_up(NAME)
    bridge.clock.pass_(16)
    return [(one.path.split("?")[0], one.status) for one in crms.requests()[before:]]


def circuit(bridge):
    return Pace.of(bridge.cards.row(pace_key(NAME))).circuit


TOKEN, CONTACTS = ("POST /oauth/v2/token", 200), ("GET /crm/v8/Contacts", 200)


def test_a_token_is_got_once_and_again_before_its_hour_is_over(quick, crms):
    crms.edit("zoho", "contact", 3, name="Olena", last="Koval", send_event=False)

    assert read(quick, crms) == [TOKEN, CONTACTS]
    assert quick.card(CARD).fields["fullName"].value == "Olena Koval"
    quick.clock.pass_(3_500)
    assert read(quick, crms, 1) == [CONTACTS]
    quick.clock.pass_(60)
    assert read(quick, crms, 2) == [TOKEN, CONTACTS]
    assert quick.wanted(NAME) == []


def test_a_token_that_the_crm_took_back_is_got_anew_and_nothing_waits(quick, crms):
    read(quick, crms)
    crms.faults("zoho", zoho.FAULTS["key"])

    assert read(quick, crms, 2) == [("GET /crm/v8/Contacts", 401), TOKEN, CONTACTS]
    assert quick.wanted(NAME) == []


def test_a_refresh_token_that_is_refused_is_a_persons_work_and_no_record_is_given_up(quick, crms, caplog):
    enter(quick, crms, refresh_token="revoked")

    assert set(read(quick, crms)) == {TOKEN}
    assert [row.id for row in quick.wanted(NAME)] == ["3"]
    assert circuit(quick) == "crm-key"
    enter(quick, crms)
    quick.pass_secret_minute()
    quick.clock.pass_(300)
    assert read(quick, crms, 3) == [TOKEN, TOKEN, CONTACTS]
    assert (quick.wanted(NAME), circuit(quick)) == ([], None)
    assert not any("revoked" in str(vars(line)) for line in caplog.records)


@pytest.mark.parametrize("host", ["https://accounts.zoho.eu.evil.example", "https://169.254.169.254", "http://zoho.eu"])
def test_no_token_is_asked_for_at_a_host_that_is_not_zohos(quick, crms, host, caplog):
    enter(quick, crms, url="https://www.zohoapis.eu", accounts_url=host)

    assert read(quick, crms) == []
    assert circuit(quick) == "crm-key"
    (line, *_) = [line for line in caplog.records if line.msg == "looked up"]
    assert (line.answer, line.status) == ("key", 0)
    assert line.why.startswith(("the host of the CRM's API must be one of", "the address of the CRM's API must be"))
    assert host not in line.why
