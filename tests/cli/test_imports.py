import base64
import csv
import io
import json
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.commands.imports import TOGETHER
from cli.tables import Reading, Table, contact, csv_lines, field_of, json_rows
from cli.workbook import sheet_of
from local.in_process import CONNECTIONS, aws, receive
from settings import SETTINGS
from tests.cli.people import person

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


def table(text, **reading):
    return Table(csv_lines(text), {}, Reading(**reading))


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


def test_a_quote_without_an_end_takes_no_later_line_with_it(importing):
    importing(
        'id,name,phone\n1,"Олена,067 000 00 01\n2,Петро,067 000 00 02\n'
        '3,"Іван ""Ів""",067 000 00 03\n4,"Ян,1\n5,Ада,2\n'
    )

    assert rejected(importing)[:2] == [(2, "bad-line"), (5, "bad-line")]
    assert [record["fullName"] for record in inbox()[0]] == ["Петро", 'Іван "Ів"', "Ада"]


def test_values_that_are_dropped_are_counted(importing):
    done = importing("id,phone\n1,none\n2,067 000 00 01\n3,no,\n")

    assert "3 sent to the inbox queue, 0 rejected, 2 warnings; see people.csv.rejected.csv\n" in done.out


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
        ("Клієнти\nid,phone\n", [], "the first line must be the headers"),
        ("id,ім'я\n1,Олена\n".encode("cp1251"), [], "--encoding"),
        ("id,phone\n1,Олена\n".encode("utf-16-le"), [], "is not utf-8: say --encoding"),
        ("id,phone\n", ["--encoding", "utf8x"], "there is no encoding 'utf8x'"),
        ("id,phone\n", ["--as-of", "yesterday"], "--as-of"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_before_anything_is_sent(importing, text, words, reason):
    done = importing(text, *words)

    assert done.code == 1
    assert reason in done.err
    assert "Олена" not in done.err
    assert ids() == []


def test_n20_a_csv_for_a_real_crm_makes_no_doubles(importing, bridge, ringostat):
    bridge.post("acme", person(1001, name="Olena", at="2026-03-01T10:00:00Z"))
    text = "ID,Name,Phone,Updated at\n1001,Olena Koval,067 000 00 01,2026-03-01 13:00\n1002,Taras,067 000 00 03,\n"

    done = importing(text, connection="acme")
    bridge.take_inbox()
    due = bridge.due()
    bridge.deliver()

    assert done.code == 0, done.err
    assert sorted(due) == ["106#Pipedrive#contact:1001", "106#Pipedrive#contact:1002"]
    contacts = {one["externalId"]: one for one in ringostat.state()["contacts"]}
    assert {one["origin"] for one in contacts.values()} == {"Pipedrive"}
    assert contacts["1001"]["fullName"] == "Olena Koval"


def test_what_a_table_gives_a_crms_connection_is_replayed_as_it_was(importing, online, bridge):
    importing("ID,Phone\n1001,067 000 00 01\n", connection="acme")
    [message] = receive(SETTINGS.inbox_queue_url)
    attributes = {"connection": "acme", "code": "x", "reason": "x"}
    typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    aws("sqs").send_message(QueueUrl=SETTINGS.rejected_queue_url, MessageBody=message["Body"], MessageAttributes=typed)

    online("rejected", "replay")
    bridge.take_inbox()

    assert bridge.due() == ["106#Pipedrive#contact:1001"]


GOOGLE = (
    "First Name,Middle Name,Last Name,Name Prefix,Nickname,File As,Organization Name,Organization Title,Labels,"
    "E-mail 1 - Label,E-mail 1 - Value,Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value\n"
    "Олена,,Коваль,,Лєна,,ФОП Коваль,,* myContacts,Work,olena@example.com,Mobile,"
    "067 000 00 01 ::: +380440000002,Home,067 000 00 04\n"
)
GOOGLE_BEFORE_2024 = (
    "Name,Given Name,Additional Name,Family Name,Nickname,Group Membership,E-mail 1 - Type,E-mail 1 - Value,"
    "Phone 1 - Type,Phone 1 - Value,Organization 1 - Type,Organization 1 - Name\n"
    "Коваль Олена,Олена,,Коваль,Лєна,,*,olena@example.com,Mobile,067 000 00 01,,ФОП Коваль\n"
)
OUTLOOK = (
    "Title,First Name,Middle Name,Last Name,Suffix,Company,Business Fax,Business Phone,Mobile Phone,"
    "Company Main Phone,Account,E-mail Address,E-mail Type,E-mail Display Name,Manager's Name,Nickname\n"
    ",Олена,,Коваль,,ФОП Коваль,044 000 00 09,044 000 00 02,067 000 00 01,044 000 00 08,,olena@example.com,SMTP,"
    "Олена К,Тарас,\n"
)


@pytest.mark.parametrize(
    ("text", "phones"),
    [
        (GOOGLE, ["067 000 00 01", "+380440000002", "067 000 00 04"]),
        (GOOGLE_BEFORE_2024, ["067 000 00 01"]),
        (OUTLOOK, ["044 000 00 02", "067 000 00 01"]),
    ],
    ids=["Google", "Google before 2024", "Outlook"],
)
def test_r8_exports_of_contacts_are_read_with_the_phone_for_an_id(importing, text, phones):
    done = importing(text, "--id-from", "phone")

    [record] = inbox()[0]
    assert done.code == 0, done.err
    assert record["externalId"] in ("+380670000001", "+380440000002")
    assert (record["fullName"], record["phones"], record["emails"]) == ("Коваль Олена", phones, ["olena@example.com"])
    assert record["organization"]["name"] == "ФОП Коваль"
    assert record["organization"]["externalId"].startswith("name-")


def test_an_id_from_a_phone_or_an_email_is_one_however_it_is_written_and_no_key_shows_it(importing, bridge):
    importing("name,phone,mail\nA,+38 (067) 000-00-01,A@Example.com\n", "--id-from", "phone")
    importing("name,phone,mail\nA,0670000001,a@example.com\n", "--id-from", "phone")
    importing("name,phone,mail\nA,0670000001,A@Example.com\n", "--id-from", "email")
    importing("name,phone,mail\nA,0670000001,a@example.com\n", "--id-from", "email")
    bridge.take_inbox()

    keys = bridge.due()
    assert len(keys) == 2
    assert all(key.startswith("106#Direct#contact:sha256-") for key in keys)


def test_a_line_without_the_phone_that_is_to_be_its_id_is_rejected(importing):
    done = importing("name,phone\nA,067 000 00 01\nB,\nC,12\n", "--id-from", "phone")

    assert done.code == 2
    assert rejected(importing) == [(3, "no-id"), (4, "no-id")]


def test_a_crm_with_ids_of_its_own_gets_none_made_of_phones(importing):
    done = importing("name,phone\nA,067 000 00 01\n", "--id-from", "phone", connection="acme")

    assert done.code == 1
    assert "Pipedrive has ids of its own" in done.err
    assert ids() == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [("id,phone\n", "'id' is an id"), ("name,email\n", "no header looks like the phone")],
)
def test_what_cannot_give_an_id_is_told(importing, text, reason):
    assert reason in importing(text, "--id-from", "phone").err


