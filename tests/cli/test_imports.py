import base64
import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.imports import TOGETHER
from cli.tables import Csv, contact, field_of, json_rows
from local.in_process import CONNECTIONS, receive
from settings import SETTINGS

HEAD = "id,Прізвище,Ім'я,Телефон,Телефон,E-mail,Менеджер,Примітка\n"


def people(number, bad=()):
    """A CSV of so many contacts; the lines in `bad` have no id."""
    lines = [
        f"{'' if line in bad else line},Коваль,Олена {line},067 000 {line // 100:02} {line % 100:02},,"
        f"o{line}@example.com,7,x\n"
        for line in range(2, number + 2)
    ]
    return HEAD + "".join(lines)


@pytest.fixture
def importing(online, tmp_path):
    """Import a text as a file; `importing.file` is where it lies."""

    def call(text, *words, name="people.csv", connection="acme-direct"):
        call.file = tmp_path / name
        call.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return again(*words, connection=connection)

    def again(*words, connection="acme-direct"):
        return online("import", call.file, "--connection", connection, *words)

    def beside(what):
        return call.file.with_name(call.file.name + what)

    call.again, call.beside, call.stack = again, beside, online.stack
    return call


def inbox():
    """Every record in the inbox queue, and the messages that hold them."""
    messages = []
    while found := receive(SETTINGS.inbox_queue_url):
        messages += [json.loads(message["Body"]) for message in found]
    for message in messages:
        message["body"] = json.loads(base64.b64decode(message["body"]))
    return [record for message in messages for record in message["body"]], messages


def ids():
    return sorted(int(record["externalId"]) for record in inbox()[0])


def rejected(importing):
    with importing.beside(".rejected.csv").open(encoding="utf-8", newline="") as file:
        return [(int(row["line"]), row["code"]) for row in csv.DictReader(file)]


def test_contacts_of_a_csv_become_cards_and_repeated_headers_are_several_phones(importing, bridge, ringostat):
    text = HEAD + "42,Коваль,Олена,067 000 00 01,044 000 00 02,olena@example.com,7,x\n"

    done = importing(text)
    bridge.take_inbox()
    bridge.deliver()

    [card] = ringostat.state()["contacts"]
    assert done.code == 0
    assert "1 sent to the inbox queue, 0 rejected\n" in done.out
    assert card["fullName"] == "Коваль Олена"
    assert [entry["value"] for entry in card["contactDirections"]] == [
        "+380670000001",
        "+380440000002",
        "olena@example.com",
    ]
    assert card["responsible"] == "7"


def test_the_headers_are_shown_with_what_they_mean(importing):
    lines = importing(people(1), "--dry-run").out.splitlines()

    assert [line.split() for line in lines[:8]] == [
        ["id", "externalId"],
        ["Прізвище", "last"],
        ["Ім'я", "first"],
        ["Телефон", "phone"],
        ["Телефон", "phone"],
        ["E-mail", "email"],
        ["Менеджер", "responsible"],
        ["Примітка", "ignored"],
    ]


def test_a_dry_run_maps_everything_and_sends_nothing(importing):
    done = importing(people(5, bad=[3]), "--dry-run")

    assert done.code == 2
    assert "4 would be sent, 1 rejected, 1 no-id; see people.csv.rejected.csv\n" in done.out
    assert ids() == []
    assert not importing.beside(".checkpoint.json").exists()


def test_what_is_rejected_is_listed_with_its_line_and_its_reason(importing):
    text = (
        HEAD + '2,"Коваль\nМельник",Олена,067 000 00 01,,,,\n,Без,Номера,1,,,,\n5,К,О,1,,,7,x,y,z\n\n7,К,О,none,,,,\n'
    )

    done = importing(text)

    assert done.code == 2
    assert rejected(importing) == [(4, "no-id"), (5, "bad-line"), (7, "warning")]
    assert ids() == [2, 7]


def test_without_anything_to_tell_no_file_is_left(importing):
    importing(people(3))

    assert list(importing.file.parent.iterdir()) == [importing.file]


def test_records_go_in_few_messages_with_the_time_of_the_file(importing):
    importing(people(60), "--as-of", "2026-03-01T10:00:00Z")

    records, messages = inbox()
    assert len(records) == 60
    assert max(len(message["body"]) for message in messages) == TOGETHER
    assert len(messages) == 3
    assert {message["receivedAt"] for message in messages} == {1_772_359_200_000}
    assert len({message["requestId"] for message in messages}) == 3


