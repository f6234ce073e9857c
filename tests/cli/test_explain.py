"""`bridge explain` says in text and in JSON what the engine does."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cards.card import stamped
from cards.endpoints import compose
from cards.key import key_of
from cli.cases import found
from cli.main import VERBS
from mapping.language import loader

EVENTS = Path(__file__).parents[2] / "events"
ROOT = Path(__file__).parents[2]
GUIDED = sorted(
    command
    for guide in (ROOT / "docs" / "connect").glob("*.md")
    for command in re.findall(r"^\s*\.venv/bin/bridge (explain .*)$", guide.read_text("utf-8"), re.MULTILINE)
)
CASES = list(found(ROOT / "events"))
ODD_PHONES = ROOT / "events/pipedrive/person-with-odd-phones.json"
PERSON = {
    "meta": {"action": "change", "entity": "person", "timestamp": "2026-03-01T10:00:00.000Z"},
    "data": {"id": 42, "name": "Olena", "phones": [{"value": "067 000 00 01", "primary": True}, {"value": "12"}]},
}


def options(case):
    request = case.request
    yield from ("--mapping", case.mapping, "--crm-url", "https://acme.example.com")
    for name, value in request.get("query", {}).items():
        yield from ("--query", f"{name}={value}")
    for name, value in request.get("headers", {}).items():
        yield from ("--header", f"{name}:{value}")
    for name, value in request.get("settings", {}).items():
        yield from ("--setting", f"{name}={value}")
    for name in ("content_type", "lookup"):
        if name in request:
            yield from (f"--{name.replace('_', '-')}", request[name])
    yield case.body


@pytest.fixture
def person(tmp_path):
    path = tmp_path / "person.json"
    path.write_text(json.dumps(PERSON))
    return path


@pytest.mark.parametrize("case", CASES, ids=str)
def test_json_says_what_the_engine_does(case, explained):
    told = explained(*options(case))["outcomes"]

    outcomes = case.outcomes()
    assert {one["result"] for one in told} <= {"change", "lookup", "skip", "reject"}
    assert {one["result"] for one in told if one["do"]} <= {"skip"}
    assert [(one["do"] or one["result"], one["card"], one["code"]) for one in told] == [
        (outcome.result, outcome.card or None, outcome.code or None) for outcome in outcomes
    ]
    for one, outcome in zip(told, outcomes, strict=True):
        scalars = {name: value for name, value in outcome.fields.items() if "." not in name}
        assert {name: one["fields"].get(name) for name in scalars} == scalars
        assert one["warnings"] == list(outcome.warnings)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_payload_is_what_an_empty_card_would_post_after_the_change(case, explained):
    told = explained("--project", "7777", *options(case))["outcomes"]

    for one, outcome in zip(told, case.outcomes(), strict=True):
        if outcome.result == "change":
            key = key_of(7777, loader.load(case.mapping).crm, outcome.card)
            assert one["payload"] == compose(key, stamped(outcome.fields, changed_at=1, received_at=1)).payload
        else:
            assert one["payload"] is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_text_says_what_json_says(case, run, explained):
    told = explained(*options(case))["outcomes"]

    text = run("explain", *options(case)).out

    heads = re.findall(r"^\d+\. .* -> ([A-Z]+)", text, re.MULTILINE)
    assert heads == [(one["do"] or one["result"]).upper() for one in told]
    for one in told:
        for name, value in one["fields"].items() if one["result"] == "change" else ():
            if not isinstance(value, list) and one["kind"] not in ("lead", "deal"):
                assert re.search(rf"^   {name} +{re.escape(json.dumps(value, ensure_ascii=False))}", text, re.MULTILINE)
        for direction in one["fields"].get("contactDirections", ()):
            assert re.search(rf"^   {direction['type']} +\"{re.escape(direction['value'])}\"", text, re.MULTILINE)
        assert not one["reason"] or one["reason"] in text


def test_fields_are_only_those_that_a_partial_change_sets(explained):
    case = next(case for case in CASES if str(case) == "generic/changed-fields-only")

    (told,) = explained(*options(case))["outcomes"]

    assert told["carries"] == "partial"
    assert set(told["fields"]) == {"externalId", "contactDirections"}
    assert (told["payload"], told["waiting"]) == (None, "no-phone-or-email")


def test_each_field_shows_its_value_its_line_and_its_path(run):
    text = run("explain", "--mapping", "pipedrive", "--crm-url", "https://acme.example.com", ODD_PHONES).out

    narrow = re.sub(r"presets/pipedrive\.toml:\d+", "FILE:LINE", re.sub(" +", " ", text))
    rows = narrow.splitlines()
    assert ' externalId "8" FILE:LINE: data.id' in rows
    assert ' phone "+380670000012" (primary) FILE:LINE: value; from "8-067-000-00-12"' in rows
    assert ' phone null FILE:LINE: value; from "12"; not a valid phone number, dropped' in rows
    assert " leadId null not mapped" in rows
    assert any(row.endswith("; no one is responsible: the connection's default") for row in rows)
    assert text.splitlines()[0].split() == ["mapping", "pipedrive", "(presets/pipedrive.toml)", "for", "Pipedrive"]
    assert text.endswith("\n1 change, 0 skipped, 0 rejected\n")


def test_a_misspelt_path_gets_a_hint(run, tmp_path, person):
    own = tmp_path / "own.toml"
    own.write_text('format = 1\nextends = "pipedrive"\n[contact]\nfullName = "data.nmae"\n')

    text = run("explain", "--mapping", own, person).out

    assert "own.toml:4: data.nmae isn't there: no 'nmae' in data; did you mean 'name'?" in text


def test_a_body_that_no_record_takes_says_what_each_record_wanted(run, tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"meta": {"entity": "invoice"}}')

    done = run("explain", "--mapping", "pipedrive", path)

    assert done.code == 2
    assert "1. (no record) -> REJECT  no-record" in done.out
    assert "wants meta.entity == 'person'" in done.out
    assert "meta.entity = 'invoice'" in done.out


def test_links_without_their_beginning_say_which_option_gives_it(run, person):
    assert "--crm-url is not given" in run("explain", "--mapping", "pipedrive", person).out


def test_a_rejection_is_exit_code_2(run):
    assert run("explain", "--mapping", "pipedrive", ROOT / "events/pipedrive/v1-body.json").code == 2


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_body_that_cannot_be_read_is_one_rejected_record(run, words):
    done = run("explain", "--mapping", "pipedrive", "--content-type", "application/json", *words, "-", input="{")

    assert done.code == 2
    assert "bad-body" in done.out
    assert "400" in done.out


def test_a_broken_mapping_is_exit_code_1_with_its_problems(run, tmp_path, person):
    own = tmp_path / "own.toml"
    own.write_text('format = 1\nextends = "pipedrv"\n')

    done = run("explain", "--mapping", own, person)

    assert done.code == 1
    assert "own.toml:2:1: error: extends: there is no preset 'pipedrv'" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("--mapping", "pipedrv"),
        ("--mapping", "missing.toml"),
        ("--mapping", "pipedrive", "--country", "Ukraine"),
        ("--mapping", "pipedrive", "--time-zone", "Kyiv"),
        ("--mapping", "pipedrive", "--header", "nothing"),
        ("--mapping", "pipedrive", "--query", "=x"),
        ("--mapping", "pipedrive", "--no-such-option"),
        (),
    ],
)
def test_wrong_use_is_exit_code_1_and_says_why(run, person, words):
    done = run("explain", *words, person)

    assert done.code == 1
    assert done.err
    assert not done.out


def test_a_preset_goes_before_a_file_of_its_name(run, person, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pipedrive").write_text("no mapping")

    assert run("explain", "--mapping", "pipedrive", person).code == 0


def test_settings_reach_the_mapping(explained, tmp_path):
    sample = tmp_path / "sample.json"
    sample.write_text('{"id": 1, "phone": "22 600 00 01", "at": "2026-03-01 12:00:00", "who": null}')
    own = tmp_path / "own.toml"
    own.write_text(
        'format = 1\ncrm = "Own"\nchangedAt = "at"\n[contact]\nexternalId = "id"\nresponsible = "who"\n'
        'fullName = { join = ["$settings.brand", "$headers.x-source", "$query.event"] }\n'
        'contactLink = { template = "{$settings.crm_url}/c/{id}" }\n[[contact.phones]]\nvalue = "phone"\n'.replace(
            "$headers.x-source", "$headers.source"
        )
    )
    words = ("--country", "pl", "--time-zone", "UTC", "--crm-url", "https://crm.example.com", "--project", "9")
    more = ("--setting", "brand=Acme", "--header", "Source: shop", "--query", "event=a=b", "--setting", "responsible=7")

    (told,) = explained("--mapping", own, *words, *more, sample)["outcomes"]

    assert told["changed_at"] == "2026-03-01T12:00:00.000Z"
    assert told["payload"]["projectId"] == 9
    assert told["payload"]["fullName"] == "Acme shop a=b"
    assert told["payload"]["responsible"] == "7"
    assert told["payload"]["contactLink"] == "https://crm.example.com/c/1"
    assert told["payload"]["contactDirections"][0]["value"] == "+48226000001"


def test_the_answer_that_a_mapping_declares_is_told(run, explained, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        'format = 1\ncrm = "Own"\n[contact]\nexternalId = "id"\n[[contact.phones]]\nvalue = "phone"\n'
        '[answer]\nwhen = "challenge"\nstatus = 200\necho = ["challenge"]\n'
    )
    sample = tmp_path / "sample.json"
    sample.write_text('{"challenge": "3eZb"}')

    assert explained("--mapping", own, sample)["answer"] == {
        "status": 200,
        "contentType": "application/json",
        "body": '{"challenge": "3eZb"}',
    }
    assert "200 application/json" in run("explain", "--mapping", own, sample).out


def test_the_usual_answer_is_202(explained, person):
    answer = {"status": 202, "contentType": "application/json", "body": None}

    assert explained("--mapping", "pipedrive", person)["answer"] == answer


def test_a_programmer_all_of_whose_records_are_rejected_is_told_422(explained):
    assert explained("--mapping", "direct", "-", input='{"phone": "1"}')["answer"]["status"] == 422


def test_nothing_in_a_sample_can_steer_the_terminal(run, tmp_path):
    sample = tmp_path / "sample.json"
    steering = "\x1b]0;owned\x07\x9b2J\u202e[red]\ud800"
    sample.write_text(json.dumps({"meta": {"entity": steering, "id": steering}, "data": {steering: steering}}))

    for words in (("explain", "--mapping", "pipedrive"), ("paths",)):
        text = run(*words, sample).out

        assert not set("\x1b\x07\x9b\u202e") & set(text)
        assert "[red]" in text


def loaded_by(*words):
    """Run the command in a process of its own, without an environment; return its exit code and what it imported."""
    code = (
        "import json, sys; sys.path[:0] = ['src', '.']; from cli.main import bridge\n"
        "try: bridge(sys.argv[1:])\n"
        "except SystemExit as done: print(json.dumps([done.code, list(sys.modules)]))"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, check=True, cwd=ROOT, env={}, capture_output=True, text=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize("words", [("explain", "--mapping", "pipedrive", ODD_PHONES), ("validate",), ("presets",)])
def test_the_offline_verbs_load_neither_aws_nor_settings(words):
    code, modules = loaded_by(*words)

    assert code == 0
    assert not modules & {"boto3", "botocore", "settings", "clients", "aws_lambda_powertools", "pydantic"}


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_needs_the_environment_of_the_functions(verb):
    code, modules = loaded_by(verb, "--help")

    assert code == 0
    assert not modules & {"settings", "aws.clients"}


def test_help_loads_no_verb_and_no_rich():
    code, modules = loaded_by("--help")

    assert code == 0
    assert not modules & {"rich", "mapping", "cards", "jmespath", "cli.commands.explain"}


def test_n8_a_body_that_another_preset_knows_says_which(run):
    odoo = EVENTS / "odoo" / "contact.json"

    for mapping in ("pipedrive", "generic"):
        assert "the preset 'odoo' reads this body" in run("explain", "--mapping", mapping, odoo).out
        assert json.loads(run("explain", "--json", "--mapping", mapping, odoo).out)["presets"] == ["odoo"]
    assert "reads this body" not in run("explain", "--mapping", "odoo", odoo).out


def test_a_body_of_no_crm_is_no_presets(run, tmp_path):
    (tmp_path / "own.json").write_text('{"id": 7, "name": "Олена", "phone": "067 000 00 01"}')

    assert "reads this body" not in run("explain", "--mapping", "generic", tmp_path / "own.json").out


def test_a_broken_body_is_shown_where_it_breaks(run, tmp_path):
    (tmp_path / "broken.json").write_text('{"id": 1,\n "name" "Олена"}')

    lines = run("explain", "--mapping", "pipedrive", tmp_path / "broken.json").out.splitlines()

    [at] = [number for number, line in enumerate(lines) if line.strip() == "^"]
    assert lines[at - 1][lines[at].index("^")] == '"'
    assert '"name" "Олена"' in lines[at - 1]


@pytest.mark.parametrize(
    ("name", "content_type", "result"),
    [
        ("body.json", "", "reject"),
        ("body.json", "application/json; charset=windows-1251", "reject"),
        ("body", "", "change"),  # no type that API Gateway takes for text
    ],
)
def test_a_body_is_judged_as_api_gateway_hands_it_over(run, tmp_path, name, content_type, result):
    (tmp_path / name).write_bytes('{"id": 7, "name": "Олена", "phone": "067 000 00 01"}'.encode("cp1251"))

    told = json.loads(
        run("explain", "--json", "--mapping", "generic", "--content-type", content_type, tmp_path / name).out
    )

    [outcome] = told["outcomes"]
    assert (outcome["result"], outcome["code"]) == (result, "bad-encoding" if result == "reject" else None)


def test_a_form_that_came_as_json_says_so(run, tmp_path):
    (tmp_path / "form.json").write_text("id=1&name=x")

    assert (
        "a form, 11 bytes, sent as application/json"
        in run("explain", "--mapping", "generic", tmp_path / "form.json").out
    )


def test_a_text_where_a_list_is_wanted_is_not_called_empty(run, tmp_path):
    path = tmp_path / "text.json"
    path.write_text('{"meta": {"entity": "person"}, "data": {"id": 1, "name": "Олена", "phones": "067 000 00 01"}}')

    text = run("explain", "--mapping", "pipedrive", path).out

    assert "data.phones is empty" not in text
    assert "an object is wanted here" in text


def test_a_deletion_shows_its_card(run):
    text = run("explain", "--mapping", "bitrix24", EVENTS / "bitrix24" / "contact-deleted.form").out

    assert "DELETE  deleted-in-crm  card 106#Bitrix24#contact:82" in text
    assert "0 changes, 1 deleted, 0 skipped, 0 rejected" in text


@pytest.mark.parametrize("command", GUIDED)
def test_what_a_guide_shows_can_be_run(run, explained, monkeypatch, command):
    monkeypatch.chdir(ROOT)
    _, *words = shlex.split(command)

    done, told = run("explain", *words), explained(*words)["outcomes"]

    rejected = any(outcome["result"] == "reject" for outcome in told)
    assert done.code == (2 if rejected else 0), done.err


def test_the_guides_show_answers_too():
    assert sum(" --lookup " in command for command in GUIDED) > 10


@pytest.mark.parametrize("case", [case for case in CASES if case.mapping != case.crm], ids=str)
def test_an_answer_is_shown_with_the_rows_of_the_mapping_that_reads_it(case, run):
    _, _, *words = options(case)

    done, by_itself = (run("explain", "--mapping", name, *words) for name in (case.crm, case.mapping))

    assert done.out == by_itself.out
    assert f"mapping  {case.mapping} (" in done.out


@pytest.mark.parametrize(
    ("mapping", "lookup", "words"),
    [
        ("keycrm", "contcat", "there is no look-up 'contcat'; did you mean 'contact'? There are card, contact, "),
        ("keycrm", "nonsense", "there is no look-up 'nonsense'. There are card, contact, "),
        ("keycrm-api", "nonsense", "There are card, contact, "),
        ("generic", "contact", "the mapping 'generic' looks nothing up"),
    ],
)
def test_a_look_up_that_is_none_is_wrong_use_and_says_which_there_are(run, person, mapping, lookup, words):
    done = run("explain", "--mapping", mapping, "--lookup", lookup, person)

    assert done.code == 1
    assert words in " ".join(done.err.split())
    assert done.out == ""


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--staff", "Olena@Example.com=501"), 'staffId  "501"'),
        (("--staff", "petro@example.com=502"), "not-in-staff: the list of Ringostat's employees lacks a value"),
        ((), "not-in-staff: no list of Ringostat's employees is known: bridge staff PROJECT --try reads it"),
    ],
)
def test_an_employee_of_ringostat_is_found_in_what_the_option_gives(run, tmp_path, words, shown):
    path, body = tmp_path / "own.toml", tmp_path / "body.json"
    path.write_text(
        'format = 1\ncrm = "Own"\n[contact]\nexternalId = "id"\nfullName = "name"\n'
        'staffId = { from = "owner", staff = "email" }\n[[contact.phones]]\nvalue = "phone"\n'
    )
    body.write_text('{"id": 1, "name": "Olha", "owner": "olena@example.com"}')

    done = run("explain", "--mapping", path, *words, body)

    assert shown in re.sub(" {2,}", "  ", done.out)
