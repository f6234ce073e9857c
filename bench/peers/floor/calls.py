"""A call of AWS with nothing around it: botocore's signer, one kept pool of urllib3, no retry, no time-out."""

# ruff: noqa: INP001, ANN001, ANN003, ANN201 - a separate program, like cold_child.py

import json
import os

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

URL = os.environ["AWS_ENDPOINT_URL"]
KEYS = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
POOL = urllib3.connection_from_url(URL)


def call(service, target, **parameters):
    """Do an operation and return its answer."""
    body = json.dumps(parameters).encode()
    request = AWSRequest(
        "POST", URL + "/", {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": target}, body
    )
    SigV4Auth(KEYS, service, os.environ["AWS_DEFAULT_REGION"]).add_auth(request)
    answer = POOL.urlopen("POST", "/", body=body, headers=dict(request.headers.items()), retries=False)
    return json.loads(answer.data)


def read(key):
    """Read a row."""
    return call("dynamodb", "DynamoDB_20120810.GetItem", TableName="cards", Key={"key": {"S": key}})


def write(key, text):
    """Write a row."""
    return call(
        "dynamodb",
        "DynamoDB_20120810.UpdateItem",
        TableName="cards",
        Key={"key": {"S": key}},
        UpdateExpression="SET #text = :text",
        ExpressionAttributeNames={"#text": "text"},
        ExpressionAttributeValues={":text": {"S": text}},
    )


def send(text):
    """Send a message to the queue of deliveries."""
    return call("sqs", "AmazonSQS.SendMessage", QueueUrl=os.environ["DELIVERY_QUEUE_URL"], MessageBody=text)
