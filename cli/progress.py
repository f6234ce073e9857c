"""How far a long run is, with rate and time left, on a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """Give a function that takes how many of the total are done (None: not known); elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console  # noqa: PLC0415 - as in cli.terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    words = TextColumn(f"{unit}, {{task.fields[rate]}}/s,")
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        words,
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task("", total=total, rate=0)
        yield lambda done: bar.update(task, completed=done, rate=round(bar.tasks[task].speed or 0))
