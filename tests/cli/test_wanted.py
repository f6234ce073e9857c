"""What connections want from their CRMs, as `due`, `status` and `doctor` say it."""

import time

import pytest

from local.in_process import CONNECTIONS, connection
from lookup import night
from mappings import Mappings
from ops.times import local
from tests.cli.crm_api import CODE, contact

NAME = "acme-b24"
WAIT = (429, {"Retry-After": "600"}, {})
REFUSED = (401, {}, {"error": "NO_AUTH_FOUND"})


@pytest.fixture
def wanting(online, bridge, crm):
    """Let an event name so many contacts; a later call names others."""
    bridge.clock.time = time.time_ns() // 1_000_000
    entry = {**connection("bitrix24", crm_url="https://acme.bitrix24.eu"), "lookups": True}
    bridge.put_connections({**CONNECTIONS, NAME: entry})
    bridge.put_api_keys({NAME: {"url": crm.api_url}})
    crm.records["contact"] = [contact(1)]

    def call(*ids):
        for each in ids:
            bridge.post(NAME, {"event": "ONCRMCONTACTUPDATE", "data": {"FIELDS": {"ID": str(each)}}})

    return call


def lines(done, word):
    return [line for line in done.out.splitlines() if word in line]


def test_due_counts_what_is_wanted_and_since_when(online, wanting, bridge):
    wanting(1, 2, 2)
    bridge.clock.pass_(120)

    [line] = lines(online("due"), "wants")

    assert line.startswith(f"{NAME} wants 2 records from its CRM, the oldest since ")
    assert line.endswith("(2 min ago)")


def test_due_says_nothing_of_look_ups_where_nothing_is_wanted(online, wanting, bridge):
    wanting(1)
    bridge.clock.pass_(5)
    bridge.look_up(NAME)

    done = online("due")

    assert "wants" not in done.out
    assert "held up" not in done.out


def test_due_names_a_nightly_sync_that_is_not_over(online, wanting, bridge):
    night.begin(bridge.cards, Mappings(bridge.cards), online.stack.secret("ConnectionsSecret"), bridge.clock.now())

    [line] = lines(online("due"), "wants")

    assert "its nightly sync among them" in line


@pytest.mark.parametrize(
    ("fault", "why"),
    [(WAIT, "the CRM asked to wait until "), (REFUSED, "the CRM refuses the API key until ")],
)
def test_due_and_doctor_say_why_it_waits(online, wanting, bridge, crm, fault, why):
    wanting(1)
    crm.faults = [fault] * 3
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    crm.faults = []

    [due] = lines(online("due"), "held up")
    doctor = online("doctor")

    assert f"{NAME}: {why}" in due
    assert lines(doctor, f"wrong    {NAME}: {why}")
    assert doctor.code == 1
    assert CODE not in due + doctor.out


def test_status_names_a_record_that_is_wanted(online, wanting, bridge, crm):
    wanting(7)
    fresh = online("status", NAME, 7)
    crm.faults = [(500, {}, {})]
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    failed = online("status", NAME, "contact:7")

    [first] = lines(fresh, "wanted")
    [then] = lines(failed, "wanted")
    assert fresh.code == failed.code == 0
    assert first.startswith("contact 7 is wanted from the CRM since ")
    assert first.endswith("read now")
    assert "1 try failed" in then
    assert "read in " in then
    assert "There is no card" not in fresh.out


def test_status_of_a_record_that_is_held_up_does_not_say_that_it_is_read_now(online, wanting, bridge, crm):
    wanting(7)
    crm.faults = [(307, {"Location": "https://other.example.com/"}, {})] * 2  # once may be a stray proxy
    bridge.look_up(NAME)
    bridge.clock.pass_(31)
    bridge.look_up(NAME)

    found = online("status", NAME, 7)

    assert "read when it is held up no more" in found.out
    assert "the address of the CRM's API leads elsewhere" in found.out
    assert "API key" not in found.out


def test_status_says_that_the_crm_shows_no_such_record(online, wanting, bridge):
    wanting(7)
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    asked_at = bridge.clock.now()
    bridge.clock.pass_(120)

    done = online("status", NAME, 7)

    assert done.code == 1
    assert (
        f"contact 7: the CRM was asked at {local(asked_at)} (2 min ago): not found there, or not visible to the API key"
        in done.out
    )
    assert "has accepted no event of it" not in done.out


def test_status_forgets_it_once_the_record_is_wanted_anew_and_found(online, wanting, bridge, crm):
    wanting(7)
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    crm.records["contact"] = [contact(7)]
    bridge.clock.pass_(60)
    wanting(7)
    again = online("status", NAME, 7)
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    found = online("status", NAME, 7)

    assert lines(again, "is wanted from the CRM")
    assert "#contact:7" in found.out
    assert "not found there" not in again.out + found.out


def test_status_of_an_unknown_id_is_still_an_error(online, wanting):
    wanting(7)

    assert online("status", NAME, 8).code == 1


def doctored(online):
    done = online("doctor")
    found = [line for line in done.out.splitlines() if NAME in line]
    return found, done


def test_a_key_that_works_is_fine(online, wanting):
    found, done = doctored(online)

    assert f"fine     {NAME}: Bitrix24 takes the API key" in found
    assert CODE not in done.out


