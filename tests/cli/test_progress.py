import io
import sys

import pytest

from cli import progress


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("total", "last"), [(500, "500/500"), (None, "500/?")])
def test_a_terminal_sees_how_far_it_is_and_how_fast(monkeypatch, total, last):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")

    with progress.shown(total, "lines") as at:
        for done in range(1, 501):
            at(done)

    assert last in screen.getvalue()
    assert "lines, " in screen.getvalue()
    assert "/s," in screen.getvalue()


def test_nothing_is_shown_where_no_terminal_is(capsys):
    with progress.shown(500, "lines") as at:
        at(500)

    assert capsys.readouterr() == ("", "")
