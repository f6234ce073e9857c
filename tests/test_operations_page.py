"""What docs/operations.md says of errors and exit codes is so."""

import inspect
import re

import errors
from cli import exits
from local import template

PAGE = (template.ROOT / "docs" / "operations.md").read_text("utf-8")


def test_every_error_that_is_raised_is_on_the_page():
    """Classes that only group others have no row; a code without an HTTP status has a dash."""
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "errors"]
    raised = {kind.__name__: kind.code for kind in classes if not set(kind.__subclasses__()) & set(classes)}
    table = PAGE.split("## Errors, by who must act")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| `([a-z-]+)` \| (\d{3}|–) \|", table, re.MULTILINE)

    assert {name: code for name, code, _ in rows} == raised
    for name, _, status in rows:
        kind = getattr(errors, name)
        expected = kind.status if issubclass(kind, errors.SenderError) else errors.Unavailable.status
        assert status in ("–", str(expected)), name


def test_every_exit_code_is_on_the_page():
    codes = {value for name, value in vars(exits).items() if name.isupper()}
    line = re.search(r"^Exit codes: (.*)$", PAGE, re.MULTILINE).group(1)

    assert {int(code) for code in re.findall(r"(?:^|; )(\d+)", line)} == codes
