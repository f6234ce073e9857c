"""Mappings that the cards table holds: which one reads an event, when it is read, what an older bundle makes of it."""

import json

import pytest

from cards.key import BUNDLE, mapping_key
from connections import connection_of
from errors import BadMapping, NewerMapping, Unavailable
from handlers import sweep
from local.in_process import CONNECTIONS, aws, connection, counted, overheard, unreachable
from mapping.language import loader
from mappings import Bundle, Mappings, Version, newest, puts, removed
from settings import SETTINGS

OWN = """format = 1
crm    = "Own"
changedAt = "at"
[contact]
externalId = "id"
fullName   = "name"
[[contact.phones]]
value = "phone"
"""
PERSON = {"id": 7, "name": "Олена Коваль", "nick": "Оленка", "phone": "067 000 00 01", "at": "2026-05-01T10:00:00Z"}
KEY = "106#Own#contact:7"


def own(number, text=OWN, **more):
    return Version("own", number, text, **more)


def stored(bridge, version):
    assert not bridge.cards.write_all(puts(version, version.version - 1))
    bridge.forget_mappings()


def mine(mapping, **more):
    return connection_of({"mine": {**connection(mapping), **more}}, "mine")


@pytest.fixture
def bridge(nowhere):
    nowhere.put_connections({**CONNECTIONS, "mine": connection("own")})
    return nowhere


def test_an_event_is_read_by_the_stored_mapping_and_log_and_card_say_which_version(bridge, caplog):
    stored(bridge, own(1))
    first = bridge.post("mine", PERSON)
    stored(bridge, own(2, OWN.replace('"name"', '"nick"')))
    second = bridge.post("mine", {**PERSON, "at": "2026-05-02T10:00:00Z"})

    assert (first.body["accepted"], second.body["accepted"]) == (1, 1)
    assert [record.mapping for record in caplog.records if hasattr(record, "mapping")] == ["own v1", "own v2"]
    card = bridge.cards.read([KEY])[KEY]
    assert (card.mapping, card.fields["fullName"].value) == ("own v2", "Оленка")


def test_a_later_reading_of_the_same_moment_heals_what_an_older_version_mapped_worse(bridge):
    """`bridge sync` and a replay in the CRM bring the same times again, later."""
    stored(bridge, own(1))
    bridge.post("mine", PERSON)
    stored(bridge, own(2, OWN.replace('"name"', '"nick"')))
    bridge.clock.pass_(1)

    assert bridge.post("mine", PERSON).body["accepted"] == 1
    assert bridge.cards.read([KEY])[KEY].fields["fullName"].value == "Оленка"


def test_events_of_presets_cost_no_call_more_and_a_stored_mapping_is_read_once(bridge):
    stored(bridge, own(1))
    bridge.post("mine", PERSON)
    bridge.post("acme-generic", PERSON)

    with counted() as of_preset:
        bridge.post("acme-generic", {**PERSON, "name": "Ольга", "at": "2026-05-02T10:00:00Z"})
    with counted() as of_stored:
        bridge.post("mine", {**PERSON, "name": "Ольга", "at": "2026-05-02T10:00:00Z"})

    assert of_preset == of_stored
    assert len(of_preset) == 3


def test_a_stored_mapping_is_read_every_five_minutes_and_serves_on_while_dynamodb_fails(bridge):
    seconds = [0.0]
    mappings = Mappings(bridge.cards, lambda: seconds[0])
    one = mine("own")
    stored(bridge, own(1))
    names = [mappings.of(one).name]
    stored(bridge, own(2))
    for seconds[0] in (299.0, 300.0):
        names.append(mappings.of(one).name)
    seconds[0] = 3600.0
    with overheard(unreachable("dynamodb")):
        names.append(mappings.of(one).name)
        with pytest.raises(Unavailable):
            Mappings(bridge.cards).of(one)

    assert names == ["own v1", "own v1", "own v2", "own v2"]


def test_a_preset_goes_before_a_stored_mapping_of_its_name_unless_the_connection_says_so(bridge):
    stored(bridge, Version("generic", 1, OWN))
    mappings = Mappings(bridge.cards)

    assert mappings.of(mine("generic")) is loader.load("generic")
    assert mappings.of(mine("generic", stored=True)).name == "generic v1"


@pytest.mark.parametrize(("format_", "error"), [(1, BadMapping), (2, NewerMapping)])
def test_what_this_version_cannot_read_is_named_and_its_events_stay_in_the_queue(bridge, caplog, format_, error):
    """After a rollback of the code a newer format is there; a text may also use a key that this version lacks."""
    stored(bridge, own(1, OWN + "[newer]\n", format=format_))

    answer = bridge.post("mine", PERSON)

    assert answer.status == 202
    assert bridge.take_inbox() == 1
    assert {record.error for record in caplog.records if hasattr(record, "error")} == {error.__name__}
    with pytest.raises(error, match="own v1"):
        Mappings(bridge.cards).of(mine("own"))


def test_an_event_of_a_mapping_that_is_nowhere_stays_in_the_queue_and_the_error_says_what_to_do(bridge):
    assert bridge.post("mine", PERSON).status == 202
    assert bridge.take_inbox() == 1
    with pytest.raises(BadMapping, match="bridge mapping put FILE --name own"):
        Mappings(bridge.cards).of(mine("own"))


def test_a_version_holds_what_it_extends_and_its_tables_so_nothing_changes_it(bridge):
    text = 'format = 1\nextends = "base"\n[contact]\nstaffId = { from = "owner", lookup = "staff" }\n'
    version = own(1, text, others={"base": ("base v2", OWN, {"staff": {"a": "1"}})}, tables={"staff": {"Iryna": "12"}})
    stored(bridge, version)

    found = Mappings(bridge.cards).of(mine("own"))

    assert (found.name, found.crm, found.lookups, found.warnings) == ("own v1", "Own", {"staff": {"Iryna": "12"}}, ())