def test_wanted_records_that_none_reads_are_found(online, wanting, bridge):
    wanting(1)
    quiet, _ = doctored(online)
    bridge.clock.pass_(360)
    found, done = doctored(online)

    assert any(line.startswith(f"note     {NAME} wants 1 record from its CRM") for line in quiet)
    assert any(line.startswith(f"wrong    {NAME} wants 1 record from its CRM") for line in found)
    assert "LookupFunction run" in done.out


def entry(bridge, **changes):
    value = {**connection("bitrix24", crm_url="https://acme.bitrix24.eu"), "lookups": True, **changes}
    bridge.put_connections({**CONNECTIONS, NAME: value})


def test_a_connection_that_looks_up_without_a_key_is_found(online, wanting, bridge):
    bridge.put_api_keys({})

    found, _ = doctored(online)

    assert f"wrong    {NAME} is to look records up, and its API key lacks url" in found


def test_a_key_that_the_crm_refuses_is_found(online, wanting, crm):
    crm.code = "another"

    found, done = doctored(online)

    assert any(line.startswith(f"wrong    {NAME}: Bitrix24 does not take the API key") for line in found)
    assert CODE not in done.out


@pytest.mark.parametrize(
    ("fault", "is_the_keys"),
    [
        ((502, {}, {}), False),
        ((500, {}, {}), False),
        ((429, {"Retry-After": "600"}, {}), False),
        ((200, {"Content-Length": "100"}, b"{"), False),
        (None, False),
        ((401, {}, {"error": "NO_AUTH_FOUND"}), True),
        ((403, {}, {}), True),
        ((302, {"Location": "https://example.com/"}, {}), True),
    ],
)
def test_a_crm_that_is_down_is_waited_for_and_gets_no_new_key(online, wanting, bridge, crm, fault, is_the_keys):
    crm.faults = [fault] * 3
    if fault is None:
        bridge.put_api_keys({NAME: {"url": "http://127.0.0.1:9/rest/1/x/"}})

    text = online("doctor").out.splitlines()

    [at] = [at for at, line in enumerate(text) if line.startswith(f"wrong    {NAME}: Bitrix24")]
    remedy = text[at + 1]
    assert ("--api-only" in remedy) == is_the_keys
    assert ("status page" in remedy) != is_the_keys
    assert "nothing is lost" in remedy


@pytest.mark.parametrize(
    ("days", "kind", "words"), [(29, "warning", "ends"), (-1, "wrong", "ended"), (31, "", ""), (1, "warning", "ends")]
)
def test_a_key_that_ends_soon_is_a_warning_and_one_that_ended_is_wrong(online, wanting, bridge, crm, days, kind, words):
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86_400))
    bridge.put_api_keys({NAME: {"url": crm.api_url, "expires": end}})

    found, done = doctored(online)

    assert [line[:9].strip() for line in found if f"the API key {words or 'end'}" in line] == [kind] * bool(kind)
    if kind == "warning":
        assert done.out.splitlines()[-1].endswith("1 warning")


def test_a_connection_that_could_look_up_and_does_not_is_noted(online, wanting, bridge):
    entry(bridge, lookups=False)
    unused, _ = doctored(online)
    bridge.put_api_keys({})
    none, done = doctored(online)

    assert f"note     {NAME} has an API key that is not used" in unused
    assert f"note     {NAME} looks nothing up: what its events leave out stays unknown" in none
    assert f"bridge connect bitrix24 --name {NAME} --api-only" in done.out


def test_in_a_stack_without_look_ups_it_says_how_to_deploy_them(online, wanting, bridge):
    entry(bridge, lookups=False)
    lookup_things = ("ApiKeysSecret", "LookupQueue", "LookupFunction")
    online.stack.ids = {name: known for name, known in online.stack.ids.items() if name not in lookup_things}

    found, done = doctored(online)

    assert f"note     {NAME} looks nothing up: what its events leave out stays unknown" in found
    assert "Lookups=true" in done.out
    assert "LookupQueue" not in done.out


@pytest.fixture
def given_up(online, wanting, bridge, crm):
    """The id, in the rejected queue, of a contact that the CRM refused to be asked for."""
    wanting(7)
    crm.faults = [(400, {}, {"error": "BROKEN"})]
    bridge.clock.pass_(5)
    bridge.look_up(NAME)
    line, _ = lines(online("rejected", "list"), "lookup-refused")
    return line.split()[0]


def test_what_was_given_up_is_shown_as_what_a_replay_makes_of_it(online, given_up):
    [now] = lines(online("rejected", "show", given_up), "now  ")

    assert now.split()[1:] == ["lookup", "contact", "7"]


def test_what_was_given_up_of_a_connection_without_a_key_would_be_rejected(online, bridge, given_up):
    entry(bridge, lookups=False)

    [now] = lines(online("rejected", "show", given_up), "now  ")

    assert now.split()[1:3] == ["reject", "no-api-key"]


def test_what_was_given_up_of_a_look_up_that_is_gone_says_so(online, bridge, given_up):
    bridge.put_connections({**CONNECTIONS, NAME: connection("generic")})

    [now] = lines(online("rejected", "show", given_up), "now  ")

    assert "no such look-up" in now
    assert "matches" not in now


def test_what_was_given_up_of_a_record_that_is_erased_is_deleted_with_it(online, given_up):
    done = online("erase", NAME, "contact:7", "--yes")

    assert "1 rejected event of it deleted" in done.out
    assert "name no card" not in done.out
    assert lines(online("rejected", "list"), "lookup-refused") == []
