"""Each fault that keeps contacts from Ringostat is planted, and found with its remedy."""

import json
import re
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from local.in_process import AUTH_KEYS, CONNECTIONS, aws, connection
from ops.samples import TYPES
from ops.stack import as_secret
from ops.times import local
from settings import SETTINGS
from tests.cli.people import person
from tests.mapping.cases import CASES, EVENTS

ONE_SCREEN = 60  # lines


class Api(BaseHTTPRequestHandler):
    """Ringostat's harmless call, for the keys of the tests."""

    def do_GET(self):
        good = self.headers["auth-key"] in [entry["auth_key"] for entry in AUTH_KEYS.values()]
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def doctor(online, bridge):
    """Run the doctor on a bridge that has nothing wrong yet; return its findings as {first words: (kind, remedy)}."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    stack = online.stack
    stack.functions.environment["RINGOSTAT_URL"] = f"http://127.0.0.1:{server.server_address[1]}"
    bridge.clock.time = time.time_ns() // 1_000_000

    def run():
        done = online("doctor")
        return done, done.out.splitlines()

    run.stack = stack
    yield run
    server.shutdown()
    server.server_close()
    thread.join()


def wrong(lines):
    """What is wrong, with its remedy."""
    found = [(line[9:], lines[at + 1].partition("→ ")[2]) for at, line in enumerate(lines) if line.startswith("wrong")]
    return dict(found)


def put(name, value):
    text = value if isinstance(value, str) else json.dumps(value)
    aws("secretsmanager").put_secret_value(SecretId=name, SecretString=text)


def test_a_healthy_bridge_is_fine_and_shows_when_each_connection_sent_last(doctor, bridge):
    bridge.post("acme", person())
    bridge.deliver()

    done, lines = doctor()

    assert wrong(lines) == {}
    assert done.code == 0
    assert lines[-1] == "everything is fine"
    assert any(line.startswith("note     acme sent its last event ") for line in lines)
    assert "note     no event is known of acme-direct, acme-generic, acme-kommo, basic, header and 1 more" in lines


def the_only_one(found):
    [(what, remedy)] = found.items()
    assert remedy
    return what, remedy


def test_a_wrong_key_is_found(doctor):
    put("auth-keys", {**AUTH_KEYS, "106": {"auth_key": "wrong"}})

    done, lines = doctor()

    what, remedy = the_only_one(wrong(lines))
    assert done.code == 1
    assert what == "project 106: Ringostat does not know this auth key"
    assert "bridge project add 106" in remedy


@pytest.mark.parametrize(("bytes_", "is_full"), [(52_000, False), (52_500, True)])
def test_a11_a_secret_that_is_nearly_full_is_found_before_it_is(doctor, bytes_, is_full):
    entries = {**CONNECTIONS, "acme": {**CONNECTIONS["acme"], "x": ""}}
    entries["acme"]["x"] = "y" * (bytes_ - len(as_secret(entries).encode()))
    put("connections", entries)

    told = "\n".join(doctor()[1])

    assert (f"ConnectionsSecret takes {bytes_} of the 65536 bytes" in told) == is_full
    assert ("at most once in 10 minutes" in told) == is_full


def test_n1_an_ordinary_person_and_then_their_organization_leave_nothing_wrong(doctor, online, bridge):
    for case in ("person-with-odd-phones", "organization-changed"):
        bridge.post("acme", (EVENTS / "pipedrive" / f"{case}.json").read_text("utf-8"))
        bridge.deliver()

    assert wrong(doctor()[1]) == {}
    assert "came by   acme" in online("status", "acme", "organization:1").out


def test_after_every_ordinary_event_of_every_preset_nothing_is_wrong(doctor, bridge):
    """Those that are rejected, or bring what must be read first, are no ordinary ones."""
    ordinary = [case for case in CASES if not case.request.get("lookup") and is_ordinary(case)]
    entries = {f"of-{case.crm}": connection(case.crm, responsible="0") for case in ordinary}
    bridge.put_connections(entries)

    for case in ordinary:
        asked = case.request
        answer = bridge.post(
            f"of-{case.crm}",
            case.body.read_bytes(),
            content_type=asked.get("content_type", TYPES[case.body.suffix]),
            headers=asked.get("headers"),
            query=asked.get("query"),
        )
        assert answer.status < 300, case
    bridge.deliver()
    done, lines = doctor()

    assert len(entries) > 20
    assert wrong(lines) == {}
    assert done.code == 0
    assert len(lines) <= ONE_SCREEN


def is_ordinary(case):
    return not case.body.parent.with_suffix(".toml").exists() and all(
        outcome.result in ("change", "skip", "delete") and not outcome.wants for outcome in case.outcomes()
    )


def test_all_findings_are_there_for_monitors_whatever_is_folded_on_the_screen(doctor, online, bridge):
    bridge.put_connections({f"crm-{number}": connection("pipedrive", project=999) for number in range(20)})

    done, lines = doctor()
    told = json.loads(online("doctor", "--json").out)

    assert (done.code, len(lines) <= ONE_SCREEN) == (1, True)
    assert any(line.startswith("wrong    and 15 more of this kind") for line in lines)
    assert told.keys() == {"version", "wrong", "warnings", "findings"}
    assert {tuple(finding) for finding in told["findings"]} == {("check", "kind", "what", "remedy")}
    assert (told["version"], told["wrong"]) == (1, 20)
    assert {finding["kind"] for finding in told["findings"]} <= {"fine", "note", "warning", "wrong"}


def test_n21_a_project_without_a_key_gets_one_by_its_remedy(doctor):
    put("connections", {"new": connection("pipedrive", project=999)})

    assert the_only_one(wrong(doctor()[1])) == (
        "connection new: project 999 has no auth key",
        "bridge project add 999",
    )


def test_r4_a_silent_connection_is_named_with_its_last_event(doctor, bridge):
    bridge.post("acme", person())
    bridge.deliver()
    last = bridge.clock.time
    bridge.clock.pass_(74 * 3600)
    doctor.stack.clock = bridge.clock.now

    found = wrong(doctor()[1])

    [what] = [what for what in found if "silent" in what]
    assert what == f"acme sent its last event {local(last)} (3 d ago): it is silent"
    assert "bridge sync acme --since" in found[what]


def test_n8_a_connection_of_which_nothing_is_known_to_its_mapping_is_named(doctor, bridge):
    """An Odoo that is connected as Pipedrive."""
    bridge.post("acme", (EVENTS / "odoo" / "contact.json").read_text("utf-8"))

    found = wrong(doctor()[1])

    [what] = [what for what in found if what.startswith("nothing that acme sends")]
    assert "bridge rejected list --connection acme" in found[what]
    bridge.post("acme", person())
    assert not [what for what in wrong(doctor()[1]) if what.startswith("nothing that acme sends")]


def test_n6_cards_refused_for_good_and_requests_refused_at_the_door_are_told_from_the_metrics(doctor, bridge):
    own, when = [{"Name": "service", "Value": "bridge"}], datetime.now(UTC) - timedelta(hours=1)
    for namespace, name, dimensions, value in (
        ("RingostatBridge", "CardsRefused", own, 2),
        ("RingostatBridge/bridge", "RequestsRefused", [], 700),
    ):
        data = {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": when}
        aws("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])

    done, lines = doctor()

    assert done.code == 0
    assert [line for line in lines if line.startswith("warning")] == [
        "warning  API Gateway refused 700 requests in the last 3 days, of which nothing is stored",
        "warning  Ringostat refused 2 cards for good in the last 14 days",
    ]


def test_silent_hours_that_are_no_number_are_found(doctor):
    put("connections", {"new": {**connection("pipedrive"), "silent_hours": "a week"}})

    assert "connection new: silent_hours must be a whole number" in the_only_one(wrong(doctor()[1]))[0]


def test_a_row_of_a_newer_version_is_found(doctor, bridge):
    bridge.post("acme", person())
    aws("dynamodb").update_item(
        TableName=SETTINGS.cards_table,
        Key={"key": {"S": "106#Pipedrive#contact:42"}},
        UpdateExpression="SET #schema = :newer, due_at = :newer",
        ExpressionAttributeNames={"#schema": "schema"},
        ExpressionAttributeValues={":newer": {"N": "2"}},
    )

    what, remedy = the_only_one(wrong(doctor()[1]))

    assert what.startswith("the table: A newer version of the bridge wrote this")
    assert "make deploy" in remedy


def test_a_connection_that_is_gone_is_found_until_it_is_forgotten(doctor, online, bridge):
    bridge.post("acme", person())
    bridge.deliver()
    put("connections", {name: entry for name, entry in CONNECTIONS.items() if name != "acme"})

    what, remedy = the_only_one(wrong(doctor()[1]))

    assert what == "events came by the connection acme, which is gone"
    assert "bridge connect PRESET --name acme" in remedy
    assert online("disconnect", "acme", "--yes").code == 0
    assert wrong(doctor()[1]) == {}


def test_no_connection_at_all_is_found(doctor):
    put("connections", {})

    assert "there is no connection" in the_only_one(wrong(doctor()[1]))[0]


@pytest.mark.parametrize("secret", ["connections", "auth-keys"])
def test_a_secret_that_is_no_object_is_found(doctor, secret):
    put(secret, "nonsense")

    found = wrong(doctor()[1])

    assert any("holds no JSON object" in what for what in found)
    assert "nonsense" not in str(found)


def test_a_broken_entry_is_found(doctor):
    put("connections", {**CONNECTIONS, "new": connection("pipedrive", verify={"scheme": "basic", "username": "crm"})})

    assert "connection new: verify needs password" in the_only_one(wrong(doctor()[1]))[0]


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_stopped_poller_is_found(doctor, state):
    doctor.stack.functions.state = state

    found = wrong(doctor()[1])

    assert list(found) == [
        f"{function} does not poll its queue ({state})"
        for function in ("InboxFunction", "DeliverFunction", "LookupFunction")
    ]
    assert all("enable the trigger" in remedy for remedy in found.values())


def test_a4_a_new_accounts_ten_copies_are_found_with_what_to_deploy_until_there_are_more(doctor):
    doctor.stack.hooks_url, doctor.stack.functions.copies = "https://bridge.example.com/crm/", 10

    what, remedy = the_only_one(wrong(doctor()[1]))

    assert what == "the account's Lambda runs at most 10 copies at once, so of more requests at once some are lost"
    assert "Service Quotas" in remedy
    assert set(re.findall(r"(\w+)=\d+", remedy)) == {"RequestsPerSecond", "RequestBurst", "InboxConcurrency"}


def test_an_account_that_bears_little_is_a_warning(doctor):
    doctor.stack.hooks_url, doctor.stack.functions.copies = "https://bridge.example.com/crm/", 100

    done, lines = doctor()

    assert done.code == 0
    assert [line for line in lines if line.startswith("warning")] == [
        "warning  the account's Lambda runs at most 100 copies at once, so of more requests at once some are lost"
    ]


def test_a_stopped_sweep_is_found(doctor):
    doctor.stack.functions.schedule = "DISABLED"

    assert "schedule of SweepFunction" in the_only_one(wrong(doctor()[1]))[0]


def test_cards_that_are_not_delivered_are_found(doctor, bridge):
    bridge.post("acme", person())
    bridge.clock.pass_(3600)
    doctor.stack.clock = bridge.clock.now

    found = wrong(doctor()[1])

    [what] = [what for what in found if "should have been tried" in what]
    assert "106#Pipedrive#contact:42" in what
    assert "SweepFunction" in found[what]


def test_a_rejected_event_is_found(doctor, bridge):
    bridge.post("acme", person(None))

    what, remedy = the_only_one(wrong(doctor()[1]))

    assert what == "RejectedQueue holds 1"
    assert "bridge rejected list" in remedy


def test_a_dead_ring_is_found(doctor):
    aws("sqs").send_message(QueueUrl=doctor.stack.queue_url("DeadDeliveryQueue"), MessageBody="{}")

    assert the_only_one(wrong(doctor()[1]))[0] == "DeadDeliveryQueue holds 1"


@pytest.mark.parametrize(("minutes", "words"), [(10, "10 min ahead of"), (-10, "10 min behind")])
def test_a_clock_that_is_wrong_is_found(doctor, minutes, words):
    doctor.stack.clock = lambda: time.time_ns() // 1_000_000 + minutes * 60_000 + (1000 if minutes > 0 else -1000)

    what, remedy = the_only_one(wrong(doctor()[1]))

    assert what == f"this machine's clock is {words} AWS's"
    assert "NTP" in remedy


def test_a_ringostat_that_is_down_is_found(doctor):
    doctor.stack.functions.environment["RINGOSTAT_URL"] = "http://127.0.0.1:9"

    found = wrong(doctor()[1])

    assert [what.partition(" (")[0] for what in found] == [
        f"project {project}: Ringostat does not answer" for project in AUTH_KEYS
    ]
    assert all("nothing is lost" in remedy for remedy in found.values())


def test_an_open_circuit_is_found(doctor, bridge, ringostat):
    ringostat.faults({"status": 404, "times": 100})
    for number in range(1, 6):
        bridge.post("acme", person(number))
        bridge.deliver()

    found = wrong(doctor()[1])

    assert any("as if the address or the format were wrong" in what for what in found)


def test_an_alarm_that_rings_is_found(doctor):
    cloudwatch = aws("cloudwatch")
    for name in ("bridge-rejected", "of-somebody-else"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription="An event was rejected: see docs/operations.md.",
            MetricName="x",
            Namespace="y",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Threshold=0,
            Statistic="Sum",
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    doctor.stack.ids["RejectedAlarm"] = "bridge-rejected"

    what, remedy = the_only_one(wrong(doctor()[1]))
    assert re.fullmatch(r"alarm bridge-rejected since \S+ \S+ \(.*\)", what)
    assert remedy == "An event was rejected: see docs/operations.md."


@pytest.mark.parametrize("name", ["CardsTable", "InboxQueue", "RejectedQueue", "ConnectionsSecret", "AuthKeysSecret"])
def test_what_cannot_be_reached_is_a_finding_and_the_other_checks_go_on(doctor, name):
    doctor.stack.ids[name] = (
        "https://sqs.eu-central-1.amazonaws.com/123456789012/gone" if name.endswith("Queue") else "gone"
    )

    done, lines = doctor()

    assert done.code == 1
    assert any("AWS answers" in what for what in wrong(lines))
    assert any("polls its queue" in line for line in lines)
