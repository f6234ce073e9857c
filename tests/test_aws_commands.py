"""Every `aws` command of a page, against the models of AWS's services from which the AWS CLI is made."""

import json
import re
import shlex
from itertools import groupby

import boto3
import jmespath
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.utils import parse_timestamp
from botocore.validate import validate_parameters

from local import template
from local.in_process import TABLE

OPERATIONS = (template.ROOT / "docs" / "operations.md").read_text("utf-8")
PAGES = [template.ROOT / "README.md", *sorted((template.ROOT / "docs").rglob("*.md"))]
SESSION = Session()
GLOBAL = {"--query", "--output"}  # https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html
ENDS = "();|&\n"  # of a simple command
PLACEHOLDER = re.compile(r"[A-Z_]+$|\$\(id ")


def commands(text):
    """Return the words of each `aws` command in a page's blocks of code and between its backticks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).replace("\\|", "|")
    code = [*blocks, *re.findall(r"`([^`\n]+)`", prose)]
    return [words for part in code if re.search(r"\baws ", part) for words in _simple(part.replace("\\\n", ""))]


def _simple(code):
    """Return the words of each `aws` command of a list of commands."""
    lexer = shlex.shlex(code, posix=True, punctuation_chars=ENDS)
    lexer.whitespace, lexer.whitespace_split = " ", True
    parts = [list(part) for ends, part in groupby(lexer, lambda word: set(word) <= set(ENDS)) if not ends]
    return [part[part.index("aws") + 1 :] for part in parts if "aws" in part[:2]]


COMMANDS = [(page.name, words) for page in PAGES for words in commands(page.read_text("utf-8"))]


def asked(words):
    """Return the service, the operation's model and the parameters of a command, and its global options."""
    service, name, *rest = words
    if name == "wait":
        name, *rest = rest
        waiters = {xform_name(one, "-"): one for one in SESSION.get_waiter_model(service).waiter_names}
        name = xform_name(SESSION.get_waiter_model(service).get_waiter(waiters[name]).operation, "-")
    model = SESSION.get_service_model(service)
    operation = model.operation_model({xform_name(one, "-"): one for one in model.operation_names}[name])
    members = {f"--{xform_name(one, '-')}": (one, shape) for one, shape in operation.input_shape.members.items()}
    flags = {
        flag: (member, value)
        for option, (member, shape) in members.items()
        if shape.type_name == "boolean"
        for flag, value in ((option, True), (f"--no-{option[2:]}", False))
    }
    parameters, others = {}, {}
    while rest:
        option = rest.pop(0)
        if option in flags:
            parameters.update([flags[option]])
        elif option in GLOBAL:
            others[option] = rest.pop(0)
        else:
            member, shape = members[option]
            parameters[member] = value_of(rest.pop(0), shape)
    return service, operation, parameters, others


def run(words, **names):
    """Run a command of a page against the emulated AWS, with its words in capitals replaced; return the answer."""
    service, operation, parameters, _ = asked([names.get(word, word) for word in words])
    return getattr(boto3.client(service), xform_name(operation.name))(**parameters)


def value_of(text, shape):
    """Return what the CLI makes of an option's word: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-shorthand.html"""
    if shape.type_name == "structure":
        pairs = json.loads(text) if text.startswith("{") else dict(pair.split("=", 1) for pair in text.split(","))
        return {name: value_of(value, shape.members[name]) for name, value in pairs.items()}
    if shape.type_name == "timestamp":
        return parse_timestamp(text)
    if shape.type_name == "string":
        assert text in (shape.enum or [text])
        return text.ljust(shape.metadata.get("min", 0), "-") if PLACEHOLDER.match(text) else text
    return json.loads(text)


def sample(shape):
    """Return an answer in which everything is there once."""
    if shape.type_name == "structure":
        return {name: sample(member) for name, member in shape.members.items()}
    return [sample(shape.member)] if shape.type_name == "list" else shape.type_name


def test_the_pages_have_commands():
    assert {page for page, _ in COMMANDS} >= {"first-day.md", "operations.md"}
    assert len(COMMANDS) >= 20


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=[" ".join((page, *words[:2])) for page, words in COMMANDS])
def test_an_aws_command_is_one_that_aws_knows(page, words):
    _, operation, parameters, others = asked(words)

    validate_parameters(parameters, operation.input_shape)
    assert others.get("--output", "text") in {"text", "json"}
    if "--query" in others:
        assert jmespath.search(others["--query"], sample(operation.output_shape)), "a part that no answer has"


def chapter(title):
    """Return the commands of a chapter, without those that only wait."""
    return [
        words
        for words in commands(re.split(rf"^#+ {title}\n", OPERATIONS, flags=re.MULTILINE)[1].split("\n#")[0])
        if words[1] != "wait"
    ]


def state():
    """Return of the cards table what a restore leaves off."""
    dynamodb = boto3.client("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName="CARDS_TABLE")["ContinuousBackupsDescription"]
    return (
        dynamodb.describe_time_to_live(TableName="CARDS_TABLE")["TimeToLiveDescription"],
        backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        dynamodb.describe_table(TableName="CARDS_TABLE")["Table"]["DeletionProtectionEnabled"],
    )


@pytest.mark.usefixtures("aws")
def test_a6_a_protected_table_is_deleted_as_the_page_says_and_a_lost_one_comes_back_whole():
    dynamodb = boto3.client("dynamodb")
    switches = {"TimeToLiveSpecification", "PointInTimeRecoverySpecification"}
    table = {name: value for name, value in TABLE.items() if name not in switches}
    dynamodb.create_table(TableName="CARDS_TABLE", **table)
    dynamodb.put_item(TableName="CARDS_TABLE", Item={"key": {"S": "106#Pipedrive#contact:1"}})
    backup = dynamodb.create_backup(TableName="CARDS_TABLE", BackupName="system")["BackupDetails"]["BackupArn"]
    unprotect, delete = chapter("Remove everything")[:2]

    with pytest.raises(ClientError, match="ValidationException"):
        run(delete)
    run(unprotect)
    run(delete)
    for words in chapter("A lost table"):
        run(words, BACKUP_ARN=backup)

    assert dynamodb.scan(TableName="CARDS_TABLE")["Count"] == 1
    assert state() == ({"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}, "ENABLED", True)


@pytest.mark.usefixtures("aws")
def test_a6_a_lost_secret_comes_back_by_the_commands_of_the_page():
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="connections", SecretString="all")["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString="lost")
    read, write, restore = chapter("A lost secret")
    secrets.delete_secret(SecretId=arn)

    run(restore, ARN=arn)
    text = run(read, ARN=arn)["SecretString"]
    run(write, ARN=arn, **{"file:///dev/stdin": text})

    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "all"
