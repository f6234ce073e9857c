"""Every guide of docs/connect has the same chapters, and its commands and entries are those of `bridge connect`."""

import json
import re
import shlex

import pytest

from access.schemes import SCHEMES
from cli.entry import OURS
from connections import connection_of
from local.in_process import aws
from local.template import ROOT
from mapping.language import loader

GUIDES = {
    path.stem: path.read_text("utf-8")
    for path in sorted((ROOT / "docs" / "connect").glob("*.md"))
    if path.stem != "README"
}
IN_ALL = ["Connect", "In the CRM", "What it sends", "Fields", "Test it", "Remove it", "By hand"]
ORDER = [*IN_ALL[:4], "Read the records", "Test it", "Typical errors", *IN_ALL[-2:]]


def chapter(guide, title):
    return re.search(rf"^## {title}\n\n(.*?)(?=^## |\Z)", GUIDES[guide], re.DOTALL | re.MULTILINE)[1]


def by_hand(guide):
    """The connection's name and entry."""
    ((name, entry),) = json.loads(re.search(r"```json\n(.*?)```", chapter(guide, "By hand"), re.DOTALL)[1]).items()
    return name, entry


def test_there_is_a_guide_for_every_preset():
    assert {name.removesuffix("-v1") for name in loader.presets()} == GUIDES.keys()


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_has_its_chapters_in_their_order(guide):
    titles = re.findall(r"^## (.*)", GUIDES[guide], re.MULTILINE)

    known = [title for title in titles if title in ORDER]
    own = titles[2 : titles.index("What it sends")]  # a body to paste, which the steps name
    assert known == [title for title in ORDER if title in titles]
    assert set(IN_ALL) <= set(known)
    assert titles[:2] + own + titles[2 + len(own) :] == [*known[:2], *own, *known[2:]]


@pytest.mark.parametrize("guide", GUIDES)
def test_the_steps_in_the_crm_are_plain_text_that_names_where_to_click(guide):
    lines = chapter(guide, "In the CRM").splitlines()

    numbers = [int(line.partition(".")[0]) for line in lines if not line.startswith("   ") and line]
    assert numbers == list(range(1, len(numbers) + 1)) != []
    assert not [line for line in lines if "```" in line or line.lstrip().startswith("|") or "](" in line or "{" in line]
    name, _ = by_hand(guide)
    assert guide == "salesforce-cdc" or f"`<base address>/crm/{name}" in "\n".join(lines)
    assert guide in ("copper", "close", "direct") or "**" in "\n".join(lines)  # these three are told by a program


@pytest.mark.parametrize("guide", GUIDES)
def test_the_first_command_of_a_guide_stores_the_entry_that_it_shows(guide, online):
    words = shlex.split(re.search(r"^\.venv/bin/bridge (connect .*)", chapter(guide, "Connect"), re.MULTILINE)[1])
    where = words.index("--stack")
    name, shown = by_hand(guide)
    scheme = shown.get("verify", {}).get("scheme")
    needs = SCHEMES[scheme].needs if scheme else ()
    theirs = [f"--verify={field}=one:key" for field in needs if field not in (*OURS, "url", "field")]
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString="{}")

    done = online(*words[:where], *words[where + 2 :], "--project", 106, "--yes", *theirs)

    secrets = json.loads(aws("secretsmanager").get_secret_value(SecretId="connections")["SecretString"])
    assert done.code == 0, done.err
    assert secrets[name].keys() == shown.keys() - {"lookups"}
    assert secrets[name].get("verify", {}).keys() == shown.get("verify", {}).keys()
    plain = ("mapping", "project", "country", "time_zone", "crm_url", "account", "board_id")
    assert {key: secrets[name].get(key) for key in plain} == {key: shown.get(key) for key in plain}
    assert connection_of({name: shown}, name)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_says_how_to_remove_what_it_made(guide):
    assert f"bridge disconnect {by_hand(guide)[0]} --stack" in chapter(guide, "Remove it")


def results(guide):
    """What the samples of a guide's preset become."""
    expected = (ROOT / "events" / guide).glob("*.expected.json")
    return {outcome["result"] for path in expected for outcome in json.loads(path.read_text("utf-8"))}


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_says_of_deletions_what_the_preset_does(guide):
    told = GUIDES[guide]

    assert re.search(r"^- \*\*[^*]*[Dd]eletes", chapter(guide, "What it sends"), re.MULTILINE)
    assert ("marked as deleted" in told) == ("delete" in results(guide))
    assert ("erases the card" in told or "erase the card" in told) == ("erase" in results(guide))
    assert not re.search(r"delet[^.\n]*(counted|change nothing)", told)


BY_PROGRAM = ("close", "copper", "direct")  # these have an address of an API in place of a menu


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_says_where_to_click_what_a_failure_does_and_how_to_test(guide):
    steps = chapter(guide, "In the CRM")
    failure = re.search(
        r"^- \*\*\[After 429 or an outage\]\(\S+\)\*\*: (.*)", chapter(guide, "What it sends"), re.MULTILINE
    )
    commands = re.findall(
        r"^\.venv/bin/bridge (?:explain|test|send) .*events/(\S+?)/", chapter(guide, "Test it"), re.MULTILINE
    )

    assert "POST" in steps if guide in BY_PROGRAM else re.search(r"\*\*[^*]+ > [^*]+\*\*", steps)
    assert re.match(r"(may be )?(lost|sent again|send it again|ask |your process decides|does not occur)", failure[1])
    assert guide in commands


def test_no_sentence_stands_in_half_of_the_guides():
    """What is common stands once, in README.md."""
    lines = [{line for line in text.splitlines() if len(line) > 60} for text in GUIDES.values()]

    often = {line for guide in lines for line in guide if sum(line in other for other in lines) > len(lines) / 2}
    assert often == set()
