"""template.yaml: what no linter checks."""

import importlib
import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

import pytest
from cfnlint.api import lint

from access import fault
from cards.key import BUNDLE, mapping_key
from cli.checks import FOR_A_NEW_ACCOUNT
from connections import auth_key_of, connection_of
from delivery.policy import STOP_MARGIN_MS, Policy
from delivery.throttle import Throttle, allowed, swept
from local import template
from mapping.language import loader
from settings import LONGEST_POST_SECONDS, SETTINGS, Settings
from telemetry import METRICS
from tools import build, translate

TEMPLATE = template.load()
TRANSLATED = translate.translated(TEMPLATE)
RESOURCES = TRANSLATED["Resources"]
NUMBERS = {name: one for name, one in TEMPLATE["Parameters"].items() if one["Type"] == "Number"}
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
        "LookupQueue": {"sqs:SendMessage"},
        "ApiLog": LOG,
    },
    "inbox": {
        "InboxQueue": POLL,
        "ConnectionsSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE,
        "DeliveryQueue": {"sqs:SendMessage"},
        "RejectedQueue": {"sqs:SendMessage"},
        "LookupQueue": {"sqs:SendMessage"},
        "InboxLog": LOG,
    },
    "deliver": {
        "DeliveryQueue": POLL,
        "AuthKeysSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE,
        "DeliverLog": LOG,
    },
    "sweep": {
        "CardsTable/index/due": {"dynamodb:Query"},
        "CardsTable": MERGE,
        "DeliveryQueue": {"sqs:SendMessage"},
        "LookupQueue": {"sqs:SendMessage"},
        "SweepLog": LOG,
    },
    "lookup": {
        "LookupQueue": POLL,
        "ConnectionsSecret": {"secretsmanager:GetSecretValue"},
        "ApiKeysSecret": {"secretsmanager:GetSecretValue"},
        "CardsTable": MERGE,
        "CardsTable/index/due": {"dynamodb:Query"},
        "DeliveryQueue": {"sqs:SendMessage"},
        "RejectedQueue": {"sqs:SendMessage"},
        "LookupLog": LOG,
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
    """All that a role permits or forbids, also by policies that several roles share."""
    apart = [resource["Properties"] for resource in of_type("AWS::IAM::Policy").values()]
    for policy in [*RESOURCES[role]["Properties"]["Policies"], *apart]:
        if {"Ref": role} in [where(one, holds=True) for one in policy.get("Roles", [{"Ref": role}])]:
            yield from policy["PolicyDocument"]["Statement"]


NOTHING = {"Ref": "AWS::NoValue"}


def where(resource: object, *, holds: bool) -> object:
    """A resource as it is where every condition holds, or none."""
    if isinstance(resource, dict):
        if "Fn::If" in resource:
            return where(resource["Fn::If"][1 if holds else 2], holds=holds)
        return {name: where(part, holds=holds) for name, part in resource.items()}
    if isinstance(resource, list):
        return [where(part, holds=holds) for part in resource if where(part, holds=holds) != NOTHING]
    return resource


def if_not(resource: object) -> object:
    return where(resource, holds=False)


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
def test_a_queue_denies_every_request_without_tls(name):
    policies = [resource["Properties"] for resource in of_type("AWS::SQS::QueuePolicy").values()]
    (policy,) = [policy for policy in policies if {"Ref": name} in policy["Queues"]]

    (statement,) = if_not(policy["PolicyDocument"]["Statement"])

    assert statement["Effect"] == "Deny"
    assert (statement["Principal"], statement["Action"]) == ("*", "sqs:*")
    assert name_of(statement["Resource"]) == name
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_api_is_throttled_and_logs_neither_bodies_nor_paths_with_tokens():
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()
    stage = stage["Properties"]

    assert stage["StageName"] == "$default"
    assert json.loads(stage["AccessLogSettings"]["Format"])["request_id"] == "$context.requestId"
    assert not {"$context.path", "$context.requestBody"} & set(
        json.loads(stage["AccessLogSettings"]["Format"]).values()
    )


def test_the_log_of_the_api_needs_no_room_in_the_accounts_policy_for_logs():
    """A19 of the review of AWS."""
    assert RESOURCES["HttpApiLog"]["Properties"]["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


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
        if statement["Effect"] == "Deny":
            continue
        assert statement["Effect"] == "Allow"
        for resource in statement["Resource"]:
            allowed.setdefault(name_of(resource), set()).update(statement["Action"])

    assert allowed == ALLOWED[name]


@pytest.mark.parametrize("name", ALLOWED)
def test_no_function_may_write_a_stored_mapping(name):
    (denied,) = [one for one in statements(f"{name.title()}Role") if one["Effect"] == "Deny"]
    (pattern,) = denied["Condition"]["ForAnyValue:StringLike"]["dynamodb:LeadingKeys"]

    assert {name_of(resource) for resource in denied["Resource"]} == {"CardsTable"}
    assert set(denied["Action"]) == MERGE - {"dynamodb:GetItem", "dynamodb:BatchGetItem"}
    assert fnmatchcase(mapping_key("own"), pattern)
    assert fnmatchcase(mapping_key("own", 3), pattern)
    assert not fnmatchcase(BUNDLE, pattern)


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


def test_the_metrics_and_logs_of_two_stacks_do_not_mix():
    for function in FUNCTIONS.values():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "RingostatBridge"


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
    for name, parameter in TEMPLATE["Parameters"].items():
        if {"Secret", "Key", "Token", "Password"} & set(_words(name)):
            assert (parameter["NoEcho"], parameter["Default"]) == (True, "")
            assert name not in json.dumps(TEMPLATE["Outputs"]).replace(f"with {name}", "")
    assert "{{resolve:" not in json.dumps(TEMPLATE)


def test_the_value_of_a_secret_never_changes_for_then_cloudformation_writes_it_again_over_all_connections():
    """These texts are for ever: a stack that has them keeps what was written since only while they stay the same."""
    first = (
        '{"first": {"mapping": "${FirstPreset}", "project": ${FirstProject}, "country": "${FirstCountry}", '
        '"time_zone": "${FirstTimeZone}", "crm_url": "${FirstCrmUrl}", '
        '"verify": {"scheme": "path-token", "token": "${FirstToken}"}}}'
    )
    key = '{"${FirstProject}": {"auth_key": "${FirstAuthKey}"}}'

    values = {name: item["Properties"]["SecretString"] for name, item in of_type("AWS::SecretsManager::Secret").items()}

    assert values == {
        "ConnectionsSecret": {"Fn::If": ["HasFirst", {"Fn::Sub": first}, "{}"]},
        "AuthKeysSecret": {"Fn::If": ["HasFirst", {"Fn::Sub": key}, "{}"]},
        "ApiKeysSecret": "{}",
    }


def test_what_an_update_would_write_over_says_so_and_the_stack_policy_of_the_page_protects_it():
    written = {name: json.dumps(item) for name, item in of_type("AWS::SecretsManager::Secret").items()}
    first = [name for name in TEMPLATE["Parameters"] if any(f"${{{name}}}" in text for text in written.values())]
    policy = json.loads(re.search(r"--stack-policy-body '(.+?)'", OPERATIONS, re.DOTALL)[1])
    (denied,) = (one["Resource"] for one in policy["Statement"] if one["Effect"] == "Deny")

    assert len(first) == 7
    assert [one for one in first if "Never change it later" not in TEMPLATE["Parameters"][one]["Description"]] == []
    assert denied == [f"LogicalResourceId/{name}" for name, text in written.items() if "${First" in text]


def test_the_first_connection_of_a_link_is_one_that_the_functions_read():
    given = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}
    given |= {"FirstPreset": "kommo", "FirstProject": "106", "FirstToken": "t" * 20, "FirstAuthKey": "k"}

    def made(secret):
        text = where(RESOURCES[secret]["Properties"]["SecretString"], holds=True)["Fn::Sub"]
        return json.loads(re.sub(r"\$\{(\w+)\}", lambda name: str(given[name[1]]), text))

    connection = connection_of(made("ConnectionsSecret"), "first")

    assert (connection.mapping, connection.project, fault(connection.verify)) == ("kommo", 106, "")
    assert auth_key_of(made("AuthKeysSecret"), connection.project) == "k"


def test_the_presets_of_a_link_prove_themselves_by_their_address_and_need_no_key_to_their_crms_api():
    whole = {
        name
        for name in loader.presets()
        if "path-token" in loader.load(name).verify and name not in {"bitrix24", "keycrm", "monday"}
    }

    assert set(TEMPLATE["Parameters"]["FirstPreset"]["AllowedValues"]) == {"", "pipedrive"} | whole


def test_a6_a14_cards_outlive_the_stack():
    (table,) = of_type("AWS::DynamoDB::Table").values()
    properties = table["Properties"]

    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert [one for one in RESOURCES.values() if one.get("DeletionPolicy", "Delete") != "Delete"] == [table]
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert "SSESpecification" not in properties  # a key of AWS's own: no call and no charge of KMS
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


def test_the_index_of_due_cards_holds_keys_only():
    (table,) = of_type("AWS::DynamoDB::Table").values()
    (index,) = table["Properties"]["GlobalSecondaryIndexes"]

    assert index["IndexName"] == "due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due", "due_at"]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_time_outs_nest():
    defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}

    assert defaults["QuietPeriodSeconds"] >= max(60, 6 * defaults["PostDeadlineSeconds"])
    assert defaults["AssertAfterSeconds"] > defaults["QuietPeriodSeconds"]
    assert FUNCTIONS["ApiFunction"]["Timeout"] < 30  # an HTTP API's own limit


