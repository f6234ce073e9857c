"""`bridge mapping`: from a file to the next event, without a deployment."""

import json

import pytest

from cards.key import BUNDLE, mapping_key
from cards.write import Write
from intake import employees
from local.in_process import aws
from mappings import Bundle, newest, puts

OWN = """#:schema ../mapping.schema.json
format = 1
crm    = "Own"
changedAt = "at"

[contact]
externalId = "id"
fullName   = "name"

[[contact.phones]]
value = "phone"
"""
NICK = OWN.replace('"name"', '"nick"')
STAFF = OWN.replace('"name"\n', '"name"\nstaffId    = { from = "owner", lookup = "staff" }\n')
PERSON = {"id": 7, "name": "Олена Коваль", "nick": "Оленка", "phone": "067 000 00 01", "owner": "Iryna"}
GIVEN = ["--project", 106, "--name", "mine", "--yes"]


def entries():
    return json.loads(aws("secretsmanager").get_secret_value(SecretId="connections")["SecretString"])


@pytest.fixture
def put(online, tmp_path):
    """Store a text as a mapping."""

    def call(text, *more, name="own", **given):
        (tmp_path / "own.toml").write_text(text, "utf-8")
        return online("mapping", "put", tmp_path / "own.toml", "--name", name, *more, **given)

    return call


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "sample.json").write_text(json.dumps(PERSON), "utf-8")
    return tmp_path / "sample.json"


@pytest.fixture
def post(bridge):
    """Send an event as the CRM of the connection `mine` would; the functions have just read what is stored."""

    def call(**more):
        bridge.put_connections(entries())
        bridge.forget_mappings()
        return bridge.post("mine", {**PERSON, **more}, token=entries()["mine"]["verify"]["token"])

    return call


def test_from_a_pasted_sample_to_a_card_and_a_field_changed_without_a_deployment(online, put, post, sample, bridge):
    draft = online("new", sample, "--crm", "Own").out
    assert put(draft, "--yes").code == 0
    assert online("connect", "own", *GIVEN).code == 0
    first = post()
    changed = put(draft.replace('["name"', '["nick"').replace('"name"', '"nick"'), "--sample", sample, "--yes")
    second = post()
    bridge.deliver()

    assert (first.status, first.body["accepted"], second.body["accepted"]) == (202, 1, 1)
    assert entries()["mine"]["stored"] is True
    assert "Олена Коваль  ->  Оленка" in changed.out
    shown = online("status", "mine", "7").out
    assert "mapped by own v2" in shown
    assert "Оленка" in shown


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (OWN.replace('"phone"', '"phone || nosuch(a)"'), "error: "),
        (OWN + "[lead]\nleadId = 'id'\n", "warning: lead: no record uses [lead]"),
        (OWN + "[contact]\n", "not TOML"),
    ],
)
def test_what_validate_strict_refuses_is_not_stored_and_told_alike(online, put, run, bridge, tmp_path, text, told):
    done = put(text, "--yes")

    assert done.code == 1
    assert told in done.out
    assert newest(bridge.cards, "own") is None
    assert run("validate", "--strict", tmp_path / "own.toml").out.startswith(done.out)


def test_nothing_is_stored_without_a_yes_and_nothing_new_is_no_version(online, put, bridge):
    assert put(OWN, input="n\n").code != 0
    assert newest(bridge.cards, "own") is None
    put(OWN, input="y\n")
    again = put(OWN)

    assert "nothing is new: it is what own v1 says" in again.out
    assert newest(bridge.cards, "own").version == 1


def test_rejected_events_of_its_connections_are_shown_before_and_after(online, put, post):
    put(OWN.replace('"id"', '"number"'), "--yes")
    online("connect", "own", *GIVEN)
    assert post().body["rejected"]

    done = put(OWN, "--yes")

    assert "1 rejected event\n" in done.out
    assert "reject  ->  change" in done.out
    assert "null    ->  Олена Коваль" in done.out
    assert "bridge rejected replay --connection mine" in done.out


