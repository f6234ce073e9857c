"""The least that makes a webhook durable and orders its delivery: a read, a write, a message."""

# ruff: noqa: INP001, ANN001, ANN201, ARG001 - a separate program, like cold_child.py

from calls import read, send, write


def lambda_handler(event, context):
    """Keep one event."""
    read("floor")
    write("floor", event["body"])
    send(event["body"])
    return {"statusCode": 202, "body": "{}"}
