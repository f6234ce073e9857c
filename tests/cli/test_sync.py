"""The first fill, against a real CRM server: each record once, whatever happens on the way."""

import base64
import json
from datetime import datetime

import pytest

from local.crm import Crms
from local.crm.dialects import CRMS
from local.in_process import CONNECTIONS, connection, receive
from mapping.language import loader
from settings import SETTINGS
from tests.cli.crm_api import CODE, company, contact

NAME = "acme-b24"


@pytest.fixture(autouse=True)
def clocks(online):
    """The clock of a test is its own, and AWS's is agreed with."""
    online.stack.ahead = lambda: 900


@pytest.fixture
def syncing(online, crm, tmp_path, monkeypatch):
    """Run `bridge sync` of a connection to the server; the checkpoint is in an empty folder."""
    monkeypatch.chdir(tmp_path)
    entries = {**CONNECTIONS, NAME: {**connection("bitrix24", crm_url="https://acme.bitrix24.eu"), "lookups": True}}
    online.stack.put("ConnectionsSecret", entries)
    online.stack.put("ApiKeysSecret", {NAME: {"url": crm.api_url}})

    def call(*words, **given):
        return online("sync", NAME, *words, **given)

    call.checkpoint = tmp_path / f"{NAME}.sync.json"
    call.stack = online.stack
    return call


def sent():
    """Every page in the inbox queue, with its records."""
    messages = []
    while found := receive(SETTINGS.inbox_queue_url):
        messages += [json.loads(message["Body"]) for message in found]
    for message in messages:
        message["body"] = json.loads(base64.b64decode(message["body"]))
    return messages


def ids(messages, lookup="contact"):
    return sorted(one["id"] for page in messages if page["lookup"] == lookup for one in page["body"]["result"]["items"])


def test_all_records_become_cards_that_look_like_those_of_events(syncing, crm, bridge, ringostat):
    crm.records["company"] = [company(9)]
    crm.records["contact"] = [contact(number, companyIds=[9]) for number in range(1, 121)]

    done = syncing("--yes")
    bridge.take_inbox()
    bridge.settle()

    assert done.code == 0, done.err
    assert "121 read, 121 sent to the inbox queue\n" in done.out
    cards = {card["externalId"]: card for card in ringostat.state()["contacts"]}
    assert len(cards) == 120
    assert cards["7"]["fullName"] == "Коваль Олена 7"
    assert [one["value"] for one in cards["7"]["contactDirections"]] == ["+380670000007"]
    assert [one["name"] for one in cards["7"]["organizations"]] == ["Рога 9"]
    assert not syncing.checkpoint.exists()


def test_a_page_is_an_answer_of_its_look_up_as_old_as_its_request(syncing, crm, bridge):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]

    answer, asked_at = crm.answer, []

    def noting(path, body):
        if "start" in body:
            asked_at.append(bridge.clock.time)
        bridge.clock.pass_(7)
        return answer(path, body)

    crm.answer = noting

    done = syncing("--yes", "--kind", "contact")

    pages = sent()
    assert done.code == 0, done.err
    assert ids(pages) == list(range(1, 121))
    assert {page["lookup"] for page in pages} == {"contact"}
    ages = [at - page["receivedAt"] for at, page in zip(asked_at, pages, strict=True)]
    assert all(0 <= age < 5 for age in ages), "no state that the CRM answers is older than the request"
    assert [asked.get("filter") for _, asked in crm.asked] == [
        None,
        {">id": "50"},
        {">id": "100"},
    ]


def test_companies_come_before_the_contacts_that_name_them(syncing, crm):
    crm.records["company"] = [company(9)]
    crm.records["contact"] = [contact(1, companyIds=[9])]

    syncing("--yes")

    assert [page["lookup"] for page in sent()] == ["organization", "contact"]


@pytest.mark.parametrize("cut_at", [1, 2, 5])
@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_a_run_is_cut_off_resume_finishes_it_without_a_loss(syncing, crm, cut_at, when):
    crm.records["contact"] = [contact(number) for number in range(1, 301)]
    cut(syncing.stack, cut_at, when)

    first = syncing("--yes", "--kind", "contact")
    second = syncing("--resume", "--yes", "--kind", "contact")

    pages = sent()
    assert first.code == 130
    assert "--resume goes on" in first.err or cut_at == 1
    assert second.code == (1 if cut_at == 1 else 0), second.err
    assert "300 read, 300 sent" in second.out or cut_at == 1
    if cut_at > 1:
        assert set(ids(pages)) == set(range(1, 301))
        assert len(ids(pages)) <= 350, "only the page that was cut is sent twice"
        assert not syncing.checkpoint.exists()


