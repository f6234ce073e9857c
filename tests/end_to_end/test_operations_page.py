"""The commands of docs/operations.md, word for word and in their order."""

import re
import shlex

import pytest

from local import template

pytestmark = [pytest.mark.world, pytest.mark.timeout(300)]

WAIT_SECONDS = 90  # `connect` waits until the functions know it, which read a secret anew at most once a minute

PAGE = (template.ROOT / "docs" / "operations.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]


def test_every_command_works(bridge, operate, tmp_path):
    for line in LINES:
        before, _, command = line.rpartition("| ")
        program, *words = shlex.split(command)
        assert program == "bridge", line
        words = [copied(word, tmp_path) for word in words]
        given = shlex.split(before)[1] + "\n" if before else None

        code, text = operate(*words, where=(), given=given, seconds=WAIT_SECONDS)

        assert code in ((0, 1) if words[0] == "doctor" else (0, 2)), f"{line}\n{text}"


def copied(word, directory):
    """A file that a command writes something beside, out of the way."""
    if not word.endswith(".csv"):
        return word
    copy = directory / "contacts.csv"
    if not copy.exists():
        copy.write_bytes((template.ROOT / word).read_bytes())
    return str(copy)
