"""Run in a fresh process by `bench.subjects.cold`: import a function or bare libraries, handle one event, say the cost.

`cold_child.py WHAT FOLDER…`: the event comes by standard input, the folders are all there is to import from.
"""

# ruff: noqa: ANN001, ANN002, ANN201, PLC0415 - a separate program: imports are what it measures

import os
import sys

what, sys.path[:0] = sys.argv[1], sys.argv[2:]


class Context:
    """Lambda's context of one invocation."""

    function_name = "bridge"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:bridge"
    aws_request_id = "request"

    def get_remaining_time_in_millis(self):
        """Return the time that is left."""
        return 60_000


def clients(*services):
    """Make the clients of a function's services."""
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
    return {service: boto3.client(service, config=config) for service in services}


def powertools():
    """Make the logger and the metrics."""
    from aws_lambda_powertools import Logger, Metrics

    logger = Logger()
    metrics = Metrics()
    metrics.add_metric("Records", "Count", 1)
    logger.info("handled")
    metrics.flush_metrics()


def bare_api(event):
    """Start boto3 with its clients, Logger, Metrics and the resolver, which answers."""
    aws = clients("dynamodb", "sqs", "secretsmanager")
    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

    app = APIGatewayHttpResolver()
    app.post("/crm/.+")(lambda: Response(202, "application/json", "{}"))
    powertools()
    return aws, app.resolve(event, Context())


def bare_api_calling(event):
    """Do the same, and by hand the AWS calls of a first event, an expression and a phone."""
    import jmespath
    import phonenumbers

    aws, answer = bare_api(event)
    key, text = {"key": {"S": "106#Pipedrive#contact:1"}}, {"S": event["body"]}
    aws["secretsmanager"].get_secret_value(SecretId="connections")
    aws["dynamodb"].get_item(TableName="cards", Key=key, ConsistentRead=True)
    for _ in range(2):
        aws["dynamodb"].update_item(
            TableName="cards",
            Key=key,
            UpdateExpression="SET #fields = :fields",
            ExpressionAttributeNames={"#fields": "fields"},
            ExpressionAttributeValues={":fields": text},
        )
    aws["sqs"].send_message(QueueUrl="https://sqs.eu-central-1.amazonaws.com/123456789012/delivery", MessageBody="{}")
    jmespath.compile("data.id")
    phonenumbers.is_valid_number(phonenumbers.parse("+380670000001", None))
    return answer


def bare_inbox(_):
    """Start boto3 with its clients, Logger, Metrics and the batch processor."""
    clients("dynamodb", "sqs", "secretsmanager")
    from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

    BatchProcessor(event_type=EventType.SQS)
    powertools()


def bare_deliver(_):
    """Start boto3 with its clients, Logger, Metrics and urllib3."""
    clients("dynamodb", "sqs", "secretsmanager")
    import urllib3

    powertools()
    return urllib3


def bare_sweep(_):
    """Start boto3 with its clients, Logger and Metrics."""
    clients("dynamodb", "sqs")
    powertools()


def function(name):
    """Import a function and return its handler."""
    import importlib

    handler = importlib.import_module(name).lambda_handler
    return lambda event: handler(event, Context())


BARE = {
    "nothing": lambda _: None,
    "bare-api": bare_api,
    "bare-api-calling": bare_api_calling,
    "bare-inbox": bare_inbox,
    "bare-lookup": bare_deliver,
    "bare-deliver": bare_deliver,
    "bare-sweep": bare_sweep,
}


def main():
    """Handle one event and report."""
    import json
    import time

    event = json.load(sys.stdin)
    work = BARE.get(what) or function(what)
    ready = time.process_time()
    answer = work(event)
    import re
    from pathlib import Path

    (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())

    report = {
        "cpu": time.process_time(),
        "ready": ready,
        "modules": len(sys.modules),
        "peak": int(peak) / 1024,
        "status": answer.get("statusCode") if isinstance(answer, dict) else None,
    }
    sys.stderr.write(json.dumps(report))
    sys.stderr.flush()


main()
os._exit(0)
