"""A call of AWS with nothing around it: a signature, one kept pool of urllib3, no retry, no time-out."""

# ruff: noqa: INP001, ANN001, ANN003, ANN201 - a separate program, like cold_child.py

import hashlib
import hmac
import json
import os
import time
from functools import cache

import urllib3

URL = os.environ["AWS_ENDPOINT_URL"]
HOST = URL.partition("//")[2]
KEY, SECRET = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ["AWS_DEFAULT_REGION"]
SIGNED = "content-type;host;x-amz-date;x-amz-target"
POOL = urllib3.connection_from_url(URL)


def call(service, target, **parameters):
    """Do an operation and return its answer."""
    body = json.dumps(parameters).encode()
    answer = POOL.urlopen("POST", "/", body=body, headers=signed(service, target, body), retries=False)
    return json.loads(answer.data)


def signed(service, target, body):
    """Return the headers of a request."""
    now, kind = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), "application/x-amz-json-1.0"
    lines = f"content-type:{kind}\nhost:{HOST}\nx-amz-date:{now}\nx-amz-target:{target}"
    canonical = f"POST\n/\n\n{lines}\n\n{SIGNED}\n{hashlib.sha256(body).hexdigest()}".encode()
    scope = f"{now[:8]}/{REGION}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical).hexdigest()}"
    signature = hmac.digest(key(scope), text.encode(), "sha256").hex()
    proof = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={SIGNED}, Signature={signature}"
    return {"Content-Type": kind, "Host": HOST, "X-Amz-Date": now, "X-Amz-Target": target, "Authorization": proof}


@cache
def key(scope):
    """Return the key of a day and a service."""
    found = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        found = hmac.digest(found, part.encode(), "sha256")
    return found


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
