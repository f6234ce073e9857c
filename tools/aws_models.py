"""`python -m tools.aws_models`: write src/aws/models anew, which is what the functions need of botocore's data.

botocore describes AWS's services in JSON and reads every operation of a service, and the places of all services in all
regions, before the first call. These are its own descriptions, without prose and without what is never called. Rules by
which endpoints are chosen are not among them: they are written for one version of botocore, and Lambda brings its own.
"""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.loaders import Loader

from local.template import ROOT

MODELS = ROOT / "src" / "aws" / "models"
# What src calls; a test compares.
OPERATIONS = {
    "dynamodb": ("BatchGetItem", "GetItem", "Query", "TransactWriteItems", "UpdateItem"),
    "secretsmanager": ("GetSecretValue",),
    "sqs": ("ChangeMessageVisibilityBatch", "SendMessage", "SendMessageBatch"),
}


def models() -> dict[str, str]:
    """Return the text of every file, by its path below src/aws/models: botocore's own layout."""
    loader = Loader()
    files: dict[str, Any] = {"endpoints.json": endpoints(loader.load_data("endpoints"))}
    for service, names in OPERATIONS.items():
        model = loader.load_service_model(service, "service-2")
        files[f"{service}/{model['metadata']['apiVersion']}/service-2.json"] = trimmed(model, names)
    return {path: json.dumps(without_prose(data), separators=(",", ":")) + "\n" for path, data in files.items()}


def endpoints(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return all partitions and regions, with the places of our services."""
    return {**data, "partitions": [_ours(partition) for partition in data["partitions"]]}


def _ours(partition: Mapping[str, Any]) -> dict[str, Any]:
    services = {name: place for name, place in partition["services"].items() if name in OPERATIONS}
    return {**partition, "services": services}


def trimmed(model: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return a service's description with these operations and the shapes that they lead to, errors included."""
    operations = {name: model["operations"][name] for name in names}
    wanted: set[str] = set()
    new = set(_shapes(operations))
    while new:
        wanted |= new
        new = {shape for name in new for shape in _shapes(model["shapes"][name])} - wanted
    shapes = {name: shape for name, shape in model["shapes"].items() if name in wanted}
    return {**model, "operations": operations, "shapes": shapes}


def _shapes(part: Any) -> Iterator[str]:
    """Yield the names of the shapes that a part refers to."""
    if isinstance(part, list):
        for item in part:
            yield from _shapes(item)
    elif isinstance(part, dict):
        if isinstance(part.get("shape"), str):
            yield part["shape"]
        for item in part.values():
            yield from _shapes(item)


def without_prose(part: Any) -> Any:
    """Return the same without descriptions for people."""
    if isinstance(part, list):
        return [without_prose(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {name: without_prose(item) for name, item in part.items() if not _is_prose(name, item)}


def _is_prose(name: str, item: Any) -> bool:
    return name == "documentation" and isinstance(item, str)


def main() -> int:
    """Write the files; return an exit code."""
    shutil.rmtree(MODELS, ignore_errors=True)
    for path, text in models().items():
        (MODELS / path).parent.mkdir(parents=True, exist_ok=True)
        (MODELS / path).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
