import pytest

from cards.key import key_of
from ops.times import local
from tests.cli.people import person

KEY = "106#Pipedrive#contact:42"


def lines(done):
    """The titles and texts of the story that a card tells."""
    return {line[2:12].strip(): line[12:] for line in done.out.splitlines() if line.startswith("  ")}


def test_a_delivered_card_shows_its_fields_with_stamps_and_what_was_confirmed(online, bridge):
    bridge.post("acme", person())
    bridge.deliver()

    done = online("status", "acme", 42)

    assert done.code == 0
    assert f"{KEY}  delivered\n" in done.out
    assert "  Олена Коваль\n" in done.out
    assert "  +380670000001\n" in done.out
    assert "changed 2026-03-01" in done.out
    assert lines(done)["confirmed"].startswith("the newest state, 2026-05-")
    assert lines(done)["came by"] == "acme"


def test_phones_and_companies_are_shown_for_people(online, bridge):
    phones = [{"value": "067 000 00 01", "primary": True, "label": "work"}, {"value": "067 000 00 02"}]
    event = person(org_id=5)
    event["data"]["phones"] = phones
    bridge.post("acme", event)

    shown = online("status", "acme", 42).out

    assert "+380670000001 (primary), +380670000002\n" in shown
    assert shown.count("{") == shown.count("[") == 0


@pytest.mark.parametrize("words", ["status acme 42", "due"])
@pytest.mark.parametrize(("fault", "colour"), [(None, "36"), ({"status": 503}, "33"), ({"status": 400}, "31")])
def test_a_state_has_its_own_colour(online, bridge, ringostat, monkeypatch, words, fault, colour):
    monkeypatch.setenv("FORCE_COLOR", "1")
    bridge.post("acme", person())

    if fault:
        ringostat.faults(fault)
        bridge.deliver()

    assert f"\x1b[{colour}m" in online(*words.split()).out


def test_a_card_with_newer_content_says_that_ringostat_holds_an_older_state(online, bridge):
    bridge.post("acme", person())
    bridge.deliver()
    bridge.post("acme", person(name="Олена Мельник", at="2026-03-02T10:00:00.000Z"))

    done = online("status", "acme", 42)

    assert f"{KEY}  due\n" in done.out
    assert lines(done)["confirmed"].startswith("an older state than the newest")
    assert lines(done)["next try"].startswith("2026-05-")


def test_n6_a_refused_card_names_code_and_field(online, bridge, ringostat):
    ringostat.faults({"refuse": {"externalId": "42"}})
    bridge.post("acme", person())
    bridge.deliver()
    once, due, doctor = online("status", "acme", 42), online("due"), online("doctor")
    for seconds in (60, 3600, 86_400):
        bridge.clock.pass_(seconds)
        bridge.sweep()
        bridge.deliver()

    done = online("status", "acme", 42)

    assert f"{KEY}  refused once (400)\n" in once.out
    assert lines(once)["refused"].endswith("; once so far, tried again")
    assert lines(once)["answer"].startswith("400, 2026-05-")
    assert "next try" in lines(once)
    assert "refused once (400)" in due.out
    assert "last answer 400, " in due.out
    assert "Ringostat refused cards that were alone (1)" in doctor.out
    card = bridge.card(KEY)
    assert f"{KEY}  refused ({card.refused.code})\n" in done.out
    assert lines(done)["refused"].startswith(f"{card.refused.code}, field {card.refused.field}, 2026-05-")
    assert "next try" not in lines(done)


def test_an_ambiguous_answer_is_told_with_the_next_try_and_then_the_assertion(online, bridge, ringostat):
    ringostat.faults({"drop": "after", "times": 1})
    bridge.post("acme", person())
    bridge.deliver()
    unclear = online("status", "acme", 42)
    bridge.clock.pass_(120)
    bridge.sweep()
    bridge.deliver()

    asserting = online("status", "acme", 42)

    assert "retrying (1)" in unclear.out
    assert lines(unclear)["unclear"].startswith("it is not known")
    assert "(in " in lines(unclear)["next try"]
    assert "delivered" in asserting.out
    assert "to be sure" in lines(asserting)["once more"]


