"""The `bridge` process of an operator against the running local world."""

import json
import subprocess
from contextlib import ExitStack

import pytest

from local import template
from local.world import wait_for
from tests.end_to_end import crm

pytestmark = pytest.mark.world


def depth_of(world, name):
    return lambda: world.depth(name) == 0


def test_the_status_of_a_person_goes_from_due_to_delivered(bridge, operate):
    one = crm.person()
    bridge.world.ringostat.faults({"status": 503, "times": 2})

    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: "attempts" in bridge.row(one), what="A failure")
    due = operate("due", "--limit", 10_000)
    on_the_way = operate("status", "demo-pipedrive", one.id)
    bridge.settled(one)
    delivered = operate("status", "demo-pipedrive", one.id)

    assert f"106#Pipedrive#contact:{one.id}" in due[1]
    assert on_the_way[0] == delivered[0] == 0
    assert any(word in on_the_way[1] for word in ("retrying", "in delivery", "delivered"))
    assert f"106#Pipedrive#contact:{one.id}  delivered\n" in delivered[1]
    assert one.name in delivered[1]


def test_the_stack_is_found_by_its_name_too(bridge, operate):
    one = crm.person()
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one)

    code, text = operate(
        "status",
        "demo-pipedrive",
        one.id,
        where=(),
        BRIDGE_STACK="bridge",
        AWS_ENDPOINT_URL=bridge.world.aws.endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_REGION="eu-central-1",
        AWS_DEFAULT_REGION="eu-central-1",
    )

    assert code == 0, text
    assert one.name in text


def test_rejected_events_are_listed_shown_replayed_and_dropped(bridge, operate):
    one = crm.person()
    body = crm.pipedrive(one)
    del body["data"]["id"]
    body["meta"].pop("entity_id")

    answer = bridge.world.post("demo-pipedrive", body)
    wait_for(lambda: bridge.world.depth("rejected"), what="The rejected event")
    listed = operate("rejected", "list", "--connection", "demo-pipedrive", "--code", "no-id")
    identity = next(line.split()[0] for line in listed[1].splitlines() if "no-id" in line)
    shown = operate("rejected", "show", identity)
    replayed = operate("rejected", "replay", "--connection", "demo-pipedrive", "--code", "no-id")
    wait_for(depth_of(bridge.world, "inbox"), what="An empty inbox queue")
    again = wait_for(
        lambda: [line for line in operate("rejected", "list")[1].splitlines() if "  no-id  " in line],
        what="The event, rejected again",
    )
    dropped = operate("rejected", "drop", *(line.split()[0] for line in again))

    assert answer.json()["rejected"][0]["code"] == "no-id"
    assert listed[0] == 2
    assert crm.leaks([listed[1]]) == []
    assert one.name in shown[1]
    assert "sent to the inbox queue" in replayed[1]
    assert dropped[0] == 0


def test_a_refused_card_is_listed_and_retried(bridge, operate):
    one = crm.person()
    bridge.world.ringostat.faults({"refuse": {"externalId": str(one.id)}})
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    wait_for(lambda: "refusals" in bridge.row(one), what="The refusal")

    listed = operate("refused", "list", "--connection", "demo-pipedrive")
    bridge.world.ringostat.faults()
    retried = operate("refused", "retry", "--connection", "demo-pipedrive")
    bridge.arrived(one)

    assert listed[0] == 2
    assert f"contact:{one.id}" in listed[1]
    assert "due again" in retried[1]


def test_an_erased_person_stays_away_until_the_tombstone_is_lifted(bridge, operate):
    one = crm.person()
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.arrived(one)

    dry = operate("erase", "demo-pipedrive", one.id, "--dry-run")
    known = bridge.row(one)
    erased = operate("erase", "demo-pipedrive", one.id, "--yes")
    late = bridge.world.post("demo-pipedrive", crm.pipedrive(one._replace(changed_at=one.changed_at + 5))).json()
    tombstone = bridge.row(one)
    lifted = operate("erase", "demo-pipedrive", one.id, "--lift")
    again = bridge.world.post("demo-pipedrive", crm.pipedrive(one._replace(changed_at=one.changed_at + 9))).json()

    assert dry[0] == erased[0] == lifted[0] == 0
    assert "fields" in known
    assert tombstone.keys() == {"key", "connection", "schema", "rev", "erased", "due", "due_at"}
    assert late["skipped"][0]["code"] == "erased"
    assert again["accepted"] == 1


