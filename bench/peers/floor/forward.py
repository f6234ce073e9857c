"""The least that delivers a batch once: a lease, a POST, a confirmation."""

# ruff: noqa: INP001, ANN001, ANN201, ARG001 - a separate program, like cold_child.py

import json
import os

import urllib3
from calls import write

RINGOSTAT = urllib3.connection_from_url(os.environ["RINGOSTAT_URL"])
PATH = "/minicrm/contacts/sync"
HEADERS = {"Content-Type": "application/json", "auth-key": "local-key", "x-project-id": "106"}


def contact(record):
    """Take four fields as they are."""
    person = json.loads(record["body"])["data"]
    return {"externalId": str(person["id"]), "fullName": person["name"], "origin": "Pipedrive", "projectId": 106}


def lambda_handler(event, context):
    """Deliver a batch."""
    contacts = [contact(record) for record in event["Records"]]
    write("floor", "lease")
    RINGOSTAT.urlopen("POST", PATH, body=json.dumps({"contacts": contacts}).encode(), headers=HEADERS, retries=False)
    write("floor", "confirmed")
    return {"batchItemFailures": []}