def test_every_parameter_is_explained_to_the_deployer():
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert sorted(grouped) == sorted(interface["ParameterLabels"]) == sorted(TEMPLATE["Parameters"])
    for name, parameter in (TEMPLATE["Parameters"] | VERSIONS["Parameters"]).items():
        assert {"Default", "Description", "ConstraintDescription"} <= parameter.keys(), name


def test_every_output_is_explained():
    assert not [name for name, output in TEMPLATE["Outputs"].items() if not output.get("Description")]


ALARMS = {  # each promise: metric, statistic, comparison, threshold, seconds in all
    "EventsRejectedAlarm": ("RecordsRejected", "Sum", ">", 0, 300),
    "CardRefusedAlarm": ("CardsRefused", "Sum", ">", 0, 300),
    "OldestDueWarning": ("OldestDueSeconds", "Maximum", ">", 300, 300),
    "OldestDueAlarm": ("OldestDueSeconds", "Maximum", ">", 3600, 300),
    "OldestWantedAlarm": ("OldestWantedSeconds", "Maximum", ">", 3600, 300),
    "CircuitOpenAlarm": ("CircuitsOpen", "Minimum", ">", 0, 300),
    "AnswerUnknownAlarm": ("AnswersUnknown", "Sum", ">", 0, 300),
    "SilenceAlarm": ("SilentConnections", "Maximum", ">", 0, 300),
    "RequestsDeniedAlarm": ("4xx", "Sum", ">", 20, 300),
    "ServerFaultAlarm": ("5xx", "Sum", ">", 0, 300),
    "RequestsRefusedAlarm": ("RequestsRefused", "Sum", ">", 0, 300),
    "RejectedQueueAlarm": ("ApproximateNumberOfMessagesVisible", "Maximum", ">", 0, 300),
    "InboxStuckAlarm": ("ApproximateAgeOfOldestMessage", "Maximum", ">", 300, 300),
    "DeadLetterAlarm": ("ApproximateNumberOfMessagesVisible", "Maximum", ">", 0, 300),
}
COMPARISONS = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}
WATCHED = {  # the one dimension by namespace
    "RingostatBridge": [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}],
    "AWS/ApiGateway": [{"Name": "ApiId", "Value": {"Ref": "HttpApi"}}],
    "RingostatBridge/${AWS::StackName}": [],  # a metric filter cannot write the stack's name as a dimension
}
OPERATIONS = (template.ROOT / "docs" / "operations.md").read_text("utf-8")
ANCHORS = {
    re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")
    for title in re.findall(r"^#+ (.*)$", OPERATIONS, re.MULTILINE)
}


