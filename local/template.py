"""template.yaml as data."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
    """Return the template as `sam package` leaves it: the code is in a bucket."""
    result = copy.deepcopy(template)
    result["Globals"]["Function"]["CodeUri"] = f"s3://{CODE['bucket']}/{CODE['key']}"
    return result


class Throttle(NamedTuple):
    """How many requests a second and at once API Gateway lets in."""

    rate: float
    burst: float


def throttle(template: Template) -> Throttle:
    """Return the throttle of the HTTP API, with the defaults of the parameters."""
    settings = template["Resources"]["HttpApi"]["Properties"]["DefaultRouteSettings"]
    values = [settings["ThrottlingRateLimit"], settings["ThrottlingBurstLimit"]]
    parameters = template["Parameters"]
    return Throttle(*(parameters[value["Ref"]]["Default"] if isinstance(value, dict) else value for value in values))