def test_what_the_crm_said_after_the_export_wins(importing, bridge):
    importing(people(1), "--as-of", "2026-03-01T10:00:00Z")
    newer = {"externalId": "2", "fullName": "Олена Мельник", "phones": ["067 000 00 09"]}
    bridge.post("acme-direct", newer | {"changedAt": "2026-03-02T10:00:00Z"})
    bridge.take_inbox()

    [key] = bridge.due()
    assert bridge.card(key).fields["fullName"].value == "Олена Мельник"


def test_nothing_that_is_known_is_erased_by_a_cell_that_is_empty(importing, bridge):
    bridge.post("acme-direct", {"externalId": "2", "googleClientId": "1.2", "phones": ["067 000 00 09"]})
    bridge.clock.pass_(10)
    importing(people(1), "--as-of", "0s")
    bridge.take_inbox()

    [key] = bridge.due()
    assert bridge.card(key).fields["googleClientId"].value == "1.2"


@pytest.mark.parametrize("cut_at", [1, 2, 3, 4])
@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_an_import_is_cut_off_the_next_call_finishes_it_without_a_loss(importing, bridge, cut_at, when):
    bad = [line for line in range(2, 902) if line % 7 == 0]
    cut(importing.stack, cut_at, when)

    first = importing(people(900, bad))
    second = importing.again()
    records, _ = inbox()

    assert first.code == 130
    assert "call it again to go on" in first.err
    assert second.code == 2
    assert {int(record["externalId"]) for record in records} == set(range(2, 902)) - set(bad)
    assert len(records) <= 900 - len(bad) + 10 * TOGETHER, "only the call that was cut is sent twice"
    assert rejected(importing) == [(line, "no-id") for line in bad]
    assert f"{900 - len(bad)} sent to the inbox queue, {len(bad)} rejected" in second.out
    assert not importing.beside(".checkpoint.json").exists()


def cut(stack, at, when):
    """Press Ctrl-C in one of the calls."""
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


def test_messages_sent_twice_make_no_second_card_and_no_second_post(importing, bridge, ringostat):
    cut(importing.stack, 1, "after")
    importing(people(30))
    importing.again()
    bridge.take_inbox()
    bridge.settle()

    posted = [card["externalId"] for request in ringostat.requests for card in request["body"]["contacts"]]
    assert len(posted) == len(set(posted)) == 30


def test_a_file_that_changed_is_not_resumed(importing):
    cut(importing.stack, 2, "before")
    importing(people(300))
    importing.file.write_text(people(301), "utf-8")

    changed, anew = importing.again(), importing.again("--restart")

    assert changed.code == 1
    assert "--restart" in changed.err
    assert anew.code == 0
    assert "301 sent" in anew.out


def test_a_checkpoint_is_of_one_connection(importing):
    cut(importing.stack, 2, "before")
    importing(people(300))

    importing.stack.put("ConnectionsSecret", CONNECTIONS | {"second": CONNECTIONS["acme-direct"]})

    assert "another file, connection or stack" in importing.again(connection="second").err


def test_a_broken_checkpoint_is_told(importing):
    importing(people(1))
    importing.beside(".checkpoint.json").write_text("{", "utf-8")

    assert "no checkpoint" in importing.again().err