@pytest.mark.parametrize("name", ["people.xlsx", "named-wrongly.csv"])
def test_r8_a_workbook_is_read_with_phones_dates_and_zeros_as_they_are_typed(importing, name):
    rows = [
        ["ID", "Name", "Phone", "Phone", "Updated at", "Lead id", "Link"],
        [1001.0, "Олена", 380670000001.0, "067 000 00 02", datetime(2026, 3, 1, 12, 30), 7, "#N/A"],  # noqa: DTZ001
        [],
        [1002, None, 670000003, None, date(2026, 3, 1), None, None],
    ]
    book = workbook(rows)
    book.active["C4"].number_format = "0000000000"
    book.create_sheet("Second")

    done = importing(saved(book), name=name)

    first, second = inbox()[0]
    assert done.code == 0, done.err
    assert "of 2 sheets the first is read: Sheet" in done.out
    assert first == {
        "kind": "contact",
        "carries": "partial",
        "externalId": "1001",
        "leadId": "7",
        "changedAt": 1_772_361_000_000,
        "fullName": "Олена",
        "phones": ["380670000001", "067 000 00 02"],
    }
    assert (second["phones"], second["changedAt"]) == (["0670000003"], 1_772_316_000_000)


def test_lines_of_a_workbook_are_numbered_as_excel_does(importing):
    done = importing(saved(workbook([[], ["id", "phone"], [], ["", "067 000 00 01"], [5, 5]])), name="x.xlsx")

    assert done.code == 2
    assert rejected(importing) == [(4, "no-id"), (5, "warning")]


