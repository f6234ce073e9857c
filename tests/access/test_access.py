"""Ways to be wrong: each row changes one thing in a request that is admitted."""

import base64

import pytest
from botocore.exceptions import EndpointConnectionError

from access import admit, proves
from connections import Secret
from errors import NotAllowed, Unavailable
from ingest import Event

PATH = {"scheme": "path-token", "token": "secret"}
HEADER = {"scheme": "header-token", "header": "X-Token", "token": ["old", "new"]}
BASIC = {"scheme": "basic", "username": "crm", "password": "p:ä"}


def credentials(text, scheme="Basic"):
    return {"authorization": f"{scheme} {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("verify", "headers", "token"),
    [
        (PATH, {}, "secret"),
        ({**PATH, "token": ["other", "secret"]}, {}, "secret"),
        (HEADER, {"x-token": "old"}, ""),
        (HEADER, {"x-token": "new"}, ""),
        (BASIC, credentials("crm:p:ä"), ""),
        (BASIC, credentials("crm:p:ä", "basic"), ""),
        ({**BASIC, "password": ["x", "p:ä"]}, credentials("crm:p:ä"), ""),
    ],
)
def test_a_request_that_proves_its_origin_is_admitted(verify, headers, token):
    assert proves(verify, body=b"", headers=headers, token=token)


@pytest.mark.parametrize(
    ("verify", "headers", "token"),
    [
        (PATH, {}, ""),
        (PATH, {}, "Secret"),
        (PATH, {}, "secret "),
        (PATH, {}, "secre"),
        (PATH, {"x-token": "secret"}, ""),
        ({**PATH, "token": ""}, {}, ""),
        ({**PATH, "token": []}, {}, ""),
        ({**PATH, "token": None}, {}, "None"),
        ({"scheme": "path-token"}, {}, ""),
        ({**PATH, "token": "ключ"}, {}, "\ud800"),
        (HEADER, {}, "old"),
        (HEADER, {"x-token": ""}, ""),
        (HEADER, {"x-token": "old,old"}, ""),
        (HEADER, {"token": "old"}, ""),
        ({"scheme": "header-token", "token": "x"}, {"x-token": "x"}, ""),
        (BASIC, {}, ""),
        (BASIC, credentials("crm:p"), ""),
        (BASIC, credentials("crm"), ""),
        (BASIC, credentials("CRM:p:ä"), ""),
        (BASIC, credentials("crm:p:ä", "Bearer"), ""),
        (BASIC, {"authorization": "Basic !!!"}, ""),
        (BASIC, {"authorization": "Basic"}, ""),
        ({"scheme": "none"}, {}, ""),
        ({"scheme": ["path-token"]}, {}, "secret"),
        ({}, {}, ""),
    ],
)
def test_a_request_with_one_thing_wrong_is_refused(verify, headers, token):
    assert not proves(verify, body=b"", headers=headers, token=token)


class Vault:
    """Secrets Manager with one secret."""

    def __init__(self, text):
        self.text = text

    def get_secret_value(self, SecretId):  # noqa: ARG002, N803 - boto3's own name
        return {"SecretString": self.text}


ENTRY = '{"acme": {"mapping": "pipedrive", "project": 106, "crm_url": "https://x", "verify": {"scheme": "basic", '
ENTRY += '"username": "crm", "password": "pw"}}}'


def event(name="acme", headers=None):
    return Event(name, b"{}", {"x-other": "1", **credentials("crm:pw"), **(headers or {})}, {}, 1, "request")


def test_an_admitted_event_comes_with_its_connection_and_without_its_secrets():
    admitted, connection = admit(Secret(Vault(ENTRY), "connections"), event(), "")

    assert admitted.headers == {"x-other": "1"}
    assert (connection.project, connection.settings) == (106, {"crm_url": "https://x"})


def test_an_unknown_connection_and_a_wrong_secret_are_refused_alike():
    connections = Secret(Vault(ENTRY), "connections")

    with pytest.raises(NotAllowed) as unknown:
        admit(connections, event("acne"), "")
    with pytest.raises(NotAllowed) as wrong:
        admit(connections, event(headers=credentials("crm:wrong")), "")

    assert str(unknown.value) == str(wrong.value)


def test_a_request_that_names_nobody_is_never_admitted_by_the_stand_in():
    with pytest.raises(NotAllowed):
        admit(Secret(Vault(ENTRY), "connections"), event("acne"), "no connection has this name")


def test_without_the_secret_nobody_can_say():
    with pytest.raises(Unavailable):
        admit(Secret(Broken(), "connections"), event(), "")


class Broken:
    def get_secret_value(self, SecretId):  # noqa: ARG002, N803 - boto3's own name

        raise EndpointConnectionError(endpoint_url="https://secretsmanager")