def test_another_crm_is_refused_unless_it_is_wanted_because_every_contact_becomes_another_card(online, put, bridge):
    put(OWN, "--yes")
    online("connect", "own", *GIVEN)
    other = OWN.replace('"Own"', '"Other"')

    refused = put(other, "--yes")
    wanted = put(other, "--yes", "--changes-crm")
    back = online("mapping", "rollback", "own", "--yes")

    assert "crm changes from Own to Other: every contact becomes another card" in refused.out
    assert (refused.code, wanted.code, back.code) == (1, 0, 1)
    assert "another crm than 'Own'" in refused.err
    assert newest(bridge.cards, "own").text == other
    assert online("mapping", "rollback", "own", "--yes", "--changes-crm").code == 0


def test_the_preview_finds_the_employees_that_the_functions_find(online, put, post, bridge):
    staffed = OWN.replace('"name"\n', '"name"\nstaffId = { from = "owner", staff = "email" }\n')
    bridge.cards.write(employees.stored(106, {"olena@example.com": "501"}, 0))
    put(staffed.replace('"id"', '"number"'), "--yes")
    online("connect", "own", *GIVEN)
    post(owner="Olena@Example.com")

    shown = put(staffed, "--yes").out

    assert "staffId            null    ->  501" in shown


def test_a_table_is_part_of_the_mapping_and_is_changed_alone(online, put, post, bridge, tmp_path):
    (tmp_path / "staff.csv").write_text("CRM user;Ringostat id\nIryna;12\n", "utf-8")
    assert "there is no [lookups.staff]" in put(STAFF, "--yes").out
    assert put(STAFF, "--table", tmp_path / "staff.csv", "--yes").code == 0
    online("connect", "own", *GIVEN)
    post()
    (tmp_path / "staff.csv").write_text("Iryna,13\n", "utf-8")
    assert online("mapping", "table", "put", tmp_path / "staff.csv", "--name", "own", "--yes").code == 0
    bridge.clock.pass_(1)
    post()

    card = bridge.cards.read(["106#Own#contact:7"])["106#Own#contact:7"]
    assert card.fields["staffId"].value == "13"
    assert online("mapping", "get", "own", "--table", "staff").out == "Iryna,13\n"
    assert put(STAFF, "--yes").out.startswith("nothing is new")  # a text keeps the tables that are there
    refused = online("mapping", "table", "rm", "staff", "--name", "own", "--yes")
    assert refused.code == 1
    assert "there is no [lookups.staff]" in refused.err


