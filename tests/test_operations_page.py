"""What docs/operations.md says of errors and exit codes is so; what it has people paste, runs."""

import inspect
import re
import sys

import errors
from cli import exits
from local import template
from local.in_process import aws
from settings import SETTINGS
from tests.delivery.test_worker import change, key, names, woken

PAGE = (template.ROOT / "docs" / "operations.md").read_text("utf-8")
(RESTORE,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
RESTORED = "cards-restored"


def back_up():
    """Copy the table, as point-in-time recovery does."""
    properties = template.load()["Resources"]["CardsTable"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    aws("dynamodb").create_table(TableName=RESTORED, **{name: properties[name] for name in wanted})
    for row in aws("dynamodb").scan(TableName=SETTINGS.cards_table)["Items"]:
        aws("dynamodb").put_item(TableName=RESTORED, Item=row)


def test_restored_cards_go_to_ringostat_again_and_the_erased_stay_erased(bridge, ringostat, monkeypatch, capsys):
    change(bridge, 1)
    change(bridge, 2)
    woken(bridge, [key(1), key(2)])
    back_up()
    change(bridge, 1, fullName="Wrong")
    woken(bridge, [key(1)])
    bridge.cards.erase(key(2), bridge.clock.now())
    wrong = names(ringostat)["1"]

    monkeypatch.setattr(sys, "argv", ["restore.py", RESTORED, SETTINGS.cards_table])
    exec(compile(RESTORE, "restore.py", "exec"), {"__name__": "__main__"})
    woken(bridge, [key(1), key(2)])

    assert (wrong, names(ringostat)["1"]) == ("Wrong", "Olena 1")
    assert bridge.card(key(2)).erased is not None
    assert capsys.readouterr().out.endswith(f"erased since: {key(2)}\n")


def test_every_error_that_is_raised_is_on_the_page():
    """Classes that only group others have no row; a code without an HTTP status has a dash."""
    classes = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "errors"]
    groups = {base for kind in classes for base in kind.__bases__}
    raised = {kind.__name__: kind.code for kind in classes if kind not in groups}
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