def test_a_card_without_a_direction_says_what_it_waits_for(online, bridge):
    bridge.post("acme", person(phones=()))

    done = online("status", "acme", 42)

    assert "waiting (no-phone-or-email)" in done.out
    assert lines(done)["waits for"] == "neither a phone nor an e-mail is known"
    assert lines(done)["confirmed"].startswith("never")


def test_an_erased_card_shows_nothing_but_that(online, bridge):
    bridge.post("acme", person())
    bridge.cards.erase(KEY, bridge.clock.now())

    done = online("status", "acme", 42)

    assert f"{KEY}  erased\n" in done.out
    assert "Олена" not in done.out


@pytest.mark.parametrize("identity", ["olena@example.com", "+380670000001"])
def test_an_id_that_stands_as_a_hash_in_the_key_is_found_as_the_crm_writes_it(online, bridge, identity):
    bridge.post("acme-generic", {"id": identity, "name": "Олена", "phone": "067 000 00 01"})

    done = online("status", "acme-generic", identity)

    assert done.code == 0
    assert done.out.startswith(key_of(106, "CRM", f"contact:{identity}"))


def test_all_kinds_of_an_id_are_shown_and_one_if_it_is_named(online, bridge):
    bridge.post("acme-direct", {"kind": "contact", "externalId": "7", "fullName": "Олена", "phones": ["067 000 00 01"]})
    bridge.post("acme-direct", {"kind": "organization", "externalId": "7", "name": "Ромашка"})

    both, one = online("status", "acme-direct", "7"), online("status", "acme-direct", "organization:7")

    assert "contact:7" in both.out
    assert "organization:7" in both.out
    assert "contact:7" not in one.out
    assert "Ромашка" in one.out


def test_a_key_from_a_log_may_be_pasted(online, bridge):
    bridge.post("acme", person())

    assert online("status", "acme", KEY).out.startswith(KEY)


def test_an_id_that_no_event_named_is_exit_code_1_and_says_where_to_look(online):
    done = online("status", "acme", "999")

    assert done.code == 1
    assert "bridge rejected list --connection acme" in done.out


def test_an_unknown_connection_gets_a_hint(online):
    done = online("status", "acma", "42")

    assert done.code == 1
    assert "there is no connection 'acma'" in done.err
    assert "acme" in done.err


def test_an_open_circuit_is_told_with_its_remedy(online, bridge):
    bridge.put_auth_keys({"106": {"auth_key": "wrong"}})
    for number in range(1, 6):
        bridge.post("acme", person(number))
        bridge.deliver()

    first = bridge.throttles.read(106, bridge.clock.time).failing_since
    done = online("status", "acme", "5")

    assert f"there is no auth key that Ringostat takes since {local(first)}" in done.out
    assert "bridge project add" in done.out


@pytest.mark.parametrize(
    ("keys", "answer"),
    [({"106": {"auth_key": "wrong"}}, "401, "), ({"107": {"auth_key": "other-key"}}, "none (no-auth-key), ")],
    ids=["wrong", "none"],
)
def test_n6_the_last_answer_stands_on_the_card_before_any_circuit_opens(online, bridge, keys, answer):
    bridge.put_auth_keys(keys)
    bridge.post("acme", person())
    bridge.deliver()

    done = online("status", "acme", 42)

    assert bridge.throttles.read(106, bridge.clock.time).circuit is None
    assert lines(done)["answer"].startswith(answer)
    assert f"last answer {answer}" in online("due").out


def test_n2_a_project_without_a_key_is_not_told_that_its_key_is_wrong(online, bridge):
    bridge.put_auth_keys({"107": {"auth_key": "other-key"}})
    for number in range(1, 6):
        bridge.post("acme", person(number))
        bridge.deliver()

    done = online("due")

    assert "project 106: there is no auth key that Ringostat takes since " in done.out
    assert "none (no-auth-key)" in done.out
    assert "does not take" not in done.out


def test_n6_a_wish_of_ringostat_to_wait_is_told(online, bridge, ringostat):
    ringostat.faults({"status": 429, "headers": {"Retry-After": "600"}, "times": 1})
    bridge.post("acme", person())
    bridge.deliver()

    assert "Ringostat asked to wait until" in online("status", "acme", 42).out