def test_from_connect_to_a_delivered_card_in_three_commands(bridge, operate):
    name = f"new-{crm.person().id}"
    link = "https://new.example.com"

    connected = operate(
        "connect", "pipedrive", "--name", name, "--project", 106, "--crm-url", link, "--yes", "--no-wait"
    )
    bridge.world.kill("api")  # which may have read the connections before, and keeps them for five minutes
    sent = wait_for(lambda: admitted(operate, name), 20, "The new connection")
    bridge.settled(crm.person(id=8))
    status = operate("status", name, 8)

    assert connected[0] == 0
    assert f"{bridge.world.bridge_url}/crm/{name}\n" in connected[1]
    assert "202" in sent
    assert "#Pipedrive#contact:8  delivered" in status[1]


def test_a_crm_without_a_preset_from_a_sample_to_a_card_then_one_field_changed_without_a_deployment(
    bridge, operate, tmp_path
):
    one, name = crm.person(), f"own-{crm.person().id}"
    sample, mapping = tmp_path / "sample.json", tmp_path / "my.toml"
    person = {"id": one.id, "name": one.name, "alias": f"{one.name} II", "phone": one.phones[0]}
    sample.write_text(json.dumps(person, ensure_ascii=False), "utf-8")

    mapping.write_text(operate("new", sample, "--crm", name, where=())[1].partition("\nfound: ")[0] + "\n", "utf-8")
    stored = operate("mapping", "put", mapping, "--name", name, "--yes")
    connected = operate("connect", name, "--name", name, "--project", 106, "--yes", "--no-wait")
    bridge.world.kill("api")  # as if five minutes had passed
    wait_for(lambda: admitted(operate, name, sample), 20, "The new connection")
    bridge.settled(one)
    first = bridge.contacts([one])[str(one.id)]

    mapping.write_text(mapping.read_text("utf-8").replace('"name"', '"alias"'), "utf-8")
    changed = operate("mapping", "put", mapping, "--name", name, "--sample", sample, "--yes")
    bridge.world.kill("api")
    wait_for(lambda: admitted(operate, name, sample), 20, "The next event")
    bridge.settled(one)

    assert (stored[0], connected[0], changed[0]) == (0, 0, 0), (stored, connected, changed)
    assert f"{one.name}  ->  {one.name} II" in changed[1]
    assert first["fullName"] == one.name
    assert bridge.contacts([one])[str(one.id)]["fullName"] == f"{one.name} II"
    assert f"mapped by {name} v2" in operate("status", name, one.id)[1]


def admitted(operate, name, sample="events/pipedrive/person-with-odd-phones.json"):
    """Send the sample and return what is told if it is taken."""
    code, text = operate("send", sample, "--connection", name)
    return text if code == 0 else ""


def changed(world, name, change):
    """Let a secret hold what `change` makes of its entries; return what repairs it."""
    secrets, identity = world.aws.client("secretsmanager"), world.ids[name]
    before = secrets.get_secret_value(SecretId=identity)["SecretString"]
    secrets.put_secret_value(SecretId=identity, SecretString=json.dumps(change(json.loads(before))))
    return lambda: secrets.put_secret_value(SecretId=identity, SecretString=before)


def wrong_key(world):
    return changed(world, "AuthKeysSecret", lambda _: {"106": {"auth_key": "wrong"}})


def missing_connection(world):
    return changed(world, "ConnectionsSecret", lambda known: {name: known[name] for name in known if name != CLOSE})


def stopped_poller(world):
    update, mapping = world.aws.client("lambda").update_event_source_mapping, world.ids["InboxFunctionInbox"]
    update(UUID=mapping, Enabled=False)
    return lambda: update(UUID=mapping, Enabled=True)


