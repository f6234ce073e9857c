import pytest

from ops.card_text import refusal_of
from tests.cli.people import person


@pytest.fixture
def refused(bridge, ringostat):
    """Cards 1 and 2 of `acme`, card 3 of `shop`, refused; card 4 is fine."""
    ringostat.faults(*({"refuse": {"externalId": str(number)}, "times": 1000} for number in (1, 2, 3)))
    for number in (1, 2, 4):
        bridge.post("acme", person(number))
    bridge.deliver()
    bridge.clock.pass_(3600)
    bridge.post("shop", person(3), token="new")
    bridge.deliver()
    ringostat.faults()


def refusals(bridge):
    keys = [f"106#Pipedrive#contact:{number}" for number in (1, 2, 4)] + ["107#Pipedrive#contact:3"]
    return {key[-1] for key, card in bridge.cards.read(keys).items() if refusal_of(card)}


def test_refused_cards_are_listed_newest_first_with_code_and_field(online, bridge, refused):
    done = online("refused", "list")

    head, *rows, end = done.out.splitlines()
    assert done.code == 2
    assert head.split() == ["refused", "key", "connection", "code", "field"]
    assert "107#Pipedrive#contact:3" in rows[0]
    assert {row.split("contact:")[1][0] for row in rows[1:]} == {"1", "2"}
    assert end == "3 refused"
    assert refusal_of(bridge.card("107#Pipedrive#contact:3")).code in rows[0]
    assert all("next try" in row for row in rows)
    assert "Олена" not in done.out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ([], {"1", "2", "3"}),
        (["--connection", "acme"], {"1", "2"}),
        (["--since", "30min"], {"3"}),
        (["--code", "of-another-kind"], set()),
    ],
)
def test_a_retry_posts_what_the_filters_mean(online, bridge, refused, words, meant):
    dry = online("refused", "retry", "--dry-run", *words)
    assert refusals(bridge) == {"1", "2", "3"}

    done = online("refused", "retry", *words)
    at_once = refusals(bridge)
    bridge.deliver()

    assert dry.out == f"{len(meant)} would be retried, nothing was written\n"
    assert done.out == f"{len(meant)} due again\n"
    assert at_once == refusals(bridge) == {"1", "2", "3"} - meant
    assert {key[-1] for project in (106, 107) for key in bridge.due(project)} == {"1", "2", "3"} - meant


def test_what_ringostat_refuses_again_is_refused_again(online, bridge, ringostat, refused):
    ringostat.faults({"refuse": {"externalId": "1"}, "times": 1000})

    online("refused", "retry")
    bridge.deliver()

    assert refusals(bridge) == {"1"}


def test_a_card_that_changed_meanwhile_is_left_to_its_own_ring(online, bridge, refused):
    def change():
        bridge.post("acme", person(1, name="Олена Мельник", at="2026-03-02T10:00:00.000Z"))

    table = online.stack.client("dynamodb")
    write = table.transact_write_items

    def late(**given):
        change()
        return write(**given)

    table.transact_write_items = late

    done = online("refused", "retry", "--connection", "acme")
    bridge.deliver()

    assert done.out.endswith("1 due again; 1 changed meanwhile, which ends their refusal\n")
    assert refusals(bridge) == {"3"}


def test_nothing_refused_is_exit_code_0(online):
    done = online("refused", "list")

    assert (done.code, done.out) == (0, "0 refused\n")