def test_r8_an_older_or_broken_workbook_is_one_sentence(importing):
    old = importing(b"\xd0\xcf\x11\xe0" + bytes(100), name="x.xlsx")
    page = importing("<table>", name="x.xls")
    broken = importing(b"PK\x03\x04" + bytes(100), name="x.xlsx")

    assert "x.xlsx is an older .xls, or has a password: open it and save it as .xlsx" in old.err
    assert "x.xls is an older .xls" in page.err
    assert "x.xlsx cannot be read as .xlsx" in broken.err
    assert [done.code for done in (old, page, broken)] == [1, 1, 1]


@given(st.lists(st.lists(st.none() | st.text("aя1 ") | st.floats(-1e15, 1e15) | st.integers(0, 10**14), max_size=4)))
def test_any_cells_are_texts(rows):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.xlsx"
        workbook(rows).save(path)
        cells = sheet_of(path).rows

    assert all(isinstance(cell, str) and not cell.endswith(".0") for row in cells for cell in row)


def workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return book


def saved(book):
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_headers_are_given_and_ignored_by_hand(importing):
    importing("uuid,id,x\n7,1,067 000 00 01\n", "--map", "id=", "--map", "x=phone")

    [record] = inbox()[0]
    assert (record["externalId"], record["phones"]) == ("7", ["067 000 00 01"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
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


@pytest.mark.parametrize("name", ["people.csv", "people.txt", "people.xlsx"])
def test_a_table_is_one_whatever_its_name_and_may_name_its_delimiter(importing, name):
    importing("sep=;\r\nid;name,phone;phone\r\n42;Ada;067 000 00 01\r\n", name=name)

    assert [record["phones"] for record in inbox()[0]] == [["067 000 00 01"]]


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
        ("Vorname", "first"),
        ("Nachname", "last"),
        ("Імʼя", "first"),
        ("Telefon", "phone"),
        ("Telefon geschäftlich", "phone"),
        ("Mobiltelefon", "phone"),
        ("Telefonnummern", "phone"),
        ("E-Mail-Adresse", "email"),
        ("Firma", "companyName"),
        ("Geändert am", "changedAt"),
        ("Kundennummer", "externalId"),
        ("Telefax", ""),
        ("Примітка", ""),
        ("", ""),
    ],
)
def test_usual_headers_are_known(header, field):
    assert field_of(header) == field


@pytest.mark.parametrize(("cell", "is_day"), [("45962", True), ("45962.4167", True), ("1772359200", False)])
def test_a_spreadsheets_number_of_a_day_is_told_with_a_remedy(cell, is_day):
    row = next(table(f"id,updated at\n1,{cell}\n").rows())

    assert ("yyyy-mm-dd" in row.problem) is is_day


@pytest.mark.parametrize(
    ("headers", "given", "fields"),
    [
        ("Vorname,Name", {}, ["first", "last"]),
        ("Vorname,Name,Kontaktname", {}, ["first", "last", "fullName"]),
        ("Vorname,Nachname,Name", {}, ["first", "last", "fullName"]),
        ("Vorname,Zuname,Name", {}, ["first", "last", "fullName"]),
        ("Vorname,Name", {"Name": "fullName"}, ["first", "fullName"]),
        ("Vorname,Name,Familie", {"Familie": "last"}, ["first", "fullName", "last"]),
        ("First name,Name", {}, ["first", "fullName"]),
    ],
)
def test_name_beside_a_german_first_name_alone_is_the_last_name(headers, given, fields):
    lines = csv_lines(f"id,{headers}\n")

    assert Table(lines, given, Reading()).fields == ["externalId", *fields]


def test_a_company_without_an_id_is_ignored():
    assert table("id,company\n").fields == ["externalId", ""]
    assert table("id,company,company id\n").fields == ["externalId", "companyName", "companyId"]
    assert contact({"externalId": ["1"], "companyId": ["7"]}, Reading())["organization"] == {"externalId": "7"}


@given(st.text(max_size=200))
def test_any_text_below_the_headers_is_rows_or_problems(text):
    rows = list(table("id,phone\n" + text).rows())

    assert all(row.problem or row.record["kind"] == "contact" for row in rows)
    assert [row.line for row in rows] == sorted({row.line for row in rows})


@given(st.text(max_size=200))
def test_any_text_is_lines_of_json_or_problems(text):
    assert all(row.problem or isinstance(row.record, dict) for row in json_rows(text))
