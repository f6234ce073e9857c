"""docs/asyncapi.yaml: the queues that other systems may use, made of the inbox message's model and of template.yaml."""

import tomllib

from inbox_message import InboxMessage
from local import template
from tools.contracts.openapi import ROOT, components

FILE = ROOT / "docs" / "asyncapi.yaml"
SCHEMA_FILE = ROOT / "docs" / "inbox-message.schema.json"

TEXT = {"type": "string"}
EXAMPLE = {
    "connection": "acme-direct",
    "body": {"externalId": "C-1", "fullName": "Олена Коваль", "phones": ["067 000 00 12"]},
}


def inbox_message():
    """Return the JSON Schema of the inbox message."""
    schema = InboxMessage.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def asyncapi():
    """Return the document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ringostat-bridge",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
            "description": (
                "The queue for systems that send by SQS, and the queue that keeps rejected events. "
                "Both queues are standard ones: order and number of copies do not matter, "
                "because the newest state of a record wins. The HTTP side is in openapi.json."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {
            "inbox": {
                "address": None,
                "description": (
                    "The stack's output InboxQueueUrl. The queue's policy names who may send here, "
                    "and may send for any connection. Messages of up to 1 MiB are taken, bodies of up to 512 KiB."
                ),
                "messages": _refs("components/messages", ["wrapped", "plain", "rejected"]),
                "bindings": {"sqs": _queue("InboxQueue")},
            },
            "rejected": {
                "address": None,
                "description": (
                    "The stack's output RejectedQueueUrl. An event that cannot be mapped is kept here whole. "
                    "Sent to the inbox queue as it is, it is taken again with its first time of arrival. "
                    "A message that wraps no event is kept here as it came, with the code bad-body."
                ),
                "messages": _refs("components/messages", ["rejected"]),
                "bindings": {"sqs": _queue("RejectedQueue")},
            },
        },
        "operations": {
            "takeEvent": {
                "action": "receive",
                "summary": "Take an event: the same as POST /crm/{connection}, without its proof.",
                "channel": {"$ref": "#/channels/inbox"},
                "bindings": {"sqs": {"queues": [_named("InboxQueue")]}},
            },
            "keepRejected": {
                "action": "send",
                "summary": "Keep an event with a rejected record, with code and reason.",
                "channel": {"$ref": "#/channels/rejected"},
                "bindings": {"sqs": {"queues": [_named("RejectedQueue")]}},
            },
        },
        "components": {
            "messages": _messages(),
            "schemas": components("InboxMessage", InboxMessage.model_json_schema()),
        },
    }


def _refs(path, names):
    return {name: {"$ref": f"#/{path}/{name}"} for name in names}


def _messages():
    wrapped = {"$ref": "#/components/schemas/InboxMessage"}
    return {
        "wrapped": {
            "name": "wrapped",
            "title": "An event wrapped in JSON",
            "summary": "For an event with headers, a query or a time of arrival, or with a body that is not text.",
            "contentType": "application/json",
            "payload": wrapped,
            "examples": [{"name": "direct", "payload": EXAMPLE}],
        },
        "plain": {
            "name": "plain",
            "title": "A CRM's own body as it is",
            "summary": "Two message attributes of type String name the connection and the content type.",
            "headers": _attributes(
                {
                    "connection": {**TEXT, "minLength": 1, "description": "name of the connection"},
                    "content-type": {**TEXT, "default": "application/json"},
                },
                ["connection"],
            ),
            "payload": {"description": "JSON, a form or XML, as its content type says"},
            "examples": [{"name": "direct", "headers": {"connection": "acme-direct"}, "payload": EXAMPLE["body"]}],
        },
        "rejected": {
            "name": "rejected",
            "title": "A rejected event, whole",
            "summary": "Its body is in base64; to replay it, send message and attributes unchanged.",
            "contentType": "application/json",
            "headers": _attributes(
                {
                    "connection": TEXT,
                    "code": {**TEXT, "description": "why, for machines; of the first rejected record"},
                    "reason": {**TEXT, "maxLength": 1000, "description": "why, for people; quotes no value"},
                },
                ["code", "reason"],
            ),
            "payload": wrapped,
        },
    }


def _attributes(properties, required):
    return {"type": "object", "properties": properties, "required": required}


def _queue(name):
    """Return the SQS binding of a channel: the queue of template.yaml as it is."""
    return {"queue": _named(name), "bindingVersion": "0.2.0"}


def _named(name):
    resources = template.load()["Resources"]
    properties = resources[name]["Properties"]
    redrive = properties.get("RedrivePolicy")
    binding = {
        "name": name,
        "fifoQueue": properties.get("FifoQueue", False),
        "visibilityTimeout": properties["VisibilityTimeout"],
        "messageRetentionPeriod": properties["MessageRetentionPeriod"],
    }
    if redrive:
        dead = _resource(redrive["deadLetterTargetArn"])
        binding["redrivePolicy"] = {
            "deadLetterQueue": {"name": dead},
            "maxReceiveCount": redrive["maxReceiveCount"],
        }
    return binding


def _resource(reference):
    """Return the name of the resource that a GetAtt of template.yaml names."""
    [target] = reference.values()
    return (target if isinstance(target, list) else target.split("."))[0]