def value_of(value: object) -> object:
    return TEMPLATE["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value


def alarm(name: str) -> dict:
    return RESOURCES[name]["Properties"]


def test_a13_there_is_an_alarm_for_each_promise_and_no_other():
    found = {
        name: (
            alarm(name)["MetricName"],
            alarm(name)["Statistic"],
            COMPARISONS[alarm(name)["ComparisonOperator"]],
            alarm(name)["Threshold"],
            alarm(name)["Period"] * value_of(alarm(name)["EvaluationPeriods"]),
        )
        for name in of_type("AWS::CloudWatch::Alarm")
    }

    assert found == ALARMS


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_says_what_it_means_what_to_do_first_and_where_to_read_on(name):
    description = alarm(name)["AlarmDescription"]["Fn::Sub"]

    meaning, first, anchor = re.fullmatch(
        r"(.+\.) First step - (.+)\. See \$\{DocumentationUrl\}docs/operations\.md#([a-z0-9-]+)", description
    ).groups()

    assert len(meaning.split()) > 4
    assert len(first.split()) > 2
    assert anchor in ANCHORS
    assert len(description) + 200 < 1024  # with an address of at most 200 characters before it
    for query in re.findall(r"saved query `([^`]+)`", description):
        assert query in QUERIES


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_watches_this_stack_alone_and_tells_the_topic(name):
    properties = alarm(name)
    namespace = properties["Namespace"]

    if namespace == "AWS/SQS":
        assert properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0] in QUEUES
    else:
        found = namespace["Fn::Sub"] if isinstance(namespace, dict) else namespace
        assert properties.get("Dimensions", []) == WATCHED[found]
    assert properties["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert "TreatMissingData" in properties
    if properties["Namespace"] == "RingostatBridge":
        assert properties["MetricName"] in METRICS


def test_when_the_sweep_does_not_run_its_silence_rings():
    assert alarm("OldestDueWarning")["TreatMissingData"] == "breaching"


def test_a_message_that_fails_is_seen_before_sqs_takes_it_out_of_the_age_of_the_queue():
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    longest = 3 * QUEUES["InboxQueue"]["VisibilityTimeout"]

    assert alarm("InboxStuckAlarm")["Threshold"] < longest


@pytest.mark.parametrize(
    ("kinds", "condition"),
    [
        (
            {"AWS::CloudWatch::Alarm", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::Logs::MetricFilter"},
            {"HasAlarms", "HasLookupAlarms"},
        ),
        ({"AWS::SNS::Subscription"}, {"HasAlarmEmail"}),
        ({"AWS::CloudWatch::Dashboard", "AWS::Logs::QueryDefinition"}, {"HasDashboard"}),
    ],
)
def test_what_watches_can_be_switched_off(kinds, condition):
    assert {resource.get("Condition") for resource in RESOURCES.values() if resource["Type"] in kinds} == condition


def test_without_look_ups_nothing_of_them_is_there():
    """So they cost nothing where they are not used."""
    theirs = {name for name, resource in RESOURCES.items() if "Lookup" in name or name == "ApiKeysSecret"}

    assert {RESOURCES[name].get("Condition") for name in theirs} == {"HasLookups"}
    assert TEMPLATE["Parameters"]["Lookups"]["Default"] == "false"
    assert TEMPLATE["Parameters"]["LoopbackApi"]["Default"] == "false"
    variables = if_not(FUNCTIONS["ApiFunction"]["Environment"]["Variables"])
    assert (variables["LOOKUP_QUEUE_URL"], variables["API_KEYS_SECRET"]) == ("", "")


def test_nothing_that_is_always_there_needs_what_can_be_switched_off():
    optional = {name for name, resource in RESOURCES.items() if "Condition" in resource}
    always = {name: if_not(resource) for name, resource in RESOURCES.items() if name not in optional}

    assert not [name for name in optional if f'"{name}"' in json.dumps(always)]
    for output in TEMPLATE["Outputs"].values():
        used = [name for name in optional if re.search(rf'"{name}"|\$\{{{name}[.}}]', json.dumps(output))]
        assert not used or "Condition" in output


def test_only_cloudwatch_publishes_to_the_topic_and_over_tls():
    allow, deny = RESOURCES["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


WIDGETS = json.loads(RESOURCES["BridgeDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0])["widgets"]


def shown() -> Iterator[list[str]]:
    """Every metric of the dashboard, `.` written out as what stands above it."""
    for widget in WIDGETS:
        above: list[str] = []
        for metric in widget["properties"].get("metrics", ()):
            above = [above[at] if part == "." else part for at, part in enumerate(metric[:4])]
            yield above


def test_the_dashboard_shows_every_metric_every_queue_and_what_the_alarms_watch():
    metrics = list(shown())

    assert {metric[1] for metric in metrics if metric[0] == "RingostatBridge"} == set(METRICS)
    assert {metric[3] for metric in metrics if metric[0] == "AWS/SQS"} == {
        "${LookupQueueName}" if name == "LookupQueue" else f"${{{name}.QueueName}}" for name in QUEUES
    }
    assert {("AWS/ApiGateway", name) for name in ("Count", "4xx", "5xx")} <= {tuple(metric[:2]) for metric in metrics}
    assert {metric[3] for metric in metrics if metric[0] == "RingostatBridge"} == {"${AWS::StackName}"}


def test_the_lines_of_the_dashboard_are_the_thresholds_of_the_alarms():
    (lines,) = [widget["properties"]["annotations"] for widget in WIDGETS if "annotations" in widget["properties"]]
    wanted = [alarm(name)["Threshold"] for name in ("OldestDueWarning", "OldestDueAlarm")]

    assert [line["value"] for line in lines["horizontal"]] == wanted


QUERIES = {
    resource["Properties"]["Name"]["Fn::Sub"].partition("/")[2]: resource["Properties"]
    for resource in of_type("AWS::Logs::QueryDefinition").values()
}
LOGGED = [path.read_text("utf-8") for path in (template.ROOT / "src").rglob("*.py")]
SHOWN = [widget["properties"]["query"] for widget in WIDGETS if widget["type"] == "log"]


def test_there_is_a_saved_query_for_each_question():
    assert set(QUERIES) == {
        "story of one card",
        "story of one request",
        "rejected by reason",
        "refused cards by code",
        "cards left behind by day",
        "slow calls of Ringostat",
        "answers of Ringostat",
        "volume by connection",
        "unknown fields and codes",
        "denied requests",
        "errors",
    }


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_declares_what_it_asks_for_and_reads_logs_of_the_stack(name):
    query = QUERIES[name]
    asked = set(re.findall(r"\{\{(\w+)\}\}", query["QueryString"]))

    assert asked == {parameter["Name"] for parameter in query.get("Parameters", ())}
    groups = [group["Fn::If"][1] if "Fn::If" in group else group for group in query["LogGroupNames"]]
    assert {group["Ref"] for group in groups} <= of_type("AWS::Logs::LogGroup").keys()


@pytest.mark.parametrize("query", [*(query["QueryString"] for query in QUERIES.values()), *SHOWN])
def test_a_query_looks_for_messages_that_are_written(query):
    wanted = re.findall(r"message = ['\"](\w+)['\"]", query)

    assert all(any(f'"{message}"' in text for text in LOGGED) for message in wanted)


FIELDS = {"request_id", "connection", "code", "field", "status", "answer", "milliseconds", "unknown", "shape", "number"}


def test_the_fields_of_the_queries_are_written():
    for name in FIELDS | {"ahead", "bytes", "records", "codes", "warnings", "project", "endpoint", "error"}:
        assert any(re.search(rf"\b{name}(=|\": )", text) for text in LOGGED), name


def test_the_page_for_operators_names_every_alarm_with_its_threshold_and_every_metric():
    for name, (metric, _, comparison, threshold, _) in ALARMS.items():
        assert re.search(rf"^\| `{name}` \| `{metric}` {comparison} {threshold}\b", OPERATIONS, re.MULTILINE), name
    for name, meaning in METRICS.items():
        assert f"| `{name}` | {meaning} |" in OPERATIONS


@pytest.mark.parametrize("name", ["CircuitSeconds", "SilentHours"])
def test_numbers_quoted_for_operators_are_the_defaults(name):
    (quoted,) = set(re.findall(rf"`{name}` \((\d+)", OPERATIONS))

    assert int(quoted) == TEMPLATE["Parameters"][name]["Default"]


def test_a4_what_doctor_advises_a_new_account_fits_its_ten_copies():
    """What is left after the queues and the sweep is enough for a burst."""
    advised = dict(re.findall(r"(\w+)=(\d+)", FOR_A_NEW_ACCOUNT))
    number = {name: int(advised.get(name, parameter["Default"])) for name, parameter in NUMBERS.items()}

    others = number["InboxConcurrency"] + number["DeliveryConcurrency"] + 1  # the sweep

    assert others + number["RequestBurst"] <= 10
    assert number["RequestsPerSecond"] * 0.3 <= 10 - others  # seconds of a copy that has started
    for name, value in advised.items():
        assert NUMBERS[name]["MinValue"] <= int(value)


def test_a5_r1_the_door_is_as_wide_as_parameters_say_and_a_usual_account_bears():
    """A mass edit of a thousand contacts comes in at once."""
    (stage,) = of_type("AWS::ApiGatewayV2::Stage").values()

    assert stage["Properties"]["DefaultRouteSettings"] == {
        "ThrottlingBurstLimit": {"Ref": "RequestBurst"},
        "ThrottlingRateLimit": {"Ref": "RequestsPerSecond"},
    }
    assert NUMBERS["RequestBurst"]["Default"] >= 1000
    assert NUMBERS["RequestsPerSecond"]["Default"] * 0.3 <= 1000 / 2  # half of the copies of a usual account
    assert RESOURCES["InboxFunctionInbox"]["Properties"]["ScalingConfig"] == {
        "MaximumConcurrency": {"Ref": "InboxConcurrency"}
    }


def test_r1_what_the_door_refuses_is_counted_by_the_log_of_the_api():
    """API Gateway's own answers reach no code of ours; it has no metric of 429 alone."""
    stage = next(iter(of_type("AWS::ApiGatewayV2::Stage").values()))["Properties"]
    logged = json.loads(stage["AccessLogSettings"]["Format"])
    properties = RESOURCES["DoorFilter"]["Properties"]
    (written,) = properties["MetricTransformations"]

    assert set(re.findall(r"\$\.(\w+)", properties["FilterPattern"])) <= logged.keys()
    assert (written["MetricNamespace"], written["MetricName"]) == (
        alarm("RequestsRefusedAlarm")["Namespace"],
        alarm("RequestsRefusedAlarm")["MetricName"],
    )
    assert not any("429" in path.read_text("utf-8") for path in (template.ROOT / "src" / "intake").rglob("*.py"))


@pytest.mark.parametrize(
    ("status", "fault", "counts"),
    [("429", "-", 1), ("503", "Service Unavailable", 1), ("503", "-", 0), ("401", "-", 0), ("202", "-", 0)],
)
def test_r1_what_counts_is_refused_by_api_gateway_and_not_by_the_function(status, fault, counts):
    """Alternatives of conditions: AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""
    line = {"status": status, "fault": fault}
    pattern = RESOURCES["DoorFilter"]["Properties"]["FilterPattern"]
    alternatives = [re.findall(r'\$\.(\w+) (!?=) "([^"]+)"', one) for one in pattern.split("||")]

    found = [all(fnmatchcase(line[name], value) == (sign == "=") for name, sign, value in one) for one in alternatives]

    assert any(found) == bool(counts)


GUIDES = {path.stem: path.read_text("utf-8") for path in (template.ROOT / "docs" / "connect").glob("[!R]*.md")}


def test_r1_the_alarm_of_the_door_names_the_crms_that_lose_what_it_refuses():
    text = alarm("RequestsRefusedAlarm")["AlarmDescription"]["Fn::Sub"]
    line = re.compile(r"^- \*\*\[After 429 or an outage\]\(\.\./operations\.md#([a-z-]+)\)\*\*: (\w+)", re.MULTILINE)

    for name, guide in GUIDES.items():
        found = line.findall(guide)
        crm = re.split(r" \(|,", guide.splitlines()[0].removeprefix("# "))[0].lower()
        assert [anchor for anchor, _ in found] == ["requests-were-refused-at-the-door"], name
        assert (crm in text.lower()) == (found[0][1] == "lost"), name


def test_a9_every_number_that_deploys_delivers():
    """With any value that a parameter takes, a POST starts and its answer is recorded within a run."""
    longest = TEMPLATE["Parameters"]["PostDeadlineSeconds"]["MaxValue"]

    assert longest == LONGEST_POST_SECONDS
    assert 1000 * longest + STOP_MARGIN_MS < 1000 * FUNCTIONS["DeliverFunction"]["Timeout"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RINGOSTAT_URL", "http://api.example.com"),
        ("RINGOSTAT_URL", "http://127.0.0.1:9"),
        ("POST_DEADLINE_SECONDS", "60"),
    ],
)
def test_a9_what_could_never_deliver_stops_a_function_at_once(name, value):
    """It did start, and nothing was ever posted, without a line in the log."""
    environment = {name.upper(): str(value) for name, value in SETTINGS._asdict().items()}
    good = environment | {"RINGOSTAT_URL": "https://api.example.com", "LOOPBACK_API": "false"}

    assert Settings.of(good).ringostat_url == "https://api.example.com"
    with pytest.raises(ValueError, match=name):
        Settings.of(good | {name: value})


@pytest.mark.parametrize("url", ["http://api.example.com", "http://127.0.0.1.example.com:80", "https://a.example/", ""])
def test_a9_ringostat_is_deployed_with_https_only(url):
    assert not re.match(TEMPLATE["Parameters"]["RingostatUrl"]["AllowedPattern"], url)


def test_the_sweeps_that_a_backlog_takes_are_counted_right():
    defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}
    policy = Policy.of(SETTINGS._asdict())._replace(sweep_most=defaults["SweepMost"])
    throttle = Throttle(allowance=defaults["BatchSize"])
    left, sweeps = 10_000, 0
    while left > 0:
        left, throttle, sweeps = left - allowed(throttle, policy), swept(throttle, policy), sweeps + 1

    assert f"10,000 waiting cards take {sweeps} sweeps" in OPERATIONS


def test_every_link_inside_the_page_for_operators_leads_to_a_chapter():
    assert set(re.findall(r"\]\(#([^)]+)\)", OPERATIONS)) <= ANCHORS


VERSIONS = template.load(template.ROOT / "versions.yaml")
SWITCHES = {  # every switch of the stack, and what switches it on
    "Lookups": "true",
    "SyncSchedule": "rate(1 day)",
    "AlarmEmail": "operator@example.com",
    "EventBridgeRules": ",".join(f"arn:aws:events:eu-central-1:111111111111:rule/{name}" for name in "ab"),
    "DomainName": "bridge.example.com",
    "DomainCertificate": "arn:aws:acm:eu-central-1:111111111111:certificate/0",
    "FirstProject": "106",
    "FirstAuthKey": "a-key",
    "FirstPreset": "kommo",
    "FirstToken": "t" * 20,
    "DocumentationUrl": "https://example.com/docs/",
}
OFF = {"Alarms": "false", "Dashboard": "false"}
FAST = {"SnapStart": "true"}
WARM = {"ProvisionedCopies": 1, "SafeDeployments": "false"}


def with_defaults(under: dict, values: dict[str, object]) -> dict:
    return build.merged(under, {"Parameters": {name: {"Default": value} for name, value in values.items()}})


@pytest.mark.parametrize(
    ("values", "published"),
    [(SWITCHES, {}), (OFF, {}), ({}, {"SafeDeployments": "true"}), (SWITCHES, FAST), (OFF, WARM)],
    ids=["all on", "all off", "canary", "all on, snap", "all off, warm"],
)
def test_cfn_lint_finds_nothing_with_every_switch_on_and_off(values, published):
    """S4 and A16 of the review of AWS: what was an edit of the template is a switch."""
    changed = build.with_versions(TEMPLATE, "1") if published else TEMPLATE
    text = json.dumps(translate.translated(with_defaults(changed, values | published)))

    found = [str(match) for match in lint(text, regions=["eu-central-1"])]

    assert [match for match in found if "SafeDeployments not used" not in match] == []  # SAM has put its value in
    assert ('"AWS::CodeDeploy::DeploymentGroup"' in text) == (bool(published) and published != WARM)


def versions(release: str) -> set[str]:
    """The logical ids of the versions that a build publishes."""
    resources = translate.translated(build.with_versions(TEMPLATE, release))["Resources"].items()
    return {name for name, resource in resources if resource["Type"] == "AWS::Lambda::Version"}


def test_every_build_publishes_versions_of_all_functions():
    """Or an alias would go on with the old code and the old parameters."""
    first = versions("1")

    assert len(first) == len(FUNCTIONS)
    assert not first & versions("2")


def test_the_next_step_of_a_human_is_an_output():
    outputs = TEMPLATE["Outputs"]

    assert {
        *("HooksUrl", "InboxQueueUrl", "RejectedQueueUrl", "DeadDeliveryQueueUrl", "ConnectionsSecretConsole"),
        *("AuthKeysSecretConsole", "DashboardConsole", "LogQueriesConsole", "AlarmTopicArn", "TestCommand"),
    } <= set(outputs)
    assert outputs["TestCommand"]["Value"]["Fn::Sub"].endswith("/healthz")


def _words(name: str) -> list[str]:
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).split()
