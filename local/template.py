"""template.yaml as data: read, made ready for the emulator, translated to plain CloudFormation for cfn-lint."""

import copy
import importlib.resources
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent.parent
CODE = {"bucket": "artifacts", "key": "code.zip"}

Template = dict[str, Any]


def load(path: Path = ROOT / "template.yaml") -> Template:
    """Return the SAM template as plain objects, its short tags written out (`Ref`, `Fn::GetAtt` …)."""
    template: Template = yaml_parse(path.read_text(encoding="utf-8"))
    return template


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Return the properties of each function by its logical id."""
    resources = template["Resources"].items()
    return {name: item["Properties"] for name, item in resources if item["Type"] == "AWS::Serverless::Function"}


def routes(template: Template) -> Iterator[tuple[str, str]]:
    """Yield each route of the HTTP API (`ANY /crm/{connection}`) with the logical id of its function."""
    for name, function in functions(template).items():
        for event in function.get("Events", {}).values():
            if event["Type"] == "HttpApi":
                yield f"{event['Properties']['Method']} {event['Properties']['Path']}", name


def packaged(template: Template) -> Template:
    """Return the template as `sam package` leaves it: the code lies in a bucket."""
    result = copy.deepcopy(template)
    result["Globals"]["Function"]["CodeUri"] = f"s3://{CODE['bucket']}/{CODE['key']}"
    return result


def translated(template: Template) -> Template:
    """Return what AWS makes of the template: CloudFormation without SAM, with the defaults of its parameters.

    Raise `samtranslator.model.exceptions.InvalidDocumentException` if SAM would refuse it.
    """
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")  # the translator asks for a region and never calls it
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    result: Template = transform(packaged(template), defaults, _ManagedPolicies())
    return result


class _ManagedPolicies:
    """AWS's managed policies as the translator's own package lists them."""

    def load(self) -> dict[str, str]:
        data = importlib.resources.files("samtranslator") / "internal" / "data" / "aws_managed_policies.json"
        policies: dict[str, str] = json.loads(data.read_text())["aws"]
        return policies


if __name__ == "__main__":
    json.dump(translated(load()), sys.stdout, indent=1)
