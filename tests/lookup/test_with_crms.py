"""The mappings of CRMs' APIs, asked of the emulated CRMs: each request that they make is one that the CRM takes."""

import http.client
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from local.crm import Crms
from local.crm.dialects import CRMS
from lookup import paging, request
from lookup.answer import judged
from mapping.language import loader
from wire import Answer

READ = [name for name in CRMS if f"{name}{loader.API_SUFFIX}" in loader.mappings()]
LOOKUPS = [(crm, name) for crm in READ for name in loader.load(f"{crm}{loader.API_SUFFIX}").calls]
SYNCS = [(crm, name) for crm, name in LOOKUPS if loader.load(f"{crm}{loader.API_SUFFIX}").calls[name].sync]
SETTINGS = {"crm_url": "https://demo.example.com", "board_id": "1770000001"}
KINDS = {"organization": "company", "order": "deal", "card": "lead"}
CONTACTS = 330


@pytest.fixture(scope="module")
def crms():
    with Crms(contacts=CONTACTS) as one:
        for name in CRMS:
            one.limited(name, on=False)
        yield one


def kind_of(crm, lookup):
    """The kind of our records that a look-up reads: of Kommo, leads are what others call deals."""
    return "deal" if (crm, lookup) == ("kommo", "lead") else KINDS.get(lookup, lookup)


def api_of(crm):
    return loader.load(f"{crm}{loader.API_SUFFIX}")


def asked(crms, crm, call, **more):
    sent = request.build(api_of(crm).api, call, secret=crms.secret(crm), settings=SETTINGS, loopback=True, **more)
    url = urlsplit(sent.url)
    with closing(http.client.HTTPConnection(url.netloc, timeout=20)) as connection:
        connection.request(
            sent.method, url.path + (f"?{url.query}" if url.query else ""), sent.body, dict(sent.headers)
        )
        with connection.getresponse() as reply:
            headers = {name.lower(): value for name, value in reply.headers.items()}
            return Answer(reply.status, headers, reply.read(), complete=True)


def read(crms, crm, lookup, *ids):
    answer = asked(crms, crm, lookup.call, ids=ids)
    return judged(answer, api_of(crm).api, lookup, ids, time.time())


@pytest.mark.parametrize("crm", READ)
def test_the_harmless_call_of_a_mapping_is_taken_and_a_wrong_key_is_told_from_all_else(crms, crm):
    api = api_of(crm).api

    assert judged(asked(crms, crm, api.check), api, None, (), time.time()).kind == "ok"
    crms.faults(crm, "key", "key")
    try:
        assert judged(asked(crms, crm, api.check), api, None, (), time.time()).kind == "key"
    finally:
        crms.faults(crm)


@pytest.mark.parametrize("crm", READ)
def test_its_limit_makes_the_connection_wait(crms, crm):
    api = api_of(crm).api

    for fault, seconds in (("limit", range(1, 3_601)), ("limit with Retry-After: 30", range(30, 31))):
        crms.faults(crm, fault)
        try:
            found = judged(asked(crms, crm, api.check), api, None, (), time.time())
        finally:
            crms.faults(crm)
        assert found.kind == "wait"
        assert found.seconds in seconds


@pytest.mark.parametrize(("crm", "name"), LOOKUPS)
def test_records_are_read_by_their_ids_and_one_that_is_not_there_is_missing(crms, crm, name):
    lookup = api_of(crm).calls[name]

    assert read(crms, crm, lookup, "3")[:4] == ("ok", "", 0, ("3",))
    if lookup.most == 1:
        assert (read(crms, crm, lookup, "99999").kind, read(crms, crm, lookup, "99999").missing) == ("gone", ("99999",))
    else:
        found = read(crms, crm, lookup, "3", "5", "99999")
        assert (found.kind, found.found, found.missing) == ("ok", ("3", "5"), ("99999",))
        assert read(crms, crm, lookup, "99999")[3:5] == ((), ("99999",))


@pytest.mark.parametrize(("crm", "name"), SYNCS)
def test_all_pages_give_each_record_once(crms, crm, name):
    lookup, state, more, ids = api_of(crm).calls[name], paging.State(), True, []

    while more:
        answer = asked(crms, crm, lookup.sync.call, known=state.variables(lookup.sync))
        state, more = paging.after(state, lookup, answer)
        ids += state.latest

    everybody = crms.counts(crm)[kind_of(crm, name)]
    assert sorted(map(int, ids)) == list(range(1, everybody + 1))


def test_more_records_of_one_moment_than_a_search_of_hubspot_gives_are_read_once_each():
    moments = [1_780_000_000.0]
    with Crms(contacts=10_400, clock=lambda: moments[-1]) as crms:
        crms.limited("hubspot", on=False)
        for number in range(1, 10_401):
            crms.edit("hubspot", "contact", number, owner=9, send_event=False)
        moments.append(moments[0] + 60)
        lookup, state, more, ids = api_of("hubspot").calls["contact"], paging.State(), True, []
        while more:
            known = state.variables(lookup.sync) | {"since": 1}
            state, more = paging.after(state, lookup, asked(crms, "hubspot", lookup.sync.call, known=known), since=1)
            ids += state.latest

    assert ids == [str(number) for number in range(1, 10_401)]


@pytest.mark.parametrize(("crm", "name"), [one for one in SYNCS if one[0] != "monday"])
def test_pages_since_a_time_give_what_changed_since_then(crms, crm, name):
    lookup, since = api_of(crm).calls[name], int(time.time()) * 1_000
    crms.edit(crm, kind_of(crm, name), 7, owner=3, send_event=False)
    if crm == "hubspot":
        time.sleep(3.1)  # its search does not find what changed a moment ago

    known = {**paging.State().variables(lookup.sync), "since": since, "now": since + 60_000}
    answer = asked(crms, crm, lookup.sync.call, known=known)
    state, more = paging.after(paging.State(), lookup, answer, since=since)

    assert (state.latest, more) == (("7",), False)
