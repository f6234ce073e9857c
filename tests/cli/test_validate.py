"""`bridge validate` tells all problems of a file, each with its line."""

import re

import pytest

DAMAGED = """format = 1
crm = "Own"

[[record]]
when = 'meta.entity == "person" && meta.action != 2'
do   = "chnage"

[contact]
fulname    = "data.name"
externalId = "data.custom-fields.id"

contactLink = { template = "https://{meta.host/person/{data.id}" }
leadId = 42
staffId = "to_sting(data.owner_id)"
fullName = ["data.імʼя",
            "data.name"]
"""
DOUBTFUL = """format = 1
crm = "Own"
[contact]
externalId = "id"
fullName = 'name || kind == "person"'
[[contact.phones]]
value = "phone"
"""


@pytest.fixture
def file(tmp_path):
    def write(text, name="own.toml"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def test_all_problems_are_told_at_once_with_line_column_caret_and_hint(run, file):
    done = run("validate", file(DAMAGED, "bad.toml"))

    places = re.findall(r"bad\.toml:(\d+:\d+): error: ", done.out)
    assert done.code == 1
    assert [at for at in places if at in ("5:51", "6:1", "9:1", "10:26", "12:37", "13:1", "14:12", "15:19")] == [
        "5:51", "6:1", "9:1", "10:26", "12:37", "13:1", "14:12", "15:19"
    ]  # fmt: skip
    assert "     6 | do   = \"chnage\"\n       | ^\n       = did you mean 'change'?\n" in done.out


@pytest.mark.parametrize(("words", "code"), [((), 0), (("--strict",), 1)])
def test_warnings_fail_only_when_asked_to(run, file, words, code):
    done = run("validate", *words, file(DOUBTFUL))

    assert done.code == code
    assert "own.toml:5:29: warning: " in done.out


def test_without_a_file_all_presets_are_checked_and_have_not_even_a_warning(run):
    done = run("validate", "--strict")

    assert done.code == 0
    assert "pipedrive: fine" in done.out
    assert done.out.endswith(" fine, 0 wrong\n")


def test_one_wrong_file_among_good_ones_fails(run, file):
    done = run("validate", "pipedrive", file("format = 2"), "kommo")

    assert done.code == 1
    assert done.out.endswith("2 fine, 1 wrong\n")


def test_a_file_that_is_not_there_is_told(run):
    assert run("validate", "nowhere.toml").code == 1


def test_the_file_itself_cannot_steer_the_terminal(run, file):
    assert "\x9b" not in run("validate", file('format = 1\ncrm = "a\x9b2J"\nextends = "x"')).out
