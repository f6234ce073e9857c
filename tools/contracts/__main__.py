"""Write the published contracts: `make contracts`. They are made from the code."""

import json

import yaml

from local import environment  # noqa: F401 - sets the environment of the functions, before they are imported
from tools.contracts import asyncapi, openapi


class Dumper(yaml.SafeDumper):
    """YAML without anchors, which not every reader of AsyncAPI follows."""

    def ignore_aliases(self, data):
        return True


def contracts():
    """Return the text of each file."""
    return {
        openapi.FILE: as_json(openapi.openapi()),
        asyncapi.SCHEMA_FILE: as_json(asyncapi.inbox_message()),
        asyncapi.FILE: yaml.dump(asyncapi.asyncapi(), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120),
    }


def as_json(value):
    """Return a document as JSON; half a surrogate pair, which an example may hold, stays an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    return text.encode(errors="backslashreplace").decode()


if __name__ == "__main__":
    for path, text in contracts().items():
        path.write_text(text, "utf-8")
