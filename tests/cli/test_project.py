import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.in_process import AUTH_KEYS, CONNECTIONS, aws
from ops import auth_check


class Api(BaseHTTPRequestHandler):
    """Ringostat's harmless call, and what else a server may answer."""

    asked: list = []

    def do_GET(self):
        Api.asked.append((self.path, self.headers["auth-key"]))
        status = {"good": 200, "denied": 403, "odd": 500, "moved": 302}.get(self.headers["auth-key"], 401)
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_):
        pass


@pytest.fixture
def api():
    Api.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def adding(online, api):
    online.stack.functions.environment["RINGOSTAT_URL"] = api
    return lambda *words, key: online("project", "add", *words, input=f"{key}\n")


def keys():
    return json.loads(aws("secretsmanager").get_secret_value(SecretId="auth-keys")["SecretString"])


def test_a_key_is_checked_and_stored_beside_the_others(adding):
    done = adding(108, key="good")

    assert done.code == 0
    assert keys() == {**AUTH_KEYS, "108": {"auth_key": "good"}}
    assert "good" not in done.out
    assert Api.asked == [("/sipstatus/online", "good")]


def test_a_key_is_replaced_and_what_else_its_entry_holds_is_kept(adding):
    text = json.dumps({"106": {"auth_key": "old", "note": "x"}})
    aws("secretsmanager").put_secret_value(SecretId="auth-keys", SecretString=text)

    done = adding(106, key="good")

    assert "replaced" in done.out
    assert keys() == {"106": {"auth_key": "good", "note": "x"}}


def test_a_key_that_ringostat_does_not_know_is_not_stored(adding):
    done = adding(108, key="wrong")

    assert done.code == 1
    assert "Ringostat does not know this auth key" in done.err
    assert "wrong" not in done.err
    assert keys() == AUTH_KEYS


def test_a_key_may_be_stored_unchecked(adding):
    assert adding(108, "--no-check", key="wrong").code == 0
    assert keys()["108"] == {"auth_key": "wrong"}
    assert Api.asked == []


@pytest.mark.parametrize("key", ["", "   ", "ключ", "a\tb"])
def test_what_cannot_be_a_key_is_not_stored(adding, key):
    done = adding(108, key=key)

    assert done.code == 1
    assert keys() == AUTH_KEYS


@pytest.mark.parametrize(
    ("key", "words"),
    [("good", ""), ("bad", "does not know"), ("denied", "does not know"), ("odd", "answers 500"), ("moved", "302")],
)
def test_each_answer_has_its_words(api, key, words):
    fault = auth_check.fault(api, key)

    assert words in fault
    assert bool(fault) == bool(words)
    assert len(Api.asked) == 1, "a redirect is not followed: it would carry the key away"


def test_a_ringostat_that_does_not_answer_is_reported():
    assert "does not answer" in auth_check.fault("http://127.0.0.1:9", "good")


def test_a_key_never_goes_out_unencrypted():
    assert auth_check.fault("http://ringostat.example.com", "good")
    assert "does not answer" not in auth_check.fault("http://ringostat.example.com", "good")


def test_projects_are_listed_with_their_connections_and_without_their_keys(online):
    connections = {**CONNECTIONS, "lost": {**CONNECTIONS["acme"], "project": 999}}
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString=json.dumps(connections))

    done = online("project", "list")

    assert done.code == 1, "999 has no key"
    head, _, shop, lost, end = [line.split() for line in done.out.splitlines()]
    assert head == ["project", "auth", "key", "connections"]
    assert shop == ["107", "stored", "shop"]
    assert lost == ["999", "missing", "lost"]
    assert end == ["3", "projects"]
    assert "local-key" not in done.out


def test_a_project_that_connections_use_is_removed_only_with_words(online):
    refused = online("project", "remove", 107)
    done = online("project", "remove", 107, "--yes")

    assert refused.code == 1
    assert "shop would have no way to Ringostat: bridge disconnect shop first" in refused.err
    assert "Cards of shop wait until bridge project add 107" in done.out
    assert keys() == {"106": AUTH_KEYS["106"]}


def test_a_project_without_connections_is_removed_after_a_question(online):
    aws("secretsmanager").put_secret_value(SecretId="connections", SecretString="{}")

    assert online("project", "remove", 107, input="n\n").code == 130
    assert keys() == AUTH_KEYS
    assert online("project", "remove", 107, input="y\n").code == 0
    assert keys() == {"106": AUTH_KEYS["106"]}
    assert "project 107 has no auth key; did you mean '106'?" in online("project", "remove", 107).err
