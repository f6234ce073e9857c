"""What docs/operations.md has people paste, run."""

import re
import sys

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
