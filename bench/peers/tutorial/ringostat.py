"""One POST per record, as tutorials do it."""

# ruff: noqa: INP001, PLW0603 - as tutorials are written

import json
import os

import boto3
import requests
from models import Contact

secrets = boto3.client("secretsmanager")
_key = ""


def auth_key() -> str:
    """Return the key, read once."""
    global _key
    if not _key:
        text = secrets.get_secret_value(SecretId=os.environ["AUTH_KEYS_SECRET"])["SecretString"]
        _key = json.loads(text)["106"]["auth_key"]
    return _key


def send(contact: Contact) -> None:
    """Raise whatever requests raises."""
    response = requests.post(
        os.environ["RINGOSTAT_URL"] + "/minicrm/contacts/sync",
        json={"contacts": [contact.model_dump()]},
        headers={"auth-key": auth_key(), "x-project-id": "106"},
        timeout=10,
    )
    response.raise_for_status()