def cut(stack, at, when):
    """Press Ctrl-C in one of the calls that send."""
    sqs = stack.client("sqs")
    send, calls = sqs.send_message_batch, []

    def failing(**given):
        calls.append(given)
        if len(calls) == at and when == "before":
            raise KeyboardInterrupt
        answer = send(**given)
        if len(calls) == at:
            raise KeyboardInterrupt
        return answer

    sqs.send_message_batch = failing


def test_a_run_that_is_resumed_keeps_its_beginning(syncing, crm, bridge):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    cut(syncing.stack, 2, "after")
    syncing("--yes", "--since", "2026-01-01", "--kind", "contact")
    started = json.loads(syncing.checkpoint.read_text())["started"]
    bridge.clock.pass_(3600)

    done = syncing("--resume", "--yes", "--kind", "contact")

    assert all(">=updatedTime" in asked["filter"] for name, asked in crm.asked)
    assert f"--since {when(started - 600_000)}" in done.out


def when(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().isoformat(timespec="seconds")[:19]


def test_only_what_changed_since_is_read(syncing, crm):
    crm.records["contact"] = [contact(1), contact(2, updatedTime="2026-05-01T10:00:00+02:00")]

    done = syncing("--yes", "--since", "2026-04-01")

    assert done.code == 0, done.err
    assert ids(sent()) == [2]


def test_nothing_that_changed_is_no_error(syncing, crm):
    crm.records["contact"] = [contact(1)]

    done = syncing("--yes", "--since", "2026-04-01")

    assert done.code == 0, done.err
    assert "0 read, 0 sent" in done.out


def test_a_dry_run_reads_and_maps_everything_and_sends_nothing(syncing, crm):
    crm.records["contact"] = [contact(2), contact(3, phone=False), contact(4, id=True)]

    done = syncing("--yes", "--dry-run")

    assert done.code == 2
    assert "3 read, 1 would be sent; left out: " in done.out
    assert "1 without phone and e-mail" in done.out
    assert "1 no-id" in done.out
    assert sent() == []
    assert not syncing.checkpoint.exists()


def test_a_limit_ends_it_after_a_page_and_resume_goes_on(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 161)]

    first = syncing("--yes", "--limit", 60)
    part = ids(sent())
    second = syncing("--yes", "--resume")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert part == list(range(1, 101))
    assert "next time" not in first.out
    assert "stopped after 100 records: --resume" in first.err
    assert "160 read, 160 sent" in second.out
    assert ids(sent()) == list(range(101, 161))
    assert not syncing.checkpoint.exists()


def test_a_run_that_is_resumed_says_and_reads_what_is_left_of_it(syncing, crm):
    crm.records["company"] = [company(number) for number in range(1, 61)]
    crm.records["contact"] = [contact(number) for number in range(1, 161)]
    syncing("--yes", "--kind", "contact", "--limit", 60)

    second = syncing("--yes", "--resume")

    assert "contact: 60 of 160 records left" in second.out
    assert "160 read, 160 sent" in second.out
    assert ids(sent(), "organization") == []


@pytest.mark.parametrize("words", [("--kind", "organization"), ("--since", "2026-02-01"), ("--since", "3d")])
def test_what_contradicts_an_interrupted_run_is_refused_and_nothing_of_it_is_lost(syncing, crm, words):
    crm.records["contact"] = [contact(number) for number in range(1, 161)]
    syncing("--yes", "--kind", "contact", "--since", "2026-01-01", "--limit", 60)
    before, asked = syncing.checkpoint.read_bytes(), len(crm.asked)

    done = syncing("--yes", "--resume", *words)

    assert done.code == 1
    assert f"{words[0]} is not that of the interrupted run" in done.err
    assert syncing.checkpoint.read_bytes() == before
    assert len(crm.asked) == asked
    assert syncing("--yes", "--resume", "--kind", "contact", "--since", "2026-01-01").code == 0


