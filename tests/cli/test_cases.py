"""`bridge test` compares what CRMs send with what it must become."""

import json

import pytest

OWN = 'format = 1\ncrm = "Own"\n[contact]\nexternalId = "id"\nfullName = "name"\n[[contact.phones]]\nvalue = "phone"\n'


@pytest.fixture
def folder(tmp_path):
    """A folder of cases of a CRM of one's own."""
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/olena.json").write_text('{"id": 1, "name": "Olena", "phone": "067 000 00 01"}')
    return tmp_path


def test_the_events_of_this_repository_pass(run):
    done = run("test")

    assert done.code == 0
    assert done.out.endswith(" passed, 0 failed\n")


def test_a_case_without_an_expectation_fails_until_it_is_written(run, folder):
    first = run("test", folder)
    update = run("test", "--update", folder)
    again = run("test", folder)

    assert (first.code, update.code, again.code) == (1, 0, 0)
    assert "failed own/olena" in first.out
    assert "there is no .expected.json" in first.out
    assert again.out == "1 passed, 0 failed\n"
    assert json.loads((folder / "own/olena.expected.json").read_text())[0]["card"] == "contact:1"


def test_a_difference_is_shown_line_by_line(run, folder):
    run("test", "--update", folder)
    (folder / "own/olena.json").write_text('{"id": 1, "name": "Olha", "phone": "067 000 00 01"}')

    done = run("test", folder / "own")

    assert done.code == 1
    assert '-      "fullName": "Olena",' in done.out
    assert '+      "fullName": "Olha",' in done.out
    assert done.out.endswith("\n0 passed, 1 failed\n")


def test_what_lies_beside_the_body_counts(run, folder):
    beside = {
        "query": {"name": "Olha", "boss": "boss@example.com"},
        "settings": {"country": "PL"},
        "staff": {"Boss@example.com": "501"},
    }
    (folder / "own/olena.request.json").write_text(json.dumps(beside))
    staff_id = 'staffId = { from = "$query.boss", staff = "email" }'
    (folder / "own.toml").write_text(OWN.replace('"name"', f'["$query.name", "name"]\n{staff_id}'))

    run("test", "--update", folder)

    fields = json.loads((folder / "own/olena.expected.json").read_text())[0]["fields"]
    assert (fields["fullName"], fields["staffId"], fields["phones.0"][0]["value"]) == ("Olha", "501", "+48670000001")


def test_the_layout_of_an_expectation_does_not_matter(run, folder):
    run("test", "--update", folder)
    expected = folder / "own/olena.expected.json"
    expected.write_text(json.dumps(json.loads(expected.read_text())))

    assert run("test", folder).code == 0


@pytest.mark.parametrize("damage", ["[", '{"a": 1}', ""])
def test_a_damaged_expectation_fails(run, folder, damage):
    (folder / "own/olena.expected.json").write_text(damage)

    assert run("test", folder).code == 1


def test_a_broken_mapping_fails_its_cases_and_is_told(run, folder):
    (folder / "own.toml").write_text(OWN + "[lead]\n")

    done = run("test", folder)

    assert done.code == 1
    assert "own.toml:8:1: error" in done.out


def test_a_request_that_is_no_json_fails_its_case(run, folder):
    (folder / "own/olena.request.json").write_text("{")

    assert run("test", folder).code == 1


def test_a_body_that_cannot_be_read_is_an_outcome_too(run, folder):
    (folder / "own/olena.json").write_text("{")

    run("test", "--update", folder)

    assert json.loads((folder / "own/olena.expected.json").read_text())[0]["code"] == "bad-body"


def test_folders_that_hold_something_else_are_left_out(run, folder):
    (folder / "letters").mkdir()
    (folder / "letters/a.json").write_text("{}")

    assert run("test", "--update", folder).out.endswith("1 passed, 0 failed\n")


def test_expectations_without_their_mapping_fail(run, folder):
    (folder / "own.toml").unlink()
    (folder / "own/olena.expected.json").write_text("[]")

    done = run("test", folder)

    assert done.code == 1
    assert "there is no mapping 'own'" in done.out


def test_n3_a_case_without_its_mapping_says_what_is_missing(run, folder):
    (folder / "own.toml").unlink()

    done = run("test", folder)

    assert done.code == 1
    assert "there is no mapping 'own' for the events in own/: put own.toml beside that folder" in done.err


@pytest.mark.parametrize("words", [(), ("--update",)])
def test_no_case_at_all_is_wrong_use(run, tmp_path, words):
    assert run("test", *words, tmp_path).code == 1


def test_without_a_folder_named_events_one_must_be_named(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert run("test").code == 1
