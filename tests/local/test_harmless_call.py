"""The call with which `bridge doctor` tries an auth key, as the emulator answers it."""

import pytest

from ops.auth_check import fault


@pytest.mark.parametrize(("key", "words"), [("local-key", ""), ("other-key", ""), ("wrong", "does not know")])
def test_a_key_of_some_project_is_taken_and_nothing_is_counted(ringostat, key, words):
    answer = fault(ringostat.url, key)

    assert answer == "" if not words else words in answer
    assert ringostat.state()["requests"] == 0