def test_a_dry_run_leaves_the_checkpoint_of_an_interrupted_run(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    cut(syncing.stack, 2, "after")
    syncing("--yes")
    before = syncing.checkpoint.read_bytes()

    syncing("--yes", "--dry-run")

    assert syncing.checkpoint.read_bytes() == before


def test_people_without_phone_and_e_mail_are_left_out_but_for_those_whose_card_is_known(syncing, crm, bridge):
    crm.records["contact"] = [contact(2)]
    syncing("--yes")
    bridge.take_inbox()
    crm.records["contact"] = [contact(1), contact(2, phone=False), contact(3, phone=False)]

    done = syncing("--yes")

    assert ids(sent()) == [1, 2]
    assert "3 read, 2 sent to the inbox queue; left out: 1 without phone and e-mail\n" in done.out
    assert done.code == 0


@pytest.mark.parametrize(("ahead", "words"), [(4_100, "4 s ahead of"), (-60_000, "60 s behind")])
def test_with_a_clock_that_is_wrong_nothing_is_read(syncing, crm, ahead, words):
    """The functions read beside it, and what was asked for later counts."""
    crm.records["contact"] = [contact(1)]
    syncing.stack.ahead = lambda: ahead

    done = syncing("--yes")

    assert done.code == 1
    assert f"clock is {words} AWS's; set it by NTP" in done.err
    assert crm.asked == []


def test_large_records_go_in_several_messages_and_one_that_is_too_large_is_counted(syncing, crm):
    note = "x" * 50_000
    crm.records["contact"] = [contact(number, comments=note) for number in range(1, 8)]
    crm.records["contact"].append(contact(8, comments=note * 3))

    done = syncing("--yes")

    pages = sent()
    assert done.code == 2
    assert ids(pages) == list(range(1, 8))
    assert len(pages) > 2
    assert "1 too-large" in done.out


WAITS = [
    ((429, {"Retry-After": "30"}, {}), 30),
    ((503, {}, {"error": "QUERY_LIMIT_EXCEEDED"}), 10),
    ((200, {}, {"error": "OPERATION_TIME_LIMIT"}), 60),
]


@pytest.mark.parametrize(("fault", "seconds"), WAITS)
def test_a_crm_that_asks_to_wait_is_waited_for(syncing, crm, fault, seconds):
    crm.records["contact"] = [contact(number) for number in range(1, 61)]
    crm.faults = [None, fault]

    done = syncing("--yes", "--kind", "contact")

    assert done.code == 0, done.err
    assert seconds in syncing.stack.slept
    assert f"asks to wait {seconds} s" in done.err
    assert ids(sent()) == list(range(1, 61))


@pytest.mark.parametrize("fault", [(500, {}, {}), (200, {}, b'{"result": {"it'), (502, {}, b"<html>")])
def test_a_fault_that_passes_is_tried_again(syncing, crm, fault):
    crm.records["contact"] = [contact(number) for number in range(1, 61)]
    crm.faults = [None, fault, fault]

    done = syncing("--yes", "--kind", "contact")

    assert done.code == 0, done.err
    assert ids(sent()) == list(range(1, 61))
    assert [line.partition("; ")[2] for line in done.err.splitlines()] == [
        "try 1 of 8; asked again in 2 s",
        "try 2 of 8; asked again in 4 s",
    ]


def test_a_fault_is_said_before_the_first_line_too(online, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Crms(contacts=1) as crms:
        online.stack.put("ConnectionsSecret", {**CONNECTIONS, "acme-key": {**connection("keycrm"), "lookups": True}})
        online.stack.put("ApiKeysSecret", {"acme-key": crms.secret("keycrm")})
        crms.faults("keycrm", *[{"status": 500}] * 8)

        done = online("sync", "acme-key", "--kind", "contact", input="n\n")

    assert (done.out, done.err.count("does not answer as it should (500); try")) == ("", 7)
    assert "8 tries failed" in done.err


@pytest.mark.parametrize(("status", "headers"), [(429, {}), (503, {"Retry-After": "600"})])
def test_a_crm_that_asks_to_wait_for_ever_ends_the_run_which_can_be_resumed(syncing, crm, status, headers):
    crm.records["contact"] = [contact(number) for number in range(1, 61)]
    crm.faults = [None] + [(status, headers, {})] * 100

    first = syncing("--yes", "--kind", "contact", "--rate", 0)
    crm.faults = []
    second = syncing("--yes", "--kind", "contact", "--rate", 0, "--resume")

    assert first.code == 1
    assert "more than an hour of waiting for one page: go on later, with --resume" in first.err
    assert sum(seconds for seconds in syncing.stack.slept if isinstance(seconds, int)) == 3_600
    assert second.code == 0, second.err
    assert ids(sent()) == list(range(1, 61))


def test_a_fault_that_stays_ends_the_run_which_can_be_resumed(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    crm.faults = [None] + [(500, {}, {})] * 8

    first = syncing("--yes", "--kind", "contact")
    crm.faults = []
    second = syncing("--yes", "--kind", "contact", "--resume")

    assert first.code == 1
    assert "does not answer as it should (500); 8 tries failed" in first.err
    assert [seconds for seconds in syncing.stack.slept if isinstance(seconds, int)] == [2, 4, 8, 16, 32, 64, 128]
    assert "stopped after 50 records: --resume" in first.err
    assert second.code == 0, second.err
    assert ids(sent()) == list(range(1, 121))


def test_a_key_that_is_refused_ends_the_run_unless_there_is_a_new_one(syncing, crm):
    crm.records["contact"] = [contact(1)]
    crm.code = "new"

    refused = syncing("--yes")
    syncing.stack.put("ApiKeysSecret", {NAME: {"url": crm.api_url.replace(CODE, "new")}})
    taken = syncing("--yes")

    assert refused.code == 1
    assert "does not take the API key" in refused.err
    assert "--api-only stores a new key" in refused.err
    assert taken.code == 0, taken.err


@pytest.mark.parametrize("status", [307, 404])
def test_an_address_that_leads_elsewhere_is_not_told_to_be_the_key(syncing, crm, status):
    crm.faults = [(status, {}, {})] * 9

    done = syncing("--yes", "--kind", "contact")

    assert done.code == 1
    assert f"API is not at this address ({status}); bridge connect … --api-only stores the right one" in done.err


def test_a_key_that_is_replaced_meanwhile_is_taken_up(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 61)]
    put, answer = syncing.stack.put, crm.answer

    def changing(path, body):
        if len(crm.asked) == 2:
            crm.code = "new"
            put("ApiKeysSecret", {NAME: {"url": crm.api_url.replace(CODE, "new")}})
        return answer(path, body)

    crm.answer = changing

    done = syncing("--yes", "--kind", "contact")

    assert done.code == 0, done.err
    assert ids(sent()) == list(range(1, 61))


def test_pages_without_an_end_are_an_error(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    crm.endless = True

    done = syncing("--yes", "--kind", "contact")

    assert done.code == 1
    assert "read before" in done.err


def test_nothing_at_all_is_an_error(syncing):
    done = syncing("--yes")

    assert done.code == 1
    assert "shows no record at all" in done.err


def test_the_crm_is_asked_no_faster_than_it_allows(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 601)]

    syncing("--yes", "--kind", "contact", "--rate", 0)

    assert max(syncing.stack.slept) > 3, "13 calls at 2 a second are 6 s, less what the calls took"


FAULTS = [
    (401, {}, {"error": "NO_AUTH_FOUND"}),
    (403, {}, {"error": "ACCESS_DENIED", "error_description": CODE}),
    (404, {}, {}),
    (400, {}, {"error": CODE}),
    (302, {"Location": f"http://127.0.0.1:9/{CODE}"}, {}),
    (500, {}, {"error": CODE}),
    (200, {}, b"<html>" + CODE.encode()),
    (200, {"Content-Encoding": "gzip"}, CODE.encode()),
    (200, {}, {"result": {"items": "x"}}),
    (200, {}, b'"' + b"x" * (3 << 20) + b'"'),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_failure_shows_the_key(syncing, crm, fault):
    crm.faults = [fault] * 20

    done = syncing("--yes")

    assert done.code == 1
    assert CODE not in done.out + done.err
    assert "/rest/" not in done.out + done.err


def test_an_address_that_cannot_be_asked_shows_no_key(syncing):
    for address in ("http://10.0.0.1/rest/1/", "https://evil.example.com/rest/1/", "https://169.254.169.254/", "x"):
        syncing.stack.put("ApiKeysSecret", {NAME: {"url": address + CODE}})

        done = syncing("--yes")

        assert done.code == 1, address
        assert CODE not in done.out + done.err


def test_number_calls_and_minutes_are_said_before_it_begins(syncing, crm):
    crm.records["company"] = [company(9)]
    crm.records["contact"] = [contact(number) for number in range(1, 6_001)]

    done = syncing("--rate", 0, input="n\n")
    since = syncing("--since", "2026-04-01", input="n\n")

    assert done.code == 130
    assert "organization: 1 record\ncontact: 6,000 records\nlead: 0 records\n" in done.out
    assert "about 121 calls and 2 min" in done.out
    assert "contact: 0 records that changed since" in since.out
    assert crm.asked == []
    assert sent() == []


@pytest.mark.parametrize("answer", [(500, {}, {}), (200, {}, {"result": {"items": []}})])
def test_what_a_crm_does_not_count_is_said_to_be_unknown(syncing, crm, answer):
    crm.records["contact"] = [contact(1)]
    crm.counted = answer

    done = syncing("--yes")

    assert done.code == 0, done.err
    assert "contact: an unknown number of records" in done.out
    assert "is asked 2 times a second" in done.out
    assert ids(sent()) == [1]


def test_a_page_that_is_too_large_is_read_in_smaller_ones(online, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Crms(contacts=61) as crms:
        crms.limited("keycrm", on=False)
        for number in range(53, 60):
            crms.edit("keycrm", "contact", number, name="x" * 600_000, send_event=False)
        online.stack.put("ConnectionsSecret", {**CONNECTIONS, "acme-key": {**connection("keycrm"), "lookups": True}})
        online.stack.put("ApiKeysSecret", {"acme-key": crms.secret("keycrm")})

        done = online("sync", "acme-key", "--kind", "contact", "--yes")

        sizes = [one.path.partition("limit=")[2].partition("&")[0] for one in crms.requests()]
    assert "61 read, 54 sent to the inbox queue; left out: 7 too-large" in done.out
    assert list(dict.fromkeys(sizes)) == ["50", "25", "5", "1"]


def test_one_record_is_one_record(syncing, crm):
    crm.records["contact"] = [contact(1)]

    assert "contact: 1 record\nThat takes about 1 call and 1 min.\n" in syncing("--yes", "--kind", "contact").out


def test_an_interrupted_run_is_named_before_it_is_forgotten(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    cut(syncing.stack, 2, "after")
    syncing("--yes")

    done = syncing("--yes")

    assert "An interrupted run is kept in acme-b24.sync.json" in done.out
    assert "120 read, 120 sent" in done.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--kind", "contcat"], "did you mean 'contact'?"),
        (["--kind", "deal"], "it is one of"),
        (["--resume"], "nothing was interrupted"),
        (["--since", "soon"], "write it like 90min"),
        (["--since", "2999-01-01"], "lies in the future"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_asked(syncing, crm, words, reason):
    done = syncing(*words)

    assert done.code == 1
    assert reason in done.err
    assert crm.asked == []


def test_what_a_connection_lacks_is_said_with_what_to_do(syncing, online):
    syncing.stack.put("ApiKeysSecret", {})

    assert "bridge connect bitrix24 --name acme-b24 --api-only asks for one" in syncing().err
    assert "cannot ask its CRM" in online("sync", "acme-generic").err
    online.stack.ids = {name: known for name, known in online.stack.ids.items() if name != "ApiKeysSecret"}
    assert "Lookups=true" in syncing().err


def test_a_checkpoint_of_another_stack_is_not_resumed(syncing, crm):
    crm.records["contact"] = [contact(number) for number in range(1, 121)]
    cut(syncing.stack, 2, "after")
    syncing("--yes")
    state = json.loads(syncing.checkpoint.read_text())
    syncing.checkpoint.write_text(json.dumps(state | {"where": "elsewhere"}))

    assert "of another stack" in syncing("--resume").err


@pytest.mark.parametrize("name", [name for name in CRMS if loader.load(f"{name}-api").calls["contact"].sync])
def test_all_contacts_of_every_emulated_crm_are_read(online, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with Crms(contacts=120) as crms:
        crms.limited(name, on=False)
        settings = {"crm_url": f"https://acme.{name}.example.com", "board": "1", "lookups": True}
        online.stack.put("ConnectionsSecret", {**CONNECTIONS, "acme-crm": {**connection(name), **settings}})
        online.stack.put("ApiKeysSecret", {"acme-crm": crms.secret(name)})

        done = online("sync", "acme-crm", "--yes", "--kind", "contact", "--rate", 0)

    assert done.code == 0, done.out + done.err
    assert "120 read, 119 sent to the inbox queue; left out: 1 without phone and e-mail\n" in done.out
    assert {page["lookup"] for page in sent()} == {"contact"}


def test_where_the_crm_gives_the_number_calls_and_minutes_are_said_first(online, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Crms(contacts=120) as crms:
        online.stack.put("ConnectionsSecret", {**CONNECTIONS, "acme-key": {**connection("keycrm"), "lookups": True}})
        online.stack.put("ApiKeysSecret", {"acme-key": crms.secret("keycrm")})

        done = online("sync", "acme-key", "--kind", "contact", input="n\n")

    assert "contact: 120 records\nThat takes about 3 calls and 1 min.\n" in done.out


def test_the_calls_that_are_announced_respect_the_limit(online, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Crms(contacts=120) as crms:
        online.stack.put("ConnectionsSecret", {**CONNECTIONS, "acme-key": {**connection("keycrm"), "lookups": True}})
        online.stack.put("ApiKeysSecret", {"acme-key": crms.secret("keycrm")})

        done = online("sync", "acme-key", "--kind", "contact", "--limit", 60, input="n\n")

    assert "contact: 120 records\nThat takes about 2 calls and 1 min for at most 60 of them.\n" in done.out
