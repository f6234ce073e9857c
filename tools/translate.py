"""What AWS makes of template.yaml: SAM translated to plain CloudFormation, as `python -m tools.translate` prints it.

cfn-lint says nothing about a misspelt runtime in a SAM template, and E3030 about it in the translated one.
"""

import importlib.resources
import json
import os
import sys

from samtranslator.translator.transform import transform  # type: ignore[import-untyped]

from local.template import Template, load, packaged


def translated(template: Template) -> Template:
    """Return what AWS makes of the template: CloudFormation without SAM, with the defaults of its parameters.

    Raise `samtranslator.model.exceptions.InvalidDocumentException` if SAM would not accept it.
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
