"""Figures of a proof are shown, whatever pytest captures."""

import pytest


@pytest.fixture
def show(request, capsys):
    """Return what writes a line to the terminal."""
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")

    def write(line):
        with capsys.disabled():
            terminal.ensure_newline()
            terminal.write_line(line)

    return write
