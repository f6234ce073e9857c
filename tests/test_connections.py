"""The secrets are cached, outlive an outage of Secrets Manager, and are read afresh when an answer asks for it."""

import json

import pytest

from access import proves
from aws.client import Failure
from aws.secrets import Secret
from connections import auth_key_of, connection_of
from errors import BadConnection, Unavailable
from event import Request

MINUTE, HOUR = 60, 3600


class Vault:
    """Secrets Manager with one secret, counting its calls; a value of None is an outage."""

    def __init__(self, value):
        self.value = value
        self.calls = 0

    def call(self, operation, **_):
        self.calls += 1
        if self.value is None:
            raise Failure(operation, "InternalServiceError")
        return {"SecretString": self.value if isinstance(self.value, str) else json.dumps(self.value)}


@pytest.fixture
def time():
    return [1000.0]


def secret(vault, time):
    return Secret(vault, "name", lambda: time[0])


def test_a_value_is_read_once_in_five_minutes(time):
    vault = Vault({"a": 1})
    cached = secret(vault, time)

    for _ in range(3):
        assert cached.read() == {"a": 1}
    assert vault.calls == 1

    vault.value = {"a": 2}
    time[0] += 5 * MINUTE
    assert cached.read() == {"a": 2}


def test_the_last_good_value_serves_for_a_day_of_outage(time):
    vault = Vault({"a": 1})
    cached = secret(vault, time)
    cached.read()
    vault.value = None

    time[0] += 24 * HOUR - 1
    assert cached.read() == {"a": 1}
    time[0] += 1
    with pytest.raises(Unavailable):
        cached.read()


def test_during_an_outage_not_every_request_asks_again_while_a_good_value_serves(time):
    vault = Vault({"a": 1})
    cached = secret(vault, time)
    cached.read()
    vault.value = None
    time[0] += 5 * MINUTE

    for calls in (2, 3):
        assert [cached.read() for _ in range(10)] == [{"a": 1}] * 10
        assert vault.calls == calls
        time[0] += 5


def test_a2_without_a_good_value_every_request_asks_again(time):
    vault = Vault(None)
    cached = secret(vault, time)

    with pytest.raises(Unavailable):
        cached.read()
    vault.value = {"a": 1}
    assert cached.read() == {"a": 1}


def test_a_broken_new_value_does_not_replace_a_good_one(time):
    vault = Vault({"a": 1})
    cached = secret(vault, time)
    cached.read()
    vault.value = "{broken"

    time[0] += 5 * MINUTE
    assert cached.read() == {"a": 1}


@pytest.mark.parametrize("text", ["{broken", "[]", '"text"'])
def test_a_value_that_never_was_an_object_is_the_operators_to_fix(text, time):
    with pytest.raises(BadConnection):
        secret(Vault(text), time).read()


def test_a_key_that_was_not_accepted_is_read_afresh_at_most_once_a_minute(time):
    vault = Vault({"a": 1})
    cached = secret(vault, time)
    cached.read()
    vault.value = {"a": 2}

    assert cached.refresh() == {"a": 1}
    time[0] += MINUTE
    assert cached.refresh() == {"a": 2}
    vault.value = {"a": 3}
    assert cached.refresh() == {"a": 2}


ENTRY = {
    "mapping": "pipedrive",
    "project": "106",
    "country": "PL",
    "crm_url": "https://x",
    "verify": {"scheme": "basic"},
}


def test_a_connection_keeps_its_verification_from_mappings():
    connection = connection_of({"acme": ENTRY}, "acme")

    assert (connection.name, connection.mapping, connection.project) == ("acme", "pipedrive", 106)
    assert connection.settings == {"country": "PL", "crm_url": "https://x"}


def test_a_connection_of_the_queue_alone_admits_no_request_by_http():
    connection = connection_of({"acme": {"mapping": "pipedrive", "project": 106}}, "acme")

    assert not proves(connection.verify, Request(b"", {}, "token"))


def test_an_unknown_connection_is_none():
    assert connection_of({"acme": ENTRY}, "other") is None


@pytest.mark.parametrize(
    "change",
    [{"project": "x"}, {"project": None}, {"verify": "secret"}, {"verify": None}, {"mapping": None, "project": "x"}],
)
def test_a_broken_entry_is_the_operators_to_fix_and_quotes_no_secret(change):
    with pytest.raises(BadConnection) as error:
        connection_of({"acme": {**ENTRY, **change}}, "acme")

    assert "secret" not in str(error.value)


def test_an_entry_that_is_no_object_is_broken_too():
    with pytest.raises(BadConnection):
        connection_of({"acme": ["x"]}, "acme")


@pytest.mark.parametrize(
    ("entries", "key"),
    [
        ({"106": {"auth_key": "k"}}, "k"),
        ({}, None),
        ({"106": {}}, None),
        ({"106": "k"}, None),
        ({"106": {"auth_key": ""}}, None),
        ({"106": {"auth_key": 1}}, None),
    ],
)
def test_a_project_has_an_auth_key_or_none(entries, key):
    assert auth_key_of(entries, 106) == key


def test_an_origin_is_no_setting_and_may_not_part_the_keys_of_cards():
    entry = {"mapping": "pipedrive", "project": 106, "origin": "Pipedrive-2"}

    assert connection_of({"acme": entry}, "acme").origin == "Pipedrive-2"
    assert "origin" not in connection_of({"acme": entry}, "acme").settings
    with pytest.raises(BadConnection, match="may have no '#'"):
        connection_of({"acme": {**entry, "origin": "a#b"}}, "acme")
