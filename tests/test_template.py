"""template.yaml: what no linter checks."""

import importlib
import json
from collections.abc import Iterator

import pytest
from cfnlint.api import lint

from local import template, translate
from settings import Settings

TEMPLATE = template.load()
TRANSLATED = translate.translated(TEMPLATE)
RESOURCES = TRANSLATED["Resources"]
DAY = 86_400
POLL = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes"}
MERGE = {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:UpdateItem"}
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
ALLOWED = {  # all that a function may do, resource by resource
    "api": {
        "ConnectionsSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE,
        "DeliveryQueue": {"sqs:SendMessage"},
        "InboxQueue": {"sqs:SendMessage"},
        "RejectedQueue": {"sqs:SendMessage"},
        "ApiLog": LOG,
    },
    "inbox": {
        "InboxQueue": POLL,
        "ConnectionsSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE,
        "DeliveryQueue": {"sqs:SendMessage"},
        "RejectedQueue": {"sqs:SendMessage"},
        "InboxLog": LOG,
    },
    "deliver": {
        "DeliveryQueue": POLL,
        "AuthKeysSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE | {"dynamodb:PutItem"},
        "DeliverLog": LOG,
    },
    "sweep": {
        "CardsTable/index/due": {"dynamodb:Query"},
        "CardsTable": {"dynamodb:GetItem", "dynamodb:UpdateItem"},
        "DeliveryQueue": {"sqs:SendMessage"},
        "SweepLog": LOG,
    },
}


def of_type(kind: str) -> dict[str, dict]:
    return {name: resource for name, resource in RESOURCES.items() if resource["Type"] == kind}


FUNCTIONS = {name: resource["Properties"] for name, resource in of_type("AWS::Lambda::Function").items()}
QUEUES = {name: resource["Properties"] for name, resource in of_type("AWS::SQS::Queue").items()}
MAPPINGS = {name: resource["Properties"] for name, resource in of_type("AWS::Lambda::EventSourceMapping").items()}


def extreme(value: object, bound: str) -> float:
    """A number, or the bound of the parameter that stands for it."""
    return float(TEMPLATE["Parameters"][value["Ref"]][bound] if isinstance(value, dict) else value)


def name_of(resource: object) -> str:
    """The logical id in {"Fn::GetAtt": ["CardsTable", "Arn"]} or in {"Fn::Sub": "${CardsTable.Arn}/index/due"}."""
    if "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    return resource["Fn::Sub"].replace("${", "").replace(".Arn}", "")


def statements(role: str) -> Iterator[dict]:
    for policy in RESOURCES[role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize(
    "text", [(template.ROOT / "template.yaml").read_text("utf-8"), json.dumps(TRANSLATED)], ids=["SAM", "translated"]
)
def test_cfn_lint_finds_nothing(text):
    assert [str(match) for match in lint(text, regions=["eu-central-1", "us-east-1"])] == []


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_message_stays_invisible_six_times_as_long_as_its_function_may_run(name):
    mapping = MAPPINGS[name]
    function, queue = FUNCTIONS[mapping["FunctionName"]["Ref"]], QUEUES[name_of(mapping["EventSourceArn"])]

    longest = extreme(function["Timeout"], "MaxValue")

    assert queue["VisibilityTimeout"] == 6 * longest + mapping["MaximumBatchingWindowInSeconds"]


@pytest.mark.parametrize("name", MAPPINGS)
def test_one_bad_message_does_not_repeat_its_batch(name):
    assert MAPPINGS[name]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_flood_is_held_back_in_the_queue_without_using_up_receives(name):
    assert extreme(MAPPINGS[name]["ScalingConfig"]["MaximumConcurrency"], "MinValue") >= 2


@pytest.mark.parametrize("name", MAPPINGS)
def test_no_filter_deletes_messages_unseen(name):
    assert "FilterCriteria" not in MAPPINGS[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_lambda_still_stops_loops_and_a_new_account_can_deploy(name):
    assert not {"RecursiveLoop", "ReservedConcurrentExecutions"} & FUNCTIONS[name].keys()


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_standard_encrypted_and_keeps_messages_for_14_days(name):
    queue = QUEUES[name]

    assert queue["MessageRetentionPeriod"] == 14 * DAY
    assert queue["SqsManagedSseEnabled"] is True
    assert "FifoQueue" not in queue


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_queue_that_is_worked_on_has_a_dead_letter_queue(name):
    redrive = QUEUES[name_of(MAPPINGS[name]["EventSourceArn"])]["RedrivePolicy"]

    assert redrive["maxReceiveCount"] >= 5
    assert name_of(redrive["deadLetterTargetArn"]) in QUEUES


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_refuses_whoever_comes_without_tls(name):
    policies = [resource["Properties"] for resource in of_type("AWS::SQS::QueuePolicy").values()]
    (policy,) = [policy for policy in policies if {"Ref": name} in policy["Queues"]]

    (statement,) = policy["PolicyDocument"]["Statement"]

    assert statement["Effect"] == "Deny"
    assert (statement["Principal"], statement["Action"]) == ("*", "sqs:*")
    assert name_of(statement["Resource"]) == name
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_api_is_throttled_and_logs_neither_bodies_nor_paths_with_tokens():
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    stage = stage["Properties"]

    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"] == {"ThrottlingBurstLimit": 50, "ThrottlingRateLimit": 25}
    assert json.loads(stage["AccessLogSettings"]["Format"])["request_id"] == "$context.requestId"
    assert not {"$context.path", "$context.requestBody"} & set(
        json.loads(stage["AccessLogSettings"]["Format"]).values()
    )


def test_the_routes_are_the_hooks_and_the_health_check():
    assert dict(template.routes(TEMPLATE)) == {
        "ANY /crm/{connection}": "ApiFunction",
        "ANY /crm/{connection}/{token}": "ApiFunction",
        "GET /healthz": "ApiFunction",
    }


def test_every_log_goes_into_a_group_of_the_template_and_ends_there_one_day():
    groups = of_type("AWS::Logs::LogGroup")

    assert {function["LoggingConfig"]["LogGroup"]["Ref"] for function in FUNCTIONS.values()} < groups.keys()
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("name", ALLOWED)
def test_a_function_may_do_what_it_needs_and_nothing_else(name):
    allowed: dict[str, set[str]] = {}
    for statement in statements(f"{name.title()}Role"):
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            allowed.setdefault(name_of(resource), set()).update(statement["Action"])

    assert allowed == ALLOWED[name]


def test_each_function_has_a_role_of_its_own_without_managed_policies():
    roles = of_type("AWS::IAM::Role")

    assert {name_of(function["Role"]) for function in FUNCTIONS.values()} == set(roles)
    assert len(roles) == len(FUNCTIONS)
    assert not [name for name, role in roles.items() if "ManagedPolicyArns" in role["Properties"]]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_environment_is_the_settings_and_powertools_own(name):
    variables = FUNCTIONS[name]["Environment"]["Variables"]
    powertools = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}

    assert set(variables) == {field.upper() for field in Settings._fields} | powertools


def test_every_number_of_the_settings_is_a_parameter_with_a_default_that_is_one():
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    numbers = {name.upper() for name, kind in Settings.__annotations__.items() if kind in (int, float)}

    for name in numbers:
        assert float(TEMPLATE["Parameters"][variables[name]["Ref"]]["Default"]) >= 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_exists(name):
    module, function = FUNCTIONS[name]["Handler"].rsplit(".", 1)

    assert callable(getattr(importlib.import_module(module), function))


def test_all_functions_are_built_once():
    assert TEMPLATE["Globals"]["Function"]["CodeUri"] == "src/"
    assert {function["Runtime"] for function in FUNCTIONS.values()} == {"python3.13"}
    assert not [function for function in FUNCTIONS.values() if function.get("Layers")]


def test_no_secret_stands_in_the_template():
    secrets = of_type("AWS::SecretsManager::Secret").values()

    assert {secret["Properties"]["SecretString"] for secret in secrets} == {"{}"}
    assert not [name for name in TEMPLATE["Parameters"] if {"Secret", "Key", "Token", "Password"} & set(_words(name))]
    assert "{{resolve:" not in json.dumps(TEMPLATE)


def test_cards_outlive_the_stack():
    (table,) = of_type("AWS::DynamoDB::Table").values()
    properties = table["Properties"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_the_index_of_due_cards_holds_keys_only():
    (table,) = of_type("AWS::DynamoDB::Table").values()
    (index,) = table["Properties"]["GlobalSecondaryIndexes"]

    assert index["IndexName"] == "due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due", "due_at"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_time_outs_nest():
    defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}

    assert defaults["PostDeadlineSeconds"] + 3 < defaults["DeliverTimeoutSeconds"]
    assert defaults["QuietPeriodSeconds"] >= max(60, 6 * defaults["PostDeadlineSeconds"])
    assert defaults["AssertAfterSeconds"] > defaults["QuietPeriodSeconds"]
    assert FUNCTIONS["ApiFunction"]["Timeout"] < 30  # an HTTP API's own limit


def test_every_parameter_is_explained_to_whoever_deploys():
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(TEMPLATE["Parameters"])
    for name, parameter in TEMPLATE["Parameters"].items():
        assert {"Default", "Description", "ConstraintDescription"} <= parameter.keys(), name


def test_every_output_is_explained():
    assert not [name for name, output in TEMPLATE["Outputs"].items() if not output.get("Description")]


def _words(name: str) -> list[str]:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).split()