def test_a_stored_mapping_may_name_a_stored_one_that_asks_the_crm(bridge):
    asking = (loader.PRESETS / "keycrm-api.toml").read_text("utf-8")
    text = 'format = 1\nextends = "keycrm"\napi = "own-api"\n'
    stored(bridge, own(1, text, others={"own-api": ("own-api v3", asking, {})}))

    found = Mappings(bridge.cards).of(mine("own"))

    assert loader.answers_of(found).name == "own-api v3"
    assert loader.answers_of(found).api is not None


def test_an_event_needs_no_compiled_answers_so_only_a_look_up_meets_their_faults(bridge):
    asking = (loader.PRESETS / "keycrm-api.toml").read_text("utf-8") + '[[contact.emails]]\nvalue = "email ||"\n'
    text = 'format = 1\nextends = "keycrm"\napi = "own-api"\n'
    version = own(1, text, others={"own-api": ("own-api v3", asking, {})})
    stored(bridge, version)

    found = Mappings(bridge.cards).of(mine("own"))

    assert {record.reads.name for record in found.records if record.lookup} == {"contact", "order", "card"}
    with pytest.raises(BadMapping, match="it ends too early"):
        loader.answers_of(found)
    with pytest.raises(BadMapping, match="own-api' is broken"):
        version.loaded()


def test_a_table_goes_before_those_of_what_is_extended_and_of_what_asks_the_crm_wherever_it_stands(bridge):
    uses = '[[record]]\nwhen = "$lookup == \'buyer\'"\n[contact]\nstaffId = { from = "owner", lookup = "staff" }\n'
    asking = 'format = 1\nextends = "keycrm-api"\n' + uses
    text = 'format = 1\nextends = "base"\napi = "own-api"\n[lookups.staff]\n"Iryna" = "12"\n'
    base = OWN.replace('"Own"', '"KeyCRM"') + '[lookups.staff]\n"Iryna" = "10"\n'
    base = base.replace('"name"\n', '"name"\nstaffId = { from = "owner", lookup = "staff" }\n')
    others = {
        "base": ("base v2", base, {"staff": {"Iryna": "11"}}),
        "own-api": ("own-api v3", asking, {"staff": {"Olena@Example.com": "13"}}),
    }

    found = own(1, text, others=others).loaded()

    assert found.lookups["staff"] == {"Iryna": "12"}
    assert loader.answers_of(found).lookups["staff"] == {"olena@example.com": "13"}
    assert own(1, text, others=others, tables={"staff": {"Iryna": "14"}}).loaded().lookups["staff"] == {"Iryna": "14"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'format = 1\nextends = "bsae"\n',
            "own v1:2:1: error: extends: 'bsae' is neither a preset nor a stored mapping",
        ),
        ('format = 1\nextends = "bitrix24"\napi = "bitrix24-ap"\n', "own v1:3:8: error: api: 'bitrix24-ap' is neither"),
        ('format = 1\nextends = "own"\n', "own v1:2:1: error: extends: mappings extend each other in a circle"),
    ],
)
def test_a_name_that_is_nowhere_and_a_circle_are_one_error_at_its_line(text, told):
    others = {"own": ("own v1", text, {})} if '"own"' in text else {}

    with pytest.raises(BadMapping) as bad:
        own(1, text, others=others).loaded()

    assert str(bad.value).startswith(told)
    assert str(bad.value).count("error: ") == 1
    assert ("did you mean" in str(bad.value)) is ("-ap" in text)


def test_of_two_versions_put_at_the_same_moment_one_is_stored(bridge):
    bridge.cards.write_all(puts(own(1), 0))
    first, second = (puts(own(2, OWN + f"# {who}\n"), 1) for who in ("first", "second"))

    assert not bridge.cards.write_all(first)
    assert bridge.cards.write_all(second)
    assert newest(bridge.cards, "own").text.endswith("# first\n")
    assert bridge.cards.row(mapping_key("own", 2))["text"].endswith("# first\n")


def test_a_removed_mapping_leaves_its_number_and_none_of_its_texts(bridge):
    bridge.cards.write_all(puts(own(1, tables={"staff": {"Iryna": "12"}}), 0))

    bridge.cards.write_all(removed("own", 1, now=5_000))

    assert newest(bridge.cards, "own") is None
    rows = bridge.cards.rows([mapping_key("own"), mapping_key("own", 1)])
    assert "Iryna" not in json.dumps(rows)
    assert rows[mapping_key("own")]["version"] == 1
    assert not bridge.cards.write_all(puts(own(2), 1))


def test_the_functions_tell_once_which_mappings_they_have(bridge):
    bundle = Bundle(bridge.cards)
    assert bundle.asked() is None

    with counted() as calls:
        bundle.tell()
        bundle.tell()

    assert calls == ["UpdateItem"]


def test_the_sweep_tells_which_mappings_the_functions_have(bridge):
    bundle = Bundle(bridge.cards)
    sweep.swept(bridge.clock.now())

    assert bundle.asked() == loader.mappings()
    assert "format" in bridge.cards.row(BUNDLE)


def test_a_get_of_a_connection_whose_mapping_cannot_be_read_is_kept(bridge):
    query = {"id": "7", "phone": "0670000001"}

    assert bridge.request("GET", "/crm/mine/local", query=query).status == 202
    queue = aws("sqs").get_queue_attributes(
        QueueUrl=SETTINGS.inbox_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert queue["Attributes"]["ApproximateNumberOfMessages"] == "1"
