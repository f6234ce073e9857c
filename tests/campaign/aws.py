"""Emulated AWS under observation: every call of the bridge and of its pollers is seen, and can be made to fail."""

from collections import Counter, defaultdict
from functools import partial

from botocore import xform_name
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from aws.clients import PATIENT, QUICK, dynamodb, sqs
from local.in_process import aws


class Aws:
    """Calls are answered by moto, or by `memory` where it can; use it as a context.

    `down` holds services that do not answer; `deaf` operations of which the next one is done, but its answer lost.
    """

    def __init__(self, memory=None):
        self.memory = memory
        self.down: set[str] = set()
        self.deaf: list[str] = []
        self.calls: Counter[str] = Counter()
        self.versions: dict[str, list[tuple[int, str | None]]] = defaultdict(list)  # of each card: revision, hash

    def __enter__(self):
        for service, client in self._clients():
            client._make_api_call = partial(self._call, service, client._make_api_call)
        return self

    def __exit__(self, *_):
        for _, client in self._clients():
            del client._make_api_call

    def _clients(self):
        theirs = [(service.__name__, service(config)) for service in (dynamodb, sqs) for config in (QUICK, PATIENT)]
        return [*theirs, ("sqs", aws("sqs"))]

    def _call(self, service, original, operation, params):
        self.calls[operation] += 1
        if service in self.down:
            raise EndpointConnectionError(endpoint_url=service)
        own = getattr(self.memory, xform_name(operation), None)
        answer = own(params) if own else original(operation, params)
        for update in _updates(operation, params):
            self._note(update)
        if operation in self.deaf:
            self.deaf.remove(operation)
            raise ReadTimeoutError(endpoint_url=service)
        return answer

    def _note(self, update):
        values = update.get("ExpressionAttributeValues", {})
        if ":set_rev" in values and ":set_fields" in values:
            content = values.get(":set_hash", {}).get("S")
            self.versions[update["Key"]["key"]["S"]].append((int(values[":set_rev"]["N"]), content))


def _updates(operation, params):
    match operation:
        case "UpdateItem":
            return [params]
        case "TransactWriteItems":
            return [item["Update"] for item in params["TransactItems"]]
    return []
