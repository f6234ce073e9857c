"""`make run KEEP=1`: what outlives a run, in one file: the cards table, the secrets, and Ringostat's contact book."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import template
from local.ministack import NotReady

FILE = template.ROOT / "build" / "kept.json"  # Git ignores build/
BATCH = 25  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html

Json = Any
NOTHING: Json = {"secrets": {}, "rows": [], "book": {}}


def read(path: Path | None) -> Json:
    """Return what an earlier run left, nothing of it where there is none; raise NotReady for what no run can have."""
    if path is None:
        return NOTHING
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _checked(json.loads(path.read_text("utf-8"))) if path.exists() else NOTHING
    except OSError as error:
        why = f"{error.filename}: {error.strerror}"
        raise NotReady(f"KEEP={path} cannot be a file ({why}): name another file, or 1 for the usual one.") from None
    except (ValueError, RecursionError) as error:
        raise NotReady(f"KEEP={path} is not what a run has left ({error}): delete it, or name another file.") from None


def _checked(kept: Json) -> Json:
    match kept:
        case {"secrets": dict(secrets), "rows": list(rows), "book": dict()}:
            if all(isinstance(one, dict) for one in (*secrets.values(), *rows)):
                return kept
    raise ValueError("its secrets, rows or book are missing or broken")


def write(path: Path, kept: Json) -> None:
    """Replace the file in one step. Only its owner may read it: it holds persons, and keys to real CRMs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(kept, file, ensure_ascii=False)
    fresh.replace(path)


def rows(dynamodb: Any, table: str) -> list[Json]:
    """Return every row of a table as DynamoDB writes it."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def put_rows(dynamodb: Any, table: str, items: list[Json]) -> None:
    """Store rows as they were; raise NotReady for what are none."""
    for first in range(0, len(items), BATCH):
        puts = [{"PutRequest": {"Item": item}} for item in items[first : first + BATCH]]
        try:
            dynamodb.batch_write_item(RequestItems={table: puts})
        except (BotoCoreError, ClientError):
            raise NotReady("The kept rows are not what the cards table takes: delete the file of KEEP.") from None


def added(secrets: Any, ids: Mapping[str, str], own: Mapping[str, Mapping[str, Json]]) -> Json:
    """Return the entries of each secret that are not the world's own."""
    return {
        name: {
            key: entry
            for key, entry in json.loads(secrets.get_secret_value(SecretId=ids[name])["SecretString"]).items()
            if entry != entries.get(key)
        }
        for name, entries in own.items()
    }