@pytest.mark.parametrize(
    "text",
    [
        "Iryna\n",
        "Iryna,12,x\n",
        "Iryna,\n",
        "Iryna,12\nIryna,13\n",
        "Iryna@example.com,12\niryna@example.com,13\n",
        'Olha,"11\nIryna,12\n',
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line_and_without_its_cells(online, put, tmp_path, text):
    (tmp_path / "staff.csv").write_text(text, "utf-8")

    done = put(STAFF, "--table", tmp_path / "staff.csv", "--yes")

    assert done.code == 1
    assert f"staff.csv:{text.count(chr(10))}: " in done.err
    assert "Iryna" not in done.err


def test_a_table_without_a_line_a_rule_or_a_good_name_is_refused(online, put, bridge, tmp_path):
    for name, text in (("staff", "Iryna,12\n"), ("staf", "Iryna,13\n"), ("my staff", "Iryna,13\n"), ("empty", "\n")):
        (tmp_path / f"{name}.csv").write_text(text, "utf-8")
    put(STAFF, "--table", tmp_path / "staff.csv", "--yes")

    def table(name, *more):
        return online("mapping", "table", "put", tmp_path / f"{name}.csv", "--name", "own", "--yes", *more)

    assert "no rule uses a table 'staf'; did you mean 'staff'?" in table("staf").err
    assert "no rule uses a table 'staf'" in put(STAFF, "--table", tmp_path / "staf.csv", "--yes").err
    assert "'my staff' is no name of a table" in table("my staff").err
    assert "empty.csv has no line" in table("empty", "--table", "staff").err
    assert "--table: two of these files" in put(STAFF, *("--table", tmp_path / "staff.csv") * 2, "--yes").err
    assert newest(bridge.cards, "own").version == 1
    assert table("staf", "--table", "staff").code == 0
    assert "No rule uses the table staff: bridge mapping table rm staff --name own" in put(OWN, "--yes").out


def test_what_changes_in_a_table_is_counted_before_the_question(online, put, tmp_path):
    (tmp_path / "staff.csv").write_text("Iryna,12\nOlha,13\n", "utf-8")
    put(STAFF, "--table", tmp_path / "staff.csv", "--yes")
    (tmp_path / "staff.csv").write_bytes("Ірина,14\nIryna,15\n".encode("cp1251"))
    given = ["mapping", "table", "put", tmp_path / "staff.csv", "--name", "own"]

    assert "say --encoding" in online(*given).err
    done = online(*given, "--encoding", "cp1251", input="n\n")

    assert "table staff  1 added, 1 changed, 1 removed" in done.out
    assert put(STAFF, "--table", tmp_path / "staff.csv", "--encoding", "cp1251", "--yes").code == 0
    assert online("mapping", "get", "own", "--table", "staff").out == "Ірина,14\nIryna,15\n"


def test_a_sample_or_connection_that_is_not_there_is_noticed_though_nothing_is_new(online, put, tmp_path):
    put(OWN, "--yes")

    assert "nosuch" in put(OWN, "--sample", tmp_path / "nosuch.json").err
    assert "there is no connection 'nosuch'" in put(OWN, "--connection", "nosuch").err


def test_a_mapping_that_says_how_to_ask_is_offered_to_no_connection(online, put):
    put('format = 1\nextends = "keycrm-api"\n', "--yes", name="shop-api")
    put(OWN, "--yes", name="gone")
    online("mapping", "rm", "gone", "--yes")

    assert "bridge connect" not in put('format = 1\nextends = "copper-api"\n', "--yes", name="copper-own-api").out
    assert "'shop-api' reads no events" in online("connect", "shop-api", *GIVEN).err
    assert "did you mean" not in online("connect", "shop-ap", *GIVEN).err
    assert "did you mean" not in online("connect", "gonee", *GIVEN).err


def test_a_stored_mapping_extends_another_as_it_was_when_it_was_put(online, put, bridge):
    put(OWN, "--yes", name="base")
    child = 'format = 1\nextends = "base"\n[contact]\nresponsible = "owner"\n'
    put(child, "--yes")
    put(NICK, "--yes", name="base")

    kept = newest(bridge.cards, "own")
    assert kept.others["base"][0] == "base v1"
    assert " base v1\n" in online("mapping", "list").out
    assert kept.others["base"][1] == OWN
    assert put(child, "--yes").code == 0  # put again, it takes base as it is now
    assert newest(bridge.cards, "own").others["base"][0] == "base v2"
    assert "own v2 holds base v2: put own again to take this one" in put(OWN, "--yes", name="base").out
    refused = online("mapping", "rm", "base", "--yes")
    assert refused.code == 1
    assert "own holds 'base', which its `extends`" in refused.err
    online("mapping", "rm", "own", "--yes")
    assert online("mapping", "rm", "base", "--yes").code == 0


@pytest.mark.parametrize("key", ["extends", "api"])
def test_a_misspelt_name_is_told_with_the_nearest_stored_mapping(online, put, key):
    put(OWN, "--yes", name="depot-crm-api")

    refused = put(f'{key} = "depot-crn-api"\n{OWN}', "--yes")

    assert "did you mean 'depot-crm-api'?" in refused.out
    put(OWN, "--yes", name="depot-crm")
    assert "did you mean 'depot-crm'?" in online("connect", "depo-crm", *GIVEN).err


def test_versions_are_listed_compared_printed_and_taken_back(online, put, bridge):
    put(OWN, "--yes")
    put(NICK, "--yes")

    assert '-fullName   = "name"' in online("mapping", "diff", "own").out
    assert online("mapping", "get", "own", "--version", 1).out == OWN
    assert online("mapping", "rollback", "own", "--yes").code == 0
    assert newest(bridge.cards, "own").text == OWN
    listed = online("mapping", "list", "own").out
    assert [line[:7].strip() for line in listed.splitlines()] == ["version", "own v3", "own v2", "own v1"]
    assert "as version 1" in listed
    told = json.loads(online("mapping", "list", "own", "--json").out)
    assert [(one["version"], one["note"]) for one in told] == [(3, "as version 1"), (2, ""), (1, "")]


def test_a_second_rollback_goes_further_back_and_never_to_what_was_taken_back(online, put, bridge):
    for text in (OWN, NICK, STAFF.replace('lookup = "staff"', 'ignore = ["0"]'), OWN + "# bad\n"):
        put(text, "--yes")

    for expected in (STAFF.replace('lookup = "staff"', 'ignore = ["0"]'), NICK, OWN):
        assert online("mapping", "rollback", "own", "--yes").code == 0
        assert newest(bridge.cards, "own").text == expected
    assert "there is no version before version 1" in online("mapping", "rollback", "own", "--yes").err
    put(NICK + "# bad\n", "--yes")
    online("mapping", "rollback", "own", "--yes")
    assert newest(bridge.cards, "own").note == "as version 1"


def test_a_mapping_in_use_is_not_removed_and_its_number_never_comes_again(online, put, bridge):
    put(OWN, "--yes")
    online("connect", "own", *GIVEN)
    assert "mine reads with 'own'" in online("mapping", "rm", "own", "--yes").err
    online("connect", "generic", *GIVEN, "--replace")

    assert online("mapping", "rm", "own", "--yes").code == 0
    assert "No mapping is stored" in online("mapping", "list").out
    assert "own v2 is stored" in put(OWN, "--yes").out


def test_a_version_that_came_meanwhile_is_not_overwritten(online, put, bridge, monkeypatch):
    put(OWN, "--yes")
    number = bridge.cards.row(mapping_key("own"))["version"]
    # Between its reading and its writing, which the question separates, another operator stores a version.
    monkeypatch.setattr(
        "click.confirm", lambda *_, **__: bridge.cards.write(Write(mapping_key("own"), {"version": number + 1}))
    )

    done = put(NICK)

    assert done.code == 1
    assert "another version of 'own' was stored at the same moment" in done.err


def test_a_version_of_a_newer_format_is_named_by_doctor_and_rolled_back(online, put, bridge):
    put(OWN, "--yes")
    online("connect", "own", *GIVEN)
    bridge.cards.write_all(puts(newest(bridge.cards, "own")._replace(version=2, format=2), 1))
    online.stack.mappings.forget()

    assert "the stored mapping own v2 has format 2, and this version of the bridge reads 1" in online("doctor").out
    assert online("mapping", "rollback", "own", "--yes").code == 0
    assert newest(bridge.cards, "own").loaded().name == "own v3"


def test_a_mapping_that_is_too_large_is_refused_with_its_size(online, put):
    done = put(OWN + f"# {'x' * 350_000}\n", "--yes")

    assert done.code == 1
    assert "350,000 fit" in done.err


def test_a_preset_has_its_name_for_itself(online, put):
    assert "'generic' is a preset" in put(OWN, "--yes", name="generic").err
    assert "small letters" in put(OWN, "--yes", name="Own").err


def test_connect_refuses_what_the_deployed_functions_do_not_have(online, bridge, tmp_path):
    bridge.cards.write(Write(BUNDLE, {"mappings": ["kommo"], "format": 1}))

    refused = online("connect", "pipedrive", *GIVEN)
    assert refused.code == 1
    assert "the deployed functions have no mapping 'pipedrive': bridge mapping put FILE --name pipedrive" in refused.err
    assert "bridge mapping put my.toml --name my, then connect my" in online("connect", "my.toml", *GIVEN).err
    assert "did you mean 'kommo'?" in online("connect", "komo", *GIVEN).err
    assert online("connect", "kommo", *GIVEN).code == 0


def test_doctor_names_a_mapping_that_the_functions_do_not_have(online, bridge):
    online("connect", "generic", *GIVEN)
    assert "connections can be read" in online("doctor").out
    bridge.cards.write(Write(BUNDLE, {"mappings": ["pipedrive"], "format": 1}))

    assert "mine: the deployed functions have no mapping 'generic'" in online("doctor").out


def test_connect_says_when_the_functions_may_be_too_old_for_a_stored_mapping(online, put, bridge):
    put(OWN, "--yes")
    assert "The functions have not said that they read stored mappings" in online("connect", "own", *GIVEN).out
    Bundle(bridge.cards).tell()

    assert "have not said" not in online("connect", "own", *GIVEN, "--replace").out


def test_a_mapping_that_names_no_scheme_gets_an_address_with_a_token_and_the_queue_only_if_asked(online, put):
    put(OWN, "--yes")
    done = online("connect", "own", *GIVEN)
    assert "Let it send contacts" in done.out
    assert entries()["mine"]["verify"]["scheme"] == "path-token"
    online("connect", "own", *GIVEN, "--scheme", "queue", "--replace")

    assert "verify" not in entries()["mine"]
