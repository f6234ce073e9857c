"""The problems of a mapping on the screen."""

from collections.abc import Iterator

from cli.terminal import Cell, say


def show_problems(problems: str, style: str) -> None:
    """Print problems as they are listed, each with its line."""
    for line in problems.splitlines():
        say(*_styled(line, style))


def _styled(line: str, style: str) -> Iterator[Cell]:
    """Colour where and what; the line of the file, its caret and the hint stay as they are."""
    place, mark, message = line.partition(": ")
    if line.startswith(" ") or not mark:
        yield Cell(line)
        return
    yield Cell(place + mark, "bold")
    severity, mark, message = message.partition(": ")
    yield Cell(severity + mark, style)
    yield Cell(message)
