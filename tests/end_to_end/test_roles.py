"""Each function gets along with what its role permits, and needs all of it."""

import copy

import pytest

from local import template
from local.world import World, wait_for
from tests.end_to_end import crm
from tests.end_to_end.conftest import Bridge

pytestmark = [pytest.mark.world, pytest.mark.slow]

TEMPLATE = template.load()
MAIN_PATH = [  # what one contact needs, sent by HTTP; without the table `api` still has the inbox queue
    ("ApiRole", "secretsmanager:GetSecretValue"),
    ("ApiRole", "dynamodb:GetItem"),
    ("ApiRole", "dynamodb:UpdateItem"),
    ("DeliverRole", "dynamodb:UpdateItem"),
    ("DeliverRole", "secretsmanager:GetSecretValue"),
]


def without(role, action):
    """The template with one action taken from one role."""
    changed = copy.deepcopy(TEMPLATE)
    for policy in changed["Resources"][role]["Properties"]["Policies"]:
        statements = policy["PolicyDocument"]["Statement"]
        for statement in statements:
            statement["Action"] = [one for one in statement["Action"] if one != action]
        policy["PolicyDocument"]["Statement"] = [one for one in statements if one["Action"]]
    return changed


def works(world, one):
    """Say whether a person takes the main path: into the cards at once, then to Ringostat."""
    answer = world.post("demo-pipedrive", crm.pipedrive(one))
    if answer.status != 202 or answer.json().get("accepted") != 1:
        return False
    try:
        return bool(Bridge(world).arrived(one, seconds=3))
    except TimeoutError:
        return False


@pytest.mark.timeout(180)
def test_with_roles_enforced_everything_still_works(some):
    people = some(100)

    with World(enforce_roles=True) as world:
        bridge = Bridge(world)
        one, inbox, refused, late = some(4)
        assert works(world, one)
        world.post("demo-kommo", crm.kommo(people), crm.FORM)
        bridge.arrived(*people, seconds=20)
        attributes = {"connection": {"DataType": "String", "StringValue": "demo-kommo"}}
        for body in (crm.kommo([inbox]), "["):
            world.sqs.send_message(
                QueueUrl=world.queue_url("inbox"),
                MessageBody=body,
                MessageAttributes=attributes | {"content-type": {"DataType": "String", "StringValue": crm.FORM}},
            )
        bridge.arrived(inbox)
        world.ringostat.faults({"refuse": {"externalId": str(refused.id)}}, {"status": 503, "times": 2})
        world.post("demo-kommo", crm.kommo([refused, late]), crm.FORM)
        bridge.arrived(late, seconds=20)
        bridge.settled(*people, one, inbox, late)
        wait_for(lambda: bridge.row(refused, "Kommo").get("refusals"), what="The first refusal")
        wait_for(lambda: world.depth("rejected"), what="The rejected event")
        assert world.depth("dead-delivery") == 0
        lines = [line.text for line in world.logs.all()]
        assert [line for line in lines if '"ERROR"' in line or "not woken" in line] == []


@pytest.mark.parametrize(("role", "action"), MAIN_PATH)
def test_with_one_permission_less_the_main_path_fails(role, action, some):
    with World(enforce_roles=True, changed=without(role, action)) as world:
        assert not works(world, *some(1))
