"""News are merged whoever else writes; a contact gets its organization's name whichever of them comes first."""

import itertools

import pytest

from cards.card import stamped
from cards.endpoints import compose
from cards.key import key_of, members_page
from cards.write import Write
from errors import Unavailable
from intake.merging import Merging

CONTACT, OTHER, ORGANIZATION = (key_of(106, "Pipedrive", card) for card in ("contact:1", "contact:2", "organization:9"))


def contact(number=1, at=1):
    values = {
        "externalId": str(number),
        "phones.0": [{"value": f"+38067000000{number}", "name": None, "primary": True}],
        "organizations.0": [{"externalId": "9", "name": None}],
    }
    return stamped(values, changed_at=at, received_at=at)


def organization(name="Acme", at=1):
    return stamped({"externalId": "9", "name": name}, changed_at=at, received_at=at)


def merge(cards, news, now=1):
    return Merging(cards, connection="acme", now=now).merge(news)


def employer(bridge, key=CONTACT):
    card = bridge.card(key)
    organizations = compose(key, card.fields).payload["organizations"]
    return organizations[0]["name"] if organizations else None


@pytest.mark.parametrize(
    "order",
    [
        *itertools.permutations([{CONTACT: [contact()]}, {ORGANIZATION: [organization()]}]),
        [{CONTACT: [contact()], ORGANIZATION: [organization()]}],
    ],
)
def test_a_contact_gets_its_organizations_name_whichever_comes_first(nowhere, order):
    for news in order:
        merge(nowhere.cards, news)

    assert employer(nowhere) == "Acme"


def test_an_organization_names_every_contact_that_waited_and_rings_them(nowhere):
    merge(nowhere.cards, {CONTACT: [contact()], OTHER: [contact(2)]})

    merged = merge(nowhere.cards, {ORGANIZATION: [organization()]})

    assert merged.verdicts == {ORGANIZATION: ["accepted"]}
    assert sorted(merged.due) == [CONTACT, OTHER, ORGANIZATION]
    assert employer(nowhere, OTHER) == "Acme"


def test_a_contact_without_its_organizations_name_is_posted_without_it(nowhere):
    merge(nowhere.cards, {CONTACT: [contact()]})

    assert employer(nowhere) is None
    assert nowhere.card(CONTACT).waiting is None


@pytest.mark.parametrize(("now", "rest"), [(9_000, 5), (10_000, 5), (10_001, 5), (11_000, 4), (14_999, 1), (15_000, 0)])
def test_a_card_that_ringostat_has_just_taken_rests_so_that_a_burst_of_edits_shares_a_post(nowhere, now, rest):
    first = merge(nowhere.cards, {CONTACT: [contact()]}).due
    nowhere.cards.write(Write(CONTACT, {"confirmed_at": 10_000}))

    later = stamped({"fullName": "Olena"}, changed_at=now, received_at=now)

    assert first == {CONTACT: 0}
    assert merge(nowhere.cards, {CONTACT: [later]}, now).due == {CONTACT: rest}


def test_an_organization_that_is_only_named_is_no_card(nowhere):
    merge(nowhere.cards, {CONTACT: [contact()]})

    assert nowhere.cards.read([ORGANIZATION]) == {}
    assert nowhere.due() == [CONTACT]


def test_a_new_name_reaches_the_contacts_that_waited_for_the_first(nowhere):
    merge(nowhere.cards, {CONTACT: [contact()]})
    merge(nowhere.cards, {ORGANIZATION: [organization("Acme")]})

    merge(nowhere.cards, {ORGANIZATION: [organization("Acme Ltd", at=2)]})

    assert employer(nowhere) == "Acme Ltd"


@pytest.mark.parametrize(
    "news",
    [
        [{ORGANIZATION: [organization("Old")]}, {CONTACT: [contact()]}],
        [{ORGANIZATION: [organization("Old")], CONTACT: [contact()]}],
    ],
)
def test_a_contact_that_changes_takes_its_organizations_present_name(nowhere, news):
    for one in news:
        merge(nowhere.cards, one)
    merge(nowhere.cards, {ORGANIZATION: [organization("New", at=2)]})

    merge(nowhere.cards, {CONTACT: [contact(at=3)]})

    assert employer(nowhere) == "New"


class Late:
    """The table, while a contact asks for the name just before its organization is written."""

    def __init__(self, cards):
        self._cards = cards

    def __getattr__(self, name):
        return getattr(self._cards, name)

    def write_all(self, writes, until, **first):
        if writes[0].key == ORGANIZATION:
            merge(self._cards, {CONTACT: [contact()]})
        return self._cards.write_all(writes, until, **first)


def test_a_contact_that_asks_while_the_name_is_written_gets_it(nowhere):
    merge(Late(nowhere.cards), {ORGANIZATION: [organization()]})

    assert employer(nowhere) == "Acme"


def test_a_contact_that_is_gone_gets_no_name(nowhere):
    nowhere.cards.write(Write(members_page(ORGANIZATION, CONTACT), {}, members=frozenset([CONTACT])))

    merge(nowhere.cards, {ORGANIZATION: [organization()]})

    assert CONTACT not in nowhere.cards.read([CONTACT])


def test_when_time_is_up_the_event_is_given_back(nowhere):
    with pytest.raises(Unavailable):
        Merging(nowhere.cards, connection="acme", now=1, until=0).merge({CONTACT: [contact()]})


def test_verdicts_are_of_the_changes_alone(nowhere):
    merge(nowhere.cards, {ORGANIZATION: [organization()]})

    assert merge(nowhere.cards, {CONTACT: [contact(), contact()]}).verdicts == {CONTACT: ["accepted", "unchanged"]}
    assert merge(nowhere.cards, {CONTACT: [contact()]}).verdicts == {CONTACT: ["unchanged"]}


class Contended:
    """The table, while another request writes each card first, so many times."""

    def __init__(self, cards, times):
        self._cards = cards
        self._times = times

    def __getattr__(self, name):
        return getattr(self._cards, name)

    def write_all(self, writes, until, **first):
        cards = [write.key for write in writes if "rev" in write.changes]
        if self._times and cards:
            self._times -= 1
            at = 100 - self._times
            merge(self._cards, {key: [stamped({"staffId": str(at)}, changed_at=at, received_at=at)] for key in cards})
        return self._cards.write_all(writes, until, **first)


def test_a_card_that_another_request_changes_is_merged_again(nowhere):
    merged = merge(Contended(nowhere.cards, 2), {ORGANIZATION: [organization()], CONTACT: [contact()]})

    assert merged.verdicts == {ORGANIZATION: ["accepted"], CONTACT: ["accepted"]}
    assert employer(nowhere) == "Acme"
    assert nowhere.card(CONTACT).fields["staffId"].value == "100"


def test_a_card_that_never_stands_still_is_given_back(nowhere):
    with pytest.raises(Unavailable):
        merge(Contended(nowhere.cards, 99), {CONTACT: [contact()]})
