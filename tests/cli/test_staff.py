"""`bridge staff`: what Ringostat lists, what of it is stored, and which owners are found."""

import pytest

from cards.card import Card, stamped
from cards.key import staff_key
from cards.write import merged
from cli.checks import employees, unknown_owners
from intake.employees import ids_of, stored
from local.in_process import CONNECTIONS, aws
from ops.staff import METHOD
from settings import SETTINGS
from tests.delivery.test_worker import change
from tests.staffed import MAPPING, make_known


@pytest.fixture
def staff(online, ringostat):
    online.stack.functions.environment["RINGOSTAT_URL"] = ringostat.url
    return lambda *words, **given: online("staff", *words, **given)


def ids(bridge, project=106):
    return ids_of(bridge.cards.row(staff_key(project)))


def card(bridge, number, *, origin="Own", **fields):
    key = f"106#{origin}#contact:{number}"
    after = Card(key, stamped(fields, changed_at=None, received_at=1), rev=1, connection="acme")
    bridge.cards.write(merged(Card(key), after, due_at=None, expires_at=None))


def test_what_ringostat_answers_is_shown_and_stored_after_a_yes(staff, bridge):
    done = staff(106, "--try", input="y\n")

    assert done.code == 0, done.err
    assert "2 at Ringostat, 1 with an e-mail address, 1 without one" in done.out
    assert "501  olena@example.com" in done.out
    assert "staffId: number" in done.out
    assert "Олена" not in done.out
    assert ids(bridge) == {"olena@example.com": "501"}


@pytest.mark.parametrize(("words", "answer", "code"), [((), "n\n", 130), (("--yes",), "", 0)])
def test_nothing_is_stored_without_a_yes(staff, bridge, words, answer, code):
    assert staff(106, "--try", *words, input=answer).code == code
    assert bool(ids(bridge)) is (code == 0)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 503}, "Ringostat answers 503"),
        ({"status": 200, "body": {"error": {"code": -32000, "message": "User does not exist"}}}, "error -32000"),
        ({"status": 200, "body": "<html></html>"}, "another form: markup"),
        ({"status": 200, "body": {"result": []}}, "none of them can be found by an e-mail address"),
        ({"redirect": "http://127.0.0.1:9/elsewhere"}, "Ringostat answers 307"),
        ({"drop": "before"}, "Ringostat does not answer (reset)"),
        ({"truncate": "body"}, "Ringostat does not answer (truncated)"),
    ],
)
def test_an_answer_that_cannot_be_used_replaces_no_list(staff, bridge, ringostat, fault, words):
    bridge.cards.write(stored(106, {"olena@example.com": "500"}, 1))
    ringostat.faults(fault)

    done = staff(106, "--try", "--yes")

    assert done.code == 1
    assert words in done.err
    assert ids(bridge) == {"olena@example.com": "500"}


def test_a_key_that_ringostat_does_not_know_and_one_that_is_missing_are_told(staff, bridge):
    bridge.put_auth_keys({"106": {"auth_key": "wrong"}})

    assert "does not know this auth key" in staff(106, "--try", "--yes").err
    assert "bridge project add 107" in staff(107, "--try", "--yes").err


def test_owners_are_listed_with_the_employees_whom_their_cards_name(staff, bridge):
    bridge.cards.write(stored(106, {"olena@example.com": "501"}, bridge.clock.now()))
    card(bridge, 1, responsible="7", staffId="501")
    card(bridge, 2, responsible="7", staffId=None)
    card(bridge, 3, responsible="8", staffId=None)
    card(bridge, 4, origin="Other", responsible="7", staffId="77")
    card(bridge, 5, responsible="0")
    card(bridge, 6, responsible="9", deleted=True)

    lines = [" ".join(line.split()) for line in staff(106).out.splitlines()]

    assert lines[0].startswith("employees 1 with an e-mail address, read ")
    assert lines[1:] == [
        "owner employee cards",
        "matched Own 7 501 1 of 2 cards",
        "unmatched Other 7 1 card not in the list: 77",
        "unmatched Own 8 1 card",
        "1 of 3 owners matched",
    ]


def test_a_list_is_deleted_on_demand(staff, bridge):
    bridge.cards.write(stored(106, {"olena@example.com": "501"}, 1))

    assert staff(106, "--forget").code == 0
    item = aws("dynamodb").get_item(TableName=SETTINGS.cards_table, Key={"key": {"S": staff_key(106)}})
    assert item["Item"].keys() == {"key"}
    assert "no list is stored" in staff(106).out


def test_the_doctor_looks_for_the_list_where_a_mapping_needs_it(online, bridge, monkeypatch, tmp_path):
    make_known(monkeypatch, tmp_path)
    before = list(employees(online.stack))
    bridge.put_connections(CONNECTIONS | {"staffed": CONNECTIONS["acme"] | {"mapping": "staffed"}})
    (missing,) = employees(online.stack)
    bridge.cards.write(stored(106, {"olena@example.com": "501"}, bridge.clock.now()))
    (there,) = employees(online.stack)

    assert before == []
    assert (missing.kind, missing.remedy) == ("warning", "bridge staff 106 --try")
    assert there.kind == "note"
    assert there.what.startswith("project 106 has a list of 1 employee, read ")


TABLED = MAPPING.replace('staff = "email"', 'lookup = "staff"') + '[lookups.staff]\n"olena@example.com" = "501"\n'
GIVEN = MAPPING.replace('{ from = "owner.email", staff = "email" }', '"staffId"')


@pytest.mark.parametrize(
    ("mapping", "values", "remedy"),
    [
        (MAPPING, {"responsible": "7", "staffId": None}, "--try reads Ringostat's list anew"),
        (TABLED, {"responsible": "7", "staffId": None}, "its mapping's table lacks them"),
        (GIVEN, {"responsible": "7", "staffId": None}, None),
        (MAPPING, {"responsible": "7", "staffId": "501"}, None),
        (MAPPING, {"responsible": "7"}, None),
        (MAPPING, {"responsible": "0", "staffId": None}, None),
    ],
    ids=["not in Ringostat's list", "not in a table", "given by the sender", "known", "never said", "no one's"],
)
def test_r5_the_doctor_counts_cards_whose_owner_is_no_employee(
    online, bridge, monkeypatch, tmp_path, mapping, values, remedy
):
    make_known(monkeypatch, tmp_path, mapping)
    bridge.put_connections({"acme": CONNECTIONS["acme"] | {"mapping": "staffed"}})
    change(bridge, 1, **values)
    change(bridge, 2, responsible="8", staffId="502")

    found = [(finding.kind, finding.what, finding.remedy) for finding in unknown_owners(online.stack)]

    what = "acme: of 2 cards with an owner, 1 without an employee (6 rows looked at)"
    told = [("warning", what, f"bridge staff 106 names the owners; {remedy}")]
    assert found == (told if remedy else [])


def test_a_method_that_ringostat_does_not_have_is_an_error_with_200(bridge):
    answer = bridge.worker.ringostat.call("unknown", {}, auth_key="local-key")

    assert (answer.status, b"-32601" in answer.body) == (200, True)


def test_employees_of_another_project_are_not_given(bridge):
    answer = bridge.worker.ringostat.call(METHOD, {"projectId": 107}, auth_key="local-key")

    assert (answer.status, b"-32602" in answer.body) == (200, True)