def test_what_sqs_does_not_take_at_once_is_sent_again(importing):
    sqs = importing.stack.client("sqs")
    send, calls = sqs.send_message_batch, []

    def partly(*, QueueUrl, Entries):  # noqa: N803 - boto3's names
        calls.append(len(Entries))
        taken = Entries[: len(Entries) // 2 + 1]
        return send(QueueUrl=QueueUrl, Entries=taken) | {"Failed": [{"Id": one["Id"]} for one in Entries[len(taken) :]]}

    sqs.send_message_batch = partly

    done = importing(people(200))

    assert done.code == 0
    assert len(calls) > 1
    assert ids() == list(range(2, 202))


def test_a_rate_spreads_the_records(importing):
    importing(people(600), "--rate", 100)

    first, _second = importing.stack.slept
    assert 1.5 < first <= 2.5


@pytest.mark.parametrize("line", ["[1]", "{", '"text"', "1"])
def test_a_line_that_is_no_json_object_is_rejected(line):
    [row] = json_rows(line + "\n")

    assert row.problem


def test_ndjson_of_our_own_contract_goes_in_arrays(importing):
    text = "".join(f'{{"externalId": "{number}", "phones": ["067 000 00 01"]}}\n\n' for number in range(1, 31))

    done = importing(text, name="people.ndjson")

    assert done.code == 0
    assert ids() == list(range(1, 31))


def test_ndjson_of_a_crms_own_events_goes_one_by_one(importing, bridge):
    event = {
        "meta": {"action": "change", "entity": "person", "version": "2.0", "timestamp": "2026-03-01T10:00:00Z"},
        "data": {"id": 42, "name": "Олена", "phones": [{"value": "067 000 00 01"}]},
    }
    text = json.dumps(event) + "\n" + json.dumps(event | {"data": {"name": "x"}}) + "\n"

    done = importing(text, name="events.ndjson", connection="acme")
    bridge.take_inbox()

    assert done.code == 2
    assert bridge.due() == ["106#Pipedrive#contact:42"]
    assert rejected(importing) == [(2, "no-id")]


@pytest.mark.parametrize(
    ("text", "words", "reason"),
    [
        ("name,phone\n", [], "no header looks like an id"),
        ("id,uuid,phone\n", [], "'id' and 'uuid' are both externalId"),
        ("id,phone\n", ["--map", "Телефон=phone"], "there is no header 'Телефон'"),
        ("id,phone\n", ["--map", "phone=telephone"], "there is no field 'telephone'"),
        ("id,phone\n", ["--map", "phone"], "name=value"),
        ("", [], "no header looks like an id"),
        ("id,ім'я\n1,Олена\n".encode("cp1251"), [], "--encoding"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_before_anything_is_sent(importing, text, words, reason):
    done = importing(text, *words)

    assert done.code == 1
    assert reason in done.err
    assert "Олена" not in done.err
    assert ids() == []


def test_a_csv_needs_a_connection_of_our_own_contract(importing):
    assert "`direct`" in importing(people(1), connection="acme").err


def test_headers_are_given_and_ignored_by_hand(importing):
    importing("uuid,id,x\n7,1,067 000 00 01\n", "--map", "id=", "--map", "x=phone")

    [record] = inbox()[0]
    assert (record["externalId"], record["phones"]) == ("7", ["067 000 00 01"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_all_kinds_are_read(importing, encoding, delimiter):
    text = "id|ПІБ|тел\r\n42|Олена Коваль|067 000 00 01\r\n".replace("|", delimiter)
    words = ["--encoding", "cp1251"] if encoding == "cp1251" else []

    importing(text.encode(encoding), *words)

    assert inbox()[0] == [
        {
            "kind": "contact",
            "carries": "partial",
            "externalId": "42",
            "fullName": "Олена Коваль",
            "phones": ["067 000 00 01"],
        }
    ]


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Client_ID", "externalId"),
        ("Phone 2", "phone"),
        ("Мобільний", "phone"),
        ("Email", "email"),
        ("updated at", "changedAt"),
        ("Company", "companyName"),
        ("company_id", "companyId"),
        ("leadLink", "leadLink"),
        ("Примітка", ""),
        ("", ""),
    ],
)
def test_usual_headers_are_known(header, field):
    assert field_of(header) == field


def test_a_company_without_an_id_is_ignored():
    assert Csv("id,company\n", {}).fields == ["externalId", ""]
    assert Csv("id,company,company id\n", {}).fields == ["externalId", "companyName", "companyId"]
    assert contact({"externalId": ["1"], "companyId": ["7"]})["organization"] == {"externalId": "7"}


@given(st.text(max_size=200))
def test_any_text_below_the_headers_is_rows_or_problems(text):
    rows = list(Csv("id,phone\n" + text, {}).rows())

    assert all(row.problem or row.record["kind"] == "contact" for row in rows)
    assert [row.line for row in rows] == sorted({row.line for row in rows})


@given(st.text(max_size=200))
def test_any_text_is_lines_of_json_or_problems(text):
    assert all(row.problem or isinstance(row.record, dict) for row in json_rows(text))
