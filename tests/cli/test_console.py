"""The console: who may ask, what a page costs of a table of a million cards, and that it does what the verbs do."""

import http.client
import json
import re
from contextlib import closing
from types import SimpleNamespace
from urllib.parse import quote

import pytest

from cards.card import is_left_behind
from cli.console.server import ACT, READ, TOKEN, WRONG, Console
from ops.insights import story_link
from ops.stack import Stack
from tests.cli.people import person
from tests.consoles import Million, key, running

KEY = "106#Pipedrive#contact:42"


def ask(console, method, target, *, body=None, **headers):
    """Ask by plain HTTP, with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=20)
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    connection.request(method, target, body if isinstance(body, bytes | None) else json.dumps(body), given)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return SimpleNamespace(status=reply.status, headers=reply.headers, text=text)


def cookie(console):
    return f"bridge-console-{console.port}={console.cookie}"


def api(console, name, body=None):
    """Ask as the page does."""
    proofs = {"Cookie": cookie(console), TOKEN: console.token}
    reply = ask(console, "GET" if body is None else "POST", f"/api/{name}", body=body, **proofs)
    return reply.status, json.loads(reply.text)


@pytest.fixture
def console(online):
    with running(online.stack) as one:
        yield one


@pytest.fixture
def million():
    return Million()


@pytest.fixture
def large(million):
    with running(million.stack()) as one:
        yield one


def test_the_printed_address_gives_a_strict_cookie_and_leads_to_the_page(large):
    reply = ask(large, "GET", large.url.partition(str(large.port))[2])

    assert reply.status == 303
    assert reply.headers["Set-Cookie"] == f"{cookie(large)}; Path=/; HttpOnly; SameSite=Strict"
    page = ask(large, "GET", "/", Cookie=cookie(large))
    assert (page.status, page.headers["Cache-Control"]) == (200, "no-store")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(rb"<style|<script(?![^>]* src=)|\son\w+=", page.text)


ALLOWED = {"Cookie": "right", TOKEN: "right"}


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {}),
        (403, {"Host": "rebound.example.com"}),
        (403, {"Host": "127.0.0.1"}),
        (403, {"Host": "127.0.0.1:1"}),
        (403, {"Host": "[::1]:{port}"}),
        (200, {"Host": "localhost:{port}"}),
        (403, {"Origin": "http://rebound.example.com"}),
        (403, {"Origin": "null"}),
        (403, {"Sec-Fetch-Site": "cross-site"}),
        (403, {"Sec-Fetch-Site": "same-site"}),
        (401, {"Cookie": ""}),
        (401, {"Cookie": "bridge-console-{port}=wrong"}),
        (401, {"Cookie": "{token}"}),
        (401, {TOKEN: ""}),
        (401, {TOKEN: "wrong"}),
        (401, {TOKEN: "{cookie}"}),
    ],
)
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/book"), ("POST", "/api/retry")])
def test_only_the_page_of_the_printed_address_may_ask(large, million, method, path, status, headers):
    values = {"port": large.port, "token": large.token, "cookie": large.cookie}
    proofs = {"Cookie": cookie(large), TOKEN: large.token}
    given = proofs | {name: text.format_map(values) for name, text in headers.items()}

    reply = ask(large, method, path, body={"key": key(1)} if method == "POST" else None, **given)

    assert reply.status == status
    assert (million.calls == []) == (status != 200)
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/page/console.js", "/?token=wrong", "/page/nothing.js"])
def test_without_the_cookie_not_even_a_file_is_given(large, path):
    assert ask(large, "GET", path).status == 401


@pytest.mark.parametrize("path", ["/page/../server.py", "/page/%2e%2e/server.py", "/page/", "/api/nothing"])
def test_nothing_but_the_page_is_served(large, path):
    assert ask(large, "GET", path, **{"Cookie": cookie(large), TOKEN: large.token}).status == 404


@pytest.mark.parametrize("name", ACT)
def test_a_read_only_console_acts_on_nothing(million, name):
    with running(million.stack(), read_only=True) as one:
        assert api(one, "start")[1]["readOnly"] is True
        assert api(one, name, {"key": key(7), "ids": ["1"]})[0] == 403
        assert million.calls == []


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("book", [("scan", 50)]),
        ("find?text=42", [("get_secret_value", 1), ("batch_get_item", 3)]),
        ("find?text=106%23Pipedrive%23contact:42", [("get_item", 1)]),
        (
            "card?key=106%23Pipedrive%23contact:42",
            [("get_item", 1)] * 2 + [("get_secret_value", 1), ("batch_get_item", 2)],
        ),
        ("due?project=106", [("query", 50), ("batch_get_item", 50)]),
        ("left?project=106", [("query", 50)]),
        ("book?text=0670000042", [("scan", 1000)]),
        ("book?state=refused", [("scan", 1000)]),
    ],
)
def test_of_a_million_cards_a_page_takes_a_bounded_number_of_calls(large, million, name, calls):
    status, found = api(large, name)

    assert status == 200
    assert million.calls == calls
    assert len(found.get("cards", ())) <= 50


def test_the_whole_view_of_deliveries_takes_a_bounded_number_of_calls(large, million):
    status, found = api(large, "delivery")

    assert status == 200
    assert found["projects"][0]["due"]["after"]
    assert len(million.calls) <= 12
    assert max(rows for _, rows in million.calls) == 50


def test_the_table_is_read_on_from_where_a_page_ended(million):
    million.cards = 120
    with running(million.stack()) as one:
        sizes, after = [], ""
        while not sizes or after:
            page = api(one, "book?" + "after=" + after.replace("#", "%23").replace(" ", "%20"))[1]
            sizes.append((len(page["cards"]), page["read"]))
            after = page["after"]

    assert sizes == [(50, 50), (50, 50), (20, 20)]


def test_what_has_no_index_is_sought_in_the_rows_that_were_read(large):
    refused = api(large, "book?state=refused")[1]
    number = api(large, "book?text=067%20000%2000%2042")[1]

    assert [card["key"] for card in refused["cards"]] == [key(7)]
    assert [card["key"] for card in number["cards"]] == [key(42)]
    assert refused["read"] == 1000
    assert refused["after"]


def test_rows_that_are_no_cards_are_not_listed(console, bridge):
    bridge.post("acme", person())

    _, found = api(console, "book")

    assert [card["key"] for card in found["cards"]] == [KEY]
    assert found["read"] > 1


def test_a_card_is_told_whole(console, bridge, ringostat):
    bridge.post("acme", person())
    bridge.deliver()

    status, card = api(console, "card?key=" + KEY.replace("#", "%23"))

    assert status == 200
    assert (card["state"], card["connection"], card["held"], card["wanted"]) == ("delivered", "acme", [], [])
    assert {"fullName", "externalId"} <= {field["name"] for field in card["fields"]}
    assert card["posted"]["contacts"][0]["externalId"] == "42"
    assert dict(card["story"])["confirmed"].startswith("the newest state")


@pytest.mark.parametrize("wanted", ["106%23Pipedrive%23contact:1", "106%23throttle", "%23projects"])
def test_what_is_no_card_is_not_shown_as_one(console, wanted):
    assert api(console, f"card?key={wanted}")[0] == 404


def test_a_card_is_erased_as_the_verb_does_it(console, bridge):
    bridge.post("acme", person())

    status, words = api(console, "erase", {"key": KEY})

    assert status == 200
    assert words.startswith(f"{KEY} erased; 0 rejected events of it deleted.")
    assert bridge.card(KEY).erased
    assert bridge.post("acme", person(at="2026-03-02T10:00:00.000Z")).body["skipped"][0]["code"] == "erased"


@pytest.mark.parametrize("wanted", ["106#throttle", "#projects", "106#Pipedrive#contact:1", "no key"])
@pytest.mark.parametrize("name", ["retry", "erase", "remove"])
def test_only_to_a_card_that_is_there_something_is_done(console, bridge, name, wanted):
    assert api(console, name, {"key": wanted}) == (404, {"error": "There is no card of this key."})
    assert "erased" not in bridge.cards.row(wanted)


def test_a_refused_card_is_posted_once_more(console, bridge, ringostat):
    ringostat.faults({"refuse": {"externalId": "42"}, "times": 1000})
    bridge.post("acme", person())
    bridge.deliver()
    assert api(console, "book?state=refused")[1]["cards"][0]["key"] == KEY
    ringostat.faults()

    words = api(console, "retry", {"key": KEY})[1]
    bridge.deliver()

    assert words == "The card is due again."
    assert api(console, "book?state=delivered")[1]["cards"][0]["key"] == KEY
    assert api(console, "retry", {"key": KEY})[1] == "The card is not refused any more."


def test_rejected_events_are_listed_shown_and_replayed(console, bridge):
    for name in ("Олена", "Тарас"):
        bridge.post("acme", person(None, name=name))

    listed = api(console, "rejected")[1]
    first = listed["events"][0]
    whole = api(console, f"event?id={first['identity']}")[1]
    words = api(console, "replay", {"ids": [first["identity"]]})[1]

    assert [one["code"] for one in listed["events"]] == ["no-id", "no-id"]
    assert "Олена" not in json.dumps(listed, ensure_ascii=False)
    assert whole["now"] == ["reject no-id externalId externalId is empty"] or "no-id" in whole["now"][0]
    assert "data" in json.loads(whole["body"])
    assert words == "1 sent to the inbox queue"
    assert len(api(console, "rejected")[1]["events"]) == 1


def test_what_was_removed_at_ringostat_is_taken_off(console, bridge, ringostat):
    bridge.post("acme", person())
    bridge.deliver()
    meta = {"action": "delete", "entity": "person", "entity_id": "42", "timestamp": "2026-03-02T10:00:00.000Z"}
    bridge.post("acme", {"meta": meta, "data": None, "previous": {"id": 42}})

    (left,) = api(console, "left?project=106")[1]["cards"]
    words = api(console, "remove", {"key": KEY})[1]

    assert (left["key"], left["why"]) == (KEY, "deleted-in-crm")
    assert words == "The card is taken off."
    assert not is_left_behind(bridge.card(KEY))


def test_connections_are_shown_without_secrets_and_with_their_last_events(console, bridge):
    bridge.post("acme", person())

    connections = api(console, "connections")[1]["connections"]

    assert {"acme", "shop"} <= {one["name"] for one in connections}
    assert set(connections[0]) <= {
        "name", "problems", "mapping", "project", "country", "time_zone", "scheme", "crm_url", "heard", "silent"
    }  # fmt: skip
    (acme,) = [one for one in connections if one["name"] == "acme"]
    assert acme["heard"] > 0
    assert acme["silent"] is False


@pytest.mark.parametrize(
    "name",
    ["find", "card", "event", *(f"{one}{of}" for one in ("due", "left") for of in ("", "?project=", "?project=abc"))],
)
def test_a_view_whose_value_is_missing_or_wrong_is_a_wrong_request(console, name):
    assert api(console, name) == (400, {"error": WRONG})


@pytest.mark.parametrize(
    "body",
    [{}, *({name: one} for name in ("key", "ids") for one in (None, 1, {"a": KEY}, [1])), {"key": [KEY]}, {"ids": KEY}],
)
@pytest.mark.parametrize("name", ACT)
def test_an_act_with_a_value_that_is_missing_or_of_another_type_is_not_done(console, name, body):
    assert api(console, name, body) == (400, {"error": WRONG})


@pytest.mark.parametrize("body", [["no", "object"], [["key", KEY]], b"", b"\xff", b"[" * 60_000], ids=range(5))
@pytest.mark.parametrize("name", ACT)
def test_a_body_that_is_no_object_is_told(console, name, body):
    assert api(console, name, body) == (400, {"error": "The body is not a JSON object."})


OF_A_TABLE = (
    "abc",
    "null",
    '""',
    "{}",
    "[]",
    "[" * 50_000,
    '{"key": "a"}',
    '{"key": {"S": 1}}',
    '{"due": {"S": "106"}}',
)
OF_AN_INDEX = (*OF_A_TABLE, '{"key": {"S": "a"}}', '{"key": {"S": "a"}, "due_at": {"N": "x"}}')


@pytest.mark.parametrize(
    ("view", "after"),
    [("book?", one) for one in OF_A_TABLE]
    + [(f"{name}?project=106&", one) for name in ("due", "left") for one in OF_AN_INDEX],
    ids=repr,
)
def test_a_place_at_which_no_page_has_ended_is_a_wrong_request(console, view, after):
    assert api(console, f"{view}after={quote(after)}") == (400, {"error": WRONG})


def test_the_index_is_read_on_from_where_a_page_ended(console, bridge):
    for number in range(1, 52):
        bridge.post("acme", person(number))

    first = api(console, "due?project=106")[1]
    second = api(console, f"due?project=106&after={quote(first['after'])}")[1]

    assert (len(first["cards"]), len(second["cards"]), second["after"]) == (50, 1, "")
    assert second["cards"][0] not in first["cards"]


@pytest.mark.parametrize(
    ("head", "body", "status"),
    [
        ({"Content-Length": "999999"}, b"", 413),
        ({"Content-Length": "-1"}, b"", 400),
        ({"Transfer-Encoding": "chunked"}, b"11000\r\n" + b"x" * 0x11000 + b"\r\n0\r\n\r\n", 413),
        ({"Transfer-Encoding": "chunked"}, b"-5\r\n", 400),
    ],
)
def test_a_body_without_a_fair_length_is_refused(large, head, body, status):
    with closing(http.client.HTTPConnection("127.0.0.1", large.port, timeout=20)) as connection:
        connection.putrequest("POST", "/api/erase")
        for name, text in head.items():
            connection.putheader(name, text)
        connection.endheaders(body)

        assert connection.getresponse().status == status


def test_an_error_of_aws_is_a_sentence(online, bridge):
    broken = Stack(online.stack.client, {**online.stack.ids, "CardsTable": "gone"}, "http://127.0.0.1:9/crm/")
    with running(broken) as one:
        status, found = api(one, "book")

    assert status == 502
    assert "gone" not in found["error"]


def test_the_verb_prints_the_address_and_ends(online, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Console, "run", interrupted)
    done = online("console", "--read-only")

    assert done.code == 0
    assert re.match(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}\n", done.out)


def test_a_port_that_is_taken_is_said(online, large):
    done = online("console", "--port", large.port)

    assert done.code == 1
    assert "--port" in done.err


class Logs:
    """CloudWatch Logs with one saved query."""

    def __init__(self, partition="aws", region="eu-central-1", endpoint="https://logs.example.com"):
        self.meta = SimpleNamespace(partition=partition, region_name=region, endpoint_url=endpoint)

    def describe_query_definitions(self, **_):
        text = "filter @message like '\"{{card}}\"'"
        saved = {"queryDefinitionId": "q", "queryString": text, "logGroupNames": ["/aws/lambda/a"]}
        return {"queryDefinitions": [{"queryDefinitionId": "other", "queryString": ""}, saved]}


@pytest.mark.parametrize(
    ("partition", "begin"),
    [
        ("aws", "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:logs-insights"),
        ("aws-cn", "https://eu-central-1.console.amazonaws.cn/"),
        ("aws-us-gov", "https://eu-central-1.console.amazonaws-us-gov.com/"),
    ],
)
def test_the_story_of_a_card_is_a_link_with_the_saved_query(partition, begin):
    stack = Stack(lambda _: Logs(partition), {"CardStoryQuery": "q"}, "")

    link = story_link(stack, KEY)

    assert link.startswith(begin)
    assert "editorString$257E$2527filter*20*40message*20like*20*27*22106*23Pipedrive*23contact*3a42*22*27" in link
    assert link.endswith("source$257E$2528$257E$2527*2faws*2flambda*2fa$2529$2529")


@pytest.mark.parametrize(
    ("logs", "ids"),
    [
        (Logs(), {}),
        (Logs(), {"CardStoryQuery": "gone"}),
        (Logs(partition="elsewhere"), {"CardStoryQuery": "q"}),
        (Logs(endpoint="http://127.0.0.1:4566"), {"CardStoryQuery": "q"}),
    ],
)
def test_without_a_saved_query_or_a_console_there_is_no_link(logs, ids):
    assert story_link(Stack(lambda _: logs, ids, ""), KEY) == ""


def test_no_reading_and_no_act_has_the_same_name():
    assert not READ.keys() & ACT.keys()


def test_a_number_is_found_by_the_index_in_one_request_and_its_card_says_since_when_it_is_known(bridge, stack_of):
    bridge.post("acme", person())
    bridge.deliver()
    with running(stack_of(bridge)) as one:
        (found,) = api(one, "find?text=067%20000-00-01")[1]["cards"]
        status, card = api(one, "card?key=" + found["key"].replace("#", "%23"))

    assert (found["key"], status) == ("106#Pipedrive#contact:42", 200)
    (words,) = [text for title, text in card["story"] if title == "number"]
    assert words.startswith("+380670000001: Ringostat knows this number since 2026-05-")
