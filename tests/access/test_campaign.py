"""The campaign: thousands of requests that must not get in, at the door itself and through the whole of `api`."""

import base64
import json
import random
from collections import Counter

import pytest

from access import admit
from aws.secrets import Secret
from errors import NotAllowed
from handlers import api
from local.in_process import Context
from tests.access.attempts import CONNECTIONS, OWN, attempts, slug, valid
from tests.access.senders import NOW, SENDERS

SEED = 20_251_125
FEW, MANY = 60, 20_000


class Vault:
    """Secrets Manager with one secret."""

    def call(self, *_, **__):
        return {"SecretString": json.dumps(CONNECTIONS)}


def at_the_door(known, attempt):
    """Return the class of what `admit` raises, or `admitted`."""
    try:
        admit(known, attempt.request._replace(connection=attempt.connection))
    except NotAllowed as denied:
        return type(denied), str(denied)
    return "admitted"


def hammer(name, number):
    known = Secret(Vault(), "connections")
    tried = attempts(name, random.Random(f"{SEED} {name}"), number)
    return [(attempt, at_the_door(known, attempt)) for attempt in tried]


def check(name, number):
    results = hammer(name, number)
    kinds = Counter(attempt.kind for attempt, _ in results)

    assert [attempt for attempt, result in results if result == "admitted"] == []
    assert len({result for _, result in results}) == 1
    print(f"{name}: {len(results)} requests denied: {dict(kinds)}")  # noqa: T201 - the campaign's figure


@pytest.mark.parametrize("name", SENDERS)
def test_few_altered_requests_get_in_nowhere(name):
    check(name, FEW)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SENDERS)
def test_many_altered_requests_get_in_nowhere(name):
    check(name, MANY)


@pytest.fixture
def send(nowhere):
    """Send a request to `api` as the gateway does; each scheme has a connection of its own."""
    nowhere.put_connections(CONNECTIONS)

    def send(connection, request, *, encoded):
        event = {
            "version": "2.0",
            "rawPath": f"/crm/{connection}" + (f"/{request.token}" if request.token else ""),
            "headers": {"content-type": "application/json", **request.headers},
            "requestContext": {
                "requestId": "request",
                "timeEpoch": request.received_at,
                "http": {"method": "POST", "path": "/"},
                "stage": "$default",
            },
            "body": base64.b64encode(request.body).decode() if encoded else request.body.decode(),
            "isBase64Encoded": encoded,
        }
        answer = api.lambda_handler(event, Context())
        return answer["statusCode"], json.dumps(answer, sort_keys=True)

    return send


@pytest.mark.parametrize("encoded", [False, True])
def test_a_valid_request_is_taken_with_its_body_as_text_and_as_base64(send, encoded):
    answers = {name: send(slug(name), valid(SENDERS[name]), encoded=encoded) for name in SENDERS}

    assert {name: status for name, (status, _) in answers.items()} == dict.fromkeys(SENDERS, 202)
    assert not [name for name, (_, answer) in answers.items() if OWN in answer]


def hammer_api(send, number):
    chance = random.Random(SEED)
    tried = [attempt for name in SENDERS for attempt in attempts(name, chance, number)]
    possible = [attempt for attempt in tried if attempt.request.token.isalnum() or not attempt.request.token]
    answers = Counter(
        send(attempt.connection, attempt.request, encoded=chance.random() < 0.5 or not is_text(attempt.request.body))
        for attempt in possible
    )
    print(f"{answers.total()} requests through api: {len(answers)} kind of answer")  # noqa: T201 - the campaign's figure
    return answers


def is_text(body):
    try:
        return bool(body.decode())
    except UnicodeDecodeError:
        return False


def test_api_gives_every_altered_request_the_same_answer(send):
    [(status, _)] = hammer_api(send, 40)

    assert status == 401


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_api_gives_very_many_altered_requests_the_same_answer(send):
    [(status, _)] = hammer_api(send, 2_000)

    assert status == 401


def test_a_text_that_is_called_base64_is_the_senders_fault(nowhere):
    event = {
        "rawPath": "/crm/acme/local",
        "headers": {},
        "requestContext": {"requestId": "r", "timeEpoch": NOW, "http": {"method": "POST"}, "stage": "$default"},
        "body": "{}x",
        "isBase64Encoded": True,
    }

    assert api.lambda_handler(event, Context())["statusCode"] == 400