def rejected_event(world):
    queue = world.queue_url("rejected")
    world.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    return lambda: world.sqs.purge_queue(QueueUrl=queue)


def ringostat_down(world):
    world.ringostat.go_down()
    return world.ringostat.come_back


# No other test needs this connection: the functions may remember for minutes that it is gone.
CLOSE = "demo-close"
REMEDIES = {
    "project 106: Ringostat does not know this auth key": "bridge project add 106",
    f"events came by the connection {CLOSE}, which is gone": f"bridge connect PRESET --name {CLOSE}",
    "InboxFunction does not poll its queue (Disabled)": "enable the trigger of InboxFunction",
    "RejectedQueue holds 1": "bridge rejected list",
    "this machine's clock is 10 min ahead of AWS's": "set it by NTP",
    "project 106: Ringostat does not answer (NewConnectionError)": "nothing is lost",
}


@pytest.mark.timeout(120)
def test_doctor_finds_faults_that_are_planted_and_is_fine_without(bridge, operate):
    world = bridge.world
    world.sqs.purge_queue(QueueUrl=world.queue_url("rejected"))
    world.post(CLOSE, (template.ROOT / "events" / "close" / "contact-with-odd-phones.json").read_bytes())

    def healthy():
        return wait_for(lambda: (done := operate("doctor"))[0] == 0 and done[1], 30, "Health")

    def ill(*faults, **more):
        with ExitStack() as repairs:
            for plant in faults:
                repairs.callback(plant(world))
            return operate("doctor", **more)

    before = healthy()
    code, told = ill(
        wrong_key, missing_connection, stopped_poller, rejected_event, ahead=630
    )  # answers are dated in seconds
    code_when_down, told_when_down = ill(ringostat_down)
    after = healthy()

    lines = (told + told_when_down).splitlines()
    remedies = {line[9:]: lines[at + 1] for at, line in enumerate(lines) if line.startswith("wrong")}
    assert code == code_when_down == 1
    assert {what: remedy for what, remedy in REMEDIES.items() if remedy not in remedies.get(what, "")} == {}
    assert all("→" in remedy for remedy in remedies.values())
    assert "everything is fine" in before
    assert "everything is fine" in after


def test_an_import_that_is_killed_and_called_again_loses_and_doubles_nothing(bridge, operate, tmp_path):
    people = [crm.person() for _ in range(600)]
    file = tmp_path / "people.csv"
    lines = [f"{one.id},{one.name},{one.phones[0]}\n" for one in people]
    file.write_text("id,name,phone\n,Nobody,0670001000\n" + "".join(lines), "utf-8")
    words = ("import", file, "--connection", "demo-direct", "--rate")

    with pytest.raises(subprocess.TimeoutExpired):
        operate(*words, 60, seconds=6)
    left = json.loads((tmp_path / "people.csv.checkpoint.json").read_text())
    code, text = operate(*words, 300)
    bridge.arrived(*people, seconds=30)
    bridge.settled(*people)

    posted = [card["externalId"] for request in bridge.posts(*people) for card in request["body"]["contacts"]]
    assert 0 < left["sent"] < 600
    assert code == 2
    assert "600 sent to the inbox queue, 1 rejected" in text
    assert sorted(posted) == sorted(str(one.id) for one in people)
    assert "2,no-id" in (tmp_path / "people.csv.rejected.csv").read_text()


def test_ringostats_employees_are_read_stored_and_set_against_the_owners(bridge, operate):
    one = crm.person()
    bridge.world.post("demo-pipedrive", crm.pipedrive(one))
    bridge.settled(one)

    tried = operate("staff", 106, "--try", "--yes")
    listed = operate("staff", 106)

    assert (tried[0], listed[0]) == (0, 0), tried[1] + listed[1]
    assert "501  olena@example.com" in tried[1]
    assert "1 with an e-mail address, read" in listed[1]
    assert listed[1].rstrip().endswith((" owner matched", " owners matched"))  # others may have made some
